//! Two installations of one agent on one device, each of which somebody else pays for.

use aimon_tests::{Device, files, folder_address, pair};
use serde_json::Value;

use crate::rig::device;

/// A line of Claude Code's log; its owner, where it states one.
fn line(id: &str, owner: Option<&str>) -> String {
    let at = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() - 600).unwrap();
    let owner = owner.map(|owner| format!(r#""ownerAccountUuid":"{owner}","#)).unwrap_or_default();
    format!(
        "{{\"timestamp\":\"{at}\",{owner}\"sessionId\":\"s-{id}\",\"requestId\":\"r-{id}\",\"version\":\"2.2.0\",\"message\":{{\"id\":\"{id}\",\
         \"model\":\"claude-sonnet-4-5\",\"usage\":{{\"input_tokens\":10,\"output_tokens\":5}}}}}}\n"
    )
}

/// By root and owner, calls and who pays.
type Listed = (Option<String>, Option<String>, u64, Option<String>);

/// What `source list` says.
fn listed(device: &Device) -> Vec<Listed> {
    let list: Value = serde_json::from_str(&device.run(&["source", "list", "--json"]).out).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let sources = list["sources"].as_array().unwrap().iter();
    let mut all: Vec<_> = sources
        .map(|s| (text(&s["root"]), text(&s["owner"]), s["calls"].as_u64().unwrap(), text(&s["paidBy"])))
        .collect();
    all.sort();
    all
}

#[test]
fn who_pays_can_be_said_of_one_folder() {
    let device = device();
    let (work, own) = (device.rig.path("claude-work"), device.rig.path("claude-own"));
    device.rig.env("CLAUDE_CONFIG_DIR", &format!("{},{}", work.display(), own.display()));
    let log = |dir: &std::path::Path, name: &str| dir.join("projects/p").join(format!("{name}.jsonl"));
    files::put(&log(&work, "a"), (line("w1", None) + &line("w2", Some("somebody"))).as_bytes());
    files::put(&log(&own, "b"), (line("o1", None) + &line("o2", None)).as_bytes());
    // A copy of one of the other folder's calls: it counts once, whoever pays.
    files::put(&log(&own, "c"), line("w1", None).as_bytes());
    let shared = device.rig.path("shared");
    std::fs::create_dir_all(&shared).unwrap();
    device.create(&folder_address(&shared), "laptop");
    device.rig.scan();
    let before = device.rig.report("UTC", &[]);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(listed(&device), [(None, None, 3, None), (None, some("somebody"), 1, None)]);

    let folder = work.display().to_string();
    let said = device.run(&["source", "cover", "claude-code", "--root", &folder, "--by", "subscription"]).out;
    assert!(said.contains(&format!("claude-code in {folder}/projects")), "{said}");
    device.rig.scan();
    let root = some(&format!("{folder}/projects"));
    let all = listed(&device);
    let owner = all.last().unwrap().1.clone().unwrap();
    assert!(owner.starts_with("root:") && !owner.contains("work"), "{owner}");
    assert_eq!(
        all,
        [
            (None, None, 2, None),
            (None, some("somebody"), 1, None),
            (root.clone(), Some(owner.clone()), 1, some("subscription"))
        ]
    );
    assert_eq!(device.rig.report("UTC", &[]), before, "nothing counts twice for being read twice");

    // What comes later is known, too; said again, nothing is read again.
    files::append(&log(&work, "a"), line("w3", None).as_bytes());
    device.run(&["source", "cover", "claude-code", "--root", &format!("{folder}/projects"), "--by", "subscription"]);
    let again: Value = serde_json::from_str(&device.run(&["scan", "--json"]).out).unwrap();
    assert_eq!((&again["filesRead"], &again["recordsNew"]), (&1.into(), &1.into()), "{again}");
    assert_eq!(listed(&device)[2], (root.clone(), Some(owner.clone()), 2, some("subscription")));

    // Another device of the workspace knows who pays, and not how the folder is called.
    let other = crate::rig::device();
    pair(&device, &other, "desktop");
    device.sync();
    other.sync();
    assert_eq!(listed(&other)[1], (None, Some(owner.clone()), 2, some("subscription")));
    other.run(&["source", "cover", "claude-code", "--owner", &owner, "--by", "nobody"]);
    other.sync();
    device.sync();
    assert_eq!(listed(&device)[2], (root, Some(owner), 2, None));
    assert_eq!(device.rig.report("UTC", &[]), other.rig.report("UTC", &[]));
}

#[test]
fn a_folder_that_is_none_of_the_sources_is_refused() {
    let device = device();
    let cover = |root: &str, more: &[&str]| {
        device.rig.run(&[&["source", "cover", "claude-code", "--by", "subscription", "--root", root], more].concat())
    };
    cover("/nowhere/at/all", &[]).refused("unknown-root", 2);
    cover("", &[]).refused("bad-usage", 2);
    cover("/", &["--owner", "me"]).refused("bad-usage", 2);
    let help = cover("/nowhere/at/all", &[]).err;
    assert!(help.contains(".claude/projects"), "{help}");
    assert!(listed(&device).is_empty());
}

/// A slip of the keyboard covers nobody's calls for ever; and what was said of what is gone can be taken back as the list says.
#[test]
fn who_pays_is_said_of_what_there_is_and_taken_back_of_what_there_was() {
    let device = device();
    let (work, owner) = (device.rig.path("claude-work"), "7d5c0000-0000-4000-8000-00000000000a");
    device.rig.env("CLAUDE_CONFIG_DIR", &work.display().to_string());
    files::put(&work.join("projects/p/a.jsonl"), (line("w1", None) + &line("w2", Some(owner))).as_bytes());
    device.rig.scan();
    let cover = |args: &[&str]| device.rig.run(&[&["source", "cover"], args].concat());
    let said = cover(&["claude-code", "--by", "subscription", "--owner", "7d5c"]);
    said.refused("unknown-owner", 2);
    assert!(said.err.contains(owner), "{said:?}");
    let said = cover(&["claude-cod", "--by", "subscription"]);
    said.refused("unknown-source", 2);
    assert!(said.err.contains("claude-code"), "{said:?}");
    cover(&["claude-code", "--by", "subscription", "--device", "nobodys"]).refused("unknown-device", 1);
    cover(&["claude-code", "--by", "subscription", "--from", "2099-01-01"]).refused("day-to-come", 2);
    let coverage = || -> usize {
        let list: Value = serde_json::from_str(&device.run(&["source", "list", "--json"]).out).unwrap();
        list["coverage"].as_array().unwrap().len()
    };
    assert_eq!(coverage(), 0);

    let folder = work.display().to_string();
    cover(&["claude-code", "--by", "subscription", "--owner", owner]).fine();
    cover(&["claude-code", "--by", "subscription", "--root", &folder]).fine();
    device.rig.scan();
    let list = |columns: &str| {
        device.rig.env("COLUMNS", columns);
        device.run(&["source", "list"]).out
    };
    assert!(!list("120").contains("takes it back"), "{}", list("120"));
    let narrow = list("40");
    assert!(narrow.lines().all(|line| line.chars().count() <= 40), "{narrow}");
    assert!(narrow.replace('\n', "").contains(owner), "{narrow}");

    // A month later neither has a call, and the folder is gone.
    std::fs::remove_dir_all(&work).unwrap();
    device.rig.env("CLAUDE_CONFIG_DIR", &device.rig.path("elsewhere").display().to_string());
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 40);
    device.rig.env("AIMON_TEST_NOW", &later.to_string());
    let listed = list("1000");
    let commands: Vec<String> =
        listed.split('`').filter(|text| text.ends_with("--by nobody")).map(str::to_owned).collect();
    assert_eq!((commands.len(), coverage()), (2, 2), "{listed}");
    for command in commands {
        let args: Vec<&str> = command.split(' ').skip(1).collect();
        device.run(&args);
    }
    assert_eq!(coverage(), 0);
}
