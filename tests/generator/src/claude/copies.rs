//! The session's own file, and whatever copies of it lie about.

use super::line::Message;
use super::session::Session;
use crate::tree::Tree;
use crate::{Error, Truth};

impl Session<'_> {
    /// Writes the session's file, its copies and its forks.
    pub fn files(&mut self, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
        if !self.own_file || self.lines.is_empty() {
            return Ok(());
        }
        let t = self.traps();
        let whole = joined(&self.lines);
        // A rewritten session id is another identity where there is no request id: such a copy
        // could not be told from new usage, and is not made.
        let relabel = self.requests && !self.frame.style.spaced;
        if self.rng.chance(t.copied) {
            let path = format!("{}/projects/{}-copy/{}.jsonl", self.root, self.slug, self.frame.session);
            tree.write(&path, whole.as_bytes(), self.now)?;
        }
        if self.rng.chance(t.half_copied) {
            let path = format!("{}/projects/{}-old/{}.jsonl", self.root, self.slug, self.frame.session);
            let half = whole.len() / 2 + self.rng.below(40) as usize;
            tree.write(&path, &whole.as_bytes()[..half.min(whole.len())], self.now)?;
        }
        if relabel && self.rng.chance(t.relabelled) {
            let other = self.rng.uuid();
            let path = format!("{}/projects/{}-moved/{other}.jsonl", self.root, self.slug);
            tree.write(&path, whole.replace(&self.frame.session, &other).as_bytes(), self.now)?;
        }
        let path = format!("{}/projects/{}/{}.jsonl", self.root, self.slug, self.frame.session);
        let tail = self.tail(truth);
        tree.write(&path, format!("{whole}{tail}").as_bytes(), self.now)?;
        if relabel && self.rng.chance(t.forked) {
            self.fork(tree, truth)?;
        }
        Ok(())
    }

    /// What stands behind the last newline.
    fn tail(&mut self, truth: &mut Truth) -> String {
        let t = self.traps();
        if self.rng.chance(t.half_line) {
            let line = self.one_more();
            return line.char_indices().take_while(|(i, _)| i * 3 < line.len() * 2).map(|(_, c)| c).collect();
        }
        if self.rng.chance(t.unterminated) {
            let usage = self.usage();
            let line = self.more(usage);
            self.tell(truth, self.now, usage);
            return line;
        }
        String::new()
    }

    fn one_more(&mut self) -> String {
        let usage = self.usage();
        self.more(usage)
    }

    fn more(&mut self, usage: crate::Tokens) -> String {
        self.now += self.rng.range(500, 9_000) as i64;
        let id = self.ids.then(|| self.rng.id("msg_01"));
        let request = self.requests.then(|| self.rng.id("req_011"));
        let uuid = self.rng.uuid();
        let message = Message {
            id: id.as_deref(),
            request: request.as_deref(),
            model: self.model,
            usage,
            advisor: None,
            sidechain: false,
            block: "{\"type\":\"text\",\"text\":\"Done.\"}",
            done: true,
        };
        self.frame.assistant(self.now, &uuid, &message)
    }

    /// `claude --resume --fork-session`: the same lines under a new session id, then its own.
    fn fork(&mut self, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
        let keep = self.rng.range(1, self.lines.len() as u64) as usize;
        let parent = std::mem::replace(&mut self.frame.session, self.rng.uuid());
        let child = self.frame.session.clone();
        self.lines.truncate(keep);
        for line in &mut self.lines {
            *line = line.replace(&parent, &child);
        }
        let calls = self.rng.range(1, 5);
        self.talk(calls, false, truth);
        let path = format!("{}/projects/{}/{child}.jsonl", self.root, self.slug);
        tree.write(&path, joined(&self.lines).as_bytes(), self.now)
    }
}

fn joined(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}
