//! The session's own file, and what becomes of it.

use super::item::{Item, render};
use super::session::Session;
use crate::clock::{HOUR, SECOND, file_time, folder};
use crate::tree::Tree;
use crate::{Error, Truth};

impl Session<'_> {
    /// Writes the session's file where it lies in the end.
    pub fn files(&mut self, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
        if !self.present {
            return Ok(());
        }
        let t = self.traps();
        let mut text = render(&self.items, self.style, None);
        if self.rng.chance(t.half_line) {
            text.push_str("{\"timestamp\":\"2026-10-05T09:12:33.042Z\",\"type\":\"event_msg\",\"payload\":{\"type\":\"token_count\",\"info\":{\"total_token_usage\":{\"input_tokens\":91");
        }
        let day = folder(self.born);
        let name = format!("rollout-{}-{}.jsonl", file_time(self.born), self.id);
        let place = format!(".codex/sessions/{day}/{name}");
        if self.rng.chance(t.moved) {
            tree.write(&format!(".codex/archived_sessions/{name}"), text.as_bytes(), self.now)?;
        } else if self.rng.chance(t.compressed) {
            tree.write_zstd(&format!("{place}.zst"), text.as_bytes(), self.now)?;
        } else {
            tree.write(&place, text.as_bytes(), self.now)?;
            if self.rng.chance(t.compressed_beside) {
                tree.write_zstd(&format!("{place}.zst"), text.as_bytes(), self.now)?;
            }
            if self.rng.chance(t.archived) {
                tree.write(&format!(".codex/archived_sessions/{name}"), text.as_bytes(), self.now)?;
            }
        }
        if self.rng.chance(t.resumed) {
            self.resume(tree, truth)?;
        }
        Ok(())
    }

    /// The same session in a second file: its history under new timestamps, then more calls.
    fn resume(&mut self, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
        let at = self.now + self.rng.range(60_000, 20 * HOUR as u64) as i64;
        if at + HOUR >= self.job.plan.end {
            return Ok(());
        }
        let history = std::mem::take(&mut self.items);
        self.items = history.into_iter().enumerate().map(|(n, item)| Item { at: at + n as i64 / 40, ..item }).collect();
        self.born = at;
        self.now = at + 3 * SECOND;
        self.turn();
        let calls = self.rng.range(1, 4);
        self.talk(calls, truth);
        self.place(tree, None, ".codex/sessions")
    }

    /// Writes the file as it is into the folder of its day.
    pub fn place(&self, tree: &mut Tree, ordinal: Option<u64>, root: &str) -> Result<(), Error> {
        let text = render(&self.items, self.style, ordinal);
        let name = format!("rollout-{}-{}.jsonl", file_time(self.born), self.id);
        tree.write(&format!("{root}/{}/{name}", folder(self.born)), text.as_bytes(), self.now)
    }
}
