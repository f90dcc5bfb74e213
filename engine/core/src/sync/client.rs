//! What a device holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use aimon_ledger::chunk::{Chunk, Header, Place, Previous};
use aimon_ledger::frame::Want;
use aimon_ledger::ids::{ChunkId, DeviceId, WorkspaceId};
use aimon_ledger::live::State;
use aimon_ledger::log::Log;
use aimon_ledger::membership::{Membership, Standing};
use aimon_ledger::retention::TrustedTime;
use aimon_ledger::statement::{Recipient, Statement, StatementError};
use aimon_ledger::time::{UtcDay, UtcMillis};

use super::session::{Queue, Session};
use super::{Fault, Step, Stored, Write};
use crate::batch::TooLarge;
use crate::crypto::{CryptoError, Entropy, Keyring, SecretKeys};
use crate::segment::{Pen, SegmentError};

/// Bytes of chunks that are held, where a step needs to look into them.
pub type Held = BTreeMap<ChunkId, Chunk>;

/// Why a device can't go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// The key that new chunks are written under, or that of a purge, was not given to this device yet.
    #[error("the workspace's key is not here yet: another device gives it, once it is in sync")]
    NoKey,
    /// One event alone is larger than what is recorded, and travels, may be.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// This device was revoked, or never admitted.
    #[error("this device is no member of the workspace")]
    NotAMember,
    /// A device does not revoke itself.
    #[error("a device does not revoke itself: it leaves the workspace, and another one revokes it")]
    Oneself,
    /// The statements are none, or hang together no more.
    #[error("the workspace's statements are damaged: {0}")]
    Statements(#[from] StatementError),
    /// A device's keys are none that anything can be encrypted for.
    #[error("the device's keys are invalid: nothing can be encrypted for it")]
    Recipient,
    /// Something that is held can't be read.
    #[error("a part of a segment can't be read: {0}")]
    Damaged(String),
}

impl From<SegmentError> for SyncError {
    fn from(error: SegmentError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<CryptoError> for SyncError {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::NoKey => Self::NoKey,
            CryptoError::TooLarge => Self::TooLarge(TooLarge("what travels".into())),
            CryptoError::Recipient => Self::Recipient,
            CryptoError::Sealed => Self::Damaged(error.to_string()),
        }
    }
}

/// Who this device is.
#[derive(Debug)]
pub struct Me {
    /// Its id.
    pub device: DeviceId,
    /// Its keys.
    pub secret: SecretKeys,
}

/// A device's side of sync.
pub struct Client {
    pub(super) me: Me,
    pub(super) membership: Membership,
    pub(super) standing: Standing,
    pub(super) ring: Keyring,
    /// Whether a purge that counts here can't be read.
    pub(super) is_locked: bool,
    pub(super) log: Log,
    pub(super) sizes: HashMap<ChunkId, u32>,
    pub(super) queue: Queue,
    pub(super) last: Option<Previous>,
    pub(super) cursor: u64,
    pub(super) want: Want,
    pub(super) time: TrustedTime,
    pub(super) pen: Pen,
    pub(super) session: Session,
    pub(super) entropy: Box<dyn FnMut() -> Entropy + Send + Sync>,
    pub(super) faults: Vec<Fault>,
}

impl Client {
    /// Takes up what is held. `time` is what is trusted of it; `entropy` draws 32 bytes from the operating system, each time.
    ///
    /// # Errors
    /// [`SyncError::Statements`].
    pub fn load(
        me: Me,
        stored: Stored,
        time: TrustedTime,
        entropy: impl FnMut() -> Entropy + Send + Sync + 'static,
    ) -> Result<Self, SyncError> {
        let mut statements = stored.statements.into_iter();
        let genesis = statements.next().ok_or_else(|| StatementError::Malformed("there is no genesis".to_owned()))?;
        let mut membership = Membership::begin(genesis)?;
        for statement in statements {
            membership.insert(statement)?;
        }
        let standing = membership.standing();
        let ring = Keyring::gather(&membership, Recipient::Device(me.device), &me.secret);
        let sizes = stored.chunks.iter().map(|(id, _, bytes)| (*id, *bytes)).collect();
        let rules = standing.rules(standing.retention.first_day(time.until.day()));
        let log = Log::load(rules, stored.chunks.into_iter().map(|(id, header, _)| (id, header)));
        let mut client = Self {
            me,
            membership,
            standing,
            ring,
            is_locked: false,
            log,
            sizes,
            queue: Queue::load(stored.queue),
            last: stored.last,
            cursor: stored.cursor,
            want: Want::All,
            time,
            pen: Pen::default(),
            session: Session::default(),
            entropy: Box::new(entropy),
            faults: Vec::new(),
        };
        client.is_locked = client.has_locked_purge();
        Ok(client)
    }

