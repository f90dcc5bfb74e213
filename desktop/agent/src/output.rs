//! The one place that writes to the terminal. Colours go only to one ([`anstream`] strips them
//! elsewhere, and obeys `NO_COLOR`); a reader that has gone ends the program quietly.

use std::io::{IsTerminal, Write};

use crate::error::{Error, Result};
use crate::paint;
use crate::render::text::{visible, visible_lines, visible_painted};

/// Writes text, which may have colours, to the standard output. Whatever else in it acts instead of being seen does not get there:
/// names and words are other people's.
pub fn print(text: &str) -> Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(visible_painted(text).as_bytes()).and_then(|()| out.flush()).map_err(broken)
}

/// Writes bytes that have no colours: JSON, CSV, what another program printed.
pub fn print_plain(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(broken)
}

/// Says something beside the output. Nobody listening is no error.
pub fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{} {}", paint::dim("note:"), visible(text));
}

/// Shows an error as people and scripts read it.
pub fn error(e: &Error) {
    if matches!(e, Error::Pipe | Error::Ended(_)) {
        return;
    }
    let said = e.to_string();
    let said = match e {
        // clap's words, and another program's, have several lines.
        Error::Usage(_) | Error::Ccusage { .. } => visible_lines(&said),
        _ => visible(&said).into_owned(),
    };
    let mut text = format!("{} {said}\n", paint::error(&format!("error[{}]:", e.code())));
    let help = e.help();
    if !help.is_empty() {
        text.push_str(&format!("{} {}\n", paint::bold("help:"), visible(&help)));
    }
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Asks a person something that is answered by yes or no; `None` where nobody is there to be asked.
pub fn ask(question: &str) -> Option<bool> {
    if !can_ask() {
        return None;
    }
    write!(anstream::stderr().lock(), "{} [y/N] ", visible_lines(question)).ok()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Whether somebody is there to be asked.
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal() && stderr_is_terminal()
}

/// Whether people read what is said beside it.
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

fn broken(e: std::io::Error) -> Error {
    if e.kind() == std::io::ErrorKind::BrokenPipe { Error::Pipe } else { Error::Output(e) }
}
