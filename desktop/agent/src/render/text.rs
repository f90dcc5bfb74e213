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

/// A text with colours that was made here, and with foreign words in it: colours, tabs and line breaks stay, whatever else acts is seen.
pub fn visible_painted(text: &str) -> Cow<'_, str> {
    let colour_ends = |at: usize| {
        let rest = text.get(at..)?.strip_prefix("\u{1b}[")?;
        let length = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
        rest.get(length..)?.starts_with('m').then_some(at + 2 + length)
    };
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut is_colour_to) = (String::with_capacity(text.len()), 0);
    for (at, c) in text.char_indices() {
        if let Some(end) = Some(c).filter(|c| *c == '\u{1b}').and_then(|_| colour_ends(at)) {
            is_colour_to = end;
        }
        let stays = matches!(c, '\n' | '\t') || at < is_colour_to || !acts(c);
        shown.push(if stays { c } else { '\u{fffd}' });
    }
    Cow::Owned(shown)
}

/// A foreign name, cut where it would make a table wider than any terminal.
pub fn name(text: &str) -> String {
    cut(text, LONGEST)
}

/// A foreign text of at most so many characters.
pub fn cut(text: &str, longest: usize) -> String {
    let text = visible(text);
    match text.char_indices().nth(longest) {
        None => text.into_owned(),
        // One of the characters is the sign that it was cut.
        Some(_) => text.chars().take(longest.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A foreign word as a shell takes it, for a command that people copy.
pub fn quoted(text: &str) -> String {
    let text = visible(text);
    let is_plain = |c: char| c.is_alphanumeric() || "-_.:,/@%+=".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// A text in lines of at most `width` characters behind `indent` blanks: between words, within those that
/// are longer.
pub fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let room = width.saturating_sub(indent).max(1);
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    for word in visible(text).split(' ') {
        let word: Vec<char> = word.chars().collect();
        let line = lines.last().map_or(0, Vec::len);
        if line > 0 && line + 1 + word.len() > room {
            lines.push(Vec::new());
        }
        for (i, piece) in word.chunks(room).enumerate() {
            match lines.last_mut() {
                Some(line) if i == 0 => {
                    line.extend((!line.is_empty()).then_some(' '));
                    line.extend(piece);
                }
                _ => lines.push(piece.to_vec()),
            }
        }
    }
    let margin = " ".repeat(indent);
    lines.into_iter().map(|line| format!("{margin}{}\n", line.into_iter().collect::<String>())).collect()
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
    fn colours_stay_and_whatever_else_acts_is_seen() {
        let painted = "\u{1b}[1;31mred\u{1b}[0m\n\u{1b}]0;title\u{7}\u{202e}\u{1b}[2J\u{1b}[31";
        assert_eq!(visible_painted(painted), "\u{1b}[1;31mred\u{1b}[0m\n�]0;title���[2J�[31");
        assert!(matches!(visible_painted("as it is"), Cow::Borrowed(_)));
        assert_eq!((visible_painted("\u{1b}"), visible_painted("a\tb")), ("�".into(), "a\tb".into()));
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(name(&"x".repeat(40)), "x".repeat(40));
        assert_eq!(name(&"ü".repeat(300)), format!("{}…", "ü".repeat(39)));
        assert_eq!(names(["a", "b\n"]), "a, b�");
        assert_eq!((cut("model", 5), cut("model", 4)), ("model".to_owned(), "mod…".to_owned()));
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_wants_it() {
        assert_eq!(quoted("root:9f0c-1"), "root:9f0c-1");
        assert_eq!((quoted("two words"), quoted("")), ("'two words'".to_owned(), "''".to_owned()));
        assert_eq!(quoted("it's $(x)"), r"'it'\''s $(x)'");
    }

    #[test]
    fn a_text_is_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 2, 10), "  one two\n  three\n");
        assert_eq!(wrapped("/home/ada/logs (A)", 2, 8), "  /home/\n  ada/lo\n  gs (A)\n");
        assert_eq!(wrapped("", 2, 8), "  \n");
        assert_eq!(wrapped("ab", 2, 0), "  a\n  b\n", "there is room for something");
    }
}