    /// Holds only what a partial replica wants.
    pub fn want(&mut self, want: Want) {
        self.want = want;
    }

    /// Plants a fault, for a test that has to find it.
    pub fn plant(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Writes on as another one does: what a machine does that was resumed twice from one state of its memory.
    pub fn resume(&mut self, other: &Self) {
        self.pen = other.pen.clone();
        self.last = other.last;
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// The workspace.
    pub fn workspace(&self) -> WorkspaceId {
        self.membership.workspace()
    }

    /// This device.
    pub fn device(&self) -> DeviceId {
        self.me.device
    }

    /// Its keys.
    pub fn secret(&self) -> &SecretKeys {
        &self.me.secret
    }

    /// All statements.
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// What the statements come to.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The keys that are held.
    pub fn keyring(&self) -> &Keyring {
        &self.ring
    }

    /// The chunks that are held.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What is trusted of the time.
    pub fn time(&self) -> TrustedTime {
        self.time
    }

    /// The first day that is kept.
    pub fn first_day(&self) -> UtcDay {
        self.log.rules().first_day
    }

    /// How many chunks wait for a relay.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Whether this device belongs to the workspace.
    pub fn is_member(&self) -> bool {
        self.standing.members.contains_key(&self.me.device)
    }

    /// Whether chunks can be written: the key for new ones is held, and those of the purges that they have to obey.
    pub fn can_write(&self) -> bool {
        self.ring.current(&self.standing).is_some()
            && self.is_member()
            && (!self.is_locked || self.has(Fault::ObeyUnread))
    }

    /// Looks at the clock: lets days expire, unless it has jumped.
    pub fn observe(&mut self, now: UtcMillis) -> Write {
        let mut time = self.time;
        time.observe(now);
        self.trust(time, now)
    }

    /// Takes the clock as right, because somebody says so.
    pub fn vouch(&mut self, vouched: UtcMillis, now: UtcMillis) -> Write {
        let mut time = self.time;
        time.vouch(vouched, now);
        self.trust(time, now)
    }

    fn trust(&mut self, time: TrustedTime, now: UtcMillis) -> Write {
        let mut step = Step::default();
        let before = self.time;
        self.time = if self.has(Fault::ExpireByClock) { TrustedTime::new(now) } else { time };
        self.decide(&mut Held::new(), &BTreeSet::new(), &mut step);
        // A time within the same day changes nothing that is kept.
        let is_same = before.until.day() == time.until.day() && before.doubted == time.doubted;
        if !is_same || before.is_proven() != time.is_proven() {
            step.write.time = Some(self.time);
        }
        step.write
    }

    /// The sizes of chunks that are held.
    pub(super) fn size(&self, id: &ChunkId) -> usize {
        self.sizes.get(id).map_or(0, |bytes| *bytes as usize)
    }

    /// Puts a chunk into the index that is about to be written.
    pub(super) fn hold(&mut self, chunk: &Chunk) -> Vec<aimon_ledger::log::Change> {
        self.sizes.insert(chunk.id(), chunk.bytes().len() as u32);
        self.log.insert(chunk.id(), chunk.header().clone())
    }

    /// The live chunks of a segment.
    pub(super) fn live(&self, place: &Place) -> Vec<(ChunkId, Header)> {
        self.log.live(place).map(|(id, header)| (*id, header.clone())).collect()
    }

    /// What becomes of a chunk that is held.
    pub fn state(&self, id: &ChunkId) -> Option<State> {
        self.log.state(id)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Client");
        out.field("device", &self.me.device).field("cursor", &self.cursor).field("waiting", &self.queue.len());
        out.field("session", &self.session).finish_non_exhaustive()
    }
}

/// What a device that was admitted needs of what it has heard: all that its admit follows back to the genesis, in order, and the
/// rest as far as it hangs together. `None` as long as the admit, or something that it follows, has not come.
pub fn entry(workspace: &WorkspaceId, me: &Me, heard: Vec<Statement>) -> Option<Vec<Statement>> {
    let genesis = heard.iter().find(|statement| statement.id().0 == workspace.0)?;
    let mut membership = Membership::begin(genesis.clone()).ok()?;
    let mut waiting: Vec<Statement> = heard;
    loop {
        let before = waiting.len();
        waiting.retain(|statement| matches!(membership.insert(statement.clone()), Err(StatementError::Missing(_))));
        if waiting.len() == before {
            break;
        }
    }
    let own = me.secret.public();
    let is_in = membership.standing().members.get(&me.device).is_some_and(|keys| keys.contains(&own));
    is_in.then(|| membership.statements().cloned().collect())
}
