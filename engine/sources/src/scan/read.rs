//! Reading one file, from where its mark says.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::lines::{self, Edges, Lines, Next};
use super::mark::{HEAD, Mark, Outcome, TAIL, fingerprint};
use super::walk::{self, Stat};
use super::{FileRead, Job, Options};
use crate::collector::{CollectError, Decoder, FileKind, Out, Progress, SkipReason};
use crate::json::{Kind, Scanner};

/// A document larger than this is none that an agent writes.
const LARGEST_DOCUMENT: u64 = 256 << 20;

/// The largest window that a compressed file may ask for, as a power of two: zstd's own default.
const WINDOW: u32 = 27;

/// How many events of a document are remembered as handed over.
const REMEMBERED: usize = 1 << 16;

/// Takes a piece; `false` says that nobody wants more.
pub(super) type Sink<'s> = dyn FnMut(FileRead) -> bool + 's;

/// Why a file was not read to its end.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody wants more.
    Stopped,
    /// It is gone since the walk.
    Vanished,
    /// It can't be read.
    Unreadable(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if walk::is_absent(&error) { Self::Vanished } else { Self::Unreadable(error.to_string()) }
    }
}

impl From<CollectError> for Failure {
    fn from(error: CollectError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// Reads files one after the other, with one buffer.
pub(super) struct Reader<'o> {
    options: &'o Options,
    buffer: Vec<u8>,
    out: Out,
}

impl<'o> Reader<'o> {
    pub(super) fn new(options: &'o Options) -> Self {
        Self { options, buffer: Vec::new(), out: Out::since(options.first_day).finding(options.projects.clone()) }
    }

    pub(super) fn read(&mut self, job: &Job<'_>, sink: &mut Sink<'_>) -> Result<(), Failure> {
        let owners = self.options.owners.as_ref();
        self.out.owned_by(owners.and_then(|owners| owners.of(job.collector.kind(), &job.root.path)));
        match job.kind {
            FileKind::Lines => self.lines(job, sink),
            FileKind::ZstdLines => self.compressed(job, sink),
            FileKind::Whole => self.document(job, sink),
            FileKind::Database => self.database(job, sink),
        }
    }

    fn lines(&mut self, job: &Job<'_>, sink: &mut Sink<'_>) -> Result<(), Failure> {
        let mut file = File::open(&job.path)?;
        // The stat is of before the read: what is appended meanwhile shows as a change next time.
        let stat = Stat::of(&file.metadata()?);
        let mut from = Start::default();
        if let Some(mark) = job.mark()
            && let Some(edges) = still_standing(&mut file, mark, stat)?
        {
            from = Start { position: mark.position, edges };
        }
        let state = job.mark().filter(|_| from.position > 0).map(|mark| mark.state.as_slice());
        let decoder = match job.collector.decoder(&job.file(), state) {
            Err(CollectError::State) if state.is_some() => {
                from = Start::default();
                job.collector.decoder(&job.file(), None)
            }
            other => other,
        }?;
        file.seek(SeekFrom::Start(from.position))?;
        let source = file.take(stat.size - from.position);
        self.pump(job, stat, decoder, source, from, sink)
    }

    fn compressed(&mut self, job: &Job<'_>, sink: &mut Sink<'_>) -> Result<(), Failure> {
        let file = File::open(&job.path)?;
        let stat = Stat::of(&file.metadata()?);
        self.decompress(job, stat, file.take(stat.size), sink)
    }

    /// As [`Self::compressed`], of a file that was opened.
    pub(super) fn decompress(
        &mut self,
        job: &Job<'_>,
        stat: Stat,
        file: impl Read,
        sink: &mut Sink<'_>,
    ) -> Result<(), Failure> {
        let mut source = zstd::stream::read::Decoder::new(file)?;
        source.window_log_max(WINDOW)?;
        let decoder = job.collector.decoder(&job.file(), None)?;
        self.pump(job, stat, decoder, source, Start::default(), sink)
    }

