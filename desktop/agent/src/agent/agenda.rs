//! What the agent has to do next, and when. No clock in here: times come in, so that it can be tested.

use std::time::{Duration, Instant};

/// How often the logs are looked at though nothing was told of them: notifications can get lost.
const RESCAN: Duration = Duration::from_secs(30);
/// How often days that are over are sealed, and the clock is looked at.
const SEAL: Duration = Duration::from_secs(3600);
/// A scan that nothing asked for may use a five-thousandth of the time,
const IDLE_SHARE: u32 = 5000;
/// but what nobody was told of waits no longer than this.
const IDLE_REST: Duration = Duration::from_secs(300);
/// A scan that a change asked for may use a twentieth: an agent that writes without pause is looked at
/// less often the more there is to look at,
const BUSY_SHARE: u32 = 20;
/// but a line that was written shows within five seconds, two of which are the watch's and the scan's.
const BUSY_REST: Duration = Duration::from_secs(3);

/// Something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Job {
    /// Look at the logs.
    Scan,
    /// Seal days that are over.
    Seal,
}

/// What was done when, and whether something has changed since.
#[derive(Clone, Copy, Debug)]
pub struct Agenda {
    changed: bool,
    /// When the last scan ended, and how long it took.
    scanned: Instant,
    took: Duration,
    /// When the last seal ended.
    sealed: Instant,
}

impl Agenda {
    /// Everything was done just now.
    pub fn new(now: Instant) -> Self {
        Self { changed: false, scanned: now, took: Duration::ZERO, sealed: now }
    }

    /// Something changed, or may have.
    pub fn changed(&mut self) {
        self.changed = true;
    }

    /// What is due next, and from when on.
    pub fn next(&self) -> (Instant, Job) {
        let rest = match self.changed {
            true => self.took.saturating_mul(BUSY_SHARE).min(BUSY_REST),
            false => self.took.saturating_mul(IDLE_SHARE).clamp(RESCAN, IDLE_REST),
        };
        let (scan, seal) = (self.scanned + rest, self.sealed + SEAL);
        // Whatever was due first comes first: neither can keep the other waiting for more than one turn.
        if seal <= scan { (seal, Job::Seal) } else { (scan, Job::Scan) }
    }

    /// A job begins. What changes from here on is news again.
    pub fn begin(&mut self, job: Job) {
        if job == Job::Scan {
            self.changed = false;
        }
    }

    /// The job that began at `begun` has ended, well or not.
    pub fn end(&mut self, job: Job, begun: Instant, now: Instant) {
        match job {
            Job::Scan => (self.took, self.scanned) = (now.saturating_duration_since(begun), now),
            Job::Seal => self.sealed = now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    /// After a scan that took `took` and ended at the instant that comes back.
    fn after(took: Duration) -> (Agenda, Instant) {
        let begun = Instant::now();
        let mut agenda = Agenda::new(begun);
        agenda.begin(Job::Scan);
        agenda.end(Job::Scan, begun, begun + took);
        (agenda, begun + took)
    }

    #[test]
    fn a_change_is_looked_at_soon_whatever_a_scan_takes() {
        for (took, rest) in [(0, 0), (10, 200), (100, 2000), (5000, 3000), (600_000, 3000)] {
            let (mut agenda, now) = after(Duration::from_millis(took));
            agenda.changed();
            assert_eq!(agenda.next(), (now + Duration::from_millis(rest), Job::Scan), "{took}");
        }
    }

    #[test]
    fn without_a_change_it_is_looked_at_all_the_same() {
        for (took, rest) in [(0, 30), (6, 30), (40, 200), (10_000, 300), (600_000, 300)] {
            let (agenda, now) = after(Duration::from_millis(took));
            assert_eq!(agenda.next(), (now + rest * S, Job::Scan), "{took}");
        }
    }

    #[test]
    fn a_change_during_a_scan_or_a_seal_is_not_lost() {
        let (mut agenda, begun) = after(5 * S);
        agenda.changed();
        agenda.begin(Job::Scan);
        agenda.changed();
        agenda.end(Job::Scan, begun, begun + 5 * S);
        assert_eq!(agenda.next(), (begun + 8 * S, Job::Scan), "it came while the scan ran");
        agenda.begin(Job::Seal);
        agenda.end(Job::Seal, begun, begun + S);
        assert_eq!(agenda.next(), (begun + 8 * S, Job::Scan));
        agenda.begin(Job::Scan);
        agenda.end(Job::Scan, begun, begun);
        assert_eq!(agenda.next(), (begun + 30 * S, Job::Scan), "and it is told once");
    }

    #[test]
    fn an_hour_without_a_seal_is_enough_however_busy_it_is() {
        let begun = Instant::now();
        let mut agenda = Agenda::new(begun);
        let (mut now, mut scans) = (begun, 0);
        loop {
            agenda.changed();
            let (at, job) = agenda.next();
            now = now.max(at);
            if job == Job::Seal {
                break;
            }
            agenda.begin(job);
            agenda.end(job, now, now + 10 * S);
            (now, scans) = (now + 10 * S, scans + 1);
        }
        let late = now.saturating_duration_since(begun + SEAL);
        assert!(scans > 250 && late <= 10 * S, "{scans} {late:?}");
    }
}
