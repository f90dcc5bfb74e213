//! Where on this device a record's line lies. Nothing about files is ever stored in events, so this
//! finds them anew: it decodes the logs again and remembers which line said what.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aimon_core::event::{Event, Record};

use crate::collector::{Collector, Env, FileKind, LogFile, Out};
use crate::scan::{Summary, walk};

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

/// Finds every line whose record `wanted` accepts, also copies that do not stand. Looks only at the
/// collectors given, on all cores, and sorts by place. What can't be read is left out: `scan` reports it.
pub fn locate(collectors: &[&dyn Collector], env: &Env, wanted: &(dyn Fn(&Record) -> bool + Sync)) -> Vec<Located> {
    let files = Mutex::new(Vec::new());
    for &collector in collectors {
        walk::each_file(collector, env, &mut Summary::default(), &|root, entry| {
            if let Ok(mut files) = files.lock() {
                files.push((collector, Arc::clone(root), entry));
            }
        });
    }
    let files = files.into_inner().unwrap_or_default();
    let next = AtomicUsize::new(0);
    let located = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(files.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let mut found = Vec::new();
                while let Some((collector, root, entry)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let file = LogFile { root, path: &entry.path, relative: &entry.relative, kind: entry.kind };
                    let looked = catch_unwind(AssertUnwindSafe(|| look(*collector, &file, wanted, &mut found)));
                    // A file that fails half-way has said what it said.
                    if !matches!(looked, Ok(Ok(()))) {
                        tracing::debug!(path = %entry.path.display(), ?looked, "not looked through");
                    }
                }
                if let Ok(mut all) = located.lock() {
                    all.append(&mut found);
                }
            });
        }
    });
    let mut located = located.into_inner().unwrap_or_default();
    located.sort_by(|a, b| a.place.cmp(&b.place));
    located
}

fn look(
    collector: &dyn Collector,
    file: &LogFile<'_>,
    wanted: &dyn Fn(&Record) -> bool,
    found: &mut Vec<Located>,
) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let mut out = Out::new();
    let mut take = |out: &mut Out, line: Option<u64>| {
        for event in out.take().0 {
            if let Event::Record(record) = event
                && wanted(&record)
            {
                found.push(Located { record, place: Place { path: file.path.to_owned(), line } });
            }
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
            continue;
        }
        decoder.line(line.strip_suffix(b"\n").unwrap_or(&line), &mut out);
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
}
