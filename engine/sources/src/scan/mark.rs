//! Marks: how far a file was read.

use std::collections::HashMap;

use super::walk::Stat;
use crate::collector::FileKind;

/// The format of marks, and of what decoders make of a file: with another number everything is read
/// again.
const FORMAT: u8 = 1;

/// How many bytes at the file's start tell it from another that took its place.
pub(super) const HEAD: u64 = 1024;
/// How many bytes before the position tell that what was read is still what stands there.
pub(super) const TAIL: u64 = 256;

/// The marks that the caller has stored: whole, or only what tells whether a file has changed.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    by_source: HashMap<String, HashMap<u64, Known>>,
    len: usize,
}

/// What is known of one file's mark.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// From 0.
    pub number: usize,
    /// As [`stamp`] makes it; 0 where only the whole mark can tell.
    pub stamp: u64,
    /// The file's key and its mark, where they were given.
    pub whole: Option<(Vec<u8>, Vec<u8>)>,
}

impl Marks {
    /// None: everything is read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a file's whole mark; of two with one key the later stands.
    pub fn insert(&mut self, source: &str, key: Vec<u8>, mark: Vec<u8>) {
        let stamp = Mark::from_bytes(&mark).map_or(0, |mark| mark.stamp());
        let known = self.known(source, digest(&key));
        (known.stamp, known.whole) = (stamp, Some((key, mark)));
    }

    /// Takes the digest and the stamp that a [`super::FileRead`] had: enough to see that the file has not
    /// changed. Of one that has, [`super::Plan::complete`] asks for the whole mark.
    pub fn insert_stamp(&mut self, source: &str, digest: u64, stamp: u64) {
        self.known(source, digest).stamp = stamp;
    }

    fn known(&mut self, source: &str, digest: u64) -> &mut Known {
        self.by_source.entry(source.to_owned()).or_default().entry(digest).or_insert_with(|| {
            self.len += 1;
            Known { number: self.len - 1, ..Known::default() }
        })
    }

    /// How many files have one.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no file has one.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What is known of a file's mark.
    pub(super) fn get(&self, source: &str, key: &[u8]) -> Option<&Known> {
        self.by_source.get(source)?.get(&digest(key))
    }

    /// All of a source, by digest.
    pub(super) fn all(&self, source: &str) -> impl Iterator<Item = (u64, &Known)> {
        self.by_source.get(source).into_iter().flatten().map(|(digest, known)| (*digest, known))
    }
}

impl<'a> FromIterator<(&'a str, Vec<u8>, Vec<u8>)> for Marks {
    fn from_iter<I: IntoIterator<Item = (&'a str, Vec<u8>, Vec<u8>)>>(all: I) -> Self {
        let mut marks = Self::new();
        for (source, key, mark) in all {
            marks.insert(source, key, mark);
        }
        marks
    }
}

/// Tells files' keys apart.
pub(super) fn digest(key: &[u8]) -> u64 {
    fingerprint(key)
}

/// Tells whether a file that was read to its end has changed since; never 0.
pub(super) fn stamp(kind: FileKind, stat: Stat) -> u64 {
    let mut bytes = [FORMAT; 34];
    bytes[1] = kind_number(kind);
    let Stat { size, mtime, inode, beside } = stat;
    for (place, number) in bytes[2..].chunks_exact_mut(8).zip([size, mtime as u64, inode, beside]) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    fingerprint(&bytes).max(1)
}

/// How a read ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// All that was there was read.
    Complete,
    /// More is to be read, whatever the stat says.
    Partial,
    /// The file is damaged: until it changes, reading it again is of no use.
    Damaged,
}

/// A mark's meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub kind: FileKind,
    pub outcome: Outcome,
    pub stat: Stat,
    /// Behind a line break.
    pub position: u64,
    pub head: u64,
    pub tail: u64,
    /// The decoder's, or the collector's.
    pub state: Vec<u8>,
}

impl Mark {
    /// What a later scan compares first; 0 where it must look at the whole mark.
    pub(super) fn stamp(&self) -> u64 {
        if self.outcome == Outcome::Complete { stamp(self.kind, self.stat) } else { 0 }
    }

    /// Whether it is a damaged file's, which reading again would not mend.
    pub(super) fn is_damaged_still(&self, kind: FileKind, stat: Stat) -> bool {
        self.outcome == Outcome::Damaged && (self.kind, self.stat) == (kind, stat)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(59 + self.state.len());
        let outcome = match self.outcome {
            Outcome::Complete => 0,
            Outcome::Partial => 1,
            Outcome::Damaged => 2,
        };
        bytes.extend([FORMAT, kind_number(self.kind), outcome]);
        let Stat { size, mtime, inode, beside } = self.stat;
        for number in [size, mtime as u64, inode, beside, self.position, self.head, self.tail] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(&self.state);
        bytes
    }

    /// `None` for a mark of another version, which is as good as none.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([format, kind, outcome], rest) = bytes.split_first_chunk::<3>()?;
        let (numbers, state) = rest.split_first_chunk::<56>()?;
        if *format != FORMAT {
            return None;
        }
        let number = |n: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&numbers[n * 8..n * 8 + 8]);
            u64::from_le_bytes(bytes)
        };
        let outcome = match outcome {
            0 => Outcome::Complete,
            1 => Outcome::Partial,
            2 => Outcome::Damaged,
            _ => return None,
        };
        let kind = [FileKind::Lines, FileKind::ZstdLines, FileKind::Whole, FileKind::Database]
            .into_iter()
            .find(|k| kind_number(*k) == *kind)?;
        Some(Self {
            kind,
            outcome,
            stat: Stat { size: number(0), mtime: number(1) as i64, inode: number(2), beside: number(3) },
            position: number(4),
            head: number(5),
            tail: number(6),
            state: state.to_vec(),
        })
    }
}

fn kind_number(kind: FileKind) -> u8 {
    match kind {
        FileKind::Lines => 0,
        FileKind::ZstdLines => 1,
        FileKind::Whole => 2,
        FileKind::Database => 3,
    }
}

/// Eight bytes of BLAKE3, as a number.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    let mut short = [0; 8];
    short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
    u64::from_le_bytes(short)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_mark_reads_back_and_a_foreign_one_is_none() {
        let mark = Mark {
            kind: FileKind::ZstdLines,
            outcome: Outcome::Damaged,
            stat: Stat { size: 1, mtime: -2, inode: 3, beside: 4 },
            position: 5,
            head: 6,
            tail: u64::MAX,
            state: vec![7, 8],
        };
        let bytes = mark.to_bytes();
        assert_eq!(Mark::from_bytes(&bytes), Some(mark));
        for cut in 0..59 {
            assert_eq!(Mark::from_bytes(&bytes[..cut]), None);
        }
        assert_eq!(Mark::from_bytes(&[vec![FORMAT + 1], bytes[1..].to_vec()].concat()), None);
    }
}
