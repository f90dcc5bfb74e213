use std::collections::BTreeSet;

use automerge::legacy::OpType;
use automerge::{
    Automerge, Change, LoadOptions, OnPartialLoad, ROOT, ReadDoc, SaveOptions, ScalarValue, VerificationMode,
};

use super::{Chain, FIRST_CHANGE, LIST, SegmentError, joined, short};
use crate::batch::columns::Reader;
use crate::ids::WriterId;

/// How every chunk of Automerge's binary format begins.
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

/// What stored bytes are: exactly one chunk of Automerge's binary format.
enum Kind {
    Document,
    Change,
}

/// Looks at a chunk's frame: magic, checksum, type, length, contents. Automerge itself goes on to
/// whatever follows, reads kinds of chunks that nobody here writes, and panics in some of them.
fn kind(bytes: &[u8]) -> Result<Kind, SegmentError> {
    let damaged = |what: &str| SegmentError::Damaged(what.into());
    // An empty input is an empty document to Automerge; to us it is damage.
    if !bytes.starts_with(&MAGIC) {
        return Err(damaged("it does not begin as an Automerge chunk does"));
    }
    let kind = match bytes.get(8) {
        Some(0) => Kind::Document,
        Some(1 | 2) => Kind::Change,
        _ => return Err(damaged("it is neither a change nor a document")),
    };
    let mut rest = Reader::new(bytes.get(9..).unwrap_or_default());
    match rest.varint() {
        Ok(length) if length == rest.len() as u64 => Ok(kind),
        _ => Err(damaged("it has another length than it says")),
    }
}

/// Whether stored bytes are a finished segment, joined or as a saved document, or one change.
///
/// # Errors
/// [`SegmentError::Damaged`] if they are neither.
pub fn is_snapshot(bytes: &[u8]) -> Result<bool, SegmentError> {
    if joined::is_joined(bytes) {
        return joined::batches(bytes).map(|_| true);
    }
    if short::batch(bytes)?.is_some() {
        return Ok(false);
    }
    kind(bytes).map(|kind| matches!(kind, Kind::Document))
}

/// The events in stored bytes as batches, in as few as there are: for whoever asks for events, and not for what was written together.
pub fn gathered(bytes: &[u8]) -> Result<Vec<Vec<u8>>, SegmentError> {
    match joined::gathered(bytes)? {
        Some(batches) => Ok(batches),
        None => batches(bytes),
    }
}

/// The batches in stored bytes: that of one change, or those of a finished segment. A change
/// needs none of its predecessors.
pub fn batches(bytes: &[u8]) -> Result<Vec<Vec<u8>>, SegmentError> {
    if let Some(batches) = joined::batches(bytes)? {
        return Ok(batches);
    }
    if let Some(batch) = short::batch(bytes)? {
        return Ok(vec![batch.to_vec()]);
    }
    match kind(bytes)? {
        Kind::Change => changes(bytes)?.iter().filter(|c| !is_first(c)).map(batch_of).collect(),
        Kind::Document => {
            // Nobody deletes, so the list shows all that the document's changes appended. The chunk's own
            // checksum guards its bytes; to hash every change again guards nothing that is read here.
            let document = load(bytes, VerificationMode::DontCheck)?;
            let list = match document.get(ROOT, LIST) {
                Ok(Some((_, list))) => list,
                _ => return Err(SegmentError::NoBatch),
            };
            let values = document.values(&list);
            values
                .map(|(v, _)| v.into_scalar().ok().and_then(|s| s.into_bytes().ok()).ok_or(SegmentError::NoBatch))
                .collect()
        }
    }
}

/// The changes in stored bytes, the fixed first one included where it is there.
pub fn changes(bytes: &[u8]) -> Result<Vec<Change>, SegmentError> {
    if let Some(changes) = joined::changes(bytes)? {
        return Ok(changes);
    }
    let bytes = &*short::expand(bytes)?;
    match kind(bytes)? {
        Kind::Document => Ok(load(bytes, VerificationMode::Check)?.get_changes(&[])),
        Kind::Change => {
            let change = Change::from_bytes(bytes.to_vec()).map_err(|e| SegmentError::Damaged(e.to_string()))?;
            // Automerge reads a change without looking at its checksum: a flipped bit would be
            // another figure.
            if bytes.get(4..8) != change.hash().0.get(..4) {
                return Err(SegmentError::Damaged("its checksum does not match".into()));
            }
            Ok(vec![change])
        }
    }
}

