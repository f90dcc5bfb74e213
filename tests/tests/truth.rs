//! Every cell of day, model and token kind equals what the logs say, however they are read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use aimon_generator::{Generated, Plan, Prng, each_trap, generate};
use aimon_tests::files::{self, Growing};
use aimon_tests::{Rig, report};

fn generated(plan: &Plan) -> (Rig, Generated) {
    let rig = Rig::new();
    let made = generate(plan, &rig.path("machines")).unwrap();
    rig.home_is(&made.machines[0].home);
    (rig, made)
}

#[test]
fn every_cell_is_right_in_five_zones() {
    for seed in 1..=4 {
        let (rig, made) = generated(&Plan::truth(seed));
        rig.scan().expect_everywhere(&made.truth);
    }
}

#[test]
fn every_trap_alone_is_seen_through() {
    let mut wrong = Vec::new();
    for single in each_trap() {
        let (rig, made) = generated(&Plan::scenario(single.agent, single.traps));
        let differences = rig.scan().differences(&made.truth, "UTC");
        if let Some(first) = differences.first() {
            wrong.push(format!("{}: {} cells differ: {first}", single.name, differences.len()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn calls_at_midnight_fall_on_their_own_side_of_it() {
    let mut plan = Plan::truth(9);
    plan.traps.midnight = 500;
    let (rig, made) = generated(&plan);
    rig.scan().expect_everywhere(&made.truth);
}

#[test]
fn reasoning_is_told_beside_the_output_that_holds_it() {
    let (rig, made) = generated(&Plan::truth(8));
    rig.scan();
    for zone in Rig::ZONES {
        assert_eq!(report::reasoning(&rig.report(zone, &[])), report::true_reasoning(&made.truth, zone), "{zone}");
    }
}

#[test]
fn reading_twice_changes_no_byte() {
    let (rig, made) = generated(&Plan::truth(10));
    let first = rig.scan().report("Europe/Berlin", &[]);
    let again = rig.scan().report("Europe/Berlin", &[]);
    assert_eq!(first, again);
    rig.expect_everywhere(&made.truth);
}

#[test]
fn a_report_takes_in_what_is_new_by_itself() {
    let (rig, made) = generated(&Plan::truth(11));
    let args = ["report", "daily", "--json", "--timezone", "UTC", "--as-of", Rig::TODAY];
    let said = rig.run(&args).fine().out;
    assert_eq!(report::days(&said), report::by_day(&report::truth(&made.truth, "UTC")));
}

#[test]
fn the_order_of_files_changes_nothing() {
    for seed in 20..24 {
        let (rig, made) = generated(&Plan::truth(seed));
        let mut rng = Prng::of(&[seed]);
        let mut all = files::all(&rig.home());
        rng.shuffle(&mut all);
        let home = rig.path("shuffled");
        rig.home_is(&home);
        // A scan after each fifth of the files, in any order, under any modification time.
        for part in all.chunks(all.len() / 5 + 1) {
            for (path, bytes) in part {
                files::put(&home.join(path), bytes);
                files::any_time(&home.join(path), &mut rng);
            }
            rig.scan();
        }
        rig.expect_everywhere(&made.truth);
    }
}

#[test]
fn the_names_of_folders_change_nothing() {
    let (rig, made) = generated(&Plan::truth(25));
    let mut rng = Prng::of(&[25]);
    let home = rig.path("renamed");
    for (path, bytes) in files::all(&rig.home()) {
        let text = path.to_string_lossy().replace('\\', "/");
        let renamed = match text.split_once("/projects/").map(|(root, rest)| (root, rest.split_once('/'))) {
            Some((root, Some((_, rest)))) => format!("{root}/projects/{}/{rest}", rng.hex(6)),
            _ => text,
        };
        files::put(&home.join(renamed), &bytes);
    }
    rig.home_is(&home).scan().expect_everywhere(&made.truth);
}

#[test]
fn reading_in_pieces_gives_what_reading_at_once_gives() {
    for seed in 30..34 {
        let (rig, made) = generated(&Plan::truth(seed));
        let mut growing = Growing::of(&rig.home(), seed);
        let home = rig.path("growing");
        fs::create_dir(&home).unwrap();
        rig.home_is(&home);
        for _ in 0..12 {
            growing.step(&home, 2);
            rig.scan();
        }
        growing.step(&home, 1);
        assert!(growing.is_done());
        rig.scan().expect_everywhere(&made.truth);
    }
}

#[test]
fn every_line_by_itself_gives_what_reading_at_once_gives() {
    // One file of each kind, scanned behind every few lines.
    let mut plan = Plan::truth(35);
    plan.days = 3;
    let (rig, made) = generated(&plan);
    let whole = files::all(&rig.home());
    let home = rig.path("lines");
    rig.home_is(&home);
    let lines: Vec<Vec<&[u8]>> =
        whole.iter().map(|(_, bytes)| bytes.split_inclusive(|b| *b == b'\n').collect()).collect();
    let longest = lines.iter().map(Vec::len).max().unwrap();
    for at in (0..longest).step_by(7) {
        for ((path, bytes), lines) in whole.iter().zip(&lines) {
            if path.extension().is_some_and(|e| e == "jsonl") {
                for line in lines.iter().skip(at).take(7) {
                    files::append(&home.join(path), line);
                }
            } else if at == 0 {
                files::put(&home.join(path), bytes);
            }
        }
        rig.scan();
    }
    rig.expect_everywhere(&made.truth);
}

#[test]
fn a_copied_folder_counts_once() {
    let (rig, made) = generated(&Plan::truth(40));
    let copy = rig.path("backup");
    files::copy(&rig.home(), &copy);
    let both = |folder: &str| format!("{},{}", rig.home().join(folder).display(), copy.join(folder).display());
    let claude = format!("{},{}", both(".claude"), both(".config/claude"));
    rig.env("CLAUDE_CONFIG_DIR", &claude)
        .env("CODEX_HOME", &both(".codex"))
        .env("GEMINI_DATA_DIR", &both(".gemini/tmp"))
        .env("OPENCODE_DATA_DIR", &both(".local/share/opencode"));
    rig.scan().expect_everywhere(&made.truth);
}

#[test]
fn usage_stays_after_the_logs_are_deleted() {
    let (rig, made) = generated(&Plan::truth(41));
    rig.scan();
    fs::remove_dir_all(rig.home()).unwrap();
    fs::create_dir(rig.home()).unwrap();
    rig.scan().expect_everywhere(&made.truth);
}

#[test]
fn files_that_shrink_and_come_back_change_nothing() {
    let (rig, made) = generated(&Plan::truth(42));
    rig.scan();
    let whole = files::all(&rig.home());
    for (path, bytes) in &whole {
        let cut = if path.extension().is_some_and(|e| e == "jsonl") { bytes.len() / 3 } else { bytes.len() };
        files::put(&rig.home().join(path), &bytes[..cut]);
    }
    rig.scan();
    for (path, bytes) in &whole {
        files::put(&rig.home().join(path), bytes);
    }
    rig.scan().expect_everywhere(&made.truth);
}

#[test]
fn files_that_move_to_the_archive_change_nothing() {
    let (rig, made) = generated(&Plan::truth(43));
    rig.scan();
    let codex = rig.home().join(".codex");
    for (path, bytes) in files::all(&codex.join("sessions")) {
        files::put(&codex.join("archived_sessions").join(path.file_name().unwrap()), &bytes);
    }
    fs::remove_dir_all(codex.join("sessions")).unwrap();
    rig.scan().expect_everywhere(&made.truth);
}

#[test]
fn rebuilt_tables_give_the_same_bytes() {
    let (rig, made) = generated(&Plan::truth(44));
    let before = rig.scan().report("Asia/Kathmandu", &[]);
    rig.run(&["doctor", "--rebuild"]).fine();
    assert_eq!(before, rig.report("Asia/Kathmandu", &[]));
    rig.expect_everywhere(&made.truth);
}

#[test]
fn three_machines_logs_in_one_place_are_their_sum() {
    let rig = Rig::new();
    let made = generate(&Plan::demo(1_793_880_000_000), &rig.path("machines")).unwrap();
    let all = |folder: &str| {
        made.machines.iter().map(|m| m.home.join(folder).display().to_string()).collect::<Vec<_>>().join(",")
    };
    rig.env("CLAUDE_CONFIG_DIR", &all(".claude"))
        .env("CODEX_HOME", &all(".codex"))
        .env("GEMINI_DATA_DIR", &all(".gemini/tmp"))
        .env("OPENCODE_DATA_DIR", &all(".local/share/opencode"));
    rig.scan().expect_everywhere(&made.truth);
}

#[test]
fn what_is_older_than_the_retention_is_not_shown() {
    // The clock decides what is still taken in, so these logs end today.
    let now = jiff::Timestamp::now().as_millisecond();
    let plan = Plan { end: now, ..Plan::truth(45) };
    let (rig, made) = generated(&plan);
    rig.env("AIMON_RETENTION_DAYS", "10").scan();
    let args = ["report", "daily", "--json", "--no-scan", "--timezone", "UTC"];
    let said = report::days(&rig.run(&args).fine().out);
    // Today and the nine UTC days before it.
    let first = (now.div_euclid(86_400_000) - 9) * 86_400_000;
    let kept = made.truth.only(|c| c.at >= first);
    assert!(kept.calls.len() < made.truth.calls.len());
    assert_eq!(said, report::by_day(&report::truth(&kept, "UTC")));
}
