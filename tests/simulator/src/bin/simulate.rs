//! Runs worlds from seeds on all processors, and shrinks the first one that breaks.

#![allow(clippy::print_stdout)]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use aimon_simulator::{Faults, Plan, run, shrink};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let number = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok());
    let (count, from) = (number(arguments.next()).unwrap_or(1_000), number(arguments.next()).unwrap_or(0));
    let faults = Faults::default();
    let next = AtomicU64::new(from);
    let worst = AtomicU64::new(u64::MAX);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + count || seed > worst.load(Ordering::Relaxed) {
                        return;
                    }
                    if run(&Plan::of(seed), &faults).is_err() {
                        worst.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    match worst.into_inner() {
        u64::MAX => {
            println!("{count} worlds from seed {from} hold");
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
