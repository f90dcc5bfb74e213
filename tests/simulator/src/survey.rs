//! Many worlds on all processors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What became of worlds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Survey<H> {
    /// The first seed whose world broke.
    pub broken: Option<u64>,
    /// In how many of those that hold something has come about.
    pub seen: BTreeMap<H, u64>,
}

/// Watches worlds, the so manieth each of some seeds, until one breaks: whichever thread is done first, the same is found.
pub fn survey<H: Ord + Send, E>(
    seeds: std::ops::Range<u64>,
    each: u64,
    watch: impl Fn(u64) -> Result<BTreeSet<H>, E> + Sync,
) -> Survey<H> {
    let (next, broken) = (AtomicU64::new(seeds.start), AtomicU64::new(u64::MAX));
    let seen: Mutex<BTreeMap<H, u64>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(each, Ordering::Relaxed);
                    if seed >= seeds.end || seed > broken.load(Ordering::Relaxed) {
                        return;
                    }
                    match watch(seed) {
                        Ok(happened) => {
                            let Ok(mut seen) = seen.lock() else { return };
                            happened.into_iter().for_each(|what| *seen.entry(what).or_default() += 1);
                        }
                        Err(_) => drop(broken.fetch_min(seed, Ordering::Relaxed)),
                    }
                }
            });
        }
    });
    let broken = Some(broken.into_inner()).filter(|seed| *seed != u64::MAX);
    Survey { broken, seen: seen.into_inner().unwrap_or_default() }
}
