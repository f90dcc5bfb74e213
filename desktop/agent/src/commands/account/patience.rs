//! How long somebody waits who adds an account.

use std::time::Duration;

use aimon_core::time::UtcMillis;
use aimon_sources::provider::failure::duration;
use tokio::time::Instant;

use crate::{dates, output};

/// How long it is, all pauses together.
const ALL: Duration = Duration::from_secs(10 * 60);

/// The patience of one command.
pub(super) struct Patience {
    end: Instant,
}

impl Patience {
    pub(super) fn new() -> Self {
        Self { end: Instant::now() + ALL }
    }

    /// Waits so long, and says why and until when; not at all, and `false`, where that is too long.
    pub(super) async fn wait(&self, why: &str, pause: Duration) -> bool {
        if self.end.checked_duration_since(Instant::now()).is_none_or(|left| pause > left) {
            return false;
        }
        let ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let until = UtcMillis(dates::now().0.saturating_add(ms));
        output::note(&format!("{why}; going on at {}, in {}", clock(until), duration(whole(pause))));
        // A moment more: what ends then is over.
        tokio::time::sleep(pause + Duration::from_millis(1)).await;
        true
    }
}

/// Whole seconds.
fn whole(pause: Duration) -> u64 {
    u64::try_from(pause.as_millis().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// A time of day, as the clock on the wall shows it.
fn clock(at: UtcMillis) -> String {
    let zone = dates::zone(None).unwrap_or(jiff::tz::TimeZone::UTC);
    jiff::Timestamp::from_millisecond(at.0)
        .map(|at| zone.to_datetime(at).strftime("%H:%M:%S").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn patience_has_an_end() {
        let patience = Patience::new();
        assert!(patience.wait("x", Duration::from_secs(590)).await);
        assert!(!patience.wait("x", Duration::from_secs(11)).await, "all pauses together");
        assert!(!patience.wait("x", Duration::from_secs(u64::MAX)).await);
        assert!(!Patience { end: Instant::now() }.wait("x", Duration::from_secs(1)).await);
    }
}
