//! Chunks: what travels, and rests on relays and replicas alike.
//!
//! ```text
//! chunk     = [header: bstr, ciphertext: bstr, signature: bstr .size 64]
//! id        = BLAKE3(chunk)
//! signature = Ed25519 by the device over `aimon/v1/chunk` ‖ 0 ‖ workspace ‖ header ‖ ciphertext, both as they stand in the chunk
//! ```
//!
//! The header is also the associated data of the encryption: nobody can move a ciphertext under another header. It is
//! described in `schema/chunk.cddl`.

use ed25519_dalek::VerifyingKey;
use minicbor::Decoder;
use minicbor::decode::Error as CborError;

use crate::cbor;
use crate::ids::{ChunkId, DeviceId, KeyId, Short, WorkspaceId};
use crate::signature::{Purpose, SIGNATURE_BYTES};
use crate::time::UtcDay;

/// The most bytes of a chunk.
pub const MOST_BYTES: usize = 256 * 1024;

/// The most ids of chunks or purges that one header may name.
pub const MOST_NAMED: usize = 16 * 1024;

/// What a chunk holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// One Automerge change: a batch.
    Change,
    /// A saved document that covers changes of its segment.
    Snapshot,
    /// Sums for partial replicas.
    Summary,
    /// One that a newer version knows: held and passed on, not read.
    Unknown(u64),
}

impl Kind {
    /// Its number in the header.
    pub fn number(self) -> u64 {
        match self {
            Self::Change => 0,
            Self::Snapshot => 1,
            Self::Summary => 2,
            Self::Unknown(n) => n,
        }
    }

    fn of(number: u64) -> Self {
        match number {
            0 => Self::Change,
            1 => Self::Snapshot,
            2 => Self::Summary,
            n => Self::Unknown(n),
        }
    }
}

/// Which segment a chunk belongs to: a device's UTC day; without a day its settings and summaries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// Whose segment it is, and who signs.
    pub device: DeviceId,
    /// The day of what the events are about.
    pub day: Option<UtcDay>,
    /// The segment's part.
    pub part: u16,
}

/// The chunk that its device wrote before: how a relay that withholds one is found out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Previous {
    /// Its day: one that is no longer kept is not missed.
    pub day: Option<UtcDay>,
    /// Its id.
    pub id: Short,
}

/// What everybody may read of a chunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The segment.
    pub place: Place,
    /// What it holds.
    pub kind: Kind,
    /// The key that it is encrypted under.
    pub key: KeyId,
    /// Fresh random bytes from the operating system.
    pub nonce: [u8; 24],
    /// Absent in a device's first chunk after joining.
    pub previous: Option<Previous>,
    /// The purges that were obeyed when it was written; ascending.
    pub obeys: Vec<Short>,
    /// The chunks that a snapshot contains, earlier snapshots and what they covered included; ascending.
    pub covers: Vec<Short>,
}

// The header's keys: part of the format.
const DEVICE: u64 = 1;
const DAY: u64 = 2;
const PART: u64 = 3;
const KIND: u64 = 4;
const KEY: u64 = 5;
const NONCE: u64 = 6;
const PREVIOUS: u64 = 7;
const OBEYS: u64 = 8;
const COVERS: u64 = 9;

/// Why bytes are no chunk of this workspace. Each has a code of its own on the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Longer than [`MOST_BYTES`].
    #[error("the chunk has {0} bytes; the most is {MOST_BYTES}")]
    TooLarge(usize),
    /// Not a chunk's CBOR.
    #[error("the chunk is malformed: {0}")]
    Malformed(String),
    /// Not signed by the device that its header names.
    #[error("the chunk is not signed by its device")]
    Signature,
}

