//! Worker threads over the files, one committer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Sender, bounded};

use super::read::{Failure, Reader, Sink};
use super::summary::Summary;
use super::{FileRead, Job, Options};

/// With less to read than this, starting threads costs more than it saves.
const SMALL: u64 = 1 << 20;

/// How many pieces may wait for the committer, for each worker.
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

    let to_read = |job: &Job<'_>| {
        let done = job.mark().filter(|mark| mark.position <= job.stat.size).map_or(0, |mark| mark.position);
        job.stat.size - done
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
            let sender = sender.clone();
            scope.spawn(|| work(jobs, options, &next, sender));
        }
        drop(sender);
        // When this ends early the receiver goes, and with it every worker's wish to go on.
        receiver.into_iter().try_for_each(|message| take(message, summary))
    })
}

fn work(jobs: &[Job<'_>], options: &Options, next: &AtomicUsize, sender: Sender<Message>) {
    let mut reader = Reader::new(options);
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        let Some(job) = jobs.get(n) else { return };
        let end = guarded(&mut reader, options, job, &mut |read| sender.send(Message::Piece(read)).is_ok());
        if sender.send(Message::End(n, end)).is_err() {
            return;
        }
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
