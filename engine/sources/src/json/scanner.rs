use std::borrow::Cow;

use memchr::memchr;

use super::order::KeyOrder;
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
        self.fields(
            |s, _| s.key(),
            |s, (key, escaped)| match plain(key, escaped) {
                Some(key) => field(s, &key),
                None => Ok(()),
            },
        )
    }

    /// As [`Scanner::object`], for an object whose like comes line after line: `order` remembers which
    /// keys came last time and what `name` made of them, and a key that comes at the same place again is recognised at
    /// once.
    #[inline]
    pub fn object_like<K: Copy>(
        &mut self,
        order: &mut KeyOrder<K>,
        name: impl Fn(&[u8]) -> K,
        mut field: impl FnMut(&mut Self, K) -> Result<(), JsonError>,
    ) -> Result<bool, JsonError> {
        self.fields(
            |s, nth| {
                s.peek();
                let from = &s.bytes[s.at..];
                if let Some((length, key)) = order.recognise(nth, from) {
                    s.at += length;
                    s.peek();
                    return Ok(Some(key));
                }
                let (raw, escaped) = s.key()?;
                let key = plain(raw, escaped).map(|raw| name(&raw));
                if let Some(key) = key {
                    order.learn(nth, raw, from, key);
                }
                Ok(key)
            },
            |s, key| key.map_or(Ok(()), |key| field(s, key)),
        )
    }

    #[inline]
    fn fields<K>(
        &mut self,
        mut key: impl FnMut(&mut Self, usize) -> Result<K, JsonError>,
        mut field: impl FnMut(&mut Self, K) -> Result<(), JsonError>,
    ) -> Result<bool, JsonError> {
        if self.peek() != Some(b'{') {
            return self.skip().map(|()| false);
        }
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(true);
        }
        let mut nth = 0;
        loop {
            let key = key(self, nth)?;
            nth += 1;
            let value_at = self.at;
            field(self, key)?;
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
        let next = self.peek();
        let start = self.at;
        match next {
            Some(b'"') => {
                self.at += 1;
                self.string()?;
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.skip()?,
        }
        Ok(Value::new(&self.bytes[start..self.at]))
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

    /// Reads `"key":` and returns the raw key, and whether it may have escapes.
    #[inline(always)]
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

    /// The cursor is behind an opening quote: goes behind the closing one. Returns what is between, and
    /// whether it may have escapes.
    #[inline(always)]
    fn string(&mut self) -> Result<(&'a [u8], bool), JsonError> {
        let rest = &self.bytes[self.at..];
        let (length, escaped) = closing_quote(rest)?;
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

/// A key without its escapes; `None` if these are none.
#[inline(always)]
fn plain(key: &[u8], escaped: bool) -> Option<Cow<'_, [u8]>> {
    if !escaped || !key.contains(&b'\\') {
        return Some(Cow::Borrowed(key));
    }
    text::unescape(key).map(|key| Cow::Owned(key.into_bytes()))
}

/// How far it is to the closing quote, and whether there may be escapes before it.
///
/// Keys and words are short: their bytes are looked at sixteen at once, in a number, which costs less
/// than the start of a vectorised search.
#[inline(always)]
fn closing_quote(text: &[u8]) -> Result<(usize, bool), JsonError> {
    const ONES: u128 = u128::MAX / 255;
    const HIGHS: u128 = ONES << 7;
    const QUOTES: u128 = ONES * b'"' as u128;
    const BACKSLASHES: u128 = ONES * b'\\' as u128;
    let Some((word, _)) = text.split_first_chunk::<16>() else { return far_quote(text, 0) };
    let word = u128::from_le_bytes(*word);
    // A byte is zero where it is the one sought; of the bits found, the lowest is exact.
    let zeros = |word: u128| word.wrapping_sub(ONES) & !word & HIGHS;
    let quote = zeros(word ^ QUOTES).trailing_zeros();
    let backslash = zeros(word ^ BACKSLASHES).trailing_zeros();
    if quote < backslash {
        Ok((quote as usize / 8, false))
    } else {
        far_quote(text, if backslash == u128::BITS { 16 } else { 0 })
    }
}

/// As [`closing_quote`], for text that has no quote before `from`. Prose has more escaped line breaks
/// than escaped quotes, so this stops at quotes alone and looks back: behind an odd number of
/// backslashes a quote is escaped.
///
/// Not inlined, so that the way of short strings stays short.
#[inline(never)]
fn far_quote(text: &[u8], mut from: usize) -> Result<(usize, bool), JsonError> {
    loop {
        let rest = text.get(from..).unwrap_or_default();
        let at = from + memchr(b'"', rest).ok_or(JsonError::Unfinished)?;
        let before = &text[..at];
        if !before.ends_with(b"\\") || before.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 0 {
            return Ok((at, true));
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
