//! Which days hold copies of which messages: what the fold of one day needs to know of the others.
//!
//! The index is a fixed number of pages by the first bits of the message id. Ids are hashes, so
//! pages fill evenly; a new call touches one small page, however long the history is. To write a page
//! for each new call would still cost a block of the disk for each: new pairs collect in one page more,
//! [`FRESH`], until there are enough of them.

use crate::batch::BatchError;
use crate::batch::columns::{Reader, put};
use crate::event::MessageId;
use crate::time::UtcDay;

/// How many pages there are.
pub const PAGES: u16 = 4096;

/// The page of the pairs that are not in their own page yet.
pub const FRESH: u16 = PAGES;

/// How many pairs collect there before they go to their own pages.
pub const FRESH_PAIRS: usize = 2048;

/// The page that holds a message: pairs that are sorted are sorted by page.
pub fn page_of(message: MessageId) -> u16 {
    u16::from_be_bytes([message.0[0], message.0[1]]) >> 4
}

/// One page: sorted pairs of a message and a day that holds a copy of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Page(Vec<(MessageId, UtcDay)>);

impl Page {
    /// Its pairs, sorted.
    pub fn pairs(&self) -> &[(MessageId, UtcDay)] {
        &self.0
    }

    /// Adds sorted pairs, leaving out days before `first`. Returns the pairs, new and old, of
    /// messages that got a further day: they *cross* days, and each day's fold needs the others'.
    pub fn add(&mut self, pairs: &[(MessageId, UtcDay)], first: UtcDay) -> Vec<(MessageId, UtcDay)> {
        debug_assert!(pairs.is_sorted());
        let mut merged: Vec<(MessageId, UtcDay)> = Vec::with_capacity(self.0.len() + pairs.len());
        let mut fresh = Vec::new();
        let (mut old, mut new) = (self.0.iter().copied().peekable(), pairs.iter().copied().peekable());
        loop {
            let take_old = match (old.peek(), new.peek()) {
                (Some(o), Some(n)) => o <= n,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => break,
            };
            let next = if take_old { old.next() } else { new.next() };
            let Some(pair) = next else { break };
            if pair.1 < first || merged.last() == Some(&pair) {
                continue;
            }
            if !take_old {
                fresh.push(pair.0);
            }
            merged.push(pair);
        }
        self.0 = merged;
        let mut crossing = Vec::new();
        fresh.dedup();
        for message in fresh {
            let from = self.0.partition_point(|p| p.0 < message);
            let days = self.0[from..].iter().take_while(|p| p.0 == message);
            if days.clone().count() > 1 {
                crossing.extend(days.copied());
            }
        }
        crossing
    }

    /// Bytes for a derived table.
    pub fn encode(&self) -> Vec<u8> {
        let base = self.0.iter().map(|p| p.1.0).min().unwrap_or(0);
        let mut out = Vec::with_capacity(self.0.len() * 10 + 8);
        put(&mut out, self.0.len() as u64);
        out.extend_from_slice(&base.to_le_bytes());
        for (message, day) in &self.0 {
            out.extend_from_slice(&message.0);
            put(&mut out, day.0.abs_diff(base).into());
        }
        out
    }

    /// Reads what [`Page::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, BatchError> {
        let mut r = Reader::new(bytes);
        let count = r.varint()?;
        let mut base = [0; 4];
        base.copy_from_slice(r.bytes(4)?);
        let base = i32::from_le_bytes(base);
        let mut pairs = Vec::with_capacity((count as usize).min(bytes.len() / 9));
        for _ in 0..count {
            let mut id = [0; 8];
            id.copy_from_slice(r.bytes(8)?);
            let day = i64::from(base).saturating_add_unsigned(r.varint()?);
            pairs.push((MessageId(id), UtcDay(day.clamp(i32::MIN.into(), i32::MAX.into()) as i32)));
        }
        Ok(Self(pairs))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pair(n: u8, day: i32) -> (MessageId, UtcDay) {
        (MessageId([n; 8]), UtcDay(day))
    }

    #[test]
    fn tells_which_messages_cross_days() {
        let mut page = Page::default();
        assert_eq!(page.add(&[pair(1, 10), pair(2, 10)], UtcDay(0)), []);
        assert_eq!(page.add(&[pair(1, 10)], UtcDay(0)), [], "the same day again is nothing new");
        assert_eq!(page.add(&[pair(1, 11), pair(3, 11)], UtcDay(0)), [pair(1, 10), pair(1, 11)]);
        assert_eq!(page.add(&[pair(4, 1), pair(4, 2)], UtcDay(0)), [pair(4, 1), pair(4, 2)]);
        assert_eq!(Page::decode(&page.encode()).unwrap(), page);
        assert_eq!(page.add(&[pair(1, 12)], UtcDay(11)), [pair(1, 11), pair(1, 12)], "expired days leave");
    }
}
