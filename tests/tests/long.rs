//! Sizes that don't fit into every test run: `cargo xtask test --long`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::{BufWriter, Write as _};

use aimon_tests::{Rig, files};

fn line(n: u64, padding: &str) -> String {
    format!(
        "{{\"type\":\"assistant\",\"timestamp\":\"2026-10-{:02}T{:02}:00:00.000Z\",\"sessionId\":\"s{}\",\"requestId\":\"r{n}\",\"message\":{{\"id\":\"m{n}\",\"model\":\"claude-sonnet-5\",\"content\":[{{\"type\":\"text\",\"text\":\"{padding}\"}}],\"usage\":{{\"input_tokens\":3,\"output_tokens\":5}}}}}}\n",
        1 + n % 28,
        n % 24,
        n % 9
    )
}

fn expect_calls(rig: &Rig, calls: u64) {
    let cells = rig.cells("UTC");
    let sum = |f: fn(&aimon_tests::report::Figures) -> u64| cells.values().map(f).sum::<u64>();
    assert_eq!((sum(|f| f.input), sum(|f| f.output)), (3 * calls, 5 * calls));
}

#[test]
#[ignore = "long"]
fn a_file_of_a_gigabyte() {
    let rig = Rig::new();
    let folder = rig.home().join(".claude/projects/-big");
    fs::create_dir_all(&folder).unwrap();
    let mut out = BufWriter::new(fs::File::create(folder.join("big.jsonl")).unwrap());
    let padding = "x".repeat(2_000);
    let (mut bytes, mut calls) = (0_u64, 0);
    while bytes < 1 << 30 {
        let line = line(calls, &padding);
        out.write_all(line.as_bytes()).unwrap();
        bytes += line.len() as u64;
        calls += 1;
    }
    out.into_inner().unwrap().sync_all().unwrap();
    rig.scan();
    expect_calls(&rig, calls);
    // And one line more.
    files::append(&folder.join("big.jsonl"), line(calls, "").as_bytes());
    rig.scan();
    expect_calls(&rig, calls + 1);
}

#[test]
#[ignore = "long"]
fn a_hundred_thousand_files() {
    let rig = Rig::new();
    let root = rig.home().join(".claude/projects");
    for n in 0..100_000 {
        files::put(&root.join(format!("-p{}/{n}.jsonl", n % 300)), line(n, "").as_bytes());
    }
    rig.scan();
    expect_calls(&rig, 100_000);
    files::append(&root.join("-p0/0.jsonl"), line(100_000, "").as_bytes());
    rig.scan();
    expect_calls(&rig, 100_001);
}
