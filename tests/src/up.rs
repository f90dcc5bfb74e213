//! `aimon up`, asked over its local API.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::Rig;

/// A running agent. It is killed, never asked to end.
#[derive(Debug)]
pub struct Up {
    child: Child,
    port: u16,
    token: String,
}

impl Up {
    /// Starts it, and waits until it watches.
    ///
    /// # Panics
    /// When it ends before.
    pub fn start(rig: &Rig) -> Self {
        Self::telling(rig, Stdio::inherit())
    }

    /// The same; what it tells beside goes there.
    ///
    /// # Panics
    /// When it ends before.
    pub fn telling(rig: &Rig, whom: Stdio) -> Self {
        let mut child = rig.command(&["up"]).stdout(Stdio::piped()).stderr(whom).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !lines.next().expect("it ended").unwrap().contains("API: ") {}
        // Somebody has to go on reading, or it would end of a broken pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let file = std::fs::read(rig.aimon_home().join("agent.json")).unwrap();
        let file: Value = serde_json::from_slice(&file).unwrap();
        let (port, token) = (file["port"].as_u64().unwrap() as u16, file["token"].as_str().unwrap().to_owned());
        Self { child, port, token }
    }

    /// What the API answers.
    ///
    /// # Panics
    /// When it is no success.
    pub fn ask(&self, method: &str, path: &str) -> Value {
        serde_json::from_str(&self.text(method, path)).unwrap()
    }

    /// The same, as it is.
    ///
    /// # Panics
    /// When it is no success.
    pub fn text(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let (port, token) = (self.port, &self.token);
        let head = format!("Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nContent-Length: 0");
        write!(stream, "{method} {path} HTTP/1.0\r\n{head}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(head.split(' ').nth(1), Some("200"), "{path}: {answer}");
        body.to_owned()
    }

    /// `kill -9`, which is gone when this returns.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.end();
    }
}
