//! Sessions over HTTPS requests, where sockets are blocked. A session is the same; what it is told waits for the next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aimon_ledger::frame::{Code, Frame};
use aimon_relay_core::auth::Who;
use aimon_relay_core::relay::{Refusal, Said, SessionId};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use crate::host::{Known, Server};
use crate::writer::{Job, Sink};

/// How long a session lasts after its last request.
const LASTS: Duration = Duration::from_secs(60);

/// How many there may be.
const MOST: usize = 4_096;

/// After how many bytes an answer ends; what is left comes with the next one.
const ANSWER_BYTES: usize = 1 << 20;

type Key = (Who, [u8; 16]);

/// The sessions of a relay.
#[derive(Default)]
pub struct Requests(Mutex<HashMap<Key, Arc<Session>>>);

struct Session {
    id: SessionId,
    sink: Sink,
    used: Mutex<Instant>,
    /// A request that comes ends the waiting of the one before.
    next: Notify,
    talk: tokio::sync::Mutex<Talk>,
}

struct Talk {
    saying: mpsc::UnboundedReceiver<Box<Said>>,
    known: Known,
    has_ended: bool,
}

impl Requests {
    /// A request with a device's frames; what it is told.
    ///
    /// # Errors
    /// `unknown-session`, `rate`, `unavailable`.
    pub async fn exchange(
        &self,
        server: &Server,
        who: Who,
        name: [u8; 16],
        frames: Vec<Frame>,
        wait: Duration,
    ) -> Result<Vec<u8>, Refusal> {
        let key = (who, name);
        let session = match self.find(&key) {
            Some(session) => session,
            None if matches!(frames.first(), Some(Frame::Hello(_))) => self.begin(server, key).await?,
            None => {
                let text = "the session is over: begin another with hello".to_owned();
                return Err(Refusal { code: Code::Other("unknown-session".to_owned()), text });
            }
        };
        *session.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        session.next.notify_one();
        let mut talk = session.talk.lock().await;
        // It may have been meant for the one that waited before.
        let _ = timeout(Duration::ZERO, session.next.notified()).await;
        for frame in frames {
            server.hear_frame(session.id, &who, &mut talk.known, frame).await?;
        }
        server.writer.sync().await?;
        let mut answer = Vec::new();
        session.drain(server, &mut talk, &mut answer).await?;
        if answer.is_empty() && !wait.is_zero() {
            let mut stop = server.stop.subscribe();
            let first = tokio::select! {
                first = timeout(wait, talk.saying.recv()) => first.ok().flatten(),
                () = session.next.notified() => None,
                _ = stop.wait_for(|stop| *stop) => None,
            };
            if let Some(said) = first {
                session.take(server, &mut talk, *said, &mut answer).await?;
                session.drain(server, &mut talk, &mut answer).await?;
            }
        }
        *session.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        if talk.has_ended {
            self.map().remove(&key);
        }
        Ok(answer)
    }

    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &Key) -> Option<Arc<Session>> {
        self.map().get(key).cloned()
    }

    async fn begin(&self, server: &Server, key: Key) -> Result<Arc<Session>, Refusal> {
        let (said, saying) = mpsc::unbounded_channel();
        let known = Known::new(server.writer.view(key.0.workspace).await?);
        let session = Arc::new(Session {
            id: server.writer.session(),
            sink: Sink { said, load: Arc::default() },
            used: Mutex::new(Instant::now()),
            next: Notify::new(),
            talk: tokio::sync::Mutex::new(Talk { saying, known, has_ended: false }),
        });
        {
            let mut map = self.map();
            if map.len() >= MOST {
                let text = "the relay has as many sessions as it can: try again in a minute".to_owned();
                return Err(Refusal { code: Code::Rate, text });
            }
            map.insert(key, session.clone());
        }
        server.writer.bring(Job::Open(session.id, key.0, session.sink.clone())).await?;
        Ok(session)
    }

    /// Ends sessions that nobody has come back to.
    pub async fn forget(&self, server: &Server) {
        let mut over = Vec::new();
        self.map().retain(|_, session| {
            let lasts = session.used.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < LASTS
                || session.talk.try_lock().is_err();
            if !lasts {
                over.push(session.id);
            }
            lasts
        });
        for session in over {
            let _ = server.writer.bring(Job::Close(session)).await;
        }
    }
}

impl Session {
    /// All that is there, up to an answer's size.
    async fn drain(&self, server: &Server, talk: &mut Talk, answer: &mut Vec<u8>) -> Result<(), Refusal> {
        while answer.len() < ANSWER_BYTES
            && let Ok(said) = talk.saying.try_recv()
        {
            self.take(server, talk, *said, answer).await?;
        }
        Ok(())
    }

    async fn take(&self, server: &Server, talk: &mut Talk, said: Said, answer: &mut Vec<u8>) -> Result<(), Refusal> {
        let bytes = said.frame.encode();
        answer.extend(bytes.map_err(|error| Refusal { code: Code::Unavailable, text: error.to_string() })?);
        self.sink.load.taken(said.weight);
        talk.has_ended |= said.is_last;
        server.writer.bring(Job::Taken(self.id, said.weight)).await
    }
}
