//! Files of sub-agents and side questions.

use super::line::Message;
use super::session::Session;
use crate::tree::Tree;
use crate::{Error, Tokens, Truth};

/// A message as a side question replayed it.
struct Replay {
    id: String,
    at: i64,
    usage: Tokens,
}

impl Session<'_> {
    /// Writes the session's `subagents/` folder.
    pub fn side_files(&mut self, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
        let t = self.traps();
        if !self.own_file {
            return self.orphans(tree, truth);
        }
        if self.rng.chance(t.subagent) {
            let lines = self.subagent(truth);
            self.side_file(tree, lines)?;
        }
        if self.requests && self.rng.chance(t.replayed) {
            // The main copies stand, whatever the replays say.
            let main = std::mem::take(&mut self.lines);
            self.replay();
            let calls = self.rng.range(1, 2);
            self.talk(calls, true, truth);
            let lines = std::mem::replace(&mut self.lines, main);
            self.side_file(tree, lines)?;
        }
        if self.rng.chance(t.journal) {
            self.journal(tree)?;
        }
        Ok(())
    }

    /// A sub-agent works on its own; the parent's file may tell of its progress.
    fn subagent(&mut self, truth: &mut Truth) -> Vec<String> {
        let main = std::mem::take(&mut self.lines);
        let said = self.said.len();
        let context = std::mem::replace(&mut self.context, 6_000);
        let calls = self.rng.range(1, 6);
        self.talk(calls, true, truth);
        self.context = context;
        let lines = std::mem::replace(&mut self.lines, main);
        let progress = self.requests && self.rng.chance(self.traps().progress);
        if progress {
            for line in lines.iter().filter(|l| l.contains("\"type\":\"assistant\",\"uuid\"")) {
                if let Some(nested) = nested(line) {
                    self.lines.push(nested);
                }
            }
        }
        self.said.truncate(said);
        lines
    }

    /// Some of what was said, again: the same message ids, other requests, later times.
    fn replay(&mut self) -> Vec<Replay> {
        let mut replays = Vec::new();
        for said in self.said.clone() {
            if self.rng.chance(250) {
                continue;
            }
            let mut usage = said.usage;
            match self.rng.below(3) {
                0 => usage.output += self.rng.range(1, 900),
                1 => usage.output -= usage.output / 2,
                _ => {}
            }
            self.now += self.rng.range(1, 400) as i64;
            self.sideline(&said.id, usage);
            replays.push(Replay { id: said.id, at: self.now, usage });
        }
        replays
    }

    fn sideline(&mut self, id: &str, usage: Tokens) {
        let request = self.rng.id("req_011");
        let uuid = self.rng.uuid();
        let message = Message {
            id: Some(id),
            request: Some(&request),
            model: self.model,
            usage,
            advisor: None,
            sidechain: true,
            block: "{\"type\":\"text\",\"text\":\"as before\"}",
            done: true,
        };
        self.lines.push(self.frame.assistant(self.now, &uuid, &message));
    }

    /// The session's own file is gone (or on another machine). Two side questions replayed the same
    /// messages: each message counts once, by its largest copy.
    fn orphans(&mut self, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
        self.present = true;
        self.lines.clear();
        let first = self.replay();
        let calls = self.rng.range(0, 2);
        self.talk(calls, true, truth);
        let lines = std::mem::take(&mut self.lines);
        self.side_file(tree, lines)?;
        for replay in &first {
            let mut standing = (replay.at, replay.usage);
            if self.rng.chance(600) {
                let mut usage = replay.usage;
                if self.rng.chance(500) {
                    usage.output += self.rng.range(1, 50);
                }
                self.now += self.rng.range(1, 4_000) as i64;
                self.sideline(&replay.id, usage);
                if usage.total() > standing.1.total() {
                    standing = (self.now, usage);
                }
            }
            self.tell(truth, standing.0, standing.1);
        }
        let lines = std::mem::take(&mut self.lines);
        self.side_file(tree, lines)
    }

    fn side_file(&mut self, tree: &mut Tree, lines: Vec<String>) -> Result<(), Error> {
        if lines.is_empty() {
            return Ok(());
        }
        let name = self.rng.hex(8);
        let path = format!("{}/projects/{}/{}/subagents/agent-{name}.jsonl", self.root, self.slug, self.frame.session);
        let mut text = lines.join("\n");
        text.push('\n');
        tree.write(&path, text.as_bytes(), self.now)
    }

    /// What a workflow remembers: the same shapes, no usage.
    fn journal(&mut self, tree: &mut Tree) -> Result<(), Error> {
        let main = std::mem::take(&mut self.lines);
        let usage = self.usage();
        let id = self.rng.id("msg_01");
        self.sideline(&id, usage);
        let lines = std::mem::replace(&mut self.lines, main);
        let name = self.rng.hex(6);
        let path = format!(
            "{}/projects/{}/{}/subagents/workflows/{name}/journal.jsonl",
            self.root, self.slug, self.frame.session
        );
        tree.write(&path, format!("{}\n", lines.join("\n")).as_bytes(), self.now)
    }
}

/// A sub-agent's line as its parent's file tells of it.
fn nested(line: &str) -> Option<String> {
    let at = line.rfind("\"timestamp\":\"")? + "\"timestamp\":\"".len();
    let at = line.get(at..at + 24)?;
    let session = line.find("\"sessionId\":\"")? + "\"sessionId\":\"".len();
    let session = line.get(session..session + 36)?;
    let message = line.find("\"message\":")?;
    Some(format!(
        "{{\"parentUuid\":null,\"isSidechain\":false,\"sessionId\":\"{session}\",\"type\":\"progress\",\"data\":{{\"type\":\"agent_progress\",\"agentId\":\"a1\",\"message\":{{{}}},\"toolUseID\":\"agent_msg\",\"timestamp\":\"{at}\"}}",
        &line[message..]
    ))
}
