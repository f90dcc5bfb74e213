//! Where on this device a record's line lies, or one that could not be taken. Nothing about files is ever stored in events, so
//! this finds them anew: it decodes the logs again and remembers which line said what.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aimon_core::event::{Event, Record};

use crate::collector::{Collector, Env, FileKind, LogFile, Out, SkipReason, Skipped};
use crate::scan::{Summary, decode_line, is_complete, walk};

/// A line longer than this holds no record: the scan steps over it too.
const LONGEST: u64 = 64 << 20;

/// Where a record's line lies.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1. Documents and databases have none.
    pub line: Option<u64>,
}

/// A record that was found, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Located {
    /// The record as this line says it; another line may say it with other figures.
    pub record: Record,
    /// Where it lies.
    pub place: Place,
}

/// A line that could not be taken.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Untaken {
    /// Where it lies.
    pub place: Place,
    /// Why not.
    pub reason: SkipReason,
}

/// Finds every line whose record `wanted` accepts, also copies that do not stand. Looks only at the
/// collectors given, on all cores, and sorts by place. What can't be read is left out: `scan` reports it.
pub fn locate(collectors: &[&dyn Collector], env: &Env, wanted: &(dyn Fn(&Record) -> bool + Sync)) -> Vec<Located> {
    let any = |_: &Path| true;
    let mut located = each_line(collectors, env, &any, &|place, events, _, found: &mut Vec<Located>| {
        for event in events {
            if let Event::Record(record) = event
                && wanted(&record)
            {
                found.push(Located { record, place: place.clone() });
            }
        }
    });
    located.sort_by(|a, b| a.place.cmp(&b.place));
    located
}

/// Finds the lines of some files that could not be taken, and why; sorted by place.
pub fn untaken(collectors: &[&dyn Collector], env: &Env, files: &BTreeSet<Vec<u8>>) -> Vec<Untaken> {
    let named = |path: &Path| files.contains(walk::key(path));
    let mut found = each_line(collectors, env, &named, &|place, _, skipped, found: &mut Vec<Untaken>| {
        found.extend(skipped.0.keys().map(|reason| Untaken { place: place.clone(), reason: *reason }));
    });
    found.sort();
    found
}

/// What is done with what a line says: its place, its events, and why something of it could not be taken.
type Take<'t, T> = dyn Fn(&Place, Vec<Event>, Skipped, &mut Vec<T>) + Sync + 't;

/// Decodes files line by line, on all cores.
fn each_line<T: Send>(
    collectors: &[&dyn Collector],
    env: &Env,
    is_meant: &dyn Fn(&Path) -> bool,
    take: &Take<'_, T>,
) -> Vec<T> {
    let files = Mutex::new(Vec::new());
    for &collector in collectors {
        walk::each_file(collector, env, &mut Summary::default(), &|root, entry| {
            if let Ok(mut files) = files.lock() {
                files.push((collector, Arc::clone(root), entry));
            }
        });
    }
    let mut files = files.into_inner().unwrap_or_default();
    files.retain(|(_, _, entry)| is_meant(&entry.path));
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(files.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let mut found = Vec::new();
                while let Some((collector, root, entry)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let file = LogFile { root, path: &entry.path, relative: &entry.relative, kind: entry.kind };
                    let looked = catch_unwind(AssertUnwindSafe(|| look(*collector, &file, take, &mut found)));
                    // A file that fails half-way has said what it said.
                    if !matches!(looked, Ok(Ok(()))) {
                        tracing::debug!(path = %entry.path.display(), ?looked, "not looked through");
                    }
                }
                if let Ok(mut all) = all.lock() {
                    all.append(&mut found);
                }
            });
        }
    });
    all.into_inner().unwrap_or_default()
}

fn look<T>(
    collector: &dyn Collector,
    file: &LogFile<'_>,
    take: &Take<'_, T>,
    found: &mut Vec<T>,
) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let mut out = Out::new();
    let mut take = |out: &mut Out, line: Option<u64>| {
        let (events, skipped, _) = out.take();
        if !events.is_empty() || skipped.total() > 0 {
            take(&Place { path: file.path.to_owned(), line }, events, skipped, found);
        }
    };
    if file.kind == FileKind::Database {
        let mut state = None;
        loop {
            let progress = collector.database(file, state.as_deref(), &mut out).map_err(|e| text(&e))?;
            take(&mut out, None);
            if !progress.more || state.as_ref() == Some(&progress.state) {
                return Ok(());
            }
            state = Some(progress.state);
        }
    }
    let mut decoder = collector.decoder(file, None).map_err(|e| text(&e))?;
    if file.kind == FileKind::Whole {
        let document = std::fs::read(file.path).map_err(|e| text(&e))?;
        decoder.lines(&document, &mut out);
        decoder.finish(&mut out);
        take(&mut out, None);
        return Ok(());
    }
    let mut source = open(file.path, file.kind).map_err(|e| text(&e))?;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if source.by_ref().take(LONGEST).read_until(b'\n', &mut line).map_err(|e| text(&e))? == 0 {
            break;
        }
        if line.len() as u64 == LONGEST && !line.ends_with(b"\n") {
            source.skip_until(b'\n').map_err(|e| text(&e))?;
            out.skip(SkipReason::TooLong);
        } else if let Some(whole) = line.strip_suffix(b"\n") {
            decode_line(&mut *decoder, whole, &mut out);
        } else if is_complete(&line) {
            // Otherwise somebody is writing it.
            decoder.line(&line, &mut out);
        }
        // So that what this line says comes out before the next one is read.
        decoder.finish(&mut out);
        take(&mut out, Some(number));
    }
    Ok(())
}

