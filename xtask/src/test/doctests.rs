//! The examples in the documentation.

use crate::process::{Result, watched};
use crate::tally::{Counts, Verdict};
use crate::workspace::Workspace;

/// Compiles and runs them.
pub fn run(workspace: &Workspace) -> Result<Verdict> {
    println!();
    let mut cargo = workspace.cargo();
    cargo.args([
        "test",
        "--doc",
        "--workspace",
        "--profile",
        "ci",
        "--locked",
        "--no-fail-fast",
        "--",
        "--format=terse",
    ]);
    let finished = watched(&mut cargo)?;
    let mut counts = counts(&finished.output);
    if !finished.success && counts.failed == 0 {
        // It did not compile.
        counts.failed = 1;
    }
    Ok(Verdict::Ran(counts))
}

/// Sums lines such as `test result: ok. 3 passed; 0 failed; …`, one for each crate.
fn counts(output: &str) -> Counts {
    let mut sum = Counts::default();
    for line in output.lines().filter_map(|line| line.trim().strip_prefix("test result:")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            match (pair[0].parse::<u64>(), pair[1]) {
                (Ok(count), "passed;") => sum.passed += count,
                (Ok(count), "failed;") => sum.failed += count,
                _ => {}
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_crates_are_summed() {
        let output = "
running 2 tests
..
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.51s

test result: FAILED. 3 passed; 1 failed; 7 ignored; 0 measured; 0 filtered out; finished in 1.00s
";
        assert_eq!(counts(output), Counts { passed: 5, failed: 1 });
    }
}
