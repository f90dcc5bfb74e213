//! The power goes: what was shown is still there, and what was not committed is read again.
//!
//! `kill -9` alone can't show a missing sync, for the system keeps what a dead process wrote.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use aimon_generator::{Plan, Prng, generate};
use aimon_tests::disk::{Disk, Loss};
use aimon_tests::files::{self, Growing};
use aimon_tests::up::Up;
use aimon_tests::{Rig, sqlite};
use serde_json::Value;

/// What is held already, as the command tells it.
fn told(rig: &Rig) -> Value {
    let args = ["report", "daily", "--json", "--no-scan", "--timezone", "UTC", "--as-of", Rig::TODAY];
    serde_json::from_str(&rig.run(&args).fine().out).unwrap()
}

/// The last word on a disk: SQLite's check reads it without the layer.
fn expect_sound(rig: &Rig) {
    let checks = sqlite::check(&rig.aimon_home());
    assert!(!checks.is_empty() && checks.iter().all(|c| c == "ok"), "{checks:?}");
    let said = rig.run(&["doctor"]).fine().out;
    assert!(!said.contains("quarantined"), "{said}");
}

/// The logs are gone with the power, so nothing can be read again: all that is left is the replica.
#[test]
fn figures_that_were_shown_outlive_the_power() {
    let rig = Rig::new();
    let mut rng = Prng::of(&[80]);
    let made = generate(&Plan::truth(80), &rig.path("machines")).unwrap();
    let mut logs = files::all(&made.machines[0].home);
    rng.shuffle(&mut logs);
    let disk = Disk::below(&rig);
    let home = rig.home();
    for (round, new) in logs.chunks(logs.len().div_ceil(12)).enumerate() {
        let up = Up::start(&rig);
        // What one commit brought and the next: neither may be in the air.
        for some in new.chunks(new.len().div_ceil(3)) {
            for (path, bytes) in some {
                files::put(&home.join(path), bytes);
            }
            up.ask("POST", "/v1/scan");
        }
        let shown = up.ask("GET", &format!("/v1/report?timezone=UTC&asOf={}", Rig::TODAY));
        up.kill();
        assert!(disk.has_synced(), "the layer is not in the way");
        fs::remove_dir_all(&home).unwrap();
        fs::create_dir(&home).unwrap();
        let loss = Loss::EACH[round % 3];
        disk.lose_power(loss, &mut rng);
        assert_eq!(told(&rig), shown, "round {round}, {loss:?}");
    }
    expect_sound(&rig);
    rig.expect_everywhere(&made.truth);
}

/// A mark that outlived its events would hide them for ever.
#[test]
fn a_scan_without_power_at_any_of_its_syncs_is_made_good() {
    let rig = Rig::new();
    let mut rng = Prng::of(&[81]);
    let mut plan = Plan::truth(81);
    plan.days = 5;
    let made = generate(&plan, &rig.path("machines")).unwrap();
    rig.home_is(&made.machines[0].home);
    let disk = Disk::below(&rig);
    for sync in 1..200 {
        let mut is_through = false;
        for loss in Loss::EACH {
            disk.wipe();
            let mut scan = rig.command(&["scan"]);
            scan.env("AIMON_FAULT_DIE", sync.to_string()).stdout(Stdio::null());
            is_through = scan.status().unwrap().success();
            disk.lose_power(loss, &mut rng);
            rig.scan().expect(&made.truth, "UTC");
        }
        if is_through {
            assert!(sync > 5, "only {sync} syncs: the layer is not in the way");
            return expect_sound(&rig);
        }
    }
    panic!("the scan has no end");
}

#[test]
fn a_growing_folder_scanned_with_power_that_comes_and_goes() {
    let rig = Rig::new();
    let mut rng = Prng::of(&[82]);
    let made = generate(&Plan::truth(82), &rig.path("machines")).unwrap();
    let mut growing = Growing::of(&made.machines[0].home, 82);
    let disk = Disk::below(&rig);
    let home = rig.home();
    let mut longest = Duration::from_millis(60);
    let (mut hits, mut tries) = (0, 0);
    while hits < 25 {
        assert!(tries < 1_000, "only {hits} of {tries} kills found the scan running");
        tries += 1;
        growing.step(&home, 12);
        let wait = Duration::from_micros(rng.below(longest.as_micros() as u64));
        let began = Instant::now();
        let mut scan = rig.command(&["scan"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(wait);
        if scan.try_wait().unwrap().is_none() {
            hits += 1;
        } else {
            // Too late: wait less the next time.
            longest = (longest * 4 + began.elapsed()).min(longest * 5) / 5;
        }
        let _ = scan.kill();
        scan.wait().unwrap();
        disk.lose_power(Loss::EACH[tries % 3], &mut rng);
    }
    growing.step(&home, 1);
    rig.scan();
    expect_sound(&rig);
    rig.expect_everywhere(&made.truth);
}