fn load(bytes: &[u8], mode: VerificationMode) -> Result<Automerge, SegmentError> {
    let options = LoadOptions::new().on_partial_load(OnPartialLoad::Error).verification_mode(mode);
    Automerge::load_with_options(bytes, options).map_err(|e| SegmentError::Damaged(e.to_string()))
}

/// One document of the changes: all of them that hang together with the fixed first change. The
/// number is how many were left out because a predecessor is missing, or because two changes of one
/// writer have one sequence number (a machine resumed twice).
pub fn document(stored: impl IntoIterator<Item = Vec<Change>>) -> Result<(Vec<u8>, usize), SegmentError> {
    let damaged = |e: automerge::AutomergeError| SegmentError::Damaged(e.to_string());
    let mut document = Automerge::load(FIRST_CHANGE).map_err(damaged)?;
    let mut seen = std::collections::HashSet::new();
    let mut all: Vec<Change> = stored.into_iter().flatten().filter(|c| !is_first(c)).collect();
    all.retain(|c| seen.insert(c.hash()));
    let count = all.len();
    if document.apply_changes(all.clone()).is_err() {
        // Of a fork Automerge takes one branch and refuses the other: apply one by one.
        document = Automerge::load(FIRST_CHANGE).map_err(damaged)?;
        for change in all {
            let _refused = document.apply_changes([change]);
        }
    }
    let held = document.get_changes(&[]).len().saturating_sub(1);
    // What waits for a predecessor is left out, and not put behind the document as chunks of its own.
    let saved = document.save_with_options(SaveOptions { retain_orphans: false, ..SaveOptions::default() });
    Ok((saved, count.saturating_sub(held)))
}

/// One document that has every batch of the changes: what [`document`] leaves out is appended anew, by a writer that depends
/// on it alone. For whoever reads a document by itself; a replica keeps the changes as they are.
pub fn whole(stored: impl IntoIterator<Item = Vec<Change>>) -> Result<Vec<u8>, SegmentError> {
    let stored: Vec<Vec<Change>> = stored.into_iter().collect();
    let all: Vec<&Change> = stored.iter().flatten().filter(|c| !is_first(c)).collect();
    let mut wanted: BTreeSet<Vec<u8>> = all.into_iter().map(batch_of).collect::<Result<_, _>>()?;
    let (saved, left_out) = document(stored)?;
    if left_out == 0 {
        return Ok(saved);
    }
    for held in batches(&saved)? {
        wanted.remove(&held);
    }
    let mut hasher = blake3::Hasher::new();
    for batch in &wanted {
        hasher.update(blake3::hash(batch).as_bytes());
    }
    let mut writer = [0; 8];
    hasher.finalize_xof().fill(&mut writer);
    let mut chain = Chain::new(WriterId(writer))?;
    let mut document = load(&saved, VerificationMode::Check)?;
    for batch in wanted {
        let change = changes(&chain.append(batch))?;
        document.apply_changes(change).map_err(|e| SegmentError::Damaged(e.to_string()))?;
    }
    Ok(document.save())
}

fn is_first(change: &Change) -> bool {
    change.deps().is_empty() && change.actor_id().to_bytes().iter().all(|b| *b == 0)
}

pub(super) fn batch_of(change: &Change) -> Result<Vec<u8>, SegmentError> {
    // Inserted bytes are batches, wherever a newer version may put more operations beside them.
    let mut inserted = change.decode().operations.into_iter().filter_map(|op| match op.action {
        OpType::Put(ScalarValue::Bytes(bytes)) if op.insert => Some(bytes),
        _ => None,
    });
    match (inserted.next(), inserted.next()) {
        (Some(batch), None) => Ok(batch),
        _ => Err(SegmentError::NoBatch),
    }
}
