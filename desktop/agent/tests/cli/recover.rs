//! Back into a workspace by its phrase.

use crate::machine::{Machine, files};
use crate::workspaces::{Two, line, settled};

/// A machine with a log that no command has read yet.
fn third() -> Machine {
    let third = settled(Machine::empty());
    third.write(".claude/projects/p/third.jsonl", &line("session-3", 5, "2026-11-23T12:00:00.000Z", "model-a"));
    third
}

#[test]
fn a_workspace_that_the_folder_does_not_know_is_not_begun_there() {
    let (two, third, other) = (Two::paired(), third(), settled(Machine::empty()));
    let elsewhere = other.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let elsewhere = format!("file://{}", elsewhere.display());
    let foreign = other.run(&["workspace", "create", "--relay", &elsewhere, "--json"]).json();
    let foreign = foreign["phrase"].as_str().unwrap();
    let before = files(&two.relay_folder());
    let recover = |phrase: &str, more: &[&str]| {
        let relay = two.relay();
        third.pipe(&[&["workspace", "recover", "--relay", &relay, "--yes"], more].concat(), phrase)
    };
    let said = recover(foreign, &[]).failed(1, "unknown-workspace");
    assert!(said.err.contains("check the phrase") && said.err.contains("--open"), "{said:?}");
    assert_eq!(files(&two.relay_folder()), before, "nothing was begun");

    // Emptied: with its marker, and without.
    let away = two.laptop.path("away");
    std::fs::rename(two.relay_folder(), &away).unwrap();
    std::fs::create_dir(two.relay_folder()).unwrap();
    recover(&two.phrase, &[]).failed(6, "not-a-shared-folder");
    std::fs::copy(away.join("aimon.folder"), two.relay_folder().join("aimon.folder")).unwrap();
    recover(&two.phrase, &[]).failed(1, "unknown-workspace");
    third.run(&["workspace", "show"]).failed(1, "no-workspace");
    let said = recover(&two.phrase, &["--open"]).fine();
    assert!(said.out.contains("begun there again"), "{said:?}");
    // The others, who have the history, fill it. The key of it comes from whoever has it.
    two.desktop.run(&["sync"]).fine();
    third.run(&["sync"]).fine();
    two.desktop.run(&["sync"]).fine();
    third.run(&["sync"]).fine();
    assert_eq!(third.json(&["report", "--no-scan"])["totals"]["calls"], 7);
}

#[test]
fn who_is_not_asked_is_not_let_in() {
    let (two, third) = (Two::paired(), third());
    let before = files(&two.relay_folder());
    let recover = |more: &[&str]| {
        let relay = two.relay();
        third.pipe(&[&["workspace", "recover", "--relay", &relay], more].concat(), &two.phrase)
    };
    for _ in 0..2 {
        let said = recover(&[]).failed(1, "nobody-to-ask");
        assert!(said.err.contains("this device's history"), "{said:?}");
    }
    assert_eq!(files(&two.relay_folder()), before);
    assert_eq!(two.members(), 2, "nobody was let in");
    third.run(&["workspace", "show"]).failed(1, "no-workspace");
    assert!(recover(&["--yes"]).fine().out.contains("Back in the workspace"));
    assert_eq!(two.members(), 3);
    // One that brings nothing has nothing to be asked.
    let fourth = settled(Machine::empty());
    fourth.pipe(&["workspace", "recover", "--relay", &two.relay()], &two.phrase).fine();
    assert_eq!(two.members(), 4);
}

/// Whoever looks on, or scrolls back later, sees none of it: typed word by word, or pasted in several lines.
#[cfg(target_os = "linux")]
#[test]
fn a_phrase_that_is_typed_is_not_shown() {
    use std::io::{Read, Write};
    let machine = settled(Machine::empty());
    let program = env!("CARGO_BIN_EXE_aimon");
    let mut command = std::process::Command::new("script");
    let recover = format!("{program} workspace recover --relay https://relay.example");
    command.args(["--quiet", "--return", "--command", &recover, "/dev/null"]);
    for (name, value) in machine.command(&[]).get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let mut terminal = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("script, of util-linux");
    let (mut keys, mut screen) = (terminal.stdin.take().unwrap(), terminal.stdout.take().unwrap());
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains("24 words") {
        let mut some = [0; 1024];
        let n = screen.read(&mut some).unwrap();
        assert_ne!(n, 0, "{}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&some[..n]);
    }
    keys.write_all(format!("{0}\n{0}\n", ["zoo"; 12].join(" ")).as_bytes()).unwrap();
    screen.read_to_end(&mut shown).unwrap();
    assert_eq!(terminal.wait().unwrap().code(), Some(1));
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.contains("bad-phrase") && !shown.contains("zoo"), "{shown}");
}
