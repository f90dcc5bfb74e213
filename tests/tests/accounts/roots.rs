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
