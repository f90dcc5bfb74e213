//! What no relay has taken yet: how much, since when, and why.

use aimon_core::time::UtcMillis;
use aimon_replica::Replica;

use crate::error::Result;

/// The queue, in short.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Waiting {
    /// How many chunks.
    pub chunks: u64,
    /// Since when the oldest of them waits.
    pub since: Option<UtcMillis>,
    /// Why: the code with which the relay refused the one that it refused last, or why it can't be reached. `None` where they
    /// have only not been sent yet.
    pub reason: Option<String>,
}

impl Waiting {
    /// What waits; `None` without a workspace.
    ///
    /// # Errors
    /// The replica's own.
    pub async fn of(replica: &mut Replica) -> Result<Option<Self>> {
        if replica.workspace().is_none() {
            return Ok(None);
        }
        let queue = replica.queue().await?;
        let refused = queue.iter().filter_map(|queued| queued.refused.as_ref()).max_by_key(|(_, at)| *at);
        Ok(Some(Self {
            chunks: queue.len() as u64,
            since: queue.iter().map(|queued| queued.since).min(),
            reason: refused.map(|(code, _)| code.word().to_owned()),
        }))
    }
}
