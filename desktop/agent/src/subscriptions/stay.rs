//! What `aimon up` does beside everything else: it asks for what is due.

use std::sync::Arc;

use super::asking::Rounds;
use crate::accounts::polling::{REST, until};
use crate::agent::state::Agent;
use crate::{dates, output};

/// Asks for as long as it is let. What fails here is said once, and tried again.
pub async fn stay(agent: Arc<Agent>) {
    let mut failing: Option<String> = None;
    let mut rounds = Rounds::default();
    loop {
        let rest = match rounds.round(agent.replica(), agent.place()).await {
            Ok(round) => {
                failing = None;
                // Not later than in a minute: somebody may have said that it is to be asked for.
                round.next.map_or(REST, |next| until(dates::now(), next))
            }
            Err(e) => {
                if failing.as_deref() != Some(e.code()) {
                    output::error(&e);
                }
                failing = Some(e.code().to_owned());
                REST
            }
        };
        // A moment that has just passed is no reason to look again and again.
        tokio::time::sleep(rest.max(std::time::Duration::from_secs(1))).await;
    }
}
