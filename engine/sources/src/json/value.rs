use std::borrow::Cow;

use super::scanner::Scanner;
use super::text;

/// What a JSON value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    pub(super) fn of(first: u8) -> Option<Self> {
        Some(match first {
            b'n' => Self::Null,
            b't' | b'f' => Self::Bool,
            b'-' | b'0'..=b'9' => Self::Number,
            b'"' => Self::String,
            b'[' => Self::Array,
            b'{' => Self::Object,
            _ => return None,
        })
    }
}

/// The span of one complete value. What it is its first byte says: a field more would be copied along in odd pieces, which
/// cost more than all the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value<'a> {
    raw: &'a [u8],
}

impl<'a> Value<'a> {
    /// Of bytes that are one value.
    pub(super) fn new(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// What it is.
    #[inline]
    pub fn kind(&self) -> Kind {
        self.raw.first().copied().and_then(Kind::of).unwrap_or(Kind::Null)
    }

    /// Its bytes, quotes and brackets included.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// A cursor over it, to enter it (again).
    pub fn scan(&self) -> Scanner<'a> {
        Scanner::new(self.raw)
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// The string's text, borrowed unless it has escapes. `None` if it is no string, or a string
    /// that stands for no text (a wrong escape, a lone surrogate, a bare control character).
    #[inline]
    pub fn str(&self) -> Option<Cow<'a, str>> {
        if self.kind() != Kind::String {
            return None;
        }
        let inner = self.raw.get(1..self.raw.len() - 1)?;
        // Without a way out of the loop, so that many bytes are looked at at once.
        if inner.iter().fold(false, |special, b| special | (*b < 0x20) | (*b == b'\\')) {
            return text::unescape(inner).map(Cow::Owned);
        }
        std::str::from_utf8(inner).ok().map(Cow::Borrowed)
    }

    /// The number's own text, with all its digits.
    pub fn number(&self) -> Option<&'a str> {
        if self.kind() != Kind::Number {
            return None;
        }
        std::str::from_utf8(self.raw).ok()
    }

    /// The number, if it is written as a whole one from 0 to 2⁶⁴ − 1. `1.0` and `1e3` are not.
    #[inline]
    pub fn u64(&self) -> Option<u64> {
        if self.kind() != Kind::Number {
            return None;
        }
        self.raw.iter().try_fold(0_u64, |n, b| {
            let digit = b.checked_sub(b'0').filter(|d| *d < 10)?;
            n.checked_mul(10)?.checked_add(u64::from(digit))
        })
    }

    /// The truth value.
    pub fn bool(&self) -> Option<bool> {
        match self.raw {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }
}
