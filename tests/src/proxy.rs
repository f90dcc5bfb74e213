//! What stands between devices and their relay: it notes every byte, and may let no socket through.

use std::io::{Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What passes one way of one connection.
#[derive(Debug, Default)]
struct Passed {
    bytes: Vec<u8>,
    /// Where its client begins to speak as a WebSocket's, behind the request for one.
    socket: Option<usize>,
}

type Way = Arc<Mutex<Passed>>;

/// A proxy on this machine. Its threads end with the test's process.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    to: Arc<Mutex<Option<u16>>>,
    ways: Arc<Mutex<Vec<Way>>>,
}

impl Proxy {
    /// Listens on a free port; nothing passes before [`Proxy::leads_to`]. With `blocks_sockets`, whoever asks for a WebSocket
    /// is refused, as some companies' proxies do.
    ///
    /// # Panics
    /// When there is no port.
    pub fn start(blocks_sockets: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (to, ways) = (Arc::default(), Arc::default());
        let proxy = Self { port, to: Arc::clone(&to), ways: Arc::clone(&ways) };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (to, ways) = (Arc::clone(&to), Arc::clone(&ways));
                thread::spawn(move || serve(client, &to, &ways, blocks_sockets));
            }
        });
        proxy
    }

    /// The address that devices are told.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From here on, it leads to this port.
    pub fn leads_to(&self, port: u16) {
        *held(&self.to) = Some(port);
    }

    /// What has passed, each way of each connection by itself. What a socket's client has masked is unmasked.
    pub fn traffic(&self) -> Vec<Vec<u8>> {
        held(&self.ways).iter().map(|way| held(way).unmasked()).collect()
    }
}

fn held<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(client: TcpStream, to: &Mutex<Option<u16>>, ways: &Mutex<Vec<Way>>, blocks_sockets: bool) -> Option<()> {
    let relay = TcpStream::connect(("127.0.0.1", (*held(to))?)).ok()?;
    let (up, down) = (Way::default(), Way::default());
    held(ways).extend([Arc::clone(&up), Arc::clone(&down)]);
    let (from, into) = (relay.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || pass(from, into, &down, false));
    pass(client, relay, &up, blocks_sockets);
    Some(())
}

/// Passes on until either side ends.
fn pass(mut from: TcpStream, mut to: TcpStream, way: &Mutex<Passed>, blocks_sockets: bool) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        // A head fits into a packet, and its client waits for the answer before it says more.
        let is_for_socket = is_for_socket(&bytes[..read]);
        {
            let mut way = held(way);
            way.bytes.extend_from_slice(&bytes[..read]);
            if is_for_socket {
                way.socket = Some(way.bytes.len());
            }
        }
        if is_for_socket && blocks_sockets {
            let _ = from.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            break;
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

fn is_for_socket(head: &[u8]) -> bool {
    head.starts_with(b"GET ")
        && head.ends_with(b"\r\n\r\n")
        && String::from_utf8_lossy(head).to_ascii_lowercase().contains("\r\nupgrade: websocket\r\n")
}

impl Passed {
    /// What a client says over a socket is masked by four bytes a frame (RFC 6455, 5.3): no needle would ever be found in it.
    fn unmasked(&self) -> Vec<u8> {
        let (head, mut rest) = self.bytes.split_at(self.socket.unwrap_or(self.bytes.len()));
        let mut plain = head.to_vec();
        while let Some((payload, mask, after)) = frame(rest) {
            plain.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
            rest = after;
        }
        plain.extend_from_slice(rest);
        plain
    }
}

fn frame(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let [_, second, rest @ ..] = bytes else { return None };
    assert!(second & 0x80 != 0, "a client has to mask");
    let (length, rest) = match second & 0x7f {
        126 => rest.split_first_chunk().map(|(n, rest)| (u64::from(u16::from_be_bytes(*n)), rest))?,
        127 => rest.split_first_chunk().map(|(n, rest)| (u64::from_be_bytes(*n), rest))?,
        n => (u64::from(n), rest),
    };
    let (mask, rest) = rest.split_at_checked(4)?;
    let (payload, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((payload, mask, rest))
}
