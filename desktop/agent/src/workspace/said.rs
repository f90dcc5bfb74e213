//! What a device says of itself: how long its queue is, and which version it runs. It is a setting, so the others hear it like
//! any other one.

use aimon_core::settings::Path;
use aimon_core::time::UtcMillis;
use aimon_replica::Replica;
use serde::{Deserialize, Serialize};

use super::{set, settings};
use crate::error::Result;

/// Something new is said at most so often, unless it is that nothing waits any more.
const OFTEN_MS: i64 = 3_600_000;

/// The same is said again after so long. Each time is a chunk that is kept for good: it must not be said with every contact.
const AGAIN_MS: i64 = 24 * OFTEN_MS;

/// What a device said last.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Said {
    /// When, in milliseconds since the Unix epoch by its own clock.
    pub at: i64,
    /// How many chunks no relay had taken.
    pub waiting: u64,
    /// Its version of aimon.
    pub version: String,
}

impl Said {
    /// What a setting says; one that can't be understood says nothing.
    pub fn of(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether this is to be said after `last`.
    fn is_due(&self, last: Option<&Self>) -> bool {
        let Some(last) = last else { return true };
        let since = self.at.saturating_sub(last.at);
        let is_new = (self.waiting, &self.version) != (last.waiting, &last.version);
        // A clock that was set back would else keep it silent.
        !(0..AGAIN_MS).contains(&since) || is_new && (since >= OFTEN_MS || self.waiting == 0)
    }
}

/// Says how this device stands, if that is due. Whether it was.
///
/// # Errors
/// The replica's own.
pub async fn say(replica: &mut Replica, now: UtcMillis) -> Result<bool> {
    if !replica.client().await?.can_write() {
        return Ok(false);
    }
    let path = Path::DeviceSaid(replica.device());
    let waiting = replica.queue().await?.len() as u64;
    let said = Said { at: now.0, waiting, version: env!("CARGO_PKG_VERSION").to_owned() };
    let last = settings(replica).await?.value(&path.to_string()).and_then(|text| Said::of(text.as_str()));
    if !said.is_due(last.as_ref()) {
        return Ok(false);
    }
    let text = serde_json::to_string(&said).unwrap_or_default();
    set(replica, vec![(path, Some(text))]).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_when_it_is_new_and_else_once_a_day() {
        let said = |at, waiting| Said { at, waiting, version: "1".to_owned() };
        assert!(said(0, 0).is_due(None));
        let last = said(0, 0);
        assert!(!said(AGAIN_MS - 1, 0).is_due(Some(&last)), "the same");
        assert!(said(AGAIN_MS, 0).is_due(Some(&last)));
        assert!(!said(OFTEN_MS - 1, 3).is_due(Some(&last)), "too often");
        assert!(said(OFTEN_MS, 3).is_due(Some(&last)));
        assert!(said(1, 0).is_due(Some(&said(0, 3))), "nothing waits any more");
        assert!(said(-1, 0).is_due(Some(&last)), "the clock was set back");
        assert_eq!(Said::of("{\"at\":1}"), None);
    }
}