impl From<CborError> for ChunkError {
    fn from(error: CborError) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl Header {
    /// The header's bytes: also the associated data of the encryption.
    pub fn encode(&self) -> Vec<u8> {
        let Place { device, day, part } = self.place;
        let fields =
            [day.is_some(), part > 0, self.previous.is_some(), !self.obeys.is_empty(), !self.covers.is_empty()];
        let count = 4 + fields.into_iter().filter(|there| *there).count() as u64;
        cbor::write(|e| {
            e.map(count)?.u64(DEVICE)?.bytes(&device.0)?;
            if let Some(day) = day {
                e.u64(DAY)?.i32(day.0)?;
            }
            if part > 0 {
                e.u64(PART)?.u16(part)?;
            }
            e.u64(KIND)?.u64(self.kind.number())?;
            e.u64(KEY)?.bytes(&self.key.0)?.u64(NONCE)?.bytes(&self.nonce)?;
            if let Some(previous) = self.previous {
                e.u64(PREVIOUS)?.array(2)?;
                match previous.day {
                    Some(day) => e.i32(day.0)?,
                    None => e.null()?,
                };
                e.bytes(&previous.id.0)?;
            }
            for (key, list) in [(OBEYS, &self.obeys), (COVERS, &self.covers)] {
                if !list.is_empty() {
                    e.u64(key)?.bytes(&list.iter().flat_map(|short| short.0).collect::<Vec<_>>())?;
                }
            }
            Ok(())
        })
    }

    /// Reads what [`Header::encode`] wrote, in this version or a newer one.
    pub fn decode(bytes: &[u8]) -> Result<Self, ChunkError> {
        cbor::deterministic(bytes)?;
        let mut d = Decoder::new(bytes);
        let (mut device, mut day, mut part, mut kind) = (None, None, 0, None);
        let (mut key, mut nonce, mut previous) = (None, None, None);
        let (mut obeys, mut covers) = (Vec::new(), Vec::new());
        cbor::map(&mut d, |field, d| {
            match field {
                DEVICE => device = Some(DeviceId(cbor::fixed(d)?)),
                DAY => day = Some(UtcDay(d.i32()?)),
                PART => part = d.u16()?,
                KIND => kind = Some(Kind::of(d.u64()?)),
                KEY => key = Some(KeyId(cbor::fixed(d)?)),
                NONCE => nonce = Some(cbor::fixed(d)?),
                PREVIOUS => previous = Some(read_previous(d)?),
                OBEYS => obeys = read_shorts(d)?,
                COVERS => covers = read_shorts(d)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let missing = |what: &str| ChunkError::Malformed(format!("no {what} in the header"));
        Ok(Self {
            place: Place { device: device.ok_or_else(|| missing("device"))?, day, part },
            kind: kind.ok_or_else(|| missing("kind"))?,
            key: key.ok_or_else(|| missing("key"))?,
            nonce: nonce.ok_or_else(|| missing("nonce"))?,
            previous,
            obeys,
            covers,
        })
    }
}

fn read_previous(d: &mut Decoder<'_>) -> Result<Previous, CborError> {
    if d.array()? != Some(2) {
        return Err(CborError::message("a previous chunk is a day and four bytes"));
    }
    let day = if d.datatype()? == minicbor::data::Type::Null {
        d.null()?;
        None
    } else {
        Some(UtcDay(d.i32()?))
    };
    Ok(Previous { day, id: Short(cbor::fixed(d)?) })
}

fn read_shorts(d: &mut Decoder<'_>) -> Result<Vec<Short>, CborError> {
    let (all, rest) = d.bytes()?.as_chunks::<4>();
    let list: Vec<Short> = all.iter().copied().map(Short).collect();
    if !rest.is_empty() || list.is_empty() || list.len() > MOST_NAMED || !list.is_sorted_by(|a, b| a < b) {
        return Err(CborError::message("ids of four bytes each, ascending"));
    }
    Ok(list)
}

/// A chunk as it travels, its header read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    bytes: Vec<u8>,
    id: ChunkId,
    header: Header,
    /// Where its three parts lie in `bytes`.
    header_at: std::ops::Range<usize>,
    ciphertext_at: std::ops::Range<usize>,
    signature: [u8; SIGNATURE_BYTES],
}

impl Chunk {
    /// Puts a chunk together of what its author has encrypted and signed.
    ///
    /// # Errors
    /// [`ChunkError::TooLarge`].
    pub fn assemble(header: &[u8], ciphertext: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<Self, ChunkError> {
        Self::parse(cbor::frame(&[header, ciphertext, signature]))
    }

    /// Reads a chunk's frame and header. Whether it is signed is for [`Chunk::verify`].
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, ChunkError> {
        if bytes.len() > MOST_BYTES {
            return Err(ChunkError::TooLarge(bytes.len()));
        }
        let [header_at, ciphertext_at, signature_at] = cbor::unframe(&bytes)?;
        let signature: [u8; SIGNATURE_BYTES] = bytes[signature_at]
            .try_into()
            .map_err(|_| ChunkError::Malformed("a signature of another length".to_owned()))?;
        let header = Header::decode(&bytes[header_at.clone()])?;
        Ok(Self { id: ChunkId::of(&bytes), header, header_at, ciphertext_at, signature, bytes })
    }

    /// Checks the signature, strictly. Once for each chunk, when it comes in.
    ///
    /// # Errors
    /// [`ChunkError::Signature`].
    pub fn verify(&self, workspace: &WorkspaceId, key: &VerifyingKey) -> Result<(), ChunkError> {
        let signed = signed_part(self.header_bytes(), self.ciphertext());
        if Purpose::Chunk.is_signed(workspace, &signed, &self.signature, key) {
            Ok(())
        } else {
            Err(ChunkError::Signature)
        }
    }

    /// Its id.
    pub fn id(&self) -> ChunkId {
        self.id
    }

    /// What everybody may read.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header as it stands in the chunk: the associated data of the encryption.
    pub fn header_bytes(&self) -> &[u8] {
        &self.bytes[self.header_at.clone()]
    }

    /// The encrypted part.
    pub fn ciphertext(&self) -> &[u8] {
        &self.bytes[self.ciphertext_at.clone()]
    }

    /// The author's signature.
    pub fn signature(&self) -> &[u8; SIGNATURE_BYTES] {
        &self.signature
    }

    /// All of it, as it travels and rests.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// What an author signs: the header and the ciphertext as they stand in the chunk, each with its length.
pub fn signed_part(header: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    cbor::write(|e| {
        e.bytes(header)?.bytes(ciphertext)?;
        Ok(())
    })
}

#[cfg(test)]
mod tests;
