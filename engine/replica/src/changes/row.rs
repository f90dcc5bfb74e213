//! One row, and what it says.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};

use aimon_core::batch::{Batch, BatchError, Figures, Said};
use aimon_core::crypto::{CryptoError, Keyring};
use aimon_core::segment;
use aimon_core::time::UtcDay;
use aimon_ledger::chunk::{Chunk, Kind, Place};
use aimon_ledger::ids::{ChunkId, DeviceId, KeyId};

/// One row: a change, or a finished segment; as plaintext, or as a chunk.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) seq: i64,
    pub(crate) place: Place,
    rest: Rest,
}

/// How a row rests.
#[derive(Debug)]
enum Rest {
    Plain(Vec<u8>),
    Chunk { id: ChunkId, parts: [Vec<u8>; 3] },
}

/// Why a row says nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// Its key is not held. It is no damage, and is read once the key is there.
    #[error("it waits for its key")]
    Waits(KeyId),
    /// It is not what was written.
    #[error("{0}")]
    Damaged(String),
    /// It is what its author wrote, and that is nothing that anybody can read.
    #[error("{0}")]
    Broken(String),
}

/// seq, id, device, day, part, header, bytes, signature.
pub(super) type Columns = (i64, Option<Vec<u8>>, Vec<u8>, Option<i32>, i64, Option<Vec<u8>>, Vec<u8>, Option<Vec<u8>>);

impl Row {
    pub(super) fn of((seq, id, device, day, part, header, bytes, signature): Columns) -> Self {
        // A device that is no id reads as nobody's: the row is still read, and shown.
        let device = DeviceId(device.try_into().unwrap_or_default());
        let rest = match id {
            None => Rest::Plain(bytes),
            Some(id) => Rest::Chunk {
                id: ChunkId(id.try_into().unwrap_or_default()),
                parts: [header.unwrap_or_default(), bytes, signature.unwrap_or_default()],
            },
        };
        Self { seq, place: Place { device, day: day.map(UtcDay), part: part as u16 }, rest }
    }

    /// The chunk that it is, if it is one.
    pub(crate) fn id(&self) -> Option<ChunkId> {
        match &self.rest {
            Rest::Plain(_) => None,
            Rest::Chunk { id, .. } => Some(*id),
        }
    }

    /// How many bytes it says it in.
    pub(crate) fn len(&self) -> usize {
        match &self.rest {
            Rest::Plain(bytes) => bytes.len(),
            Rest::Chunk { parts, .. } => parts.iter().map(Vec::len).sum(),
        }
    }

    /// The chunk as it travels, put together again.
    pub(crate) fn chunk(&self) -> Result<Option<Chunk>, Unread> {
        let Rest::Chunk { id, parts: [header, ciphertext, signature] } = &self.rest else { return Ok(None) };
        let damaged = || Unread::Damaged("the chunk is not the one that was stored".to_owned());
        let signature = signature.as_slice().try_into().map_err(|_| damaged())?;
        let chunk = Chunk::assemble(header, ciphertext, signature).map_err(|_| damaged())?;
        if chunk.id() == *id && chunk.header().place == self.place { Ok(Some(chunk)) } else { Err(damaged()) }
    }

