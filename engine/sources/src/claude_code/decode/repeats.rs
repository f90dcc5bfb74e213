//! Identities for lines whose message has no id.

use std::collections::{HashMap, VecDeque};

use aimon_core::time::UtcMillis;

use super::line::Checked;

/// The format of the state.
const VERSION: u8 = 1;

/// How many different lines without an id are remembered. Equal lines have equal times, so they
/// stand near each other; the limit keeps the state small in a long file that has no ids at all.
const REMEMBERED: usize = 1024;

/// How often each of the last lines without an id was seen in this file.
#[derive(Default)]
pub(super) struct Repeats {
    counts: HashMap<[u8; 8], u32>,
    order: VecDeque<[u8; 8]>,
}

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

        let nth = self.counts.entry(line).or_insert_with(|| {
            self.order.push_back(line);
            0
        });
        let mut id = [0; 12];
        id[..8].copy_from_slice(&line);
        id[8..].copy_from_slice(&nth.to_le_bytes());
        *nth = nth.saturating_add(1);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
        id
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        if self.order.is_empty() {
            return Vec::new();
        }
        let mut bytes = vec![VERSION];
        for line in &self.order {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(&self.counts.get(line).copied().unwrap_or_default().to_le_bytes());
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut repeats = Self::default();
        let Some((version, rest)) = bytes.split_first() else { return Some(repeats) };
        let entries = rest.chunks_exact(12);
        if *version != VERSION || !entries.remainder().is_empty() || entries.len() > REMEMBERED {
            return None;
        }
        for entry in entries {
            let (line, count) = entry.split_first_chunk::<8>()?;
            repeats.order.push_back(*line);
            repeats.counts.insert(*line, u32::from_le_bytes(count.try_into().ok()?));
        }
        Some(repeats)
    }
}
