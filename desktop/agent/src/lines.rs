//! The lines of logs behind calls, where the logs still lie on this machine. Found anew each time:
//! nothing about files is ever stored.

use std::collections::{HashMap, HashSet};

use aimon_core::event::{MessageId, Record, RequestId};
use aimon_core::history::Copy;
use aimon_sources::collector::Collector;
use aimon_sources::locate::{Located, locate};

use crate::place::Place;
use crate::render::text::visible;

/// What identifies a call.
pub type Call = (MessageId, RequestId);

/// A record's call.
pub fn call(record: &Record) -> Call {
    (record.message, record.request)
}

/// Where calls stand.
#[derive(Debug, Default)]
pub struct Lines(HashMap<Call, Vec<Located>>);

impl Lines {
    /// Looks for the calls' lines in this machine's logs (in a demo, in those of its machines).
    pub fn of<'a>(place: &Place, copies: impl IntoIterator<Item = &'a Copy>) -> Self {
        let (mut wanted, mut sources) = (HashSet::new(), HashSet::new());
        for copy in copies {
            wanted.insert(call(&copy.record));
            sources.insert(copy.record.source.to_string());
        }
        let mut found: HashMap<Call, Vec<Located>> = HashMap::new();
        if wanted.is_empty() {
            return Self(found);
        }
        let collectors: Vec<&dyn Collector> =
            aimon_sources::collectors().iter().copied().filter(|c| sources.contains(c.kind())).collect();
        for machine in place.machines() {
            for located in locate(&collectors, &machine.env, &|r| wanted.contains(&call(r))) {
                found.entry(call(&located.record)).or_default().push(located);
            }
        }
        Self(found)
    }

    /// The lines that say what stands; if there are none, all lines of that call.
    pub fn behind(&self, copy: &Copy) -> Vec<&Located> {
        let all = self.0.get(&call(&copy.record)).map(Vec::as_slice).unwrap_or_default();
        let r = &copy.record;
        let same: Vec<&Located> =
            all.iter().filter(|l| l.record.tokens == r.tokens && l.record.time == r.time).collect();
        if same.is_empty() { all.iter().collect() } else { same }
    }
}

/// `file:line`, as editors understand it.
pub fn text(located: &Located) -> String {
    let path = located.place.path.display().to_string();
    let path = visible(&path);
    match located.place.line {
        Some(line) => format!("{path}:{line}"),
        None => path.into_owned(),
    }
}
