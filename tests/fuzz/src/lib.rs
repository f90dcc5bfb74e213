//! What the fuzz targets have in common: the laws that hold for every collector.

use std::path::Path;

use aimon_core::event::{Event, Record};
use aimon_core::history::{Copy, standing};
use aimon_core::ids::DeviceId;
use aimon_sources::collector::{Collector, FileKind, LogFile, Out, Root};

/// The collector of that kind.
pub fn collector(kind: &str) -> &'static dyn Collector {
    let known = aimon_sources::collectors();
    known.iter().copied().find(|c| c.kind() == kind).unwrap_or_else(|| panic!("there is no collector {kind}"))
}

/// A log file that is read in pieces gives the records that it gives when read at once, whatever
/// is in it. The input's first four bytes say where it is cut; the rest is the file.
pub fn lines(kind: &str, root: &str, relative: &str, input: &[u8]) {
    let Some((cuts, log)) = input.split_first_chunk::<4>() else { return };
    let file = File::new(kind, root, relative, FileKind::Lines);
    let whole = file.read(&[log]);

    // A piece ends behind a line break: the scan keeps an unfinished line back.
    let mut ends: Vec<usize> = memchr(log).map(|at| at + 1).collect();
    ends.push(log.len());
    let mut places: Vec<usize> = cuts.iter().map(|cut| ends[usize::from(*cut) % ends.len()]).collect();
    places.extend([0, log.len()]);
    places.sort_unstable();
    let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &log[pair[0]..pair[1]]).collect();
    assert_eq!(calls(&file.read(&pieces)), calls(&whole), "read in pieces, it says something else");
    sane(&whole);
}

/// One document, given in one call. The same bytes twice say the same.
pub fn document(kind: &str, root: &str, relative: &str, input: &[u8]) {
    let file = File::new(kind, root, relative, FileKind::Whole);
    let once = file.read(&[input]);
    assert_eq!(calls(&file.read(&[input])), calls(&once));
    sane(&once);
}

fn memchr(log: &[u8]) -> impl Iterator<Item = usize> + '_ {
    log.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at)
}

struct File {
    collector: &'static dyn Collector,
    root: Root,
    path: std::path::PathBuf,
    relative: std::path::PathBuf,
    kind: FileKind,
}

impl File {
    fn new(kind: &str, root: &str, relative: &str, file: FileKind) -> Self {
        let collector = collector(kind);
        let root = Root::default_place(Path::new(root).to_owned());
        let relative = Path::new(relative).to_owned();
        assert_eq!(collector.accepts(&root, &relative), Some(file), "the collector takes no such file any more");
        Self { collector, path: root.path.join(&relative), root, relative, kind: file }
    }

    fn read(&self, pieces: &[&[u8]]) -> Vec<Event> {
        let file = LogFile { root: &self.root, path: &self.path, relative: &self.relative, kind: self.kind };
        let mut out = Out::new();
        let mut state: Option<Vec<u8>> = None;
        for piece in pieces {
            let mut decoder = self.collector.decoder(&file, state.as_deref()).expect("its own state");
            decoder.lines(piece, &mut out);
            decoder.finish(&mut out);
            state = Some(decoder.state());
        }
        out.events
    }
}

/// What stands of the records, in one order.
fn calls(events: &[Event]) -> Vec<String> {
    let record = |event: &Event| match event {
        Event::Record(record) => Some(Copy::new(DeviceId([0; 16]), Record::clone(record))),
        _ => None,
    };
    let copies: Vec<Copy> = events.iter().filter_map(record).collect();
    let mut calls: Vec<String> = standing(&copies).into_iter().map(|copy| format!("{:?}", copy.record)).collect();
    calls.sort_unstable();
    calls
}

/// What no log can make a collector say.
fn sane(events: &[Event]) {
    for event in events {
        if let Event::Record(record) = event {
            assert!(record.tokens.reasoning <= record.tokens.output, "reasoning is a part of the output: {record:?}");
        }
    }
    let bytes = aimon_core::batch::Batch::new(events.iter().cloned()).encode();
    if events.len() < aimon_core::batch::MAX_ROWS {
        let again = aimon_core::batch::Batch::decode(&bytes).expect("what a collector says can be kept");
        assert_eq!(again.len(), events.len());
    }
}
