//! The two kinds of line that are nearly all of a rollout, in the very layout in which Codex writes
//! them: conversation, which is left at its type, and a `token_count` whose windows are those of the
//! line before. Whatever differs in a single byte is read structurally, in [`line`](super::line),
//! with the same outcome.

use super::line::Count;
use super::usage::Usage;
use crate::shape::MOST;
use crate::stamp;

/// What a line in the usual layout says.
#[derive(Debug, PartialEq)]
pub(super) enum Fast<'a> {
    /// Nothing that matters.
    Nothing,
    /// What was used; the windows are as before.
    Count(Count<'a>),
    /// It is not in this layout, or of another kind.
    Other,
}

/// Reads a line, given the bytes of the `rate_limits` before it.
#[inline]
pub(super) fn read<'a>(line: &[u8], windows: &[u8]) -> Fast<'a> {
    reading(&mut Cursor(line), windows).unwrap_or(Fast::Other)
}

#[inline]
fn reading<'a>(c: &mut Cursor<'_>, windows: &[u8]) -> Option<Fast<'a>> {
    c.skip(br#"{"timestamp":""#)?;
    let time = c.take(TIME)?;
    c.skip(b"\"")?;
    let mut ordinal = None;
    if c.skip(br#","ordinal":"#).is_some() {
        ordinal = Some(c.number()?);
    }
    c.skip(br#","type":""#)?;
    // A time with an escape in it would hide where it ends.
    let is_plain = || time.iter().all(|b| *b != b'\\' && *b != b'"');
    if c.skip(br#"event_msg","payload":{"type":""#).is_none() {
        return (c.skip(br#"response_item""#).is_some() && is_plain()).then_some(Fast::Nothing);
    }
    if c.skip(br#"token_count","info":"#).is_none() {
        let others: [&[u8]; 4] = [b"token_count", b"task_started", b"turn_started", b"thread_settings_applied"];
        return (c.is_word_but(&others) && is_plain()).then_some(Fast::Nothing);
    }
    let time = stamp::rfc3339(std::str::from_utf8(time).ok()?)?.0;
    let mut count = Count { ordinal, time: Some(time), ..Count::default() };
    if c.skip(b"null").is_none() {
        c.skip(br#"{"total_token_usage":"#)?;
        count.total = Some(c.usage()?);
        c.skip(br#","last_token_usage":"#)?;
        count.last = Some(c.usage()?);
        if c.skip(br#","model_context_window":"#).is_some() && c.skip(b"null").is_none() {
            c.number()?;
        }
        c.skip(b"}")?;
    }
    c.skip(br#","rate_limits":"#)?;
    if c.skip(b"null").is_none() {
        c.skip(Some(windows).filter(|windows| !windows.is_empty())?)?;
    }
    (c.0 == b"}}").then_some(Fast::Count(count))
}

/// The length of `2026-05-12T08:01:02.345Z`.
const TIME: usize = 24;

/// What is left of a line.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    #[inline]
    fn skip(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    #[inline]
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A whole number up to 2⁵³, written as JSON does.
    #[inline]
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        let mut length = 0;
        while let Some(digit) = self.0.get(length).map(|b| b.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
            number = number * 10 + u64::from(digit);
            length += 1;
            if length > 16 {
                return None;
            }
        }
        if length == 0 || (length > 1 && self.0[0] == b'0') {
            return None;
        }
        self.0 = &self.0[length..];
        (number <= MOST).then_some(number)
    }

    #[inline]
    fn usage(&mut self) -> Option<Usage> {
        self.skip(br#"{"input_tokens":"#)?;
        let input = self.number()?;
        self.skip(br#","cached_input_tokens":"#)?;
        let cached = self.number()?;
        let mut cache_write = 0;
        if self.skip(br#","cache_write_input_tokens":"#).is_some() {
            cache_write = self.number()?;
        }
        self.skip(br#","output_tokens":"#)?;
        let output = self.number()?;
        self.skip(br#","reasoning_output_tokens":"#)?;
        let reasoning = self.number()?;
        self.skip(br#","total_tokens":"#)?;
        self.number()?;
        self.skip(b"}")?;
        Some(Usage { input, cached, cache_write, output, reasoning })
    }

    /// Whether a string of plain letters ends here soon, and is none of `words`.
    #[inline]
    fn is_word_but(&self, words: &[&[u8]]) -> bool {
        let length = self.0.iter().take_while(|b| b.is_ascii_lowercase() || **b == b'_').count();
        self.0.get(length) == Some(&b'"') && words.iter().all(|word| self.0[..length] != **word)
    }
}
