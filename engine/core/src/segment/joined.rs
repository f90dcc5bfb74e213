//! A finished segment as it travels and rests. In a document each batch keeps its own bytes, and bytes of many kinds mixed
//! cost a third more than columns of a day. All that a document says beside its batches follows from the writers and the
//! order in which each wrote, as in a short change; so they are joined, and taken apart where somebody needs them.
//!
//! ```text
//! joined = 3:u8  checksum:4 bytes  body, deflated
//! body   = writers:varint  (writer:8 bytes  changes:varint)*  batches, joined
//! ```
//!
//! The checksum is the beginning of the BLAKE3 of what follows it: it guards a segment that rests in clear.

use std::io::{Read, Write};

use automerge::Change;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::{Chain, SegmentError, document};
use crate::batch::columns::{Reader, put};
use crate::batch::{BatchError, join};
use crate::ids::WriterId;

/// The first byte; whatever Automerge writes begins with another.
const JOINED: u8 = 3;

/// The same as it was written before answers were said as differences; it is read as well.
const JOINED_BEFORE: u8 = 2;

/// The most bytes that a body may have: some deflated bytes can be a thousand times as many.
const MOST_BODY: usize = 4 << 20;

/// Whole chains, each from its beginning on, joined; `None` if any of it could not be told apart again, byte for byte.
pub fn join(chains: &[Vec<&Change>]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    put(&mut body, chains.len() as u64);
    for chain in chains {
        let writer: [u8; 8] = chain.first()?.actor_id().to_bytes().try_into().ok()?;
        body.extend_from_slice(&writer);
        put(&mut body, chain.len() as u64);
    }
    let batches = chains.iter().flatten().map(|change| document::batch_of(change).ok());
    let batches: Vec<Vec<u8>> = batches.collect::<Option<_>>()?;
    let mut joined = Vec::new();
    join::join(batches.iter().map(Vec::as_slice), &mut joined)?;
    let seams = join::seams(&joined).ok()?;
    let seams: Vec<usize> = seams.into_iter().map(|at| body.len() + at).collect();
    body.append(&mut joined);
    if body.len() > MOST_BODY {
        return None;
    }
    let deflated = deflate(&body, &seams).ok()?;
    let mut out = vec![JOINED];
    out.extend_from_slice(&checksum(&deflated));
    out.extend_from_slice(&deflated);
    // A hash says all of a change, and of those before it. What anybody else has written in another way keeps its form.
    let told = changes(&out).ok()??;
    told.iter().map(Change::hash).eq(chains.iter().flatten().map(|change| change.hash())).then_some(out)
}

/// Deflates, with a code of its own between each two seams.
fn deflate(body: &[u8], seams: &[usize]) -> std::io::Result<Vec<u8>> {
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
    let (mut rest, mut at) = (body, 0);
    for seam in seams {
        let (some, behind) = rest.split_at_checked(seam - at).unwrap_or((rest, &[]));
        deflated.write_all(some)?;
        deflated.flush()?;
        (rest, at) = (behind, *seam);
    }
    deflated.write_all(rest)?;
    deflated.finish()
}

/// Whether bytes begin as joined batches do.
pub(super) fn is_joined(content: &[u8]) -> bool {
    matches!(content.first(), Some(&(JOINED | JOINED_BEFORE)))
}

/// The changes of a joined segment, chain by chain; `None` if it is none.
pub(super) fn changes(content: &[u8]) -> Result<Option<Vec<Change>>, SegmentError> {
    let Some(body) = body(content)? else { return Ok(None) };
    let (writers, rest) = writers(&body)?;
    let mut batches = part(&writers, rest)?.into_iter();
    let mut changes = Vec::with_capacity(batches.len());
    for (writer, count) in writers {
        let mut chain = Chain::new(writer)?;
        for batch in batches.by_ref().take(count) {
            let change = Change::from_bytes(chain.append(batch));
            changes.push(change.map_err(|e| SegmentError::Damaged(e.to_string()))?);
        }
    }
    Ok(Some(changes))
}

/// The batches of a joined segment; `None` if it is none.
pub(super) fn batches(content: &[u8]) -> Result<Option<Vec<Vec<u8>>>, SegmentError> {
    let Some(body) = body(content)? else { return Ok(None) };
    let (writers, rest) = writers(&body)?;
    part(&writers, rest).map(Some)
}

/// Batches that hold the events of a joined segment, as few as there are; `None` if it is none.
pub(super) fn gathered(content: &[u8]) -> Result<Option<Vec<Vec<u8>>>, SegmentError> {
    let Some(body) = body(content)? else { return Ok(None) };
    let (_, rest) = writers(&body)?;
    let gathered = join::gathered(rest).map_err(damaged)?;
    Ok(Some(gathered.into_iter().map(<[u8]>::to_vec).collect()))
}

fn body(content: &[u8]) -> Result<Option<Vec<u8>>, SegmentError> {
    if !is_joined(content) {
        return Ok(None);
    }
    let damaged = |what: &str| SegmentError::Damaged(what.to_owned());
    let (held, deflated) =
        content.get(1..).and_then(<[u8]>::split_first_chunk::<4>).ok_or_else(|| damaged("it ends too early"))?;
    if *held != checksum(deflated) {
        return Err(damaged("its checksum does not match"));
    }
    let mut body = Vec::new();
    let mut inflated = DeflateDecoder::new(deflated).take(MOST_BODY as u64 + 1);
    inflated.read_to_end(&mut body).map_err(|e| SegmentError::Damaged(e.to_string()))?;
    if body.len() > MOST_BODY {
        return Err(damaged("it is larger than a segment's part can be"));
    }
    Ok(Some(body))
}

/// Who wrote how many of the batches.
type Writers = Vec<(WriterId, usize)>;

/// The writers, and the joined batches behind them.
fn writers(body: &[u8]) -> Result<(Writers, &[u8]), SegmentError> {
    let mut r = Reader::new(body);
    let count = r.len_of(9).map_err(damaged)?;
    let mut writers = Vec::with_capacity(count);
    for _ in 0..count {
        let mut writer = [0; 8];
        writer.copy_from_slice(r.bytes(8).map_err(damaged)?);
        writers.push((WriterId(writer), r.len_of(0).map_err(damaged)?));
    }
    let rest = r.bytes(r.len()).map_err(damaged)?;
    Ok((writers, rest))
}

/// The batches, one for each change.
fn part(writers: &[(WriterId, usize)], rest: &[u8]) -> Result<Vec<Vec<u8>>, SegmentError> {
    let batches = join::part(rest).map_err(damaged)?;
    match writers.iter().map(|(_, count)| count).sum::<usize>() == batches.len() {
        true => Ok(batches),
        false => Err(SegmentError::Damaged("it has another number of batches than it says".to_owned())),
    }
}

fn checksum(deflated: &[u8]) -> [u8; 4] {
    let mut checksum = [0; 4];
    checksum.copy_from_slice(&blake3::hash(deflated).as_bytes()[..4]);
    checksum
}

fn damaged(e: BatchError) -> SegmentError {
    SegmentError::Damaged(e.to_string())
}
