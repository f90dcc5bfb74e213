//! A connection: frames to a relay and back, in order, whatever carries them.

use std::time::Duration;

use aimon_ledger::frame::Frame;
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Error, Http, Token, batch, socket};

/// Frames that have come in and nobody has taken yet: from here on the relay has to wait.
const WAITING: usize = 8;

/// How long what was sent last may take to go out when a connection is closed.
const CLOSING: Duration = Duration::from_secs(5);

/// How long sockets that are blocked are not tried again.
const BLOCKED: Duration = Duration::from_secs(30 * 60);

/// What carries the frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Over {
    /// A WebSocket.
    Socket,
    /// HTTPS requests, each with frames both ways, where sockets are blocked.
    Batch,
}

/// The connection's other end, for whoever carries the frames: what is to go out, encoded, and what has come in.
pub(super) struct Ends {
    pub(super) outgoing: UnboundedReceiver<Vec<u8>>,
    pub(super) incoming: Sender<Result<Frame, Error>>,
}

/// Frames both ways. Dropping it cuts it off; [`Connection::close`] lets what was sent go out first.
#[derive(Debug)]
pub struct Connection {
    over: Over,
    outgoing: Option<UnboundedSender<Vec<u8>>>,
    incoming: Receiver<Result<Frame, Error>>,
    task: JoinHandle<()>,
}

impl Connection {
    /// A connection that `carry` carries: as a task, as the relay can have to say something while nobody asks.
    pub(super) fn carried<F>(over: Over, carry: impl FnOnce(Ends) -> F) -> Self
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let (outgoing, out) = unbounded_channel();
        let (into, incoming) = channel(WAITING);
        let carrying = carry(Ends { outgoing: out, incoming: into.clone() });
        let task = tokio::spawn(async move {
            if let Err(e) = carrying.await {
                // Nobody may be listening any more.
                let _ = into.send(Err(e)).await;
            }
        });
        Self { over, outgoing: Some(outgoing), incoming, task }
    }

    /// Opens a WebSocket.
    ///
    /// # Errors
    /// The relay refuses, can't be reached, or something on the way lets no socket through.
    pub async fn socket(http: &Http, token: &Token) -> Result<Self, Error> {
        let stream = socket::open(http, token).await?;
        let relay = http.origin().text();
        Ok(Self::carried(Over::Socket, |ends| socket::carry(stream, relay, ends)))
    }

    /// Begins a session in HTTPS requests. Nothing is sent before the first frame.
    ///
    /// # Errors
    /// The operating system has no random bytes.
    pub fn batch(http: &Http, token: &Token) -> Result<Self, Error> {
        let session = batch::Session::new(http, token)?;
        Ok(Self::carried(Over::Batch, |ends| batch::carry(session, ends)))
    }

    /// What carries it.
    pub fn over(&self) -> Over {
        self.over
    }

    /// Sends a frame, behind those that were sent before. It waits for nothing, or two sides that both send could wait for each
    /// other: how much may be on the way at once, the sync machine's windows say.
    ///
    /// # Errors
    /// It is too large, or the connection has ended: [`Connection::recv`] says why.
    pub fn send(&self, frame: &Frame) -> Result<(), Error> {
        let bytes = frame.encode()?;
        self.outgoing.as_ref().and_then(|to| to.send(bytes).ok()).ok_or(Error::Ended)
    }

    /// The next frame; `None` once the relay has closed the connection in good order. Whoever stops waiting loses nothing.
    ///
    /// # Errors
    /// Why the connection has ended.
    pub async fn recv(&mut self) -> Result<Option<Frame>, Error> {
        self.incoming.recv().await.transpose()
    }

    /// Lets what was sent go out, for some seconds at most, and ends the connection.
    pub async fn close(mut self) {
        self.outgoing = None;
        self.incoming.close();
        // Whether in time or not, dropping it ends it.
        let _ = tokio::time::timeout(CLOSING, &mut self.task).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects to a relay, over a socket where that is possible. It remembers where it is not.
#[derive(Debug)]
pub struct Connector {
    http: Http,
    again_after: Duration,
    blocked_until: Option<Instant>,
}

impl Connector {
    /// A connector to a relay. There is one for as long as the process runs.
    pub fn new(http: Http) -> Self {
        Self { http, again_after: BLOCKED, blocked_until: None }
    }

    /// Says how long sockets that are blocked are not tried again: half an hour otherwise.
    #[must_use]
    pub fn trying_again_after(mut self, time: Duration) -> Self {
        self.again_after = time;
        self
    }

    /// Connects. Where a socket can't be opened though the relay answers, something on the way blocks sockets: then frames go in
    /// HTTPS requests, and for a while no socket is tried.
    ///
    /// # Errors
    /// The relay refuses, or can't be reached in any way.
    pub async fn connect(&mut self, token: &Token) -> Result<Connection, Error> {
        if self.blocked_until.is_none_or(|until| Instant::now() >= until) {
            match Connection::socket(&self.http, token).await {
                Ok(connection) => {
                    self.blocked_until = None;
                    return Ok(connection);
                }
                // The relay's own word: it would say the same in any other way.
                Err(e @ (Error::Refused { .. } | Error::Tls { .. })) => return Err(e),
                Err(why) => {
                    self.http.about().await?;
                    tracing::debug!(%why, "no socket gets through: frames go in requests");
                    self.blocked_until = Some(Instant::now() + self.again_after);
                }
            }
        }
        Connection::batch(&self.http, token)
    }
}
