//! A relay that runs, and devices.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aimon_ledger::cbor;
use aimon_ledger::chunk::Chunk;
use aimon_ledger::frame::{Code, Frame, Outcome, Want, Welcome};
use aimon_ledger::signature::Purpose;
use aimon_ledger::statement::Author;
use aimon_relay_core::testing::{People, device, sign};
use minicbor::Decoder;
use tempfile::TempDir;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket};

/// Long enough that only what never comes is missed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Today, in UTC days.
pub fn today() -> i32 {
    (SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400) as i32
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aimon-relay"));
    command.env("AIMON_LOG", "warn").stdin(Stdio::null());
    command
}

/// What the program says when it is run to its end.
pub fn run(data: &Path, args: &[&str]) -> Output {
    command().arg("--data").arg(data).args(args).output().unwrap()
}

/// A relay that runs.
pub struct Relay {
    child: Child,
    pub data: PathBuf,
    pub url: String,
    _folder: Option<TempDir>,
}

impl Relay {
    pub fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut relay = Self::on(&folder.path().join("data"), args);
        relay._folder = Some(folder);
        relay
    }

    pub fn on(data: &Path, args: &[&str]) -> Self {
        Self::under(command(), data, args)
    }

    /// One whose process has been made ready.
    pub fn under(mut serve: Command, data: &Path, args: &[&str]) -> Self {
        serve.arg("--data").arg(data).args(["serve", "--listen", "127.0.0.1:0"]).args(args);
        let mut child = serve.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, data: data.to_owned(), url: line.trim().to_owned(), _folder: None }
    }

    /// A relay that holds these people's workspace.
    pub fn with(people: &People, args: &[&str]) -> Self {
        let relay = Self::start(args);
        assert_eq!(relay.state(people, &[]).0, 200);
        relay
    }

    pub fn address(&self) -> String {
        self.url.split_once("://").unwrap().1.to_owned()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As a service manager ends it.
    pub fn end(&mut self) -> i32 {
        let done = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
        self.child.wait().unwrap().code().unwrap()
    }

    pub fn http(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Vec<u8>) {
        request(&mut self.stream(), method, path, headers, body)
    }

    pub fn stream(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Whether a request is answered at all.
    pub fn is_answering(&self) -> bool {
        let mut answer = String::new();
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
        let _ = stream.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.1 200")
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let (status, body) = self.http("GET", path, &[], &[]);
        (status, String::from_utf8(body).unwrap())
    }

    /// Gives the relay all statements.
    pub fn state(&self, people: &People, headers: &[(&str, &str)]) -> (u16, String) {
        let frame = Frame::Statements(people.all()).encode().unwrap();
        let path = format!("/v1/workspaces/{}/statements", people.workspace());
        let (status, body) = self.http("POST", &path, headers, &frame);
        (status, code(&body))
    }

    pub fn challenge(&self, people: &People, n: u8, origin: &str) -> Result<Vec<u8>, (u16, String)> {
        let body = cbor::write(|e| e.array(3)?.bytes(&people.workspace().0)?.bytes(&device(n).0)?.str(origin)?.ok());
        let (status, body) = self.http("POST", "/v1/challenge", &[], &body);
        if status != 200 {
            return Err((status, code(&body)));
        }
        let mut d = Decoder::new(&body);
        assert_eq!(d.array().unwrap(), Some(1));
        Ok(d.bytes().unwrap().to_vec())
    }

    pub fn answer(
        &self,
        people: &People,
        n: u8,
        challenge: &[u8],
        signature: &[u8; 64],
    ) -> Result<String, (u16, String)> {
        let body = cbor::write(|e| {
            e.array(4)?.bytes(&people.workspace().0)?.bytes(&device(n).0)?;
            e.bytes(challenge)?.bytes(signature)?.ok()
        });
        let (status, body) = self.http("POST", "/v1/token", &[], &body);
        if status != 200 {
            return Err((status, code(&body)));
        }
        let mut d = Decoder::new(&body);
        assert_eq!(d.array().unwrap(), Some(2));
        Ok(d.str().unwrap().to_owned())
    }

    pub fn token(&self, people: &People, n: u8) -> Result<String, (u16, String)> {
        let challenge = self.challenge(people, n, &self.url)?;
        self.answer(people, n, &challenge, &signed(people, n, &challenge))
    }

    pub fn connect(&self, token: &str) -> Result<Device, (u16, String)> {
        let mut request = format!("ws://{}/v1/socket", self.address()).into_client_request().unwrap();
        let protocols = format!("aimon.v1, aimon.token.{token}");
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        match tungstenite::client::client_with_config(request, stream, Some(config)) {
            Ok((socket, answer)) => {
                assert_eq!(answer.headers()["sec-websocket-protocol"], "aimon.v1");
                Ok(Device { socket, outcomes: Vec::new(), delivered: Vec::new() })
            }
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                let body = answer.body().clone().unwrap_or_default();
                Err((answer.status().as_u16(), code(&body)))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A device whose session has begun and is live.
    pub fn enter(&self, people: &People, n: u8, cursor: u64) -> (Device, Welcome) {
        let mut device = self.connect(&self.token(people, n).unwrap()).unwrap();
        device.say(&Frame::Hello(people.hello(cursor, Want::All)));
        let Frame::Welcome(welcome) = device.hear() else { panic!("no welcome") };
        while device.hear() != Frame::Live {}
        (device, welcome)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn signed(people: &People, n: u8, challenge: &[u8]) -> [u8; 64] {
    sign(Purpose::Challenge, &people.workspace(), challenge, Author::Device(device(n)))
}

pub fn request(
    stream: &mut (impl Read + Write),
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, Vec<u8>) {
    send(stream, method, path, headers, body);
    answer(stream)
}

/// Sends a request; its answer is read later.
pub fn send(stream: &mut impl Write, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n");
    head += &format!("Content-Length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    stream.write_all(&[head.as_bytes(), b"\r\n", body].concat()).unwrap();
}

pub fn answer(stream: &mut impl Read) -> (u16, Vec<u8>) {
    let mut answer = Vec::new();
    // Whoever is refused before the body was read may be cut off behind the answer.
    let _ = stream.read_to_end(&mut answer);
    let at = answer.windows(4).position(|part| part == b"\r\n\r\n").expect("an answer");
    let head = String::from_utf8(answer[..at].to_vec()).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), answer[at + 4..].to_vec())
}

/// The code of a refusal; empty if it is none.
pub fn code(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    assert!(value.is_null() || !value["text"].as_str().unwrap().is_empty(), "it says what to do");
    value["code"].as_str().unwrap_or_default().to_owned()
}

/// A device's end of a socket.
#[derive(Debug)]
pub struct Device {
    pub socket: WebSocket<TcpStream>,
    outcomes: Vec<Outcome>,
    pub delivered: Vec<(u64, Vec<u8>)>,
}

impl Device {
    pub fn say(&mut self, frame: &Frame) {
        self.send(frame.encode().unwrap());
    }

    pub fn send(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::Binary(bytes.into())).unwrap();
    }

    /// The next frame; chunks that are delivered and outcomes are remembered.
    pub fn hear(&mut self) -> Frame {
        loop {
            if let Message::Binary(bytes) = self.socket.read().expect("a frame") {
                let frame = Frame::decode(&bytes).unwrap();
                match &frame {
                    Frame::Deliver(chunks) => self.delivered.extend(chunks.iter().cloned()),
                    Frame::Outcomes(all) => self.outcomes.extend(all.iter().map(|(_, outcome)| outcome.clone())),
                    _ => {}
                }
                return frame;
            }
        }
    }

    pub fn push(&mut self, chunks: &[&Chunk]) -> Vec<Outcome> {
        self.say(&Frame::Push(chunks.iter().map(|chunk| chunk.bytes().to_vec()).collect()));
        while self.outcomes.is_empty() {
            self.hear();
        }
        std::mem::take(&mut self.outcomes)
    }

    /// Hears until so many chunks were delivered; all of them.
    pub fn delivered(&mut self, count: usize) -> Vec<(u64, Vec<u8>)> {
        while self.delivered.len() < count {
            self.hear();
        }
        std::mem::take(&mut self.delivered)
    }

    /// Hears until the session fails.
    pub fn failed(&mut self) -> Code {
        loop {
            if let Frame::Failed { code, text } = self.hear() {
                assert!(!text.is_empty());
                return code;
            }
        }
    }

    /// Whether the session is still there.
    pub fn is_there(&mut self) -> bool {
        self.say(&Frame::Ping(7));
        loop {
            if self.hear() == Frame::Pong(7) {
                return true;
            }
        }
    }

    /// Whether the socket ends now.
    pub fn is_over(&mut self) -> bool {
        loop {
            match self.socket.read() {
                Ok(Message::Close(_)) | Err(_) => return true,
                Ok(Message::Binary(bytes)) => panic!("{:?}", Frame::decode(&bytes)),
                Ok(_) => {}
            }
        }
    }
}
