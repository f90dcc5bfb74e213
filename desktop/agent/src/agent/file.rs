//! `agent.json`: how other commands of the same user find the running agent. Its token lies beside it, alone in `agent.token`.

use std::fmt;
use std::path::{Path, PathBuf};

use aimon_ledger::ids::hex;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::home;

/// What lets a program use the local API. It is not printed by accident: only
/// [`Token::reveal`] gives its text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// Draws one: 32 bytes of the system's randomness.
    pub fn draw() -> Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|e| Error::System {
            what: "cannot draw random bytes",
            source: std::io::Error::other(e.to_string()),
        })?;
        Ok(Self(hex(&bytes)))
    }

    /// The text, for whoever has to send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not tell how much of it is right.
    pub fn is(&self, other: &str) -> bool {
        let (a, b) = (self.0.as_bytes(), other.as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0, |d, (x, y)| d | (x ^ y)) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Where the agent listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgentFile {
    /// On 127.0.0.1.
    pub port: u16,
    /// What its API asks for.
    pub token: Token,
    /// Its process, for people.
    pub pid: u32,
}

/// Where the file lies.
pub fn path(home: &Path) -> PathBuf {
    home.join("agent.json")
}

impl AgentFile {
    /// Reads it, if there is one.
    pub fn read(home: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path(home)).ok()?).ok()
    }

    /// Writes it, for its owner only.
    pub fn write(&self, home: &Path) -> Result<()> {
        let token = home::write_private(&token_path(home), self.token.reveal().as_bytes());
        match token.and_then(|()| home::write_private(&path(home), &serde_json::to_vec(self).unwrap_or_default())) {
            // It is the data folder that can't be written to, and no file that somebody has named.
            Err(Error::Write { path, source }) => Err(home::unusable(home, &path, source).into()),
            done => done,
        }
    }
}

/// Where the token lies by itself, for programs that read one from a file: Prometheus' `credentials_file`.
pub fn token_path(home: &Path) -> PathBuf {
    home.join("agent.token")
}

/// Takes the file away when the agent ends. One that is left after a crash does no harm: nobody
/// answers there.
#[derive(Debug)]
pub struct Removed(pub PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_does_not_show() {
        let token = Token::draw().unwrap();
        assert_eq!(token.reveal().len(), 64);
        assert!(!format!("{token:?}").contains(token.reveal()));
        let file = AgentFile { port: 1, token: token.clone(), pid: 1 };
        assert!(!format!("{file:?}").contains(token.reveal()));
        assert!(token.is(token.reveal()));
        assert!(!token.is(""));
        assert!(!token.is(&"0".repeat(64)));
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let file = AgentFile { port: 1, token: Token::draw().unwrap(), pid: 1 };
        file.write(home.path()).unwrap();
        for path in [path(home.path()), token_path(home.path())] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(AgentFile::read(home.path()).unwrap().port, 1);
    }
}
