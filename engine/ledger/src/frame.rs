//! Frames: what a device and a relay say to each other. The same over a WebSocket and in the batches of the HTTPS fallback.
//!
//! ```text
//! device → relay   hello        who, what it holds, what it wants
//! relay  → device  welcome      the time, the first kept day, statements that it lacks, the digest
//! relay  → device  deliver…     chunks from the cursor on; live; then as they come
//! device → relay   push…        outcomes: accepted, covered, refused
//! both             digest, ids, wanted        repair
//! both             statements, failed, ping, pong
//! ```
//!
//! A frame is an array: its kind, then its fields. Described in `schema/wire.cddl`.

mod decode;

use minicbor::Encoder;
use minicbor::decode::Error as CborError;

use crate::cbor::{self, Never};
use crate::chunk::Place;
use crate::digest::Sum;
use crate::ids::{ChunkId, StatementId, WorkspaceId};
use crate::time::{UtcDay, UtcMillis};

pub use decode::sequence;

/// The most bytes of a frame.
pub const MOST_BYTES: usize = 1 << 20;

/// The version that this is.
pub const VERSION: u64 = 1;

/// What a device wants to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    /// Every live chunk.
    All,
    /// Those of days from this one on, and those without a day.
    Since(UtcDay),
    /// Summaries only.
    Summaries,
}

/// Which key a device writes under: a wrong one is found out before anything is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyInUse {
    /// The rotate that brought it.
    pub rotate: StatementId,
    /// The key's check value.
    pub check: [u8; 8],
}

/// The first frame of a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// The versions that it speaks, ascending.
    pub versions: Vec<u64>,
    /// Which workspace.
    pub workspace: WorkspaceId,
    /// The key that it writes under, if it has one.
    pub key: Option<KeyInUse>,
    /// The heads of the statements that it holds.
    pub heads: Vec<StatementId>,
    /// The last number that it was delivered; a hint.
    pub cursor: u64,
    /// What it wants.
    pub want: Want,
}

/// The answer to a hello.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// The version that is spoken from here on.
    pub version: u64,
    /// What time it is at the relay.
    pub time: UtcMillis,
    /// The first day that the relay keeps.
    pub first_day: UtcDay,
    /// The greatest number that it has given.
    pub head: u64,
    /// The heads of the statements that it holds: the device sends what these lack.
    pub heads: Vec<StatementId>,
    /// The sum of the live chunks from `first_day` on, and of those without a day.
    pub digest: Sum,
}

/// What became of a chunk that was pushed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is durable, under this number. So is one that was held before.
    Accepted(u64),
    /// A snapshot that is held covers it.
    Covered,
    /// It is not taken; why. It stays in the device's queue.
    Refused(Code),
}

/// Why something is refused: stable words that programs may go by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Code {
    /// Bytes that are no frame, no chunk or no statement.
    Malformed,
    /// Too many bytes.
    TooLarge,
    /// None of the versions that the device speaks is spoken here.
    Version,
    /// The device's key is not the one that its rotate has brought.
    WrongKey,
    /// No such workspace here.
    UnknownWorkspace,
    /// The device is no member.
    NotAMember,
    /// Not signed by whom it names.
    Signature,
    /// A purge reaches it.
    Void,
    /// Its day is not kept.
    Expired,
    /// It follows statements that are not held.
    Missing,
    /// The workspace is full.
    Quota,
    /// Too much at once.
    Rate,
    /// Something of the relay's own has failed.
    Unavailable,
    /// One that a newer version knows.
    Other(String),
}

impl Code {
    const ALL: [Self; 13] = [
        Self::Malformed,
        Self::TooLarge,
        Self::Version,
        Self::WrongKey,
        Self::UnknownWorkspace,
        Self::NotAMember,
        Self::Signature,
        Self::Void,
        Self::Expired,
        Self::Missing,
        Self::Quota,
        Self::Rate,
        Self::Unavailable,
    ];

