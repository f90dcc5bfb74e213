//! How much is taken from whom, and how much at once.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use aimon_ledger::frame::Code;
use aimon_relay_core::auth::Who;
use aimon_relay_core::relay::Refusal;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Frames in memory that were not taken in yet, in KiB.
const KIB_IN_FLIGHT: usize = 64 * 1024;

/// Requests without a token that an address may make in a second, and at once.
const ASKED: (u32, u32) = (20, 200);

/// Frames that a device may send in a second, and at once; it is read more slowly beyond.
const FRAMES: (u32, u32) = (1_000, 10_000);

/// How much may be at once.
pub struct Limits {
    chunks: DefaultKeyedRateLimiter<Who>,
    frames: DefaultKeyedRateLimiter<Who>,
    asked: DefaultKeyedRateLimiter<IpAddr>,
    /// The bytes of frames that were not taken in yet.
    bytes: Arc<Semaphore>,
    /// Checking signatures takes all of the processors that it is let; the writer needs one of them now and then.
    turns: Semaphore,
}

/// Whom an address belongs to: whoever has one IPv6 address has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

fn quota((per_second, burst): (u32, u32)) -> Quota {
    let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst))
}

impl Limits {
    /// `chunks` is how many a device may push in a second; ten times as many at once.
    pub fn new(chunks: u32) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            // A frame may hold 8,192.
            chunks: RateLimiter::keyed(quota((chunks, chunks.saturating_mul(10).max(8_192)))),
            frames: RateLimiter::keyed(quota(FRAMES)),
            asked: RateLimiter::keyed(quota(ASKED)),
            bytes: Arc::new(Semaphore::new(KIB_IN_FLIGHT)),
            turns: Semaphore::new(processors),
        }
    }

    /// Whether a device may push so many chunks now.
    pub fn may_push(&self, who: &Who, chunks: usize) -> bool {
        let Some(chunks) = u32::try_from(chunks).ok().and_then(NonZeroU32::new) else { return true };
        matches!(self.chunks.check_key_n(who, chunks), Ok(Ok(())))
    }

    /// Waits until a device may send another frame.
    pub async fn frame(&self, who: &Who) {
        self.frames.until_key_ready(who).await;
    }

    /// Whether an address may ask for something without a token.
    ///
    /// # Errors
    /// `rate`.
    pub fn ask(&self, address: IpAddr) -> Result<(), Refusal> {
        let text = "too many requests come from this address: try again in a minute".to_owned();
        self.asked.check_key(&network(address)).map_err(|_| Refusal { code: Code::Rate, text })
    }

    /// Room for a frame's bytes, until it is taken in.
    pub async fn room(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes / 1024 + 1).ok()?;
        self.bytes.clone().acquire_many_owned(kib).await.ok()
    }

    /// A turn to check signatures.
    pub async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// Forgets who has not been here for a while.
    pub fn forget(&self) {
        self.chunks.retain_recent();
        self.frames.retain_recent();
        self.asked.retain_recent();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_counts_with_all_that_belong_to_the_same() {
        let limits = Limits::new(1);
        let ask = |address: &str| limits.ask(address.parse().unwrap()).is_ok();
        (0..ASKED.1).for_each(|n| assert!(ask(&format!("2001:db8:1:2::{n:x}"))));
        assert!((0..ASKED.1).any(|n| !ask(&format!("2001:db8:1:2:{n:x}::1"))));
        assert!(ask("2001:db8:1:3::1"));
        (0..ASKED.1).for_each(|_| assert!(ask("203.0.113.1")));
        assert!((0..ASKED.1).any(|_| !ask("203.0.113.1")));
        assert!(ask("203.0.113.2"));
    }
}
