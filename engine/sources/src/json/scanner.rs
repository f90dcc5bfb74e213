use memchr::memchr;

use super::text;
use super::value::{Kind, Value};

/// Why a line is not one complete JSON value, and at which byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JsonError {
    /// The line ends inside a value: half-written, or cut.
    #[error("the line ends inside a JSON value")]
    Unfinished,
    /// Something that JSON does not allow here.
    #[error("not JSON at byte {0}")]
    Unexpected(usize),
}

/// A cursor over one line. Every method that reads a value leaves the cursor behind it.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Starts at the first byte; a line break at the end is a blank like others.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Calls `field` for each field of the object that comes next, with the cursor at the field's
    /// value and the key unescaped. A value that `field` does not read is stepped over. `false`
    /// if the value is no object (it is stepped over then).
    #[inline]
    pub fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &[u8]) -> Result<(), JsonError>,
    ) -> Result<bool, JsonError> {
        if self.peek() != Some(b'{') {
            return self.skip().map(|()| false);
        }
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(true);
        }
        loop {
            let (key, escaped) = self.key()?;
            let value_at = self.at;
            if !escaped || !key.contains(&b'\\') {
                field(self, key)?;
            } else if let Some(key) = text::unescape(key) {
                field(self, key.as_bytes())?;
            }
            if self.at == value_at {
                self.skip()?;
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(true);
                }
                other => return Err(self.unexpected(other)),
            }
        }
    }

    /// Calls `item` for each item of the array that comes next; otherwise as [`Scanner::object`].
    #[inline]
    pub fn array(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), JsonError>) -> Result<bool, JsonError> {
        if self.peek() != Some(b'[') {
            return self.skip().map(|()| false);
        }
        self.at += 1;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(true);
        }
        loop {
            self.peek();
            let value_at = self.at;
            item(self)?;
            if self.at == value_at {
                self.skip()?;
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(true);
                }
                other => return Err(self.unexpected(other)),
            }
        }
    }

    /// Reads the next value, whatever it is, as its span of bytes.
    #[inline]
    pub fn value(&mut self) -> Result<Value<'a>, JsonError> {
        let kind = self.kind()?;
        let start = self.at;
        let mut escaped = false;
        if kind == Kind::String {
            self.at += 1;
            (_, escaped) = self.string()?;
        } else {
            self.skip()?;
        }
        Ok(Value::new(kind, escaped, &self.bytes[start..self.at]))
    }

    /// What the next value is, without reading it.
    #[inline]
    pub fn kind(&mut self) -> Result<Kind, JsonError> {
        let next = self.peek();
        next.and_then(Kind::of).ok_or_else(|| self.unexpected(next))
    }

    /// Steps over the next value, checking that it is one. Containers cost a bit of memory a
    /// level, and no stack.
    #[inline]
    pub fn skip(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(drop)
            }
            Some(b'{' | b'[') => self.skip_container(),
            other => self.skip_plain(other),
        }
    }

    /// A number or a word.
    #[inline]
    fn skip_plain(&mut self, next: Option<u8>) -> Result<(), JsonError> {
        match next {
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.literal(b"null"),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            other => Err(self.unexpected(other)),
        }
    }

    fn skip_container(&mut self) -> Result<(), JsonError> {
        let mut nest = Nest::default();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    self.string()?;
                }
                Some(b'{') => {
                    self.at += 1;
                    if self.peek() == Some(b'}') {
                        self.at += 1;
                    } else {
                        nest.push(true);
                        self.key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    if self.peek() == Some(b']') {
                        self.at += 1;
                    } else {
                        nest.push(false);
                        continue;
                    }
                }
                other => self.skip_plain(other)?,
            }
            // A value has ended: what may follow depends on what it lies in.
            loop {
                let Some(in_object) = nest.top() else { return Ok(()) };
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if in_object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(b'}') if in_object => self.at += 1,
                    Some(b']') if !in_object => self.at += 1,
                    other => return Err(self.unexpected(other)),
                }
                nest.pop();
            }
        }
    }

    /// Checks that only blanks are left: the line has closed.
    pub fn end(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            None => Ok(()),
            other => Err(self.unexpected(other)),
        }
    }

    /// Steps over blanks and looks at the next byte.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Reads `"key":` and returns the raw key and whether it has escapes.
    #[inline]
    fn key(&mut self) -> Result<(&'a [u8], bool), JsonError> {
        match self.peek() {
            Some(b'"') => self.at += 1,
            other => return Err(self.unexpected(other)),
        }
        let key = self.string()?;
        match self.peek() {
            Some(b':') => self.at += 1,
            other => return Err(self.unexpected(other)),
        }
        // So that a closure that reads nothing is recognised by the cursor not moving.
        self.peek();
        Ok(key)
    }

    /// The cursor is behind an opening quote: goes behind the closing one. Returns what is between,
    /// and whether it may have escapes.
    #[inline]
    fn string(&mut self) -> Result<(&'a [u8], bool), JsonError> {
        let rest = &self.bytes[self.at..];
        let (length, escaped) = match quote_or_backslash(rest) {
            Short::Quote(at) => (at, false),
            Short::Backslash | Short::Neither => (long_string(rest)?, true),
        };
        self.at += length + 1;
        Ok((&rest[..length], escaped))
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), JsonError> {
        let rest = &self.bytes[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            Ok(())
        } else if word.starts_with(rest) {
            Err(JsonError::Unfinished)
        } else {
            Err(JsonError::Unexpected(self.at))
        }
    }

    fn number(&mut self) -> Result<(), JsonError> {
        if self.bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.unexpected(self.bytes.get(self.at).copied())) }
    }

    #[cold]
    fn unexpected(&self, next: Option<u8>) -> JsonError {
        match next {
            None => JsonError::Unfinished,
            Some(_) => JsonError::Unexpected(self.at),
        }
    }
}