    /// The word on the wire.
    pub fn word(&self) -> &str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too-large",
            Self::Version => "version",
            Self::WrongKey => "wrong-key",
            Self::UnknownWorkspace => "unknown-workspace",
            Self::NotAMember => "not-a-member",
            Self::Signature => "signature",
            Self::Void => "void",
            Self::Expired => "expired",
            Self::Missing => "missing",
            Self::Quota => "quota",
            Self::Rate => "rate",
            Self::Unavailable => "unavailable",
            Self::Other(word) => word,
        }
    }

    /// The code of a word.
    pub fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|code| code.word() == word).unwrap_or_else(|| Self::Other(word.to_owned()))
    }
}

/// One thing that is said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// The first frame of a device.
    Hello(Hello),
    /// Its answer.
    Welcome(Welcome),
    /// Chunks, each with its number, ascending.
    Deliver(Vec<(u64, Vec<u8>)>),
    /// All that was there has been delivered; what follows has just come in.
    Live,
    /// Chunks.
    Push(Vec<Vec<u8>>),
    /// What became of them.
    Outcomes(Vec<(ChunkId, Outcome)>),
    /// Sums of segments, ascending; another frame follows if `more`.
    Digest {
        /// A segment's live chunks.
        sums: Vec<(Place, Sum)>,
        /// Whether there are more.
        more: bool,
    },
    /// The live chunks of segments, ascending; another frame follows if `more`.
    Ids {
        /// A segment's live chunks.
        segments: Vec<(Place, Vec<ChunkId>)>,
        /// Whether there are more.
        more: bool,
    },
    /// Chunks that the other side is asked for, ascending.
    Wanted(Vec<ChunkId>),
    /// Statements, each behind those that it follows.
    Statements(Vec<Vec<u8>>),
    /// Something can't be done; `text` says to people what to do.
    Failed {
        /// Why.
        code: Code,
        /// In words.
        text: String,
    },
    /// Is anybody there?
    Ping(u64),
    /// Yes.
    Pong(u64),
    /// One that a newer version knows: stepped over.
    Unknown(u64),
}

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Longer than [`MOST_BYTES`].
    #[error("the frame has {0} bytes; the most is {MOST_BYTES}")]
    TooLarge(usize),
    /// Not a frame's CBOR.
    #[error("the frame is malformed: {0}")]
    Malformed(String),
}

impl From<CborError> for FrameError {
    fn from(error: CborError) -> Self {
        Self::Malformed(error.to_string())
    }
}

// Kinds: part of the format.
const HELLO: u64 = 0;
const WELCOME: u64 = 1;
const DELIVER: u64 = 2;
const LIVE: u64 = 3;
const PUSH: u64 = 4;
const OUTCOMES: u64 = 5;
const DIGEST: u64 = 6;
const IDS: u64 = 7;
const WANTED: u64 = 8;
const STATEMENTS: u64 = 9;
const FAILED: u64 = 10;
const PING: u64 = 11;
const PONG: u64 = 12;

// What becomes of a chunk.
const ACCEPTED: u64 = 0;
const COVERED: u64 = 1;
const REFUSED: u64 = 2;

type Out<'a, 'b> = &'a mut Encoder<&'b mut Vec<u8>>;

impl Frame {
    /// The frame's bytes.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`]: whoever puts things together keeps below it. A kind of a newer version can't be written.
    pub fn encode(&self) -> Result<Vec<u8>, FrameError> {
        if let Self::Unknown(kind) = self {
            return Err(FrameError::Malformed(format!("frames of kind {kind} are a newer version's")));
        }
        let bytes = cbor::write(|e| self.write(e));
        if bytes.len() > MOST_BYTES { Err(FrameError::TooLarge(bytes.len())) } else { Ok(bytes) }
    }

