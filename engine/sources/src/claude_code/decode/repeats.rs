//! Identities for lines whose message has no id.

use aimon_core::time::UtcMillis;

use super::line::Checked;
use crate::repeats;

/// The format of the state.
const VERSION: u8 = 1;

/// How often each of the last lines without an id was seen in this file.
#[derive(Default)]
pub(super) struct Repeats(repeats::Repeats);

impl Repeats {
    /// The line's identity: what it says, and the how-manieth line of its file says just this.
    pub(super) fn identify(&mut self, session: &str, time: UtcMillis, model: &str, usage: &Checked) -> [u8; 12] {
        let mut hasher = blake3::Hasher::new();
        for text in [session, model] {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        }
        hasher.update(&time.0.to_le_bytes());
        for tokens in usage.tokens.kinds() {
            hasher.update(&tokens.to_le_bytes());
        }
        let mut line = [0; 8];
        line.copy_from_slice(&hasher.finalize().as_bytes()[..8]);

        let nth = self.0.nth(u64::from_le_bytes(line));
        let mut id = [0; 12];
        id[..8].copy_from_slice(&line);
        id[8..].copy_from_slice(&nth.to_le_bytes());
        id
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (line, count) in self.0.entries() {
            if bytes.is_empty() {
                bytes.push(VERSION);
            }
            bytes.extend_from_slice(&line.to_le_bytes());
            bytes.extend_from_slice(&count.to_le_bytes());
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let Some((version, rest)) = bytes.split_first() else { return Some(Self::default()) };
        let (entries, []) = rest.as_chunks::<12>() else { return None };
        if *version != VERSION {
            return None;
        }
        let entries = entries.iter().map(|entry| {
            let (mut line, mut count) = ([0; 8], [0; 4]);
            line.copy_from_slice(&entry[..8]);
            count.copy_from_slice(&entry[8..]);
            (u64::from_le_bytes(line), u32::from_le_bytes(count))
        });
        repeats::Repeats::from_entries(entries).map(Self)
    }
}
