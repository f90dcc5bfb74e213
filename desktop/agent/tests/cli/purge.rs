//! What is purged is gone: from the files, from the other devices, and for logs that are read again.

use crate::machine::{Machine, files};
use crate::workspaces::{Two, line, settled};

/// A model, and a session, that are in no log's name.
const NEEDLES: [&str; 2] = ["needle-model", "needle-session"];

fn with_needles(machine: &Machine) {
    let lines = line(NEEDLES[1], 1, "2026-11-19T10:00:00.000Z", NEEDLES[0]);
    machine.write(".claude/projects/p/hay.jsonl", &lines);
}

/// How often a needle lies in the files of a folder.
fn found(folder: &std::path::Path) -> usize {
    let all = files(folder);
    assert!(!all.is_empty());
    let bytes = |path: &std::path::PathBuf| std::fs::read(path).unwrap_or_default();
    let count = |bytes: Vec<u8>| {
        NEEDLES.iter().map(|n| bytes.windows(n.len()).filter(|w| *w == n.as_bytes()).count()).sum::<usize>()
    };
    all.iter().map(bytes).map(count).sum()
}

fn calls(machine: &Machine) -> u64 {
    machine.json(&["report"])["totals"]["calls"].as_u64().unwrap()
}

#[test]
fn it_says_what_would_go_and_asks() {
    let machine = settled(Machine::with_logs());
    machine.run(&["scan"]).fine();
    machine.run(&["purge"]).failed(2, "bad-usage");
    machine.run(&["purge", "--all", "--source", "codex"]).failed(2, "bad-usage");
    machine.run(&["purge", "--all"]).failed(1, "nobody-to-ask");
    let would = machine.run(&["purge", "--before", "2026-11-22", "--dry-run", "--json"]).json();
    assert_eq!((&would["records"], &would["days"], &would["purged"]), (&4.into(), &2.into(), &false.into()), "{would}");
    assert_eq!((&would["sources"]["claude-code"], &would["sources"]["codex"]), (&3.into(), &1.into()), "{would}");
    let would = machine.run(&["purge", "--source", "codex", "--dry-run"]).fine().out;
    assert!(would.contains("1 record of 1 day (2026-11-20) [codex 1] would go"), "{would}");
    let said = machine.run(&["purge", "--source", "nosuch", "--dry-run"]).fine();
    assert!(said.err.contains("no source in the whole history is called `nosuch`"), "{said:?}");
    assert_eq!(calls(&machine), 5, "nothing went");
}

/// What is dated later than the purge stays, an answer as well.
#[test]
fn what_it_says_goes_is_what_goes() {
    let machine = settled(Machine::with_logs());
    let later = r#"{"timestamp":"2026-11-24T12:30:00.000Z","type":"event_msg","payload":{"type":"token_count","info":null,"rate_limits":{"primary":{"used_percent":12.5,"window_minutes":300,"resets_at":4000000000}}}}"#;
    machine.write(
        ".codex/sessions/2026/11/24/rollout-2026-11-24T12-30-00-0199a213-0000-7000-8000-000000000002.jsonl",
        &format!("{later}\n"),
    );
    machine.run(&["scan"]).fine();
    let goes = |args: &[&str]| {
        let said = machine.run(&[&["purge", "--all", "--json"], args].concat()).json();
        ["records", "answers"].map(|what| said[what].as_u64().unwrap())
    };
    assert_eq!(goes(&["--dry-run"]), [5, 1]);
    assert_eq!(goes(&["--yes"]), [5, 1]);
    let shown = machine.run(&["status", "--json", "--no-scan"]).json();
    assert_eq!(shown["windows"].as_array().unwrap().len(), 1, "the later one is still there: {shown}");
    assert_eq!(goes(&["--dry-run"]), [0, 0]);
}