    /// What it says, as it may rest in clear, with a checksum; `None` for a chunk of another kind.
    pub(crate) fn content(&self, ring: &Keyring) -> Result<Option<Cow<'_, [u8]>>, Unread> {
        let Some(content) = self.opened(ring)? else { return Ok(None) };
        match segment::expand(&content) {
            Ok(Cow::Owned(expanded)) => Ok(Some(Cow::Owned(expanded))),
            Ok(Cow::Borrowed(_)) => Ok(Some(content)),
            Err(e) => Err(self.unreadable(e.to_string())),
        }
    }

    /// The same; a change may be short.
    fn opened(&self, ring: &Keyring) -> Result<Option<Cow<'_, [u8]>>, Unread> {
        let Some(chunk) = self.chunk()? else {
            return match &self.rest {
                // In clear a change has its checksum.
                Rest::Plain(bytes) if segment::is_short(bytes) => Err(Unread::Damaged("it has no checksum".to_owned())),
                Rest::Plain(bytes) => Ok(Some(Cow::Borrowed(bytes))),
                Rest::Chunk { .. } => Ok(None),
            };
        };
        content(&chunk, ring).map(|content| content.map(Cow::Owned))
    }

    /// The bytes of its batches, as they were written.
    pub(crate) fn values(&self, ring: &Keyring) -> Result<Vec<Vec<u8>>, Unread> {
        let Some(content) = self.opened(ring)? else { return Ok(Vec::new()) };
        segment::batches(&content).map_err(|e| self.unreadable(e.to_string()))
    }

    /// Its events, or why there are none.
    pub(crate) fn batches(&self, ring: &Keyring) -> Result<Vec<Batch>, Unread> {
        self.read(ring, Batch::decode)
    }

    /// What figures are made of in its events.
    pub(crate) fn figures(&self, ring: &Keyring) -> Result<Vec<Figures>, Unread> {
        self.read(ring, Figures::decode)
    }

    /// Both that figures are made of and what it says of what providers said.
    pub(crate) fn events(&self, ring: &Keyring) -> Result<Vec<(Figures, Said)>, Unread> {
        self.read(ring, |bytes| Ok((Figures::decode(bytes)?, Said::decode(bytes)?)))
    }

    /// What it says of what providers said.
    pub(crate) fn said(&self, ring: &Keyring) -> Result<Vec<Said>, Unread> {
        self.read(ring, Said::decode)
    }

    /// Reads its events, of a finished segment as few batches. One in a format that only a newer version reads is held like any other, and shows nothing until then.
    fn read<T>(&self, ring: &Keyring, decode: impl Fn(&[u8]) -> Result<T, BatchError>) -> Result<Vec<T>, Unread> {
        let Some(content) = self.opened(ring)? else { return Ok(Vec::new()) };
        let mut batches = Vec::new();
        for bytes in segment::gathered(&content).map_err(|e| self.unreadable(e.to_string()))? {
            match decode(&bytes) {
                Ok(batch) => batches.push(batch),
                Err(BatchError::Version(format)) => {
                    tracing::debug!(format, day = ?self.place.day, "a batch of a newer version is held, and not read");
                }
                Err(e) => return Err(self.unreadable(e.to_string())),
            }
        }
        Ok(batches)
    }

    /// What was decrypted is what its author wrote: plaintext alone can have changed since.
    fn unreadable(&self, why: String) -> Unread {
        match self.rest {
            Rest::Plain(_) => Unread::Damaged(why),
            Rest::Chunk { .. } => Unread::Broken(why),
        }
    }
}

/// From how many bytes on all cores are used.
const MUCH: usize = 256 << 10;

/// Reads many rows, each in its place. Decrypting and loading sealed days is what a new device's first report waits for.
pub(crate) fn read_all<T: Send>(rows: &[Row], read: impl Fn(&Row) -> T + Sync) -> Vec<T> {
    on_all_cores(rows, rows.iter().map(Row::len).sum(), read)
}

/// Does something to each of many, on all cores if they are so many bytes that it is worth it.
pub(crate) fn on_all_cores<I: Sync, T: Send>(all: &[I], bytes: usize, read: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if cores == 1 || all.len() < 2 || bytes < MUCH {
        return all.iter().map(read).collect();
    }
    // They differ in size: each thread takes the next one that nobody has.
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = all.get(at) else { return done };
            done.push((at, read(one)));
        }
    };
    let mut made: Vec<(usize, T)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores).map(|_| scope.spawn(work)).collect();
        let mut made = work();
        for other in others {
            match other.join() {
                Ok(done) => made.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        made
    });
    made.sort_unstable_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, read)| read).collect()
}

/// What a chunk's author wrote; `None` for a chunk that holds no part of a segment.
fn content(chunk: &Chunk, ring: &Keyring) -> Result<Option<Vec<u8>>, Unread> {
    if !matches!(chunk.header().kind, Kind::Change | Kind::Snapshot) {
        return Ok(None);
    }
    match ring.open(chunk) {
        Ok(content) => Ok(Some(content)),
        Err(CryptoError::NoKey) => Err(Unread::Waits(chunk.header().key)),
        Err(e) => Err(Unread::Broken(e.to_string())),
    }
}

/// The bytes of a chunk's batches; none of one that can't be read.
pub(crate) fn values_of(chunk: &Chunk, ring: &Keyring) -> Vec<Vec<u8>> {
    let content = content(chunk, ring).ok().flatten();
    content.and_then(|content| segment::batches(&content).ok()).unwrap_or_default()
}
