//! Talking to the running agent: one small request over loopback, with a time limit. No HTTP
//! library: these commands have to start and end within milliseconds.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::file::{AgentFile, Token};
use crate::error::Error;
use crate::scan::Scanned;

/// An answer larger than this is not one of ours.
const LONGEST: u64 = 4 << 20;

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens, or not in time.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The agent says that it could not.
    #[error("{}", .0.message)]
    Refused(Problem),
    /// Something else answered.
    #[error("it answered with something that is not aimon's")]
    Strange,
}

/// An error as the API tells it.
#[derive(Clone, Serialize, Deserialize, ToSchema, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The stable code.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do.
    pub help: String,
    /// The exit code of a command that ends with it.
    #[serde(default)]
    pub exit: u8,
}

/// The body of every answer that is no success.
#[derive(Clone, Serialize, Deserialize, ToSchema, Debug, PartialEq, Eq)]
pub struct ProblemBody {
    /// What went wrong.
    pub error: Problem,
}

impl From<&Error> for Problem {
    fn from(e: &Error) -> Self {
        Self { code: e.code().to_owned(), message: e.to_string(), help: e.help(), exit: e.exit() }
    }
}

/// A running agent.
#[derive(Debug)]
pub struct Client {
    port: u16,
    token: Token,
}

impl Client {
    /// The agent of a data folder, if one says that it runs.
    pub fn find(home: &Path) -> Option<Self> {
        let file = AgentFile::read(home)?;
        Some(Self { port: file.port, token: file.token })
    }

    /// Whether somebody listens there. A file that a crash left behind names a port where nobody
    /// does.
    pub fn answers(&self) -> bool {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        TcpStream::connect_timeout(&to, Duration::from_millis(500)).is_ok()
    }

    /// Whether it does answer: a process that was stopped still lets others connect.
    pub fn is_well(&self) -> bool {
        self.request("GET", "/openapi.json", b"", Duration::from_secs(5)).is_ok()
    }

    /// Has it take in what is new, however long that takes (an hour at most).
    pub fn scan(&self) -> Result<Scanned, ClientError> {
        self.post("/v1/scan", b"", Duration::from_secs(3600))
    }

    /// The same for somebody who waits for a table.
    pub fn scan_briefly(&self) -> Result<Scanned, ClientError> {
        self.post("/v1/scan", b"", Duration::from_secs(2))
    }

    /// Has it lend the folder to this process.
    pub fn lend(&self) -> Result<(), ClientError> {
        self.post::<serde_json::Value>("/v1/lend", b"", Duration::from_secs(60)).map(|_| ())
    }

    /// Has it do something, and reads its answer.
    pub fn post<T: for<'a> Deserialize<'a>>(
        &self,
        path: &str,
        body: &[u8],
        patience: Duration,
    ) -> Result<T, ClientError> {
        let (status, body) = self.request("POST", path, body, patience)?;
        if (200..300).contains(&status) {
            return serde_json::from_slice(&body).map_err(|_| ClientError::Strange);
        }
        match serde_json::from_slice::<ProblemBody>(&body) {
            Ok(body) => Err(ClientError::Refused(body.error)),
            Err(_) => Err(ClientError::Strange),
        }
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        patience: Duration,
    ) -> Result<(u16, Vec<u8>), ClientError> {
        let end = Instant::now() + patience;
        let left = || match end.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::Error::from(io::ErrorKind::TimedOut)),
            left => Ok(left),
        };
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        // A loopback connection is made at once or never.
        let mut stream = TcpStream::connect_timeout(&to, left()?.min(Duration::from_millis(500)))?;
        stream.set_write_timeout(Some(left()?))?;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            self.token.reveal(),
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat())?;
        let mut answer = Vec::new();
        let mut buffer = [0; 16 << 10];
        loop {
            stream.set_read_timeout(Some(left()?))?;
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            answer.extend_from_slice(&buffer[..n]);
            if answer.len() as u64 > LONGEST {
                return Err(ClientError::Strange);
            }
        }
        parse(&answer).ok_or(ClientError::Strange)
    }
}

/// The status and the body. We ask with HTTP/1.0, so nothing comes in chunks.
fn parse(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let mut words = head.lines().next()?.split(' ');
    let version = words.next()?;
    let status = words.next()?.parse().ok()?;
    version.starts_with("HTTP/1.").then(|| (status, answer[end + 4..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_answer_is_parsed_and_nonsense_is_not() {
        assert_eq!(parse(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}"), Some((200, b"{}".to_vec())));
        assert_eq!(parse(b"SSH-2.0-OpenSSH\r\n\r\n"), None);
        assert_eq!(parse(b"HTTP/1.0 200 OK\r\n"), None);
        assert_eq!(parse(b""), None);
    }
}
