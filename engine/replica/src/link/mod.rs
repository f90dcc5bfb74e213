//! A replica in touch with its relay: carries what the sync machine says and what the relay says, whatever the transport.
//!
//! ```text
//! Replica (behind a mutex) ── steps ──► Link ── frames ──► Connection      a relay, over a socket or in requests
//!                                          └── files ────► Folder          a shared folder
//! ```
//!
//! The mutex is held for a step at a time, so whoever records or reads goes on beside it. What is sent was made durable before.

mod folder;
mod talk;

use std::collections::BTreeSet;
use std::time::Duration;

use aimon_core::crypto::SecretKeys;
use aimon_core::time::UtcMillis;
use aimon_ledger::frame::{self, Code, Frame, Hello, Want};
use aimon_ledger::ids::{DeviceId, WorkspaceId};
use aimon_ledger::signature::Purpose;
use aimon_ledger::statement::Statement;
use tokio::sync::Mutex;

use crate::database::error;
use crate::transport::{self, Address, Connector, Folder, Http, Token};
use crate::{Error, Replica, statements};

/// Records leave on a grid of five seconds, whatever happens: so nobody can tell from what leaves when a call was made.
pub const TICK: Duration = Duration::from_secs(5);

/// How long a link lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Goal {
    /// Until both sides hold the same, and nothing is left to be pushed but what was refused.
    Even,
    /// The same; and a shared folder is read through, whenever that was done last: what lies there damaged is written anew, as far as it
    /// is held here.
    Whole,
    /// Until it breaks.
    Stay,
}

