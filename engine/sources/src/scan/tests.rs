#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use aimon_core::event::{Event, Record};
use aimon_core::time::UtcDay;

use super::mark::{Mark, Outcome};
use super::read::Reader;
use super::walk::Stat;
use super::{FileRead, Found, Held, Job, Marks, Options, Summary, plan, scan};
use crate::claude_code::ClaudeCode;
use crate::collector::{CollectError, Collector, Decoder, Env, FileKind, LogFile, Os, Out, Progress, Root, SkipReason};

mod found;
mod kinds;

/// A machine with one home, the marks it has stored, and all that was committed.
struct Machine {
    home: tempfile::TempDir,
    collector: &'static dyn Collector,
    marks: BTreeMap<Vec<u8>, Vec<u8>>,
    committed: Vec<Record>,
    options: Options,
}

impl Machine {
    fn new() -> Self {
        Self::with(&ClaudeCode)
    }

    fn with(collector: &'static dyn Collector) -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            collector,
            marks: BTreeMap::new(),
            committed: Vec::new(),
            options: Options { workers: 2, ..Options::default() },
        }
    }

    fn path(&self, relative: &str) -> PathBuf {
        let path = self.home.path().join(".claude/projects").join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn env(&self) -> Env {
        Env::at(self.home.path(), Os::Linux)
    }

    fn stored(&self) -> Marks {
        self.marks.iter().map(|(key, mark)| (self.collector.kind(), key.clone(), mark.clone())).collect()
    }

    fn commit(marks: &mut BTreeMap<Vec<u8>, Vec<u8>>, committed: &mut Vec<Record>, read: FileRead) {
        marks.insert(read.key, read.mark);
        committed.extend(read.events.into_iter().map(|event| match event {
            Event::Record(record) => record,
            other => panic!("{other:?}"),
        }));
    }

    fn scan(&mut self) -> Summary {
        let (env, stored) = (self.env(), self.stored());
        let Self { marks, committed, .. } = self;
        let ok: Result<_, Infallible> = scan(&[self.collector], &env, &stored, &self.options, &mut |read| {
            Self::commit(marks, committed, read);
            Ok(())
        });
        ok.unwrap()
    }

    /// As [`Machine::scan`], but dies before committing piece `n`.
    fn scan_and_die(&mut self, n: usize) -> bool {
        let (env, stored) = (self.env(), self.stored());
        let Self { marks, committed, .. } = self;
        let mut left = n;
        scan::<&str>(&[self.collector], &env, &stored, &self.options, &mut |read| {
            left = left.checked_sub(1).ok_or("dead")?;
            Self::commit(marks, committed, read);
            Ok(())
        })
        .is_err()
    }

    /// The messages that stand, as their output tokens.
    fn outputs(&self) -> Vec<u64> {
        let mut best = BTreeMap::new();
        for r in &self.committed {
            let total = best.entry((r.message, r.request)).or_insert(0);
            *total = r.tokens.output.max(*total);
        }
        let mut outputs: Vec<_> = best.into_values().collect();
        outputs.sort_unstable();
        outputs
    }
}

fn line(id: &str, output: u64) -> String {
    format!(
        r#"{{"timestamp":"2026-07-01T10:00:00Z","sessionId":"s","requestId":"r","version":"2.2.0","message":{{"id":"{id}","model":"m","usage":{{"output_tokens":{output}}}}}}}"#
    )
}

