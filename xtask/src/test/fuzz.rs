//! Each decoder meets random bytes: a short while in CI, longer in `--long`.

use std::fs;

use super::Extent;
use crate::process::{Result, quietly};
use crate::tally::{Tally, Verdict};
use crate::tools;
use crate::workspace::Workspace;

/// Runs every target of `tests/fuzz`. libFuzzer's coverage works on a stable compiler; its sanitizers don't, and
/// there is no unsafe code of ours for them to look at.
pub fn run(workspace: &Workspace, extent: Extent, tally: &mut Tally) {
    if !workspace.root.join("tests/fuzz/Cargo.toml").is_file() {
        return;
    }
    if !cfg!(unix) {
        tally.gate("fuzzing", || Ok(Verdict::Skipped("libFuzzer needs a Unix".into())));
        return;
    }
    tools::cargo_fuzz(workspace, tally);
    let mut targets = Vec::new();
    let compiled = tally.gate("fuzz targets compile", || {
        if let Some(way) = tools::compiler(&["c++", "g++", "clang++"], "g++")? {
            return Ok(Verdict::Skipped(format!("libFuzzer needs a C++ compiler: {way}")));
        }
        let list = quietly(workspace.cargo().args(["fuzz", "list", "--fuzz-dir", "tests/fuzz"]))?;
        fuzz(workspace, "build", None)?;
        targets.extend(list.split_whitespace().map(str::to_owned));
        Ok(Verdict::Held)
    });
    if compiled {
        let seconds = if extent == Extent::Long { 600 } else { 20 };
        for target in targets {
            tally.gate(&format!("fuzzing {target}"), || {
                fuzz(workspace, "run", Some((&target, seconds)))?;
                Ok(Verdict::Held)
            });
        }
    }
}

fn fuzz(workspace: &Workspace, subcommand: &str, target: Option<(&str, u32)>) -> Result<()> {
    let folder = workspace.target.join("fuzz");
    let mut cargo = workspace.cargo();
    cargo.args(["fuzz", subcommand, "--sanitizer", "none", "--fuzz-dir", "tests/fuzz", "--target-dir"]).arg(&folder);
    if let Some((target, seconds)) = target {
        let (found, crashes) = (folder.join("corpus").join(target), folder.join("crashes").join(target));
        fs::create_dir_all(&found)?;
        fs::create_dir_all(&crashes)?;
        cargo.arg(target).arg(&found);
        // What the checkout holds is read, what is found goes into the target folder.
        let seeds = workspace.root.join("tests/fuzz/seeds").join(target);
        if seeds.is_dir() {
            cargo.arg(seeds);
        }
        cargo.args(["--", "-rss_limit_mb=2048", "-timeout=10", "-print_final_stats=1"]);
        cargo.arg(format!("-dict={}", workspace.root.join("tests/fuzz/json.dict").display()));
        cargo.arg(format!("-max_total_time={seconds}"));
        cargo.arg(format!("-artifact_prefix={}{}", crashes.display(), std::path::MAIN_SEPARATOR));
    }
    // Of a crash the input and the panic are of interest, not what the fuzzer tried before.
    const NOISE: [&str; 5] = ["#", "INFO:", "WARNING:", "\tNEW_FUNC", "stat::"];
    let output = quietly(cargo.env("RUST_BACKTRACE", "0"));
    output.map(drop).map_err(|problem| problem.only(|line| !NOISE.iter().any(|noise| line.starts_with(noise))))
}
