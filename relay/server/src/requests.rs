//! Sessions over HTTPS requests, where sockets are blocked. A session is the same; what it is told waits for the next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aimon_ledger::frame::{Code, Frame};
use aimon_relay_core::auth::Who;
use aimon_relay_core::http::Request;
use aimon_relay_core::relay::{Refusal, Said, SessionId};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::host::{Known, Server};
use crate::turns::{Turns, over};
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
    turns: Turns,
    talk: tokio::sync::Mutex<Talk>,
}

struct Talk {
    saying: mpsc::UnboundedReceiver<Box<Said>>,
    known: Known,
    /// Also while a request is taken up: where one is cut off there is a hole in what was said, and nothing may follow it.
    is_over: bool,
}

/// What a request is told.
#[derive(Default)]
struct Answer {
    bytes: Vec<u8>,
    /// The session has ended with it.
    is_last: bool,
}

impl Requests {
    /// What a request is told: at once if there is anything, else what comes within its wait, or before a later request does.
    ///
    /// # Errors
    /// `unknown-session`, `malformed`, `rate`, `unavailable`.
    pub async fn exchange(
        &self,
        server: &Server,
        who: Who,
        name: [u8; 16],
        Request { turn, frames, wait }: Request,
    ) -> Result<Vec<u8>, Refusal> {
        let key = (who, name);
        let session = match self.find(&key) {
            Some(session) => session,
            None if turn == 0 && matches!(frames.first(), Some(Frame::Hello(_))) => self.begin(server, key).await?,
            None => return Err(over()),
        };
        session.turns.arrive(turn).await?;
        // The one before is answered, then.
        let mut talk = session.talk.lock().await;
        session.turns.take_up(turn)?;
        if talk.is_over {
            return Err(over());
        }
        talk.is_over = true;
        session.touch();
        if turn == 0 {
            server.writer.bring(Job::Open(session.id, who, session.sink.clone())).await?;
        }
        for frame in frames {
            server.hear_frame(session.id, &who, &mut talk.known, frame).await?;
        }
        server.writer.sync().await?;
        let mut answer = Answer::default();
        session.drain(server, &mut talk, &mut answer).await?;
        if answer.bytes.is_empty() && !wait.is_zero() {
            let mut stop = server.stop.subscribe();
            let first = tokio::select! {
                first = timeout(wait, talk.saying.recv()) => first.ok().flatten(),
                () = session.turns.later(turn) => None,
                _ = stop.wait_for(|stop| *stop) => None,
            };
            if let Some(said) = first {
                session.take(server, *said, &mut answer).await?;
                session.drain(server, &mut talk, &mut answer).await?;
            }
        }
        session.touch();
        talk.is_over = answer.is_last;
        if answer.is_last {
            self.map().remove(&key);
        }
        Ok(answer.bytes)
    }

    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &Key) -> Option<Arc<Session>> {
        self.map().get(key).cloned()
    }

    /// A session that its first request opens.
    async fn begin(&self, server: &Server, key: Key) -> Result<Arc<Session>, Refusal> {
        let (said, saying) = mpsc::unbounded_channel();
        let known = Known::new(server.writer.view(key.0.workspace).await?);
        let session = Arc::new(Session {
            id: server.writer.session(),
            sink: Sink { said, load: Arc::default() },
            used: Mutex::new(Instant::now()),
            turns: Turns::default(),
            talk: tokio::sync::Mutex::new(Talk { saying, known, is_over: false }),
        });
        let mut map = self.map();
        if map.len() >= MOST && !map.contains_key(&key) {
            let text = "the relay has as many sessions as it can: try again in a minute".to_owned();
            return Err(Refusal { code: Code::Rate, text });
        }
        Ok(map.entry(key).or_insert(session).clone())
    }

    /// Ends sessions that nobody has come back to.
    pub async fn forget(&self, server: &Server) {
        let mut over = Vec::new();
        self.map().retain(|_, session| {
            if session.used.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < LASTS {
                return true;
            }
            let Ok(mut talk) = session.talk.try_lock() else { return true };
            talk.is_over = true;
            over.push(session.id);
            false
        });
        for session in over {
            let _ = server.writer.bring(Job::Close(session)).await;
        }
    }
}

impl Session {
    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// All that is there, up to an answer's size.
    async fn drain(&self, server: &Server, talk: &mut Talk, answer: &mut Answer) -> Result<(), Refusal> {
        while answer.bytes.len() < ANSWER_BYTES
            && let Ok(said) = talk.saying.try_recv()
        {
            self.take(server, *said, answer).await?;
        }
        Ok(())
    }

    async fn take(&self, server: &Server, said: Said, answer: &mut Answer) -> Result<(), Refusal> {
        let bytes = said.frame.encode();
        answer.bytes.extend(bytes.map_err(|error| Refusal { code: Code::Unavailable, text: error.to_string() })?);
        self.sink.load.taken(said.weight);
        answer.is_last |= said.is_last;
        server.writer.bring(Job::Taken(self.id, said.weight)).await
    }
}

#[cfg(test)]
mod tests;
