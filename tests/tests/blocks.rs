//! Blocks of five hours are those of ccusage.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::float_arithmetic)]

use std::path::{Path, PathBuf};
use std::process::Command;

use aimon_generator::Prng;
use aimon_tests::{Rig, files};
use serde_json::Value;

const HOUR: i64 = 3_600_000;

/// Where the native ccusage lies.
fn ccusage() -> PathBuf {
    if let Some(path) = std::env::var_os("AIMON_CCUSAGE") {
        return path.into();
    }
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools");
    let path = ["npm/node_modules", "node_modules"]
        .map(|modules| tools.join(modules).join("@ccusage/ccusage-linux-x64/bin/ccusage"))
        .into_iter()
        .find(|path| path.is_file());
    path.expect("the native ccusage is not there: run `cargo xtask test`, which installs it, or set AIMON_CCUSAGE")
}

/// The so manieth call, at some time.
fn line(rng: &mut Prng, n: usize, at: i64) -> String {
    let time = format!("{:.3}", jiff::Timestamp::from_millisecond(at).unwrap());
    let model = ["claude-sonnet-4-5-20250929", "claude-opus-4-5-20251101"][rng.below(2) as usize];
    let (input, output) = (rng.below(2_000), 1 + rng.below(5_000));
    let (written, read, session) = (rng.below(9_000), rng.below(90_000), rng.below(3));
    format!(
        "{{\"type\":\"assistant\",\"timestamp\":\"{time}\",\"sessionId\":\"s{session}\",\"version\":\"2.1.100\",\"requestId\":\"r{n}\",\
         \"isSidechain\":false,\"message\":{{\"id\":\"m{n}\",\"model\":\"{model}\",\"usage\":{{\"input_tokens\":{input},\
         \"output_tokens\":{output},\"cache_creation_input_tokens\":{written},\"cache_read_input_tokens\":{read}}}}}}}\n"
    )
}

/// When calls of a week up to `end` were: close together, hours apart, days apart, and at the very edges of blocks.
fn times(rng: &mut Prng, end: i64) -> Vec<i64> {
    let mut at = end - 7 * 24 * HOUR - rng.below(HOUR as u64) as i64;
    let mut times = Vec::new();
    while at < end {
        times.push(at);
        let hour = at / HOUR * HOUR;
        at += match rng.below(12) {
            0..7 => rng.below(20 * 60_000) as i64 + 1,
            7 => 5 * HOUR,
            8 => 5 * HOUR + 1,
            // The end of a block that began with this hour, and what is just behind.
            9 => hour + 5 * HOUR + rng.below(2) as i64 - at,
            10 => rng.below(9 * HOUR as u64) as i64 + 1,
            _ => rng.below(30 * HOUR as u64) as i64 + 1,
        };
    }
    times
}

/// What both say alike: no cost, whose prices differ.
fn comparable(json: &Value) -> Vec<String> {
    let milli = |value: &Value| value.as_f64().map(|n| (n * 1000.0).round());
    let one = |block: &Value| {
        let mut models: Vec<&str> = block["models"].as_array().unwrap().iter().map(|m| m.as_str().unwrap()).collect();
        models.sort_unstable();
        let keys = ["id", "startTime", "endTime", "actualEndTime", "isActive", "isGap", "entries", "totalTokens"];
        let mut all: Vec<String> = keys.iter().map(|key| format!("{key} {}", block[key])).collect();
        let counts = ["inputTokens", "outputTokens", "cacheCreationInputTokens", "cacheReadInputTokens"];
        all.extend(counts.iter().map(|key| format!("{key} {}", block["tokenCounts"][key])));
        all.push(format!("{models:?}"));
        let (burn, ends, limit) = (&block["burnRate"], &block["projection"], &block["tokenLimitStatus"]);
        all.push(format!("{:?} {:?}", milli(&burn["tokensPerMinute"]), milli(&burn["tokensPerMinuteForIndicator"])));
        // Floats may round the last token the other way.
        let thousands = |value: &Value| value.as_u64().map(|n| n / 1000);
        all.push(format!("{:?} {}", thousands(&ends["totalTokens"]), ends["remainingMinutes"]));
        all.push(format!("{} {}", limit["limit"], limit["status"]));
        all.join("\n")
    };
    json["blocks"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn blocks_are_those_of_ccusage() {
    let (mut active, mut gaps) = (0, 0);
    for seed in 1..=8 {
        let rig = Rig::new();
        let mut rng = Prng::of(&[seed, 0xb1]);
        let now = jiff::Timestamp::now().as_millisecond();
        // In half of them a block runs.
        let runs = seed % 2 == 0;
        let mut times = times(&mut rng, if runs { now } else { now - 12 * HOUR });
        if runs {
            times.extend([now - 300_000, now - 60_000]);
        }
        let text: String = times.iter().enumerate().map(|(n, at)| line(&mut rng, n, *at)).collect();
        files::put(&rig.home().join(".claude/projects/p/s.jsonl"), text.as_bytes());
        rig.scan();
        let day = |days: i64| {
            let at = jiff::Timestamp::from_millisecond(now - days * 24 * HOUR).unwrap();
            at.strftime("%Y%m%d").to_string()
        };
        let (since, until) = (day(4), day(2));
        for args in [
            &[][..],
            &["--token-limit", "max"],
            &["--recent"],
            &["--active", "--token-limit", "500000"],
            &["--since", &since],
            &["--since", &since, "--until", &until, "--session-length", "3"],
        ] {
            let ours = || {
                let json = rig.run(&[&["blocks", "--json", "--timezone", "UTC"], args].concat()).fine().out;
                comparable(&serde_json::from_str(&json).unwrap())
            };
            let theirs = || {
                let mut command = Command::new(ccusage());
                command.args(["blocks", "--offline", "--json", "--timezone", "UTC"]).args(args);
                let out = command.env_clear().env("HOME", rig.home()).output().unwrap();
                assert!(out.status.success(), "ccusage: {}", String::from_utf8_lossy(&out.stderr));
                comparable(&serde_json::from_slice(&out.stdout).unwrap())
            };
            // A minute may end between the two.
            let (mut a, mut b) = (ours(), theirs());
            if a != b {
                (a, b) = (ours(), theirs());
            }
            let differs = a.iter().zip(&b).find(|(a, b)| a != b);
            assert_eq!(differs, None, "seed {seed}, {args:?}");
            assert_eq!(a.len(), b.len(), "seed {seed}, {args:?}");
            active += a.iter().filter(|block| block.contains("isActive true")).count();
            gaps += a.iter().filter(|block| block.contains("isGap true")).count();
        }
    }
    assert!(active > 5 && gaps > 50, "{active} active, {gaps} gaps");
}
