//! A rollout's lines, before they get the timestamps that a file gives them.

use std::fmt::Write as _;

use crate::clock::iso;
use crate::json::spaced;

/// One line: its top-level type, its payload and its time.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub kind: &'static str,
    pub payload: String,
    pub at: i64,
}

/// How a file's lines differ from the usual.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    pub numeric_time: bool,
    pub spaced: bool,
}

/// The kind of a line that is no JSON: its payload stands alone.
pub(super) const BROKEN: &str = "";

/// The file's text. With `ordinal`, each line is numbered, from it on.
pub(super) fn render(items: &[Item], style: Style, ordinal: Option<u64>) -> String {
    let mut out = String::new();
    for (n, item) in items.iter().enumerate() {
        if item.kind == BROKEN {
            out.push_str(&item.payload);
            out.push('\n');
            continue;
        }
        let mut line = String::with_capacity(item.payload.len() + 96);
        if style.numeric_time {
            let _ = write!(line, "{{\"timestamp\":{},", item.at);
        } else {
            let _ = write!(line, "{{\"timestamp\":\"{}\",", iso(item.at));
        }
        if let Some(first) = ordinal {
            let _ = write!(line, "\"ordinal\":{},", first + n as u64);
        }
        let _ = write!(line, "\"type\":\"{}\",\"payload\":{}}}", item.kind, item.payload);
        out.push_str(&if style.spaced { spaced(&line) } else { line });
        out.push('\n');
    }
    out
}