    fn write(&self, e: Out<'_, '_>) -> Result<(), Never> {
        match self {
            Self::Hello(hello) => write_hello(e, hello),
            Self::Welcome(welcome) => write_welcome(e, welcome),
            Self::Deliver(chunks) => {
                list(e, DELIVER, chunks, |e, (seq, chunk)| e.array(2)?.u64(*seq)?.bytes(chunk)?.ok())
            }
            Self::Live => e.array(1)?.u64(LIVE)?.ok(),
            Self::Push(chunks) => list(e, PUSH, chunks, |e, chunk| e.bytes(chunk)?.ok()),
            Self::Outcomes(all) => list(e, OUTCOMES, all, |e, (id, outcome)| match outcome {
                Outcome::Accepted(seq) => e.array(3)?.bytes(&id.0)?.u64(ACCEPTED)?.u64(*seq)?.ok(),
                Outcome::Covered => e.array(2)?.bytes(&id.0)?.u64(COVERED)?.ok(),
                Outcome::Refused(code) => e.array(3)?.bytes(&id.0)?.u64(REFUSED)?.str(code.word())?.ok(),
            }),
            Self::Digest { sums, more } => {
                e.array(3)?.u64(DIGEST)?.bool(*more)?;
                items(e, sums, |e, (place, sum)| {
                    write_place(e.array(2)?, place)?;
                    e.bytes(&sum.to_bytes())?.ok()
                })
            }
            Self::Ids { segments, more } => {
                e.array(3)?.u64(IDS)?.bool(*more)?;
                items(e, segments, |e, (place, ids)| {
                    write_place(e.array(2)?, place)?;
                    e.bytes(&ids.iter().flat_map(|id| id.0).collect::<Vec<_>>())?.ok()
                })
            }
            Self::Wanted(ids) => {
                e.array(2)?.u64(WANTED)?.bytes(&ids.iter().flat_map(|id| id.0).collect::<Vec<_>>())?.ok()
            }
            Self::Statements(all) => list(e, STATEMENTS, all, |e, statement| e.bytes(statement)?.ok()),
            Self::Failed { code, text } => e.array(3)?.u64(FAILED)?.str(code.word())?.str(text)?.ok(),
            Self::Ping(n) => e.array(2)?.u64(PING)?.u64(*n)?.ok(),
            Self::Pong(n) => e.array(2)?.u64(PONG)?.u64(*n)?.ok(),
            // Refused before anything is written.
            Self::Unknown(_) => Ok(()),
        }
    }
}

fn list<T>(
    e: Out<'_, '_>,
    kind: u64,
    all: &[T],
    one: impl Fn(Out<'_, '_>, &T) -> Result<(), Never>,
) -> Result<(), Never> {
    e.array(2)?.u64(kind)?;
    items(e, all, one)
}

fn items<T>(e: Out<'_, '_>, all: &[T], one: impl Fn(Out<'_, '_>, &T) -> Result<(), Never>) -> Result<(), Never> {
    e.array(all.len() as u64)?;
    all.iter().try_for_each(|item| one(&mut *e, item))
}

fn write_hello(e: Out<'_, '_>, hello: &Hello) -> Result<(), Never> {
    e.array(7)?.u64(HELLO)?;
    items(e, &hello.versions, |e, version| e.u64(*version)?.ok())?;
    e.bytes(&hello.workspace.0)?;
    match hello.key {
        Some(KeyInUse { rotate, check }) => e.array(2)?.bytes(&rotate.0)?.bytes(&check)?,
        None => e.null()?,
    };
    write_heads(e, &hello.heads)?;
    e.u64(hello.cursor)?;
    match hello.want {
        Want::All => e.array(1)?.u64(0)?,
        Want::Since(day) => e.array(2)?.u64(1)?.i32(day.0)?,
        Want::Summaries => e.array(1)?.u64(2)?,
    };
    Ok(())
}

fn write_welcome(e: Out<'_, '_>, welcome: &Welcome) -> Result<(), Never> {
    e.array(7)?.u64(WELCOME)?.u64(welcome.version)?.i64(welcome.time.0)?.i32(welcome.first_day.0)?.u64(welcome.head)?;
    write_heads(e, &welcome.heads)?;
    e.bytes(&welcome.digest.to_bytes())?.ok()
}

fn write_heads(e: Out<'_, '_>, heads: &[StatementId]) -> Result<(), Never> {
    e.bytes(&heads.iter().flat_map(|id| id.0).collect::<Vec<_>>())?.ok()
}

fn write_place(e: Out<'_, '_>, place: &Place) -> Result<(), Never> {
    e.array(3)?.bytes(&place.device.0)?;
    match place.day {
        Some(day) => e.i32(day.0)?,
        None => e.null()?,
    };
    e.u16(place.part)?.ok()
}

#[cfg(test)]
mod tests;
