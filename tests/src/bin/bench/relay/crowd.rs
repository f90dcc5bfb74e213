//! Devices of many workspaces, and their sockets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aimon_ledger::cbor;
use aimon_ledger::frame::{Frame, Want};
use aimon_ledger::signature::Purpose;
use aimon_ledger::statement::Author;
use aimon_relay_core::testing::{People, device, sign};
use aimon_tests::Relay;
use futures_util::{SinkExt as _, StreamExt as _};
use minicbor::Decoder;
use reqwest::Client;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// Bytes to and from a relay, in clear or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

type Socket = WebSocketStream<Box<dyn Stream>>;

/// A certificate for the loopback address that the relay's own tests use.
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../relay/server/tests/relay/cert.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../relay/server/tests/relay/key.pem");

/// What has a relay do TLS.
pub const TLS: [&str; 4] = ["--tls-cert", CERTIFICATE, "--tls-key", KEY];

/// Long enough that only what never comes is missed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A way to a relay.
pub struct Way {
    http: Client,
    url: String,
    port: u16,
    tls: Option<TlsConnector>,
}

impl Way {
    /// To this relay, as it was started.
    pub fn to(relay: &Relay, is_tls: bool) -> Self {
        // Whoever was first has set it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = Client::builder().no_proxy();
        let mut tls = None;
        if is_tls {
            let pem = std::fs::read(CERTIFICATE).unwrap();
            let mut roots = RootCertStore::empty();
            roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
            let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
            http = http.tls_backend_preconfigured(config.clone());
            tls = Some(TlsConnector::from(Arc::new(config)));
        }
        let scheme = if is_tls { "https" } else { "http" };
        let url = format!("{scheme}://127.0.0.1:{}", relay.port());
        Self { http: http.build().unwrap(), url, port: relay.port(), tls }
    }

    async fn post(&self, path: &str, body: Vec<u8>) -> Vec<u8> {
        let answer = self.http.post(format!("{}{path}", self.url)).body(body).send().await.unwrap();
        let status = answer.status();
        let bytes = answer.bytes().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&bytes));
        bytes.to_vec()
    }

    /// Opens a workspace at the relay.
    pub async fn open(&self, people: &People) {
        let frame = Frame::Statements(people.all()).encode().unwrap();
        self.post(&format!("/v1/workspaces/{}/statements", people.workspace()), frame).await;
    }

    /// What a device shows for a socket.
    pub async fn token(&self, people: &People, n: u8) -> String {
        let (workspace, id) = (people.workspace(), device(n));
        let ask = cbor::write(|e| e.array(3)?.bytes(&workspace.0)?.bytes(&id.0)?.str(&self.url)?.ok());
        let challenge = self.post("/v1/challenge", ask).await;
        let mut d = Decoder::new(&challenge);
        d.array().unwrap();
        let challenge = d.bytes().unwrap();
        let signature = sign(Purpose::Challenge, &workspace, challenge, Author::Device(id));
        let answer =
            cbor::write(|e| e.array(4)?.bytes(&workspace.0)?.bytes(&id.0)?.bytes(challenge)?.bytes(&signature)?.ok());
        let token = self.post("/v1/token", answer).await;
        let mut d = Decoder::new(&token);
        d.array().unwrap();
        d.str().unwrap().to_owned()
    }

    async fn connect(&self, token: &str) -> Socket {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let stream: Box<dyn Stream> = match &self.tls {
            Some(tls) => Box::new(tls.connect(ServerName::try_from("localhost").unwrap(), tcp).await.unwrap()),
            None => Box::new(tcp),
        };
        let mut request = format!("ws://127.0.0.1:{}/v1/socket", self.port).into_client_request().unwrap();
        let protocols = format!("aimon.v1, aimon.token.{token}");
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        let config = WebSocketConfig::default().read_buffer_size(4096).max_message_size(None).max_frame_size(None);
        tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await.unwrap().0
    }

    /// A device whose session is live.
    pub async fn enter(&self, people: &People, n: u8, cursor: u64) -> Device {
        let token = self.token(people, n).await;
        self.enter_with(&token, people, cursor).await.0
    }

    /// The same with a token that is there already; also says how long it took from hello to live, and how many bytes came.
    pub async fn enter_with(&self, token: &str, people: &People, cursor: u64) -> (Device, Duration, usize) {
        let mut device = Device { socket: self.connect(token).await };
        let began = Instant::now();
        device.say(&Frame::Hello(people.hello(cursor, Want::All))).await;
        let mut bytes = 0;
        loop {
            let heard = device.hear().await;
            bytes += heard.len();
            match Frame::decode(&heard).unwrap() {
                Frame::Live => return (device, began.elapsed(), bytes),
                Frame::Failed { code, text } => panic!("{code:?}: {text}"),
                _ => {}
            }
        }
    }
}

/// A device's end of a socket.
pub struct Device {
    socket: Socket,
}

impl Device {
    /// Says one frame.
    pub async fn say(&mut self, frame: &Frame) {
        self.send(frame.encode().unwrap()).await;
    }

    /// Sends a frame's bytes.
    pub async fn send(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::Binary(bytes.into())).await.unwrap();
    }

    /// Puts a frame's bytes behind those that are to be sent.
    pub async fn feed(&mut self, bytes: Vec<u8>) {
        self.socket.feed(Message::Binary(bytes.into())).await.unwrap();
    }

    /// Sends what was put there.
    pub async fn flush(&mut self) {
        self.socket.flush().await.unwrap();
    }

    /// The next frame's bytes. Whoever is asked whether it is there says so.
    pub async fn hear(&mut self) -> Vec<u8> {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next()).await.unwrap().unwrap().unwrap() {
                Message::Binary(bytes) => return bytes.to_vec(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Listens for good, and answers whoever asks whether it is there.
    pub async fn listen(mut self) {
        loop {
            let Some(Ok(message)) = self.socket.next().await else { return };
            if let Message::Binary(bytes) = message
                && let Ok(Frame::Ping(n)) = Frame::decode(&bytes)
            {
                self.say(&Frame::Pong(n)).await;
            }
        }
    }
}

/// The bytes of a push of one chunk that is about `size` bytes long.
pub fn push(people: &People, n: u8, day: i32, number: u64, size: usize) -> Vec<u8> {
    let mut text = number.to_le_bytes().to_vec();
    // Header, signature and frame take about 140.
    text.resize(size.saturating_sub(140).max(8), 7);
    Frame::Push(vec![people.change(n, day, &text).bytes().to_vec()]).encode().unwrap()
}

/// Today, in UTC days.
pub fn today() -> i32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    (since.as_secs() / 86_400) as i32
}

/// Which of two frames' bytes are of one kind: an array's head, then the kind.
pub fn is_kind(bytes: &[u8], of: &Frame) -> bool {
    bytes.get(1) == of.encode().unwrap().get(1)
}
