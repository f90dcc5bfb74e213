//! What was assumed about a price.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// Assumptions behind a cost, as a set. Empty: the table says all of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Notes(u8);

impl Notes {
    /// Nothing was assumed.
    pub const NONE: Self = Self(0);
    /// The table has no price for cache writes or reads of this model.
    pub const CACHE_ASSUMED: Self = Self(1);
    /// The table has no price above the threshold for this kind or tier; it was scaled like the
    /// input's, or the list's.
    pub const LONG_CONTEXT_ASSUMED: Self = Self(2);
    /// The table has no price for this tier; the list price was used.
    pub const TIER_AT_LIST: Self = Self(4);
    /// The table has no price for the fast variant; that of priority processing was used.
    pub const FAST_AT_PRIORITY: Self = Self(8);
    /// The tier is one that this version does not know; the list price was used.
    pub const TIER_UNKNOWN: Self = Self(16);

    const TEXTS: [(Self, &'static str); 5] = [
        (Self::CACHE_ASSUMED, "cache price assumed"),
        (Self::LONG_CONTEXT_ASSUMED, "long-context price assumed"),
        (Self::TIER_AT_LIST, "no price for the tier: list price"),
        (Self::FAST_AT_PRIORITY, "fast at the price of priority"),
        (Self::TIER_UNKNOWN, "unknown tier: list price"),
    ];

    /// Whether nothing was assumed.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` is in here.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The notes in words, for reports.
    pub fn texts(self) -> impl Iterator<Item = &'static str> {
        Self::TEXTS.into_iter().filter(move |(note, _)| self.contains(*note)).map(|(_, text)| text)
    }
}

impl BitOr for Notes {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Notes {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, text) in self.texts().enumerate() {
            write!(f, "{}{text}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
