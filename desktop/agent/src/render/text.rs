//! Foreign text, made fit to be shown. Names of models and sessions, and paths, come from files that
//! others may have written: on a terminal they could change colours, titles and what stands above.

use std::borrow::Cow;

/// The longest name that a table or a note shows.
const LONGEST: usize = 40;

/// The text with `U+FFFD` for whatever acts instead of being seen: control characters, line breaks
/// and marks that turn the direction of writing.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.contains(acts) { Cow::Owned(text.replace(acts, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// The same where line breaks are meant.
pub fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// A foreign name, cut where it would make a table wider than any terminal.
pub fn name(text: &str) -> String {
    let text = visible(text);
    match text.char_indices().nth(LONGEST) {
        None => text.into_owned(),
        // One of the characters is the sign that it was cut.
        Some(_) => text.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}

/// Names with commas between them, as notes list them.
pub fn names<T: AsRef<str>>(list: impl IntoIterator<Item = T>) -> String {
    list.into_iter().map(|n| name(n.as_ref())).collect::<Vec<_>>().join(", ")
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_seen_instead() {
        assert_eq!(
            visible("evil\u{1b}[31m\u{7}\u{7f}\u{9b}\n\t\u{202e}\u{2066}\u{2028}"),
            format!("evil�[31m{}", "�".repeat(8))
        );
        assert!(matches!(visible("Zoë 模型 – gpt-5"), Cow::Borrowed(_)), "and the rest is left alone");
        assert_eq!(visible_lines("a\n\u{1b}b"), "a\n�b");
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(name(&"x".repeat(40)), "x".repeat(40));
        assert_eq!(name(&"ü".repeat(300)), format!("{}…", "ü".repeat(39)));
        assert_eq!(names(["a", "b\n"]), "a, b�");
    }
}