fn open(path: &Path, kind: FileKind) -> io::Result<BufReader<Box<dyn Read>>> {
    let file = File::open(path)?;
    let source: Box<dyn Read> = match kind {
        FileKind::ZstdLines => Box::new(zstd::stream::read::Decoder::new(file)?),
        _ => Box::new(file),
    };
    Ok(BufReader::with_capacity(256 << 10, source))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use aimon_core::event::{MessageId, RequestId};

    use super::*;
    use crate::claude_code::{ClaudeCode, KIND};
    use crate::collector::Os;

    #[test]
    fn every_line_of_a_message_with_its_number() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".claude/projects/p");
        std::fs::create_dir_all(&folder).unwrap();
        let line = |id: &str, output: u64| {
            format!(
                r#"{{"timestamp":1,"requestId":"r","message":{{"id":"{id}","usage":{{"output_tokens":{output}}}}}}}"#
            )
        };
        let other = r#"{"type":"user"}"#;
        let text = [line("a", 1), other.to_owned(), line("b", 2), line("b", 3), "half {".to_owned(), line("a", 4)];
        std::fs::write(folder.join("x.jsonl"), text.join("\n")).unwrap();
        std::fs::write(folder.join("y.jsonl"), format!("\n\n{}\n", line("b", 3))).unwrap();
        let wanted = (MessageId::of(KIND, &[b"b"]), RequestId::of(KIND, &[b"r"]));
        let located = locate(&[&ClaudeCode], &Env::at(home.path(), Os::Linux), &|r| (r.message, r.request) == wanted);
        let places: Vec<_> = located
            .iter()
            .map(|l| {
                (l.place.path.file_name().unwrap().to_str().unwrap(), l.place.line.unwrap(), l.record.tokens.output)
            })
            .collect();
        assert_eq!(places, [("x.jsonl", 3, 2), ("x.jsonl", 4, 3), ("y.jsonl", 3, 3)]);
    }

    #[test]
    fn lines_that_could_not_be_taken_with_their_number() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".claude/projects/p");
        std::fs::create_dir_all(&folder).unwrap();
        let fine = r#"{"type":"user"}"#;
        let absurd =
            r#"{"timestamp":"2026-11-20T10:00:00Z","message":{"id":"b","model":"m","usage":{"output_tokens":-1}}}"#;
        let open = "[".repeat(200_000);
        // The last line is not finished: somebody may be writing it.
        let text = [fine, "{not json", "", absurd, "\0\0\0", &open, fine, "{\"usage\":"].join("\n");
        std::fs::write(folder.join("x.jsonl"), text).unwrap();
        std::fs::write(folder.join("y.jsonl"), b"\xff\xfe\n").unwrap();
        let env = Env::at(home.path(), Os::Linux);
        let mut files = BTreeSet::new();
        let never = &mut |read: crate::scan::FileRead| {
            if read.skipped.total() > 0 {
                files.insert(read.key);
            }
            Ok::<(), std::convert::Infallible>(())
        };
        let (marks, options) = (crate::scan::Marks::new(), crate::scan::Options::default());
        let summary = crate::scan::scan(&[&ClaudeCode], &env, &marks, &options, never).unwrap();
        let found: Vec<_> = untaken(&[&ClaudeCode], &env, &files)
            .into_iter()
            .map(|u| (u.place.path.file_name().unwrap().to_str().unwrap().to_owned(), u.place.line.unwrap(), u.reason))
            .collect();
        let broken = |line| ("x.jsonl".to_owned(), line, SkipReason::Broken);
        let absurd = ("x.jsonl".to_owned(), 4, SkipReason::AbsurdNumber);
        assert_eq!(found, [broken(2), absurd, broken(5), broken(6), ("y.jsonl".to_owned(), 1, SkipReason::Broken)]);
        assert_eq!(summary.skipped.total(), 5, "the scan counts the same ones: {:?}", summary.skipped);
    }
}
