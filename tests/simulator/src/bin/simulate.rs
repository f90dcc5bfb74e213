//! Runs worlds from seeds on all processors, says how many of them what has come about in, and shrinks the first one that breaks.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use aimon_core::sync::Fault;
use aimon_simulator::{Faults, Happening, Plan, RelayFault, run, shrink, watch};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let number = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok());
    let (count, from) = (number(arguments.next()).unwrap_or(1_000), number(arguments.next()).unwrap_or(0));
    let named = arguments.next();
    let device = Fault::ALL.into_iter().find(|fault| named.as_deref() == Some(&format!("{fault:?}")));
    let relay = (named.as_deref() == Some("AcknowledgeEarly")).then_some(RelayFault::AcknowledgeEarly);
    let faults = Faults { device, relay };
    let next = AtomicU64::new(from);
    let worst = AtomicU64::new(u64::MAX);
    let seen: Mutex<BTreeMap<Happening, u64>> = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count || seed > worst.load(Ordering::Relaxed) {
                        return;
                    }
                    match watch(&Plan::of(seed), &faults) {
                        Ok(happened) => {
                            let Ok(mut seen) = seen.lock() else { return };
                            happened.into_iter().for_each(|what| *seen.entry(what).or_default() += 1);
                        }
                        Err(_) => drop(worst.fetch_min(seed, Ordering::Relaxed)),
                    }
                }
            });
        }
    });
    match worst.into_inner() {
        u64::MAX => {
            println!("{count} worlds from seed {from} hold");
            let seen = seen.into_inner().unwrap_or_default();
            for what in Happening::ALL {
                println!("{:>6}  {what:?}", seen.get(&what).copied().unwrap_or(0));
            }
            ExitCode::SUCCESS
        }
        seed => {
            let plan = shrink(&Plan::of(seed), &faults);
            println!("seed {seed}: {:?}", run(&plan, &faults).err());
            println!("with {} devices, after", plan.devices);
            plan.actions.iter().for_each(|action| println!("  {action:?}"));
            ExitCode::FAILURE
        }
    }
}
