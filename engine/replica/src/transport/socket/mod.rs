//! Frames over a WebSocket: one binary message a frame.
//!
//! The handshake is an HTTP request like the others, so proxies and certificates are the same for all.

use std::pin::pin;
use std::time::Duration;

use aimon_ledger::frame::{self, Frame};
use futures_util::{SinkExt, StreamExt};
use reqwest::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY};
use reqwest::header::{SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use reqwest::{Method, StatusCode, Upgraded};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::connection::Ends;
use super::{Error, Http, Token};

/// The sub-protocol.
const PROTOCOL: &str = "aimon.v1";

/// How often a relay that has nothing to say is asked whether it is there. What forwards addresses on the way forgets a
/// connection that is silent for longer than a minute.
const PING: Duration = Duration::from_secs(30);

/// After this long without a word, two pings unanswered, nobody is there.
const SILENCE: Duration = Duration::from_secs(75);

/// How long the answer to the handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// Opens a socket.
pub(super) async fn open(http: &Http, token: &Token) -> Result<WebSocketStream<Upgraded>, Error> {
    let key = generate_key();
    // The token travels as a second sub-protocol, which the relay does not take: never in an address.
    let mut protocols = HeaderValue::from_str(&format!("{PROTOCOL}, aimon.token.{}", token.reveal()))
        .map_err(|_| Error::Protocol("its token is no JWT".to_owned()))?;
    protocols.set_sensitive(true);
    let request = http
        .request(Method::GET, "/v1/socket")
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key)
        .header(SEC_WEBSOCKET_PROTOCOL, protocols);
    let silent = |_| http.unreachable("it does not answer in time".to_owned());
    let response = timeout(HANDSHAKE, request.send()).await.map_err(silent)?.map_err(|e| http.failed(e))?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let status = response.status();
        let body = timeout(HANDSHAKE, http.body(response, MOST_REFUSAL)).await.map_err(silent)??;
        return Err(http.refusal(status, &body));
    }
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    // Something on the way may have answered from its memory.
    if header(SEC_WEBSOCKET_ACCEPT) != Some(derive_accept_key(key.as_bytes()).as_str()) {
        return Err(http.not_a_relay("its answer to a socket's handshake is another one's".to_owned()));
    }
    if header(SEC_WEBSOCKET_PROTOCOL) != Some(PROTOCOL) {
        return Err(http.not_a_relay(format!("it does not speak {PROTOCOL}")));
    }
    let upgraded = response.upgrade().await.map_err(|e| http.failed(e))?;
    Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config())).await)
}

/// An error's text, and some more.
const MOST_REFUSAL: usize = 16 * 1024;

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .write_buffer_size(0)
        .max_message_size(Some(frame::MOST_BYTES))
        .max_frame_size(Some(frame::MOST_BYTES))
}

/// Carries frames until one side ends it. Both ways at once: a relay that waits for us to read must not keep us from writing.
pub(super) async fn carry<S>(stream: WebSocketStream<S>, relay: String, ends: Ends) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Ends { mut outgoing, incoming } = ends;
    let (mut sink, mut source) = stream.split();
    let lost = |e: SocketError| match e {
        SocketError::Capacity(e) => Error::Protocol(e.to_string()),
        e => Error::Unreachable { relay: relay.clone(), why: e.to_string() },
    };
    let read = async {
        loop {
            let silent = |_| Error::Unreachable { relay: relay.clone(), why: "it has fallen silent".to_owned() };
            match timeout(SILENCE, source.next()).await.map_err(silent)? {
                None => return Ok(()),
                Some(Err(SocketError::ConnectionClosed | SocketError::AlreadyClosed)) => return Ok(()),
                Some(Err(e)) => return Err(lost(e)),
                Some(Ok(Message::Binary(bytes))) => {
                    let frame = Frame::decode(&bytes)?;
                    // While a connection is closed nobody listens, and what was sent still goes out.
                    let _ = incoming.send(Ok(frame)).await;
                }
                Some(Ok(Message::Text(_))) => return Err(Error::Protocol("it sends text".to_owned())),
                Some(Ok(_)) => {}
            }
        }
    };
    let write = async {
        let mut pings = interval_at(Instant::now() + PING, PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                frame = outgoing.recv() => match frame {
                    Some(bytes) => Message::Binary(bytes.into()),
                    None => break,
                },
                _ = pings.tick() => Message::Ping(Vec::new().into()),
            };
            sink.send(message).await.map_err(lost)?;
        }
        // That the other side has gone already is as good.
        let _ = sink.close().await;
        Ok::<(), Error>(())
    };
    let (mut read, write) = (pin!(read), pin!(write));
    tokio::select! {
        done = &mut read => return done,
        done = write => done?,
    }
    // What the relay has not read yet is thrown away if we go while it still has something to say: it says when it is done.
    read.await
}

#[cfg(test)]
mod tests;