#[test]
fn alone_nothing_is_left_of_it_and_logs_bring_nothing_back() {
    let machine = settled(Machine::with_logs());
    with_needles(&machine);
    machine.run(&["scan"]).fine();
    assert!(found(&machine.data()) > 0, "the needles can be found");
    assert_eq!(calls(&machine), 6);
    machine.run(&["purge", "--before", "2026-11-20", "--yes"]).fine();
    assert_eq!((found(&machine.data()), calls(&machine)), (0, 5));
    machine.run(&["purge", "--source", "codex", "--yes"]).fine();
    assert_eq!(calls(&machine), 4);
    // A copy of the logs is read from its start; what was purged stays away, and what was not is held once.
    for path in files(&machine.home()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        std::fs::copy(&path, path.with_file_name(name.replace(".jsonl", "x.jsonl").replace("001x", "002"))).unwrap();
    }
    machine.run(&["scan"]).fine();
    assert_eq!((found(&machine.data()), calls(&machine)), (0, 4));
    machine.run(&["doctor", "--rebuild"]).fine();
    assert_eq!(calls(&machine), 4);
    // What comes later is recorded.
    machine.write(".claude/projects/p/new.jsonl", &line("s", 3, "2026-11-24T12:30:00.000Z", "model-a"));
    assert_eq!(calls(&machine), 5);
    machine.run(&["purge", "--all", "--yes"]).fine();
    assert_eq!(calls(&machine), 1, "what is dated later than the purge stays");
}

#[test]
fn it_goes_on_all_devices() {
    let two = Two::paired();
    with_needles(&two.laptop);
    two.laptop.run(&["scan"]).fine();
    two.sync();
    assert_eq!(two.both(&["report", "--json", "--as-of", "2026-11-24"])["totals"]["calls"], 7);
    for machine in [&two.laptop, &two.desktop] {
        assert!(found(&machine.data()) > 0, "the derived tables are in clear");
    }
    two.desktop.run(&["purge", "--before", "2026-11-20", "--yes"]).fine();
    assert_eq!((found(&two.desktop.data()), calls(&two.desktop)), (0, 6));
    two.sync();
    assert_eq!(two.both(&["report", "--json", "--as-of", "2026-11-24"])["totals"]["calls"], 6);
    assert_eq!(found(&two.laptop.data()), 0, "whoever hears of it follows");
    std::fs::copy(
        two.laptop.path("home/.claude/projects/p/hay.jsonl"),
        two.laptop.path("home/.claude/projects/p/again.jsonl"),
    )
    .unwrap();
    two.laptop.run(&["scan"]).fine();
    two.sync();
    assert_eq!(two.both(&["report", "--json", "--as-of", "2026-11-24"])["totals"]["calls"], 6);
    assert_eq!(found(&two.laptop.data()), 0);

    two.desktop.run(&["purge", "--source", "codex", "--yes"]).fine();
    two.sync();
    let left = two.both(&["report", "--by", "device", "--json", "--as-of", "2026-11-24"]);
    assert_eq!(left["totals"]["calls"], 5, "{left}");
    let of_laptop = two.both(&["report", "--device", "laptop", "--json", "--as-of", "2026-11-24"]);
    assert_eq!(of_laptop["totals"]["calls"], 4, "what remains is still the laptop's");
}

#[test]
fn purged_and_left_nothing_is_left() {
    let two = Two::paired();
    two.laptop.run(&["purge", "--all", "--yes"]).fine();
    assert_eq!(two.laptop.run(&["report", "--no-scan", "--json"]).json()["totals"]["calls"], 0);
    two.laptop.run(&["workspace", "leave", "--yes"]).fine();
    assert_eq!(std::fs::read_dir(two.laptop.data()).unwrap().count(), 0, "{:?}", files(&two.laptop.data()));
    // Who leaves with a history keeps it.
    let other = Two::paired();
    other.laptop.run(&["workspace", "leave", "--yes"]).fine();
    assert_eq!(calls(&other.laptop), 6);
}
