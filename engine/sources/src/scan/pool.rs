//! Worker threads over the files, one committer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Sender, bounded};

use super::read::{Failure, Reader, Sink};
use super::summary::Summary;
use super::{FileRead, Job, Options};
use crate::collector::FileKind;

/// With less to read than this, starting threads costs more than it saves.
const SMALL: u64 = 1 << 20;

/// How many messages, and how many events in them, a worker hands over at once: waking the committer costs
/// more than reading a small file.
const TOGETHER: usize = 64;
const EVENTS: usize = 2048;

/// How many such bundles may wait for the committer, for each worker.
const WAITING: usize = 2;

enum Message {
    Piece(FileRead),
    End(usize, Result<(), Failure>),
}

/// Reads all files and commits what they say, on this thread.
pub(super) fn run<E>(
    jobs: &[Job<'_>],
    options: &Options,
    summary: &mut Summary,
    commit: &mut dyn FnMut(FileRead) -> Result<(), E>,
) -> Result<(), E> {
    let mut take = |message, summary: &mut Summary| match message {
        Message::Piece(read) => {
            summary.events += read.events.len() as u64;
            summary.expired += read.expired;
            summary.bytes += read.bytes;
            summary.skipped.merge(&read.skipped);
            commit(read)
        }
        Message::End(n, end) => {
            match end {
                Ok(()) => summary.read += 1,
                Err(Failure::Unreadable(reason)) => summary.unreadable.add(jobs[n].path.clone(), reason),
                Err(Failure::Vanished | Failure::Stopped) => {}
            }
            Ok(())
        }
    };

    // The pieces of a file are gathered here, since a panic of `commit` must not pass for the decoder's. What
    // a compressed file or a database holds does not show in its size, so such a one goes to a worker.
    let to_read = |job: &Job<'_>| match job.kind {
        FileKind::ZstdLines | FileKind::Database => SMALL,
        FileKind::Lines | FileKind::Whole => {
            let done = job.mark().filter(|mark| mark.position <= job.stat.size).map_or(0, |mark| mark.position);
            job.stat.size - done
        }
    };
    if jobs.iter().map(to_read).fold(0_u64, u64::saturating_add) < SMALL {
        let mut reader = Reader::new(options);
        for (n, job) in jobs.iter().enumerate() {
            let mut pieces = Vec::new();
            let end = guarded(&mut reader, options, job, &mut |read| {
                pieces.push(read);
                true
            });
            for piece in pieces {
                take(Message::Piece(piece), summary)?;
            }
            take(Message::End(n, end), summary)?;
        }
        return Ok(());
    }

    let workers = match options.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        n => n,
    };
    let workers = workers.min(jobs.len());
    let next = AtomicUsize::new(0);
    let (sender, receiver) = bounded(workers * WAITING);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let bundle = Bundle::of(sender.clone());
            scope.spawn(|| work(jobs, options, &next, bundle));
        }
        drop(sender);
        // When this ends early the receiver goes, and with it every worker's wish to go on.
        receiver.into_iter().flatten().try_for_each(|message| take(message, summary))
    })
}

fn work(jobs: &[Job<'_>], options: &Options, next: &AtomicUsize, mut bundle: Bundle) {
    let mut reader = Reader::new(options);
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        let Some(job) = jobs.get(n) else { break };
        let end = guarded(&mut reader, options, job, &mut |read| bundle.put(Message::Piece(read)));
        if !bundle.put(Message::End(n, end)) {
            return;
        }
    }
    bundle.send();
}

/// What one worker has for the committer.
struct Bundle {
    sender: Sender<Vec<Message>>,
    messages: Vec<Message>,
    events: usize,
}

impl Bundle {
    fn of(sender: Sender<Vec<Message>>) -> Self {
        Self { sender, messages: Vec::new(), events: 0 }
    }

    /// `false` where nobody wants more.
    fn put(&mut self, message: Message) -> bool {
        if let Message::Piece(read) = &message {
            self.events += read.events.len();
        }
        self.messages.push(message);
        (self.messages.len() < TOGETHER && self.events < EVENTS) || self.send()
    }

    fn send(&mut self) -> bool {
        self.events = 0;
        self.sender.send(std::mem::take(&mut self.messages)).is_ok()
    }
}

/// Whatever is wrong with one file, or with what we make of it, hides no other.
fn guarded<'o>(
    reader: &mut Reader<'o>,
    options: &'o Options,
    job: &Job<'_>,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    catch_unwind(AssertUnwindSafe(|| reader.read(job, sink))).unwrap_or_else(|_| {
        *reader = Reader::new(options);
        Err(Failure::Unreadable("an error in its decoder; please report it".to_owned()))
    })
}
