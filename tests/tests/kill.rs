//! `kill -9` at a hundred random moments loses nothing and counts nothing twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Stdio;
use std::time::{Duration, Instant};

use aimon_generator::{Plan, Prng, generate};
use aimon_tests::files::Growing;
use aimon_tests::{Rig, sqlite};

/// Starts a scan and kills it after `wait`; whether it was still running.
fn killed(rig: &Rig, wait: Duration) -> bool {
    let mut scan = rig.command(&["scan"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(wait);
    let running = scan.try_wait().unwrap().is_none();
    let _ = scan.kill();
    scan.wait().unwrap();
    running
}

fn expect_sound(rig: &Rig) {
    let checks = sqlite::check(&rig.aimon_home());
    assert!(!checks.is_empty() && checks.iter().all(|c| c == "ok"), "{checks:?}");
    rig.run(&["doctor"]).fine();
}

#[test]
fn a_growing_folder_scanned_under_fire() {
    let rig = Rig::new();
    let mut plan = Plan::truth(50);
    // Enough to be in the middle of something for some milliseconds each time.
    plan.content = 3_000;
    let made = generate(&plan, &rig.path("machines")).unwrap();
    let mut growing = Growing::of(&made.machines[0].home, 50);
    let home = rig.path("growing");
    std::fs::create_dir(&home).unwrap();
    rig.home_is(&home);
    let mut rng = Prng::of(&[50]);
    let mut longest = Duration::from_millis(40);
    let (mut hits, mut tries) = (0, 0);
    while hits < 100 {
        assert!(tries < 3_000, "only {hits} of {tries} kills found the scan running");
        tries += 1;
        if tries % 3 == 1 {
            growing.step(&home, 30);
        }
        let wait = Duration::from_micros(rng.below(longest.as_micros() as u64));
        let began = Instant::now();
        if killed(&rig, wait) {
            hits += 1;
        } else {
            // Too late: wait less the next time.
            longest = (longest * 4 + began.elapsed()).min(longest * 5) / 5;
        }
    }
    growing.step(&home, 1);
    rig.scan();
    expect_sound(&rig);
    rig.expect_everywhere(&made.truth);
}

#[test]
fn the_first_scan_killed_again_and_again() {
    let rig = Rig::new();
    let made = generate(&Plan::truth(51), &rig.path("machines")).unwrap();
    rig.home_is(&made.machines[0].home);
    let began = Instant::now();
    rig.aimon_is(&rig.path("uninterrupted")).scan();
    let whole = began.elapsed();
    let mut rng = Prng::of(&[51]);
    for round in 0..12 {
        rig.aimon_is(&rig.path(&format!("aimon-{round}")));
        for _ in 0..3 {
            killed(&rig, Duration::from_micros(rng.below(whole.as_micros() as u64 + 1)));
        }
        rig.scan();
        expect_sound(&rig);
        rig.expect(&made.truth, "UTC");
    }
}
