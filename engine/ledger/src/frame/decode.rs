//! Reading frames. Bytes come from whoever can connect.

use minicbor::Decoder;
use minicbor::data::Type;
use minicbor::decode::Error as CborError;

use super::*;
use crate::ids::DeviceId;

impl Frame {
    /// Reads what [`Frame::encode`] wrote, in this version or a newer one.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        if bytes.len() > MOST_BYTES {
            return Err(FrameError::TooLarge(bytes.len()));
        }
        let mut d = Decoder::new(bytes);
        let fields = length(&mut d)?;
        let kind = d.u64()?;
        let frame = match kind {
            HELLO => Self::Hello(hello(&mut d)?),
            WELCOME => Self::Welcome(welcome(&mut d)?),
            DELIVER => Self::Deliver(ascending(list(&mut d, |d| {
                fixed(d, 2)?;
                Ok((d.u64()?, d.bytes()?.to_vec()))
            })?)?),
            LIVE => Self::Live,
            PUSH => Self::Push(list(&mut d, |d| Ok(d.bytes()?.to_vec()))?),
            OUTCOMES => Self::Outcomes(list(&mut d, outcome)?),
            DIGEST => {
                let more = d.bool()?;
                let sums = list(&mut d, |d| {
                    fixed(d, 2)?;
                    Ok((place(d)?, Sum::from_bytes(cbor::fixed(d)?)))
                })?;
                Self::Digest { sums: ascending(sums)?, more }
            }
            IDS => {
                let more = d.bool()?;
                let segments = list(&mut d, |d| {
                    fixed(d, 2)?;
                    Ok((place(d)?, ids(d)?))
                })?;
                Self::Ids { segments: ascending(segments)?, more }
            }
            WANTED => Self::Wanted(ids(&mut d)?),
            STATEMENTS => Self::Statements(list(&mut d, |d| Ok(d.bytes()?.to_vec()))?),
            FAILED => Self::Failed { code: Code::of(d.str()?), text: d.str()?.to_owned() },
            PING => Self::Ping(d.u64()?),
            PONG => Self::Pong(d.u64()?),
            kind => return Ok(Self::Unknown(kind)),
        };
        // A newer version may have put fields behind those that are known.
        let known = match kind {
            LIVE => 1,
            HELLO | WELCOME => 7,
            DIGEST | IDS | FAILED => 3,
            _ => 2,
        };
        (known..fields).try_for_each(|_| d.skip())?;
        if fields < known || d.position() != bytes.len() {
            return Err(FrameError::Malformed("another number of fields than it says".to_owned()));
        }
        Ok(frame)
    }
}

/// Reads frames that stand one behind the other: a batch of the HTTPS fallback.
///
/// # Errors
/// What is wrong with the first one that can't be read.
pub fn sequence(bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
    let mut d = Decoder::new(bytes);
    let mut frames = Vec::new();
    while d.position() < bytes.len() {
        let from = d.position();
        d.skip()?;
        frames.push(Frame::decode(&bytes[from..d.position()])?);
    }
    Ok(frames)
}

fn length(d: &mut Decoder<'_>) -> Result<u64, CborError> {
    d.array()?.ok_or_else(|| CborError::message("an array without a length"))
}

fn fixed(d: &mut Decoder<'_>, fields: u64) -> Result<(), CborError> {
    if length(d)? == fields { Ok(()) } else { Err(CborError::message("another number of fields")) }
}

fn list<T>(
    d: &mut Decoder<'_>,
    mut one: impl FnMut(&mut Decoder<'_>) -> Result<T, CborError>,
) -> Result<Vec<T>, CborError> {
    // The length is whoever's; memory grows by what is really there.
    (0..length(d)?).map(|_| one(d)).collect()
}

/// Pairs whose first parts ascend, none twice.
fn ascending<K: Ord, V>(all: Vec<(K, V)>) -> Result<Vec<(K, V)>, CborError> {
    if all.is_sorted_by(|a, b| a.0 < b.0) { Ok(all) } else { Err(CborError::message("not ascending")) }
}

fn ids(d: &mut Decoder<'_>) -> Result<Vec<ChunkId>, CborError> {
    hashes(d).map(|all| all.into_iter().map(ChunkId).collect())
}

/// Ids in a row, ascending, none twice.
fn hashes(d: &mut Decoder<'_>) -> Result<Vec<[u8; 32]>, CborError> {
    let (all, rest) = d.bytes()?.as_chunks::<32>();
    if rest.is_empty() && all.is_sorted_by(|a, b| a < b) {
        Ok(all.to_vec())
    } else {
        Err(CborError::message("ids of 32 bytes, ascending"))
    }
}

fn day(d: &mut Decoder<'_>) -> Result<Option<UtcDay>, CborError> {
    if d.datatype()? == Type::Null {
        d.null()?;
        return Ok(None);
    }
    Ok(Some(UtcDay(d.i32()?)))
}

fn place(d: &mut Decoder<'_>) -> Result<Place, CborError> {
    fixed(d, 3)?;
    Ok(Place { device: DeviceId(cbor::fixed(d)?), day: day(d)?, part: d.u16()? })
}

fn outcome(d: &mut Decoder<'_>) -> Result<(ChunkId, Outcome), CborError> {
    let fields = length(d)?;
    let id = ChunkId(cbor::fixed(d)?);
    let outcome = match (d.u64()?, fields) {
        (ACCEPTED, 3) => Outcome::Accepted(d.u64()?),
        (COVERED, 2) => Outcome::Covered,
        (REFUSED, 3) => Outcome::Refused(Code::of(d.str()?)),
        _ => return Err(CborError::message("not an outcome")),
    };
    Ok((id, outcome))
}

fn hello(d: &mut Decoder<'_>) -> Result<Hello, CborError> {
    let versions = list(d, |d| d.u64())?;
    let workspace = WorkspaceId(cbor::fixed(d)?);
    let key = if d.datatype()? == Type::Null {
        d.null()?;
        None
    } else {
        fixed(d, 2)?;
        Some(KeyInUse { rotate: StatementId(cbor::fixed(d)?), check: cbor::fixed(d)? })
    };
    let heads = hashes(d)?.into_iter().map(StatementId).collect();
    let cursor = d.u64()?;
    let fields = length(d)?;
    let want = match (d.u64()?, fields) {
        (0, 1) => Want::All,
        (1, 2) => Want::Since(UtcDay(d.i32()?)),
        (2, 1) => Want::Summaries,
        _ => return Err(CborError::message("nothing that can be wanted")),
    };
    Ok(Hello { versions, workspace, key, heads, cursor, want })
}

fn welcome(d: &mut Decoder<'_>) -> Result<Welcome, CborError> {
    Ok(Welcome {
        version: d.u64()?,
        time: UtcMillis(d.i64()?),
        first_day: UtcDay(d.i32()?),
        head: d.u64()?,
        heads: hashes(d)?.into_iter().map(StatementId).collect(),
        digest: Sum::from_bytes(cbor::fixed(d)?),
    })
}
