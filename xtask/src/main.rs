//! `cargo xtask`: builds, runs, tests and measures AI Monitor, and installs what each of these needs.
//!
//! Every command can be repeated: what is there already is not installed or built again. Nothing
//! is written outside the target folder but what a system's own package manager installs.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this program is for")]

mod audit;
mod bench;
mod check;
mod cross;
mod duration;
mod pictures;
mod process;
mod run;
mod simulate;
mod tally;
mod test;
mod tools;
mod two;
mod workspace;

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::process::Result;
use crate::workspace::Workspace;

fn cli() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let rest =
        |help: &'static str| Arg::new("args").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true).help(help);
    Command::new("cargo xtask")
        .bin_name("cargo xtask")
        .about("Builds, runs, tests and measures AI Monitor")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("run")
                .about("Builds aimon, shows this machine's usage, keeps watching and serves the local API")
                .arg(flag("demo", "Show the demo, whether or not there are logs"))
                .arg(flag("two", "Show two devices and a relay, with the demo's logs").conflicts_with("demo"))
                .arg(rest("Arguments for `aimon up` (after `--`)")),
        )
        .subcommand(
            Command::new("test")
                .about("Runs every check and test; the last line is `N passed, N failed`")
                .arg(flag("quick", "Only formatting, lints and tests: what a change needs before it is committed"))
                .arg(flag("long", "Also what doesn't fit into CI: huge files, long fuzzing").conflicts_with("quick"))
                .arg(
                    Arg::new("filter")
                        .help("Runs only the tests with this in their name, file or crate, and nothing else"),
                ),
        )
        .subcommand(
            Command::new("simulate")
                .about("Runs 100,000 simulated worlds of devices and a relay; the first one that breaks is shrunk")
                .arg(rest("How many, from which seed on, with which planted fault")),
        )
        .subcommand(
            Command::new("bench")
                .about("Measures speed, memory and size beside the tools that people use today")
                .arg(rest("Arguments for the benchmark (after `--`)")),
        )
        .subcommand(
            Command::new("check")
                .about("Type-checks aimon for other systems than this one")
                .arg(flag("windows", "For Windows (x86_64-pc-windows-gnu)"))
                .arg(flag("macos", "For macOS (aarch64-apple-darwin)"))
                .arg(flag("wasm", "The cores for wasm32-unknown-unknown"))
                .arg(flag("build", "Links it too, where that is possible (Windows)")),
        )
        .subcommand(Command::new("pictures").about("Makes the README's pictures, of what aimon prints on the demo"))
        .subcommand(Command::new("audit").about("Looks the dependencies up in the RustSec advisory database"))
        .subcommand(Command::new("tools").about("Installs what `cargo xtask test` needs"))
}

fn dispatch(arguments: &ArgMatches) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let rest = |given: &ArgMatches| -> Vec<String> {
        given.get_many::<String>("args").into_iter().flatten().cloned().collect()
    };
    match arguments.subcommand() {
        Some(("run", given)) if given.get_flag("two") => two::run(&workspace),
        Some(("simulate", given)) => simulate::run(&workspace, &rest(given)),
        Some(("run", given)) => run::run(&workspace, given.get_flag("demo"), &rest(given)),
        Some(("test", given)) => {
            let extent = match (given.get_flag("quick"), given.get_flag("long")) {
                (true, _) => test::Extent::Quick,
                (_, true) => test::Extent::Long,
                _ => test::Extent::Full,
            };
            Ok(test::run(&workspace, extent, given.get_one::<String>("filter").map(String::as_str)))
        }
        Some(("bench", given)) => bench::run(&workspace, &rest(given)),
        Some(("check", given)) => {
            let mut targets = Vec::new();
            for (flag, target) in
                [("windows", check::Target::Windows), ("macos", check::Target::Macos), ("wasm", check::Target::Wasm)]
            {
                if given.get_flag(flag) {
                    targets.push(target);
                }
            }
            Ok(check::run(&workspace, &targets, given.get_flag("build")))
        }
        Some(("pictures", _)) => pictures::run(&workspace),
        Some(("audit", _)) => audit::run(&workspace),
        Some(("tools", _)) => Ok(tools::run(&workspace)),
        _ => Ok(ExitCode::from(2)),
    }
}

fn main() -> ExitCode {
    match dispatch(&cli().get_matches()) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        super::cli().debug_assert();
    }
}
