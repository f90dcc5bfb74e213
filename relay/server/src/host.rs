//! What the routes ask of whoever hosts them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aimon_ledger::frame::{Code, Frame};
use aimon_ledger::ids::WorkspaceId;
use aimon_ledger::time::UtcMillis;
use aimon_relay_core::auth::{Auth, Who};
use aimon_relay_core::check::{Checked, View, check_frame};
use aimon_relay_core::http::{About, Host, Request};
use aimon_relay_core::relay::{Refusal, SessionId, Stated};
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::limits::Limits;
use crate::requests::Requests;
use crate::writer::{self, Job, Writer};

/// How old what is known of a workspace may be where signatures are checked by it. The writer looks again in any case.
const VIEW_HOLDS: Duration = Duration::from_secs(30);

/// From how many bytes on a frame is checked where it holds up nobody else.
const LARGE: usize = 8 * 1024;

/// A relay that runs.
#[derive(Clone)]
pub struct Server(Arc<Parts>);

/// Its parts.
pub struct Parts {
    /// The one who writes.
    pub writer: Writer,
    /// How much is taken from whom.
    pub limits: Limits,
    /// Sessions of requests.
    pub requests: Requests,
    /// Whether it is stopping.
    pub stop: watch::Sender<bool>,
    /// How many sockets there may be.
    pub most_sockets: usize,
    sockets: AtomicUsize,
    auth: Mutex<Auth>,
    changes: watch::Sender<u64>,
    /// What has to be shown to open a workspace; nothing where anybody may.
    registration: Option<Zeroizing<String>>,
}

impl std::ops::Deref for Server {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Server {
    /// Puts its parts together.
    pub fn new(
        writer: Writer,
        limits: Limits,
        auth: Auth,
        registration: Option<Zeroizing<String>>,
        most_sockets: usize,
    ) -> Self {
        Self(Arc::new(Parts {
            writer,
            limits,
            requests: Requests::default(),
            stop: watch::Sender::new(false),
            most_sockets,
            sockets: AtomicUsize::new(0),
            auth: Mutex::new(auth),
            changes: watch::Sender::new(0),
            registration,
        }))
    }

    /// Room for one more socket, as long as it is held.
    ///
    /// # Errors
    /// `rate`.
    pub fn socket(&self) -> Result<Socket, Refusal> {
        let socket = Socket(self.clone());
        if self.sockets.fetch_add(1, Ordering::Relaxed) >= self.most_sockets {
            let text = "the relay has as many devices as it can: try again later".to_owned();
            return Err(Refusal { code: Code::Rate, text });
        }
        Ok(socket)
    }

    /// Checks what a device has said, and brings it to the writer.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn hear(
        &self,
        session: SessionId,
        who: &Who,
        known: &mut Known,
        bytes: usize,
        check: impl FnOnce(Option<&View>) -> Checked,
    ) -> Result<(), Refusal> {
        self.limits.frame(who).await;
        let gone = || Refusal { code: Code::Unavailable, text: "the relay is stopping".to_owned() };
        let permit = self.limits.room(bytes).await.ok_or_else(gone)?;
        if known.since.elapsed() > VIEW_HOLDS {
            *known = Known::new(self.writer.view(who.workspace).await?);
        }
        let mut checked = {
            let _turn = self.limits.turn().await;
            let view = known.view.as_deref();
            if bytes > LARGE { tokio::task::block_in_place(|| check(view)) } else { check(view) }
        };
        if !self.limits.may_push(who, checked.chunks()) {
            checked.refuse(&Code::Rate);
        }
        self.writer.bring(Job::Frame(session, checked, permit)).await
    }

    /// The same for a frame that was read.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn hear_frame(
        &self,
        session: SessionId,
        who: &Who,
        known: &mut Known,
        frame: Frame,
    ) -> Result<(), Refusal> {
        let bytes = match &frame {
            Frame::Push(chunks) => chunks.iter().map(|chunk| chunk.len() + 5).sum(),
            _ => 64,
        };
        self.hear(session, who, known, bytes, |view| check_frame(frame, view)).await
    }
}

/// What a session knows of its workspace, and since when.
pub struct Known {
    view: Option<Arc<View>>,
    since: Instant,
}

impl Known {
    /// As it is now.
    pub fn new(view: Option<Arc<View>>) -> Self {
        Self { view, since: Instant::now() }
    }
}

/// One of the sockets that there may be.
pub struct Socket(Server);

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Host for Server {
    fn now(&self) -> UtcMillis {
        writer::now()
    }

    fn random(&self) -> Result<[u8; 8], Refusal> {
        let mut bytes = [0; 8];
        let text = "the relay has no random bytes".to_owned();
        getrandom::fill(&mut bytes).map_err(|_| Refusal { code: Code::Unavailable, text })?;
        Ok(bytes)
    }

    fn about(&self) -> About {
        About {
            relay: "aimon-relay",
            version: env!("CARGO_PKG_VERSION"),
            origins: self.auth(|auth| auth.tokens.origins().to_vec()),
            is_open: self.registration.is_none(),
        }
    }

    fn may_open(&self, shown: Option<&str>) -> bool {
        // Hashes compare in constant time.
        let is_it = |token: &Zeroizing<String>| {
            shown.is_some_and(|shown| blake3::hash(shown.as_bytes()) == blake3::hash(token.as_bytes()))
        };
        self.registration.as_ref().is_none_or(is_it)
    }

    fn auth<R>(&self, f: impl FnOnce(&mut Auth) -> R) -> R {
        f(&mut self.auth.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn view(&self, workspace: WorkspaceId) -> Result<Option<Arc<View>>, Refusal> {
        self.writer.view(workspace).await
    }

    async fn statements(
        &self,
        workspace: WorkspaceId,
        statements: Vec<Vec<u8>>,
        may_open: bool,
    ) -> Result<Stated, Refusal> {
        self.writer.statements(workspace, statements, may_open).await
    }

    async fn exchange(&self, who: Who, session: [u8; 16], request: Request) -> Result<Vec<u8>, Refusal> {
        self.requests.exchange(self, who, session, request).await
    }

    fn changes(&self) -> u64 {
        *self.changes.borrow()
    }

    fn change(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    async fn changed(&self, since: u64, wait: Duration) {
        let (mut changes, mut stop) = (self.changes.subscribe(), self.stop.subscribe());
        let changed = async { drop(changes.wait_for(|changes| *changes > since).await) };
        let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
        tokio::select! {
            _ = tokio::time::timeout(wait, changed) => {}
            // Whoever waits asks again until the time is over, or the connection is.
            () = stopped => tokio::time::sleep(wait.min(Duration::from_millis(100))).await,
        }
    }
}