    fn pump(
        &mut self,
        job: &Job<'_>,
        stat: Stat,
        mut decoder: Box<dyn Decoder>,
        source: impl Read,
        from: Start,
        sink: &mut Sink<'_>,
    ) -> Result<(), Failure> {
        let out = &mut self.out;
        let mut piece = from.position;
        let mut lines = Lines::new(source, &mut self.buffer, self.options.longest_line, from.position, from.edges);
        let mut tail = 0;
        let failure = loop {
            match lines.next() {
                Ok(Next::Block(block)) => lines::decode(&mut *decoder, block, out),
                Ok(Next::TooLong) => out.skip(SkipReason::TooLong),
                Ok(Next::End(rest)) => {
                    tail = rest.len();
                    break None;
                }
                Err(error) => break Some(error),
            }
            if lines.position - piece >= self.options.piece_bytes || out.events.len() >= self.options.piece_events {
                decoder.finish(out);
                let mark = lines_mark(job.kind, stat, Outcome::Partial, &lines, decoder.state());
                let bytes = lines.position - piece;
                piece = lines.position;
                hand_over(job, mark, bytes, out, sink)?;
            }
        };
        decoder.finish(out);
        let outcome = match (&failure, job.kind) {
            (None, _) => Outcome::Complete,
            (Some(error), FileKind::ZstdLines) if is_damage(error) => Outcome::Damaged,
            (Some(_), _) => Outcome::Partial,
        };
        let mark = lines_mark(job.kind, stat, outcome, &lines, decoder.state());
        let bytes = lines.position - piece;
        // The state is that of before the last line, which will be read again with its line break.
        let rest = &self.buffer[..tail];
        if is_complete(rest) {
            decoder.line(rest, out);
            decoder.finish(out);
        }
        hand_over(job, mark, bytes + tail as u64, out, sink)?;
        match failure {
            None => Ok(()),
            Some(error) => Err(Failure::Unreadable(error.to_string())),
        }
    }

    fn document(&mut self, job: &Job<'_>, sink: &mut Sink<'_>) -> Result<(), Failure> {
        let file = File::open(&job.path)?;
        let stat = Stat::of(&file.metadata()?);
        if stat.size > LARGEST_DOCUMENT {
            return Err(Failure::Unreadable(format!("larger than {LARGEST_DOCUMENT} bytes")));
        }
        let mut text = Vec::with_capacity(stat.size as usize);
        file.take(stat.size).read_to_end(&mut text)?;
        let head = fingerprint(&text);
        let earlier = job.mark().filter(|mark| mark.kind == FileKind::Whole);
        let mut state = earlier.map(|mark| mark.state.clone()).unwrap_or_default();
        let out = &mut self.out;
        if earlier.is_none_or(|mark| mark.head != head) {
            let mut decoder = job.collector.decoder(&job.file(), None)?;
            decoder.lines(&text, out);
            decoder.finish(out);
            state = hold_back(&state, out);
        }
        let mark = Mark { kind: job.kind, outcome: Outcome::Complete, stat, position: stat.size, head, tail: 0, state };
        hand_over(job, mark, text.len() as u64, out, sink)
    }