/// Why a link has ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The replica's own.
    #[error(transparent)]
    Replica(#[from] Error),
    /// The way to the relay.
    #[error(transparent)]
    Transport(#[from] transport::Error),
    /// This device was revoked: what it records stays here.
    #[error("this device was revoked: it is no member of the workspace any more")]
    Revoked,
    /// Both sides differ again and again.
    #[error("this device and the relay go on differing after repair")]
    Uneven,
}

impl LinkError {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Replica(e) => e.code(),
            Self::Transport(e) => e.code(),
            Self::Revoked => "device-revoked",
            Self::Uneven => "sync-uneven",
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &str {
        match self {
            Self::Replica(e) => e.help(),
            Self::Transport(e) => e.help(),
            Self::Revoked => {
                "to come back, leave the workspace here (`aimon workspace leave`) and pair again; if it was not you who revoked \
                 it, look at `aimon device list` on another device"
            }
            Self::Uneven => "run `aimon sync` again; if it stays, run `aimon doctor` and report it",
        }
    }

    /// Whether the same may work later, without anything being changed.
    pub fn is_passing(&self) -> bool {
        match self {
            // A token holds for some minutes; the next connection gets another one.
            Self::Transport(transport::Error::Refused { code: Code::Other(word), .. })
                if word.starts_with("token-") =>
            {
                true
            }
            Self::Transport(e) => e.is_passing(),
            Self::Replica(e) => matches!(e, Error::Busy(_) | Error::Full(_)),
            Self::Revoked => false,
            Self::Uneven => true,
        }
    }
}

/// What a link tells on its way.
#[derive(Clone, PartialEq, Debug)]
pub enum Told {
    /// It is in touch.
    Connected,
    /// Both sides hold the same.
    Even,
    /// The relay has said something that takes the two further: not that something was refused, or that it is still there.
    Heard,
    /// A chunk was refused, and waits here.
    Refused(Code),
    /// The relay could not take in a statement, and goes on without; or it ends the link, and this is why.
    Failed(Code),
    /// Somebody else writes under this device's id.
    Cloned,
}

/// A way to a relay.
#[derive(Debug)]
pub struct Link {
    way: Way,
    clock: fn() -> UtcMillis,
}

#[derive(Debug)]
enum Way {
    Relay { http: Http, connector: Connector },
    Folder(std::path::PathBuf),
}

/// Who a device is to a relay.
#[derive(Debug)]
pub struct Identity {
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// Its id there.
    pub device: DeviceId,
    /// Its keys.
    pub secret: SecretKeys,
    /// What it can say for that: they carry their own proof.
    pub statements: Vec<Statement>,
}

impl Link {
    /// Prepares a link; nothing is sent yet. `clock` says what time it is.
    ///
    /// # Errors
    /// The address is none, or the certificates can't be used.
    pub fn new(address: &Address, options: &transport::Options, clock: fn() -> UtcMillis) -> Result<Self, LinkError> {
        let way = match address {
            Address::Folder(path) => Way::Folder(path.clone()),
            Address::Relay(_) => {
                let http = Http::new(address, options)?;
                Way::Relay { connector: Connector::new(http.clone()), http }
            }
        };
        Ok(Self { way, clock })
    }

    /// Is in touch until the goal is reached, or something goes wrong. `told` hears what happens meanwhile.
    ///
    /// # Errors
    /// Why the link has ended; whether to try again, [`LinkError::is_passing`] says.
    pub async fn run(
        &mut self,
        replica: &Mutex<Replica>,
        goal: Goal,
        told: &mut (dyn FnMut(Told) + Send),
    ) -> Result<(), LinkError> {
        // Whatever was heard of it before: it is to be heard anew.
        replica.lock().await.in_step = false;
        match &mut self.way {
            Way::Folder(path) => {
                let workspace = replica.lock().await.client().await?.workspace();
                let log = Folder::of_member(path, &workspace)?;
                folder::run(replica, &log, goal, self.clock, told).await
            }
            Way::Relay { http, connector } => {
                let who = replica.lock().await.who().await?;
                let token = enter(http, &who).await?;
                let mut connection = connector.connect(&token).await?;
                told(Told::Connected);
                let done = talk::talk(replica, &mut connection, goal, self.clock, told).await;
                connection.close().await;
                done
            }
        }
    }
}

/// Hears all statements that a relay holds of a workspace, with the token of a device that holds none yet.
///
/// # Errors
/// Those of the connection; what the relay refuses.
pub async fn hear(http: &Http, token: &Token, workspace: WorkspaceId) -> Result<Vec<Statement>, LinkError> {
    let mut connection = Connector::new(http.clone()).connect(token).await?;
    let hello = Hello {
        versions: vec![frame::VERSION],
        workspace,
        key: None,
        heads: Vec::new(),
        cursor: u64::MAX,
        want: Want::Summaries,
    };
    connection.send(&Frame::Hello(hello))?;
    let mut heard = Vec::new();
    loop {
        match connection.recv().await? {
            Some(Frame::Statements(all)) => heard.extend(all.into_iter().filter_map(|b| Statement::parse(b).ok())),
            Some(Frame::Failed { code, text }) => return Err(transport::Error::Refused { code, text }.into()),
            Some(Frame::Live) | None => return Ok(heard),
            Some(_) => {}
        }
    }
}

/// Lets a device in. A relay that does not know the workspace, or not yet the device, is told: statements carry their own proof.
/// One that opens workspaces for its registration token alone has to be asked by somebody who has that (`aimon workspace move`).
///
/// # Errors
/// The relay can't be reached or refuses; [`LinkError::Revoked`] if it is no member.
pub async fn enter(http: &Http, who: &Identity) -> Result<Token, LinkError> {
    let sign = |challenge: &[u8]| who.secret.sign(Purpose::Challenge, &who.workspace, challenge);
    match http.authenticate(&who.workspace, &who.device, sign).await {
        Err(transport::Error::Refused { code: Code::UnknownWorkspace | Code::NotAMember, .. }) => {
            http.post_statements(&who.workspace, &who.statements, None).await?;
        }
        other => return Ok(other?),
    }
    match http.authenticate(&who.workspace, &who.device, sign).await {
        Err(transport::Error::Refused { code: Code::NotAMember, .. }) => Err(LinkError::Revoked),
        other => Ok(other?),
    }
}

impl Replica {
    /// Who this device is to a relay, and what it can say for that.
    ///
    /// # Errors
    /// [`Error::NoWorkspace`], [`Error::NoKeys`].
    pub async fn who(&mut self) -> Result<Identity, Error> {
        if self.is_writer() {
            let client = self.client().await?;
            return Ok(Identity {
                workspace: client.workspace(),
                device: client.device(),
                secret: SecretKeys::of_seed(*client.secret().seed()),
                statements: client.membership().statements().cloned().collect(),
            });
        }
        // Beside whoever writes there is no sync machine.
        let workspace = self.workspace.ok_or_else(|| Error::NoWorkspace(self.home.clone()))?;
        let secret = self.secret.as_ref().ok_or_else(|| Error::NoKeys(self.home.clone()))?;
        let secret = SecretKeys::of_seed(*secret.seed());
        Ok(Identity { workspace, device: self.device, secret, statements: self.stored().await?.statements })
    }

    /// The devices that belong to the workspace, as far as it is known here; none without one. Needs no keys.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn members(&mut self) -> Result<BTreeSet<DeviceId>, Error> {
        let Some(workspace) = self.workspace else { return Ok(BTreeSet::new()) };
        let all = statements::all(&mut self.db).await.map_err(|e| error(&self.home, e))?;
        let set = statements::membership(workspace, all);
        Ok(set.map(|set| set.standing().members.into_keys().collect()).unwrap_or_default())
    }

    /// Whether this device belongs to its workspace, as far as it is known here: it may have been revoked, and not have heard of it.
    ///
    /// # Errors
    /// The database can't be read.
    pub async fn is_member(&mut self) -> Result<bool, Error> {
        let Some(workspace) = self.workspace else { return Ok(false) };
        if self.may_sync() {
            return Ok(self.client().await?.is_member());
        }
        let all = statements::all(&mut self.db).await.map_err(|e| error(&self.home, e))?;
        let set = statements::membership(workspace, all);
        Ok(set.is_some_and(|set| set.standing().members.contains_key(&self.device)))
    }
}