/// What comes first in the first bytes of a string.
enum Short {
    Quote(usize),
    Backslash,
    Neither,
}

/// Keys, ids and times are short, prose is long: the first bytes are looked at eight at a time, which
/// costs less than the start of a vectorised search.
#[inline]
fn quote_or_backslash(text: &[u8]) -> Short {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // Of a word xor the byte sought, a byte is zero where it occurs; the lowest high bit set is exact.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let mut rest = text;
    for _ in 0..5 {
        let Some((word, tail)) = rest.split_first_chunk::<8>() else { break };
        let word = u64::from_le_bytes(*word);
        let quotes = zeros(word ^ (ONES * b'"' as u64));
        let backslashes = zeros(word ^ (ONES * b'\\' as u64));
        if quotes | backslashes != 0 {
            if backslashes != 0 && backslashes.trailing_zeros() < quotes.trailing_zeros() {
                return Short::Backslash;
            }
            return Short::Quote(text.len() - rest.len() + quotes.trailing_zeros() as usize / 8);
        }
        rest = tail;
    }
    Short::Neither
}

/// How far it is to the closing quote. Prose has more escaped line breaks than escaped quotes, so this
/// stops at quotes alone and looks back: behind an odd number of backslashes a quote is escaped.
fn long_string(text: &[u8]) -> Result<usize, JsonError> {
    let mut from = 0;
    loop {
        let rest = text.get(from..).unwrap_or_default();
        let at = from + memchr(b'"', rest).ok_or(JsonError::Unfinished)?;
        let backslashes = text[..at].iter().rev().take_while(|b| **b == b'\\').count();
        if backslashes % 2 == 0 {
            return Ok(at);
        }
        from = at + 1;
    }
}

/// Which containers are open: a bit each, on the heap only from the 129th on.
#[derive(Default)]
struct Nest {
    bits: u128,
    depth: u32,
    outer: Vec<u128>,
}

impl Nest {
    #[inline]
    fn push(&mut self, object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(128) {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u128::from(object);
        self.depth = self.depth.saturating_add(1);
    }

    #[inline]
    fn pop(&mut self) {
        self.bits >>= 1;
        self.depth = self.depth.saturating_sub(1);
        if self.depth > 0 && self.depth.is_multiple_of(128) {
            self.bits = self.outer.pop().unwrap_or_default();
        }
    }

    #[inline]
    fn top(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.bits & 1 == 1)
    }
}
