//! What `aimon up` does beside everything else: it asks for what is due.

use std::sync::Arc;
use std::time::Duration;

use super::polling::{How, Polling, REST, until};
use crate::agent::state::Agent;
use crate::error::Result;
use crate::{dates, output};

/// Asks for as long as it is let, and records what comes: what `aimon up` does beside everything else. What fails here is said once,
/// and tried again.
pub async fn stay(agent: Arc<Agent>) {
    let mut failing: Option<String> = None;
    let mut changes = agent.changes();
    let mut polling = Polling::new();
    loop {
        let rest = match turn(&agent, &mut polling).await {
            Ok(rest) => {
                failing = None;
                rest
            }
            Err(e) => {
                if failing.as_deref() != Some(e.code()) {
                    output::error(&e);
                }
                failing = Some(e.code().to_owned());
                REST
            }
        };
        // An account that is added is asked for soon.
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = changes.changed(), if failing.is_none() => tokio::time::sleep(NOTICED).await,
        }
    }
}

/// After how long an account is noticed that was added.
const NOTICED: Duration = Duration::from_secs(5);

/// Asks as long as there is somebody to ask, and says how long nothing is to be done then.
async fn turn(agent: &Agent, polling: &mut Polling) -> Result<Duration> {
    polling.load(agent.replica(), agent.place()).await?;
    if polling.is_idle() || agent.place().is_demo() {
        return Ok(REST);
    }
    loop {
        let (now, first) = (dates::now(), agent.replica().lock().await.first_day());
        let due = polling.due_at(now, first).unwrap_or(now);
        tokio::time::sleep(until(now, due)).await;
        polling.load(agent.replica(), agent.place()).await?;
        if polling.is_idle() {
            return Ok(REST);
        }
        polling.round(agent.replica(), agent.place(), How::Stay, None, &|_, _| {}).await?;
    }
}
