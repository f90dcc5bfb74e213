//! Pairing: who is asked, what a code is good for, and how a no is heard.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::machine::{Machine, Said, files};
use crate::workspaces::{Two, line, settled};

/// Long before anything that is waited for for minutes.
const SOON: Duration = Duration::from_secs(45);

#[test]
fn a_code_that_was_used_is_spent_in_a_folder_too() {
    let two = Two::paired();
    let (third, fourth) = (settled(Machine::empty()), settled(Machine::empty()));
    let code = two.join(&third, "third");
    let since = Instant::now();
    fourth.pipe(&["join", "-", "--yes"], &code).failed(1, "invitation-spent");
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
}

#[test]
fn who_cannot_be_asked_hears_so_before_a_code_is_spent() {
    let (two, third) = (Two::paired(), settled(Machine::empty()));
    let before = files(&two.relay_folder());
    two.laptop.run(&["pair", "--json"]).failed(1, "nobody-to-ask");
    assert_eq!(files(&two.relay_folder()), before);
    let mut pair = two.laptop.command(&["pair", "--json", "--yes"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut code = String::new();
    let mut says = BufReader::new(pair.stdout.take().unwrap());
    says.read_line(&mut code).unwrap();
    third.pipe(&["join", "-"], &code).failed(1, "nobody-to-ask");
    let joined = third.pipe(&["join", "-", "--yes", "--name", "third"], &code);
    if joined.code != 0 {
        let _ = pair.kill();
    }
    assert!(pair.wait().unwrap().success() && joined.code == 0, "the code was still good: {joined:?}");
}

#[test]
fn what_a_device_brings_is_what_its_logs_hold() {
    let (two, third) = (Two::paired(), settled(Machine::empty()));
    third.write(".claude/projects/p/third.jsonl", &line("session-3", 5, "2026-11-23T12:00:00.000Z", "model-a"));
    let mut pair = two.laptop.command(&["pair", "--json", "--yes"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut code = String::new();
    // Whoever reads goes then: that takes no answer away.
    BufReader::new(pair.stdout.take().unwrap()).read_line(&mut code).unwrap();
    let joined = third.pipe(&["join", "-", "--yes"], &code);
    if joined.code != 0 {
        let _ = pair.kill();
    }
    assert!(pair.wait().unwrap().success());
    assert!(joined.out.contains("This device brings 1 record of 1 day."), "{joined:?}");
}

/// A command on a terminal, to be asked something: util-linux' `script` makes one. `None` where there is none.
#[cfg(target_os = "linux")]
fn on_a_terminal(machine: &Machine, args: &[&str]) -> Option<std::process::Child> {
    if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
        return None;
    }
    let there = machine.command(args);
    let line = format!("{} {}", there.get_program().to_str().unwrap(), args.join(" "));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env_clear();
    command.envs(there.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
}

/// Whoever says no first is heard: the other one's yes takes nobody in.
#[cfg(target_os = "linux")]
#[test]
fn a_device_that_has_declined_is_not_taken_in() {
    let (two, third) = (Two::paired(), settled(Machine::empty()));
    let Some(mut pair) = on_a_terminal(&two.laptop, &["pair", "--json"]) else {
        eprintln!("skipped: there is no `script` here");
        return;
    };
    let mut says = BufReader::new(pair.stdout.take().unwrap());
    let mut code = String::new();
    says.read_line(&mut code).unwrap();
    let code: serde_json::Value = serde_json::from_str(code.trim()).unwrap();
    let mut join = on_a_terminal(&third, &["join", code["code"].as_str().unwrap()]).unwrap();
    let mut answers = join.stdin.take().unwrap();
    answers.write_all(b"n\n").unwrap();
    let mut said = String::new();
    join.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(!join.wait().unwrap().success() && said.contains("error[declined]"), "{said}");
    let mut types = pair.stdin.take().unwrap();
    types.write_all(b"y\n").unwrap();
    let mut rest = String::new();
    says.read_to_string(&mut rest).unwrap();
    assert!(
        !pair.wait().unwrap().success() && rest.contains("error[declined]: the other device has declined"),
        "{rest}"
    );
    assert_eq!(two.members(), 2);
    drop((answers, types));
}

#[cfg(target_os = "linux")]
#[test]
fn a_no_is_heard_at_once() {
    let (two, third) = (Two::paired(), settled(Machine::empty()));
    let Some(mut pair) = on_a_terminal(&two.laptop, &["pair", "--json"]) else {
        eprintln!("skipped: there is no `script` here");
        return;
    };
    let mut says = BufReader::new(pair.stdout.take().unwrap());
    let mut code = String::new();
    says.read_line(&mut code).unwrap();
    let mut types = pair.stdin.take().unwrap();
    types.write_all(b"n\n").unwrap();
    let since = Instant::now();
    let joined: Said = third.pipe(&["join", "-", "--yes"], &code);
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    assert!(joined.code == 1 && joined.err.contains("error[declined]: the other device has declined"), "{joined:?}");
    let mut rest = String::new();
    says.read_to_string(&mut rest).unwrap();
    drop(types);
    assert!(!pair.wait().unwrap().success() && rest.contains("error[declined]"), "{rest}");
    third.run(&["workspace", "show"]).failed(1, "no-workspace");
    assert_eq!(two.members(), 2);
}

/// The folder lies elsewhere on that machine: the code alone does not find it.
#[cfg(unix)]
#[test]
fn a_folder_at_another_path_is_joined_by_naming_it() {
    let (two, third) = (Two::paired(), settled(Machine::empty()));
    let mut pair = two.laptop.command(&["pair", "--json", "--yes"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut says = BufReader::new(pair.stdout.take().unwrap());
    let mut code = String::new();
    says.read_line(&mut code).unwrap();
    // What shares the folder has it at another path here: what is there by its own name is none.
    let (here, there) = (two.relay_folder(), third.path("elsewhere"));
    std::fs::rename(&here, &there).unwrap();
    let said = third.pipe(&["join", "-", "--yes"], &code).failed(6, "no-shared-folder");
    assert!(said.err.contains("aimon join CODE --relay file:///PATH"), "{said:?}");
    third.pipe(&["join", "-", "--yes", "--relay", "elsewhere"], &code).failed(2, "bad-relay-address");
    std::os::unix::fs::symlink(&there, &here).unwrap();
    let address = format!("file://{}", there.display());
    let joined = third.pipe(&["join", "-", "--yes", "--name", "third", "--relay", &address], &code);
    if joined.code != 0 {
        let _ = pair.kill();
    }
    assert!(pair.wait().unwrap().success() && joined.code == 0, "{joined:?}");
    let shown = third.run(&["workspace", "show", "--json"]).json();
    assert_eq!(shown["relay"], address.as_str());
    assert_eq!(two.members(), 3);
}

/// What is made up stays apart from what is real.
#[test]
fn the_demo_joins_nobody() {
    let (two, mut demo) = (Two::paired(), settled(Machine::empty()));
    demo.run(&["demo", "--json"]).fine();
    let folder = demo.path("data-demo").display().to_string();
    demo.env.push(("AIMON_HOME", folder));
    let said = demo.pipe(&["join", "-", "--yes"], "aimon1something").failed(1, "demo-stays-apart");
    assert!(said.err.contains("your own figures"), "{said:?}");
    demo.pipe(&["workspace", "recover", "--relay", &two.relay(), "--yes"], &two.phrase).failed(1, "demo-stays-apart");
    assert_eq!(two.members(), 2);
    let said = demo.pipe(&["join", "-", "--yes", "--made-up"], "aimon1something");
    said.failed(1, "pairing-failed");
}
