//! Which keys come in which order: a program writes the objects of one kind with the same keys in the same
//! order, line after line.

/// The keys that came last time, and what each of them means to the reader. Only ever makes reading faster: a key that is
/// not the expected one is read like any other.
#[derive(Clone, Debug)]
pub struct KeyOrder<K> {
    expected: Vec<Expected<K>>,
}

/// The keys of an object with more than this are not what a log's writer puts there.
const MOST: usize = 64;

/// `"key":`, its first 32 bytes as two numbers, and what comes behind them: most keys are told apart without a call.
#[derive(Clone, Debug)]
struct Expected<K> {
    words: [u128; 2],
    masks: [u128; 2],
    rest: Box<[u8]>,
    length: usize,
    key: K,
}

impl<K> Default for KeyOrder<K> {
    fn default() -> Self {
        Self { expected: Vec::new() }
    }
}

impl<K: Copy> KeyOrder<K> {
    /// What the key means that is expected at this place, and how long it is with its quotes and colon, if `text` begins
    /// with it.
    #[inline]
    pub(super) fn recognise(&self, nth: usize, text: &[u8]) -> Option<(usize, K)> {
        let expected = self.expected.get(nth)?;
        let (first, behind) = text.split_first_chunk::<16>()?;
        if u128::from_le_bytes(*first) & expected.masks[0] != expected.words[0] {
            return None;
        }
        if expected.length > 16 {
            let (second, behind) = behind.split_first_chunk::<16>()?;
            if u128::from_le_bytes(*second) & expected.masks[1] != expected.words[1] {
                return None;
            }
            if expected.length > 32 && !behind.starts_with(&expected.rest) {
                return None;
            }
        }
        Some((expected.length, expected.key))
    }

    /// Takes note of the key with which `text` begins, and of what it means.
    pub(super) fn learn(&mut self, nth: usize, raw: &[u8], text: &[u8], key: K) {
        let length = raw.len() + 3;
        let is_plain = text.get(length - 1) == Some(&b':') && !raw.contains(&b'\\');
        if !is_plain || nth >= MOST {
            return;
        }
        let word = |from: usize| {
            let mut bytes = [0; 16];
            let part = text.get(from..length.min(from + 16)).unwrap_or_default();
            bytes[..part.len()].copy_from_slice(part);
            let mask = if part.len() < 16 { (1_u128 << (part.len() * 8)) - 1 } else { u128::MAX };
            (u128::from_le_bytes(bytes), mask)
        };
        let [(first, first_mask), (second, second_mask)] = [word(0), word(16)];
        let rest = text.get(32..length).unwrap_or_default().into();
        let expected = Expected { words: [first, second], masks: [first_mask, second_mask], rest, length, key };
        let known = self.expected.len();
        match self.expected.get_mut(nth) {
            Some(old) => *old = expected,
            None if nth == known => self.expected.push(expected),
            // A key before it was not learnt: the next line brings it again.
            None => {}
        }
    }
}
