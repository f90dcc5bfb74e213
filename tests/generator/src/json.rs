//! Just enough JSON to write lines fast.

use std::fmt::Write as _;

/// Appends `text` as a JSON string, quotes included.
pub(crate) fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// `text` as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    string(&mut out, text);
    out
}

/// A compact line with a blank behind each colon and comma that is not inside a string.
pub(crate) fn spaced(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + line.len() / 8);
    let (mut inside, mut escaped) = (false, false);
    for c in line.chars() {
        out.push(c);
        if inside {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => inside = false,
                _ => {}
            }
        } else if c == '"' {
            inside = true;
        } else if c == ':' || c == ',' {
            out.push(' ');
        }
    }
    out
}
