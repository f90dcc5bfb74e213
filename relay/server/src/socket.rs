//! A WebSocket: one binary message a frame. Reading and sending go on beside each other, so that neither side waits for the other
//! to listen.

use std::time::Duration;

use aimon_ledger::frame::{self, Code, Frame};
use aimon_relay_core::auth::Who;
use aimon_relay_core::check::check;
use aimon_relay_core::http::{authenticate, refused};
use aimon_relay_core::relay::{Refusal, Said, SessionId};
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::HeaderMap;
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::response::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::host::{Known, Server, Socket};
use crate::writer::{Job, Load, Sink};

/// The sub-protocol.
const PROTOCOL: &str = "aimon.v1";

/// What stands before a token among the sub-protocols.
const TOKEN: &str = "aimon.token.";

/// How long a device may take to say hello.
const HELLO: Duration = Duration::from_secs(10);

/// After how long without a word a device is asked whether it is there.
const QUIET: Duration = Duration::from_secs(45);

/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(60);

/// How long one frame may take to be sent. Who reads more slowly is dropped.
const SENDING: Duration = Duration::from_secs(30);

/// How much may be on its way to a device that is still listened to.
const MOST_UNREAD: u64 = 2 << 20;

/// After how many bytes the writer hears that they were taken: an eighth of a session's window, so that none is ever stopped by
/// what the writer has not heard of. Each outcome by itself would wake it once more.
const TOLD: u64 = 64 << 10;

/// A socket's buffers: an idle device costs little more than these.
const BUFFER: usize = 1024;

/// `GET /v1/socket`.
pub async fn upgrade(
    State(server): State<Server>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(error) => return refused(&Refusal { code: Code::Malformed, text: error.to_string() }),
    };
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let token = offered.flat_map(|value| value.split(',')).find_map(|word| word.trim().strip_prefix(TOKEN));
    let who = match authenticate(&server, token).await {
        Ok(who) => who,
        Err(why) => return refused(&why),
    };
    let held = match server.socket() {
        Ok(held) => held,
        Err(why) => return refused(&why),
    };
    upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(4 << 20)
        // One more byte than a frame may have, so that a longer one is refused by its own word.
        .max_message_size(frame::MOST_BYTES + 1)
        .max_frame_size(frame::MOST_BYTES + 1)
        .on_upgrade(move |socket| {
            let (out, heard) = socket.split();
            // A task of its own: that of the upgrade is three times as large, for as long as it lives.
            tokio::spawn(talk(server, who, out, heard, held));
            std::future::ready(())
        })
}

async fn talk(
    server: Server,
    who: Who,
    out: SplitSink<WebSocket, Message>,
    heard: SplitStream<WebSocket>,
    _held: Socket,
) {
    let session = server.writer.session();
    let (said, saying) = mpsc::unbounded_channel();
    let sink = Sink { said, load: std::sync::Arc::default() };
    if server.writer.bring(Job::Open(session, who, sink.clone())).await.is_err() {
        return;
    }
    // What is sent last is sent in any case, also when the device has gone silent.
    let load = sink.load.clone();
    let (mut send, hear) =
        (Box::pin(send(&server, session, out, saying, &load)), Box::pin(hear(&server, session, &who, heard, sink)));
    tokio::select! {
        () = &mut send => {}
        () = hear => {
            let _ = server.writer.bring(Job::Close(session)).await;
            let _ = timeout(Duration::from_secs(1), send).await;
            return;
        }
    }
    let _ = server.writer.bring(Job::Close(session)).await;
}

/// Sends what the session is told, until the last of it.
async fn send(
    server: &Server,
    session: SessionId,
    mut out: SplitSink<WebSocket, Message>,
    mut saying: mpsc::UnboundedReceiver<Box<Said>>,
    load: &Load,
) {
    let mut taken = 0;
    while let Some(said) = saying.recv().await {
        let Said { frame, weight, is_last, .. } = *said;
        let bytes = match frame.encode() {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(%error, "a frame could not be written");
                break;
            }
        };
        metrics::counter!("aimon_relay_sent_bytes_total").increment(bytes.len() as u64);
        match timeout(SENDING, out.send(Message::Binary(bytes.into()))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                metrics::counter!("aimon_relay_slow_readers_total").increment(1);
                tracing::info!(session = session.0, "a device did not read and was dropped");
                return;
            }
        }
        load.taken(weight);
        if is_last {
            let code = if let Frame::Failed { code: Code::Unavailable, .. } = frame {
                close_code::RESTART
            } else {
                close_code::POLICY
            };
            let _ = timeout(Duration::from_secs(1), out.send(close(code))).await;
            // The other side closes; what is still on its way would else be reset.
            let _ = timeout(Duration::from_secs(1), out.close()).await;
            return;
        }
        taken += weight;
        if taken >= TOLD && server.writer.bring(Job::Taken(session, std::mem::take(&mut taken))).await.is_err() {
            break;
        }
    }
    let _ = timeout(Duration::from_secs(1), out.send(close(close_code::NORMAL))).await;
}

fn close(code: u16) -> Message {
    Message::Close(Some(CloseFrame { code, reason: "".into() }))
}

/// Hears what a device says, until it goes.
async fn hear(server: &Server, session: SessionId, who: &Who, mut heard: SplitStream<WebSocket>, sink: Sink) {
    let mut known = Known::new(server.writer.view(who.workspace).await.unwrap_or_default());
    let (mut patience, mut was_asked) = (HELLO, false);
    let fail = |code: Code, text: &str| {
        let frame = Frame::Failed { code, text: text.to_owned() };
        let _ = sink.said.send(Box::new(Said { to: session, frame, weight: 0, is_last: true }));
    };
    loop {
        // Who does not take what it is told is not heard.
        sink.load.below(MOST_UNREAD).await;
        let message = match timeout(patience, heard.next()).await {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(error))) => {
                if is_too_large(&error) {
                    fail(Code::TooLarge, "a frame has at most 1,048,576 bytes");
                }
                return;
            }
            Ok(None) => return,
            Err(_) if patience == HELLO => {
                return fail(Code::Other("timeout".to_owned()), "the device did not say hello in time");
            }
            Err(_) if was_asked => {
                return fail(Code::Other("timeout".to_owned()), "the device has not been heard for too long");
            }
            Err(_) => {
                (patience, was_asked) = (ANSWER, true);
                let ping = Box::new(Said { to: session, frame: Frame::Ping(0), weight: 0, is_last: false });
                if sink.said.send(ping).is_err() {
                    return;
                }
                continue;
            }
        };
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Text(_) => return fail(Code::Malformed, "a frame is a binary message"),
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Close(_) => return,
        };
        (patience, was_asked) = (QUIET, false);
        metrics::counter!("aimon_relay_received_bytes_total").increment(bytes.len() as u64);
        // In a box, so that who says nothing has no room for it.
        let brought = Box::pin(server.hear(session, who, &mut known, bytes.len(), |view| check(&bytes, view)));
        if brought.await.is_err() {
            return;
        }
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("too long") || error.to_string().contains("too big") {
            return true;
        }
        cause = error.source();
    }
    false
}
