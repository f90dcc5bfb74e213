//! The order of a session's requests: its device counts them, and they are taken up in this order, whichever arrives first.

use std::time::Duration;

use aimon_ledger::frame::Code;
use aimon_relay_core::relay::Refusal;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a request that has overtaken the one before waits for it to arrive.
const OVERTAKEN: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Default)]
struct At {
    /// The one that is taken up next.
    next: u64,
    /// The last one that has arrived.
    last: u64,
}

/// Where a session's requests are.
#[derive(Default)]
pub struct Turns(watch::Sender<At>);

impl Turns {
    /// Says that a request has arrived, and waits until the one before it was taken up.
    ///
    /// # Errors
    /// `unknown-session`: it was taken up already, or the one before does not arrive. `malformed`: too many are on the way.
    pub async fn arrive(&self, turn: u64) -> Result<(), Refusal> {
        // Of the two that may be on the way the second can arrive first. One further on can't be.
        if turn.saturating_sub(1) > self.0.borrow().next {
            let text = "a session has at most two requests on the way".to_owned();
            return Err(Refusal { code: Code::Malformed, text });
        }
        self.0.send_if_modified(|at| {
            let is_last = turn > at.last;
            at.last = at.last.max(turn);
            is_last
        });
        let mut at = self.0.subscribe();
        let reached = timeout(OVERTAKEN, at.wait_for(|at| at.next >= turn)).await;
        if reached.is_ok_and(|at| at.is_ok_and(|at| at.next == turn)) { Ok(()) } else { Err(over()) }
    }

    /// Takes a request up, once. Whoever does holds what answers are taken from.
    ///
    /// # Errors
    /// `unknown-session`: it was taken up already.
    pub fn take_up(&self, turn: u64) -> Result<(), Refusal> {
        let is_next = self.0.send_if_modified(|at| {
            let is_next = at.next == turn;
            at.next += u64::from(is_next);
            is_next
        });
        if is_next { Ok(()) } else { Err(over()) }
    }

    /// Waits until a later request has arrived.
    pub async fn later(&self, turn: u64) {
        // The sender is here.
        let _ = self.0.subscribe().wait_for(|at| at.last > turn).await;
    }
}

/// `unknown-session`.
pub fn over() -> Refusal {
    let text = "the session is over: begin another with hello".to_owned();
    Refusal { code: Code::Other("unknown-session".to_owned()), text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures_util::FutureExt;
    use tokio::time::Instant;

    use super::*;

    async fn code(arriving: impl Future<Output = Result<(), Refusal>>) -> String {
        arriving.await.unwrap_err().code.word().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_overtakes_waits_and_ends_the_wait_before() {
        let turns = Turns::default();
        let mut second = Box::pin(turns.arrive(1));
        assert!((&mut second).now_or_never().is_none());
        turns.arrive(0).await.unwrap();
        turns.later(0).now_or_never().unwrap();
        assert!((&mut second).now_or_never().is_none(), "the first was not taken up");
        turns.take_up(0).unwrap();
        second.await.unwrap();
        assert!(turns.later(1).now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_whose_predecessor_does_not_arrive_is_of_no_session() {
        let (turns, from) = (Turns::default(), Instant::now());
        assert_eq!(code(turns.arrive(1)).await, "unknown-session");
        assert_eq!(from.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_taken_up_once() {
        let turns = Turns::default();
        turns.arrive(0).await.unwrap();
        turns.arrive(0).await.unwrap();
        turns.take_up(0).unwrap();
        assert_eq!(turns.take_up(0).unwrap_err().code.word(), "unknown-session");
        assert_eq!(turns.arrive(0).now_or_never().unwrap().unwrap_err().code.word(), "unknown-session");
    }

    #[tokio::test(start_paused = true)]
    async fn a_third_is_too_many() {
        let turns = Turns::default();
        for turn in [2, u64::MAX] {
            assert_eq!(turns.arrive(turn).now_or_never().unwrap().unwrap_err().code, Code::Malformed);
        }
    }
}