fn lines(range: std::ops::Range<u64>) -> String {
    range.map(|n| line(&format!("m{n}"), n) + "\n").collect()
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn touch(path: &Path, seconds: i64) {
    let epoch = SystemTime::UNIX_EPOCH;
    let time = if seconds < 0 {
        epoch - Duration::from_secs(-seconds as u64)
    } else {
        epoch + Duration::from_secs(seconds as u64)
    };
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn only_new_bytes_are_read() {
    let mut m = Machine::new();
    let file = m.path("p/a.jsonl");
    append(&file, &lines(1..4));
    append(&m.path("p/b/subagents/c.jsonl"), &lines(4..6));
    let first = m.scan();
    assert_eq!((first.files, first.read, first.unchanged, first.events), (2, 2, 0, 5));
    assert_eq!(m.outputs(), [1, 2, 3, 4, 5]);

    let nothing = m.scan();
    assert_eq!((nothing.files, nothing.read, nothing.unchanged, nothing.events, nothing.bytes), (2, 0, 2, 0, 0));

    let more = lines(6..8);
    append(&file, &more);
    let second = m.scan();
    assert_eq!((second.read, second.unchanged, second.events), (1, 1, 2));
    assert_eq!(second.bytes, more.len() as u64);
    assert_eq!(m.outputs(), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(m.committed.len(), 7);
}

#[test]
fn a_half_written_line_waits_and_a_complete_one_counts_at_once() {
    let mut m = Machine::new();
    let file = m.path("a.jsonl");
    let last = line("m2", 2);
    append(&file, &(lines(1..2) + &last[..last.len() - 20]));
    let summary = m.scan();
    assert_eq!((m.outputs(), summary.skipped.total()), (vec![1], 0));
    append(&file, &last[last.len() - 20..]);
    m.scan();
    assert_eq!(m.outputs(), [1, 2]);
    assert_eq!(m.scan().unchanged, 1);
    append(&file, "\n");
    m.scan();
    assert_eq!(m.outputs(), [1, 2]);
    append(&file, &lines(3..4));
    m.scan();
    assert_eq!(m.outputs(), [1, 2, 3]);
}

#[test]
fn a_last_line_without_an_id_counts_once_before_and_after_its_line_break() {
    let mut m = Machine::new();
    let file = m.path("a.jsonl");
    let same = line("", 7);
    append(&file, &format!("{same}\n{same}"));
    m.scan();
    assert_eq!(m.outputs(), [7, 7]);
    append(&file, &format!("\n{same}"));
    m.scan();
    append(&file, "\n");
    m.scan();
    assert_eq!(m.outputs(), [7, 7, 7]);
}

#[test]
fn what_is_not_what_was_read_is_read_again() {
    let mut m = Machine::new();
    let file = m.path("a.jsonl");
    append(&file, &lines(1..40));
    m.scan();
    // Truncated to nothing, and begun anew.
    fs::write(&file, lines(50..52)).unwrap();
    m.scan();
    // Rewritten with another beginning, and longer.
    fs::write(&file, lines(60..70)).unwrap();
    m.scan();
    // The beginning kept, another end.
    fs::write(&file, lines(60..69) + &lines(80..95)).unwrap();
    m.scan();
    // Another file in its place, of the same size and time.
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    let other = m.path("other");
    fs::write(&other, lines(70..79) + &lines(80..95)).unwrap();
    File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
    fs::rename(&other, &file).unwrap();
    m.scan();
    let expected: Vec<u64> = (1..40).chain(50..52).chain(60..79).chain(80..95).collect();
    assert_eq!(m.outputs(), expected);
}

/// Each of the three signs by which a file is known tells alone that it is another one.
#[test]
fn one_sign_is_enough_to_read_again() {
    let (long, more) = (lines(100..140), lines(140..141));
    let without =
        |n: u64, instead: u64| long.replace(&line(&format!("m{n}"), n), &line(&format!("m{instead}"), instead));
    let outputs_after = |change: &dyn Fn(&Path, &Machine)| {
        let mut m = Machine::new();
        let file = m.path("a.jsonl");
        append(&file, &long);
        m.scan();
        change(&file, &m);
        m.scan();
        m.outputs()
    };
    // Overwritten where it lies: its first line alone, or the line in front of the position alone.
    let first = outputs_after(&|file, _| fs::write(file, without(100, 500) + &more).unwrap());
    assert_eq!(first, (100..141).chain([500]).collect::<Vec<_>>());
    let last = outputs_after(&|file, _| fs::write(file, without(139, 500) + &more).unwrap());
    assert_eq!(last, (100..141).chain([500]).collect::<Vec<_>>());
    // Another file with the same beginning and end took its place.
    let middle = outputs_after(&|file, m| {
        let other = m.path("other");
        fs::write(&other, without(120, 500) + &more).unwrap();
        fs::rename(&other, file).unwrap();
    });
    if cfg!(unix) {
        assert_eq!(middle, (100..141).chain([500]).collect::<Vec<_>>());
    }
}

#[test]
fn renamed_archived_and_vanished_files_keep_what_they_said() {
    let mut m = Machine::new();
    let file = m.path("a.jsonl");
    append(&file, &lines(1..4));
    m.scan();
    let archived = m.path("old/a.jsonl");
    fs::rename(&file, &archived).unwrap();
    append(&archived, &lines(4..5));
    let summary = m.scan();
    assert_eq!(summary.vanished, [("claude-code", file.as_os_str().as_encoded_bytes().to_vec())]);
    assert_eq!(m.outputs(), [1, 2, 3, 4]);
    fs::remove_file(&archived).unwrap();
    assert_eq!(m.scan().vanished.len(), 2);
    append(&file, &lines(1..3));
    m.scan();
    assert_eq!(m.outputs(), [1, 2, 3, 4]);
}

#[test]
fn a_clock_that_jumps_loses_nothing() {
    let mut m = Machine::new();
    let file = m.path("a.jsonl");
    append(&file, &lines(1..2));
    touch(&file, 2_000_000_000);
    m.scan();
    for (n, time) in [(2, 1_000_000_000), (3, 1_000_000_000), (4, -5), (5, 4_000_000_000)] {
        append(&file, &lines(n..n + 1));
        touch(&file, time);
        assert_eq!(m.scan().events, 1, "{time}");
    }
    touch(&file, 7);
    assert_eq!(m.scan().events, 0);
    assert_eq!(m.outputs(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_large_file_comes_in_pieces_and_death_between_them_loses_nothing() {
    let mut m = Machine::new();
    m.options.piece_events = 100;
    let file = m.path("a.jsonl");
    append(&file, &lines(0..9000));
    append(&file, &line("", 1));
    assert!(m.scan_and_die(0));
    let mut deaths = 0;
    while m.scan_and_die(2) {
        deaths += 1;
        assert!(deaths < 20);
    }
    assert!(deaths > 1, "{deaths}");
    assert_eq!(m.committed.len(), 9001);
    assert_eq!(m.scan().unchanged, 1);
}

#[test]
fn a_line_that_is_too_long_is_stepped_over() {
    let mut m = Machine::new();
    m.options.longest_line = 300_000;
    let long = |n: usize| format!("{{\"usage\":\"{}\"}}", "x".repeat(n));
    let file = m.path("a.jsonl");
    append(&file, &format!("{}{}\n{}{}\n{}", lines(1..2), long(290_000), lines(2..3), long(900_000), lines(3..4)));
    append(&file, &long(1_000_000)[..900_000]);
    let summary = m.scan();
    assert_eq!(summary.skipped.0, BTreeMap::from([(SkipReason::TooLong, 1)]));
    assert_eq!(m.outputs(), [1, 2, 3]);
    // It waits for its end like any other, and is not read again from the file's start.
    append(&file, &format!("\n{}", lines(4..5)));
    let summary = m.scan();
    assert_eq!(summary.skipped.0, BTreeMap::from([(SkipReason::TooLong, 1)]));
    assert!(summary.bytes < 1_000_000, "{}", summary.bytes);
    assert_eq!(m.outputs(), [1, 2, 3, 4]);
}

#[test]
fn expired_days_are_dropped_and_counted() {
    let mut m = Machine::new();
    append(&m.path("a.jsonl"), &(lines(1..2) + &lines(2..3).replace("2026-07-01", "2026-06-30")));
    m.options.first_day = Some(UtcDay::of(jiff::civil::date(2026, 7, 1)));
    let summary = m.scan();
    assert_eq!((summary.events, summary.expired), (1, 1));
    assert_eq!(m.outputs(), [1]);
}

#[test]
fn the_committers_error_ends_the_scan() {
    let mut m = Machine::new();
    for n in 0..50 {
        append(&m.path(&format!("{n}.jsonl")), &lines(n * 500..n * 500 + 500));
    }
    assert!(m.scan_and_die(3));
    assert_eq!(m.marks.len(), 3);
    m.scan();
    assert_eq!(m.outputs().len(), 25_000);
}

#[test]
fn a_foreign_mark_is_no_mark() {
    let mut m = Machine::new();
    append(&m.path("a.jsonl"), &lines(1..3));
    m.scan();
    for mark in m.marks.values_mut() {
        *mark = b"of another version".to_vec();
    }
    assert_eq!(m.scan().events, 2);
    // A mark whose decoder state is not known: again from the start.
    for mark in m.marks.values_mut() {
        mark.push(99);
    }
    append(&m.path("a.jsonl"), &lines(3..4));
    assert_eq!(m.scan().events, 3);
}

#[test]
fn any_growth_in_any_steps_gives_what_one_read_gives() {
    use proptest::prelude::*;
    let whole = lines(0..30) + &format!("{}\n{}\n\n", line("", 5), line("", 5)) + &lines(10..20) + &line("last", 99);
    proptest!(ProptestConfig::with_cases(64), |(cuts in prop::collection::btree_set(0..whole.len(), 0..8))| {
        let mut m = Machine::new();
        let file = m.path("a.jsonl");
        let mut from = 0;
        for cut in cuts.into_iter().chain([whole.len()]) {
            append(&file, &whole[from..cut]);
            m.scan();
            from = cut;
        }
        let mut once = Machine::new();
        append(&once.path("a.jsonl"), &whole);
        once.scan();
        let set = |m: &Machine| m.committed.iter().map(|r| format!("{r:?}")).collect::<BTreeSet<_>>();
        prop_assert_eq!(set(&m), set(&once));
    });
}
