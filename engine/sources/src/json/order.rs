//! Which keys come in which order: a program writes the objects of one kind with the same keys in the same
//! order, line after line.

/// What is known about the order of an object's keys. Sealed: [`KeyOrder`], or nothing.
pub trait Order: sealed::Sealed {
    /// The key, if `text` begins with the one that is expected at this place, with its quotes and colon.
    fn recognise<'a>(&self, nth: usize, text: &'a [u8]) -> Option<&'a [u8]>;

    /// Takes note of the key with which `text` begins.
    fn learn(&mut self, nth: usize, key: &[u8], text: &[u8]);
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::KeyOrder {}
    impl Sealed for super::NoOrder {}
}

/// Nothing is expected, nothing learnt.
pub(super) struct NoOrder;

impl Order for NoOrder {
    #[inline]
    fn recognise<'a>(&self, _: usize, _: &'a [u8]) -> Option<&'a [u8]> {
        None
    }

    #[inline]
    fn learn(&mut self, _: usize, _: &[u8], _: &[u8]) {}
}

/// The keys that came last time. Only ever makes reading faster: a key that is not the expected one is
/// read like any other.
#[derive(Clone, Debug, Default)]
pub struct KeyOrder {
    expected: Vec<Expected>,
}

/// The keys of an object with more than this are not what a log's writer puts there.
const MOST: usize = 64;

/// `"key":`, the first sixteen bytes as a number, and what comes behind them.
#[derive(Clone, Debug)]
struct Expected {
    word: u128,
    mask: u128,
    rest: Box<[u8]>,
    length: usize,
}

impl Order for KeyOrder {
    #[inline]
    fn recognise<'a>(&self, nth: usize, text: &'a [u8]) -> Option<&'a [u8]> {
        let expected = self.expected.get(nth)?;
        let (word, rest) = text.split_first_chunk::<16>()?;
        if u128::from_le_bytes(*word) & expected.mask != expected.word || !rest.starts_with(&expected.rest) {
            return None;
        }
        text.get(1..expected.length - 2)
    }

    fn learn(&mut self, nth: usize, key: &[u8], text: &[u8]) {
        let length = key.len() + 3;
        let is_plain = text.get(length - 1) == Some(&b':') && !key.contains(&b'\\');
        let Some(first) = text.first_chunk::<16>().filter(|_| is_plain && nth < MOST) else { return };
        let mask = if length < 16 { (1_u128 << (length * 8)) - 1 } else { u128::MAX };
        let rest = text.get(16..length).unwrap_or_default().into();
        let expected = Expected { word: u128::from_le_bytes(*first) & mask, mask, rest, length };
        let known = self.expected.len();
        match self.expected.get_mut(nth) {
            Some(old) => *old = expected,
            None if nth == known => self.expected.push(expected),
            // A key before it was not learnt: the next line brings it again.
            None => {}
        }
    }
}
