//! The least that can ask over HTTP, and that sees what a library would hide.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use aimon_providers::{Json, Server};

/// An answer as it came.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether all of the body came.
    pub whole: bool,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub fn json(&self) -> Json {
        Json::parse(self.text()).unwrap_or_else(|| panic!("no JSON: {}", self.text()))
    }
}

/// Sends a request and reads all that comes, or the first 4 MiB of it.
pub fn send(server: &Server, method: &str, target: &str, headers: &[(&str, &str)]) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(server.url().trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(4 << 20).read_to_end(&mut bytes)?;
    read(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn read(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(": ")).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    let mut reply = Reply { status, headers, body: Vec::new(), whole: true };
    let rest = &bytes[end + 4..];
    if reply.header("transfer-encoding") == Some("chunked") {
        (reply.body, reply.whole) = chunks(rest);
    } else {
        let length = reply.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(rest.len());
        reply.whole = rest.len() == length;
        reply.body = rest.to_vec();
    }
    Some(reply)
}

fn chunks(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let Some(size) = size else { break };
        let data = &rest[end + 2..];
        if size == 0 {
            return (body, true);
        }
        if data.len() < size + 2 {
            body.extend(data);
            break;
        }
        body.extend(&data[..size]);
        rest = &data[size + 2..];
    }
    (body, false)
}