    fn database(&mut self, job: &Job<'_>, sink: &mut Sink<'_>) -> Result<(), Failure> {
        let stat = Stat::of(&std::fs::metadata(&job.path)?).with_wal(&job.path);
        let earlier = job.mark().filter(|mark| mark.kind == FileKind::Database && mark.stat.inode == stat.inode);
        let mut state = earlier.map(|mark| mark.state.clone());
        let out = &mut self.out;
        loop {
            let progress = match job.collector.database(&job.file(), state.as_deref(), out) {
                Err(CollectError::State) if state.is_some() => {
                    state = None;
                    out.take();
                    continue;
                }
                Err(error) => {
                    out.take();
                    return Err(error.into());
                }
                Ok(progress) => progress,
            };
            let Progress { state: next, more } = progress;
            if more && state.as_ref() == Some(&next) {
                out.take();
                return Err(Failure::Unreadable("reading it makes no progress".to_owned()));
            }
            let outcome = if more { Outcome::Partial } else { Outcome::Complete };
            let mark = Mark { kind: job.kind, outcome, stat, position: 0, head: 0, tail: 0, state: next.clone() };
            hand_over(job, mark, if more { 0 } else { stat.size }, out, sink)?;
            if !more {
                return Ok(());
            }
            state = Some(next);
        }
    }
}

/// Where to begin in a file, and what stands in front of it.
#[derive(Default)]
struct Start {
    position: u64,
    edges: Edges,
}

/// Whether what was read up to the mark's position still stands there: the bytes around it, if so.
fn still_standing(file: &mut File, mark: &Mark, stat: Stat) -> io::Result<Option<Edges>> {
    let is_other = mark.kind != FileKind::Lines || mark.stat.inode != stat.inode;
    if is_other || mark.position == 0 || mark.position > stat.size {
        return Ok(None);
    }
    let head = span(file, 0, mark.position.min(HEAD))?;
    if fingerprint(&head) != mark.head {
        return Ok(None);
    }
    let length = mark.position.min(TAIL);
    let tail = span(file, mark.position - length, length)?;
    Ok((fingerprint(&tail) == mark.tail).then(|| Edges::new(head, tail)))
}

/// Some bytes of a file; fewer if it has become shorter just now.
fn span(file: &mut File, from: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn lines_mark<R: Read>(kind: FileKind, stat: Stat, outcome: Outcome, lines: &Lines<'_, R>, state: Vec<u8>) -> Mark {
    match kind {
        // Nobody can go on in the middle of a compressed file.
        FileKind::ZstdLines => Mark { kind, outcome, stat, position: 0, head: 0, tail: 0, state: Vec::new() },
        _ => Mark {
            kind,
            outcome,
            stat,
            position: lines.position,
            head: lines.edges.head(),
            tail: lines.edges.tail(),
            state,
        },
    }
}

/// Whether zstd itself says so, of bytes that were read: a corrupt frame, or one without its end. What the
/// system says has a number, and may be otherwise the next time (a network drive, a loose plug).
fn is_damage(error: &io::Error) -> bool {
    error.raw_os_error().is_none()
}

/// Whether a last line without a line break is complete: an object that has closed can't go on.
pub(crate) fn is_complete(line: &[u8]) -> bool {
    let mut s = Scanner::new(line);
    s.kind() == Ok(Kind::Object) && s.skip().is_ok() && s.end().is_ok()
}

/// A document says everything again each time it changes: events that it was seen to say before are
/// dropped. Returns what to remember, eight bytes an event.
fn hold_back(remembered: &[u8], out: &mut Out) -> Vec<u8> {
    let mut known: std::collections::BTreeSet<u64> =
        remembered.chunks_exact(8).map(|c| c.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))).collect();
    if known.len() > REMEMBERED {
        known.clear();
    }
    out.events.retain(|event| known.insert(fingerprint(format!("{event:?}").as_bytes())));
    known.iter().flat_map(|hash| hash.to_le_bytes()).collect()
}

fn hand_over(job: &Job<'_>, mark: Mark, bytes: u64, out: &mut Out, sink: &mut Sink<'_>) -> Result<(), Failure> {
    let (events, skipped, expired) = out.take();
    if events.is_empty() && expired == 0 && skipped.total() == 0 && job.mark() == Some(&mark) {
        return Ok(());
    }
    let read = FileRead {
        source: job.collector.kind(),
        key: walk::key(&job.path).to_vec(),
        mark: mark.to_bytes(),
        digest: super::mark::digest(walk::key(&job.path)),
        stamp: mark.stamp(),
        events,
        skipped,
        expired,
        bytes,
    };
    if sink(read) { Ok(()) } else { Err(Failure::Stopped) }
}
