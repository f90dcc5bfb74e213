//! Bytes to whole lines, in blocks, with bounded memory.

use std::io::{self, Read};

use super::mark::{HEAD, TAIL, fingerprint};
use crate::collector::{Decoder, Out, SkipReason};

/// The size of a read: large enough to make system calls rare, small enough to stay in a cache.
const BLOCK: usize = 256 << 10;

/// The first and the last bytes in front of a position.
#[derive(Clone, Default)]
pub(super) struct Edges {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Edges {
    pub(super) fn new(head: Vec<u8>, tail: Vec<u8>) -> Self {
        Self { head, tail }
    }

    fn advance(&mut self, bytes: &[u8]) {
        let missing = (HEAD as usize).saturating_sub(self.head.len());
        self.head.extend(&bytes[..bytes.len().min(missing)]);
        self.tail.extend(&bytes[bytes.len().saturating_sub(TAIL as usize)..]);
        let surplus = self.tail.len().saturating_sub(TAIL as usize);
        self.tail.drain(..surplus);
    }

    pub(super) fn head(&self) -> u64 {
        fingerprint(&self.head)
    }

    pub(super) fn tail(&self) -> u64 {
        fingerprint(&self.tail)
    }
}

/// Gives whole lines to a decoder. It passes over what does not look like usage; but a line that is no object at all, which no
/// agent writes, may have been anything, and is counted.
pub(super) fn decode(decoder: &mut dyn Decoder, block: &[u8], out: &mut Out) {
    let (mut from, mut start) = (0, 0);
    for end in memchr::memchr_iter(b'\n', block) {
        if !may_be_object(&block[start..end]) {
            if from < start {
                decoder.lines(&block[from..start], out);
            }
            decode_line(decoder, &block[start..end], out);
            from = end + 1;
        }
        start = end + 1;
    }
    if from < block.len() {
        decoder.lines(&block[from..], out);
    }
}

/// The same of one line, without its line break.
pub(crate) fn decode_line(decoder: &mut dyn Decoder, line: &[u8], out: &mut Out) {
    let skipped = out.skipped.total();
    decoder.line(line, out);
    if !may_be_object(line) && out.skipped.total() == skipped {
        out.skip(SkipReason::Broken);
    }
}

/// Whether a line is blank, or begins and ends as an object does.
fn may_be_object(line: &[u8]) -> bool {
    let is_one = |line: &[u8]| matches!(line, [b'{', .., b'}']);
    is_one(line) || matches!(line.trim_ascii(), line if line.is_empty() || is_one(line))
}

/// What comes next of a file.
pub(super) enum Next<'b> {
    /// Whole lines, with their line breaks.
    Block(&'b [u8]),
    /// A line that was too long, and was stepped over.
    TooLong,
    /// The end, and what stands behind the last line break.
    End(&'b [u8]),
}

/// Cuts a stream into whole lines. The buffer is the caller's, to be used for file after file.
pub(super) struct Lines<'b, R> {
    source: R,
    buffer: &'b mut Vec<u8>,
    longest: usize,
    /// Where the unread bytes begin and end in the buffer.
    start: usize,
    end: usize,
    /// Stepping over a long line: its bytes so far, and the edges in front of it.
    long: u64,
    before_long: Edges,
    /// In front of which everything was handed out.
    pub position: u64,
    pub edges: Edges,
}

impl<'b, R: Read> Lines<'b, R> {
    pub(super) fn new(source: R, buffer: &'b mut Vec<u8>, longest: usize, position: u64, edges: Edges) -> Self {
        if buffer.len() != BLOCK {
            buffer.resize(BLOCK, 0);
            buffer.shrink_to_fit();
        }
        Self { source, buffer, longest, start: 0, end: 0, long: 0, before_long: Edges::default(), position, edges }
    }

    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() > BLOCK && self.end < BLOCK {
            // One long line is no reason to keep its memory.
            self.buffer.truncate(BLOCK);
            self.buffer.shrink_to_fit();
        }
        let mut searched = 0;
        loop {
            let new = &self.buffer[searched..self.end];
            if self.long > 0 {
                if let Some(at) = memchr::memchr(b'\n', new) {
                    self.start = searched + at + 1;
                    self.edges.advance(&self.buffer[..self.start]);
                    self.position += self.long + self.start as u64;
                    self.long = 0;
                    return Ok(Next::TooLong);
                }
            } else if let Some(at) = memchr::memrchr(b'\n', new) {
                self.start = searched + at + 1;
                self.position += self.start as u64;
                let block = &self.buffer[..self.start];
                self.edges.advance(block);
                return Ok(Next::Block(block));
            }
            searched = self.end;
            if self.end == self.buffer.len() {
                if self.end < self.longest {
                    let larger = (self.buffer.len() * 2).min(self.longest);
                    self.buffer.resize(larger, 0);
                } else {
                    if self.long == 0 {
                        self.before_long = self.edges.clone();
                    }
                    self.edges.advance(&self.buffer[..self.end]);
                    self.long += self.end as u64;
                    (self.end, searched) = (0, 0);
                }
            }
            let read = match self.source.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if read == 0 {
                if self.long > 0 {
                    // A long line without its end waits like any other, from its start on.
                    self.edges = std::mem::take(&mut self.before_long);
                    return Ok(Next::End(&[]));
                }
                return Ok(Next::End(&self.buffer[..self.end]));
            }
            self.end += read;
        }
    }
}
