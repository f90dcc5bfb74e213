//! Reading what must not be seen on the terminal: who looks on, or scrolls back later, has it else.

use std::io::{self, BufRead, Read};

use zeroize::Zeroizing;

use crate::output;

/// The most bytes that are read.
const MOST: u64 = 64 * 1024;

/// Reads lines from the standard input until `is_all` says so of them, or they end. On a terminal it asks first, and shows nothing of
/// what is typed.
///
/// # Errors
/// The standard input can't be read.
pub fn lines(ask: &str, is_all: impl Fn(&str) -> bool) -> io::Result<Zeroizing<String>> {
    if io::IsTerminal::is_terminal(&io::stdin()) { typed(ask, is_all) } else { read(is_all) }
}

fn read(is_all: impl Fn(&str) -> bool) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let mut lines = io::stdin().lock().take(MOST);
    while !is_all(&text) && lines.read_line(&mut text)? > 0 {}
    Ok(text)
}

#[cfg(unix)]
fn typed(ask: &str, is_all: impl Fn(&str) -> bool) -> io::Result<Zeroizing<String>> {
    // Silent until all of it is there: lines that are pasted at once come while the first is read.
    let _silent = Silent::new()?;
    output::note(ask);
    read(is_all)
}

#[cfg(not(unix))]
fn typed(ask: &str, is_all: impl Fn(&str) -> bool) -> io::Result<Zeroizing<String>> {
    let terminal = console::Term::stderr();
    let mut text = Zeroizing::new(String::new());
    output::note(ask);
    while !is_all(&text) && (text.len() as u64) < MOST {
        let line = Zeroizing::new(terminal.read_secure_line()?);
        if line.is_empty() {
            break;
        }
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

/// A terminal that does not show what is typed, as long as this is held.
#[cfg(unix)]
struct Silent(rustix::termios::Termios);

#[cfg(unix)]
impl Silent {
    fn new() -> io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        // The end of a line is shown: it is how one sees that it was taken.
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Now, &silent)?;
        Ok(Self(before))
    }
}

#[cfg(unix)]
impl Drop for Silent {
    fn drop(&mut self) {
        // If the terminal has gone there is nothing to restore.
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, &self.0);
    }
}
