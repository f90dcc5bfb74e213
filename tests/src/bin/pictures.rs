//! `cargo xtask pictures`: the README's pictures, made of what the real command prints on the demo.
//!
//! Arguments: the folder to write to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use aimon_tests::command::{Said, binary, sealed};
use anstyle::RgbColor;
use anstyle_svg::Term;
use tempfile::TempDir;

/// As wide as a terminal that people put beside their editor.
const COLUMNS: &str = "118";

fn main() {
    let into = std::env::args_os().nth(1).expect("the folder to write to");
    let home = TempDir::new().unwrap();
    Said::by(sealed(&binary(), home.path()).arg("demo")).fine();
    let data = demo(home.path());
    let picture = |name: &str, commands: &[&[&str]]| {
        let mut text = String::new();
        for words in commands {
            let mut command = sealed(&binary(), home.path());
            command.env("AIMON_HOME", &data).env("CLICOLOR_FORCE", "1").env("COLUMNS", COLUMNS).args(*words);
            let said = Said::by(&mut command).fine();
            // \x1b[1m is bold, \x1b[0m the end of it: what the shell's prompt looks like.
            writeln!(text, "\x1b[1m$ aimon {}\x1b[0m\n\n{}", words.join(" "), said.out).unwrap();
        }
        let (fore, back) = (RgbColor(0xd0, 0xd4, 0xdc), RgbColor(0x16, 0x18, 0x1d));
        let svg = Term::new().fg_color(fore.into()).bg_color(back.into()).render_svg(text.trim_end());
        let path = Path::new(&into).join(name);
        fs::write(&path, svg).unwrap();
        println!("{}", path.display());
    };
    picture("report.svg", &[&["status"], &["report", "--since", "14d"]]);
    picture("explain.svg", &[&["report", "--since", "3d", "--by", "model"], &["explain", "today"]]);
}

/// The folder in which the demo has put its data.
fn demo(home: &Path) -> PathBuf {
    // Made-up agents have databases too.
    let found = aimon_tests::sqlite::databases(home).into_iter().find(|path| path.ends_with("aimon.db"));
    found.expect("the demo has a database").parent().unwrap().to_owned()
}
