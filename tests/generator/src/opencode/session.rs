//! One OpenCode session.

use super::ROOT;
use crate::clock::MINUTE;
use crate::json::quoted;
use crate::schedule::{Job, Start};
use crate::tree::Tree;
use crate::{Agent, Call, Error, Prng, Tokens, Truth, content};

/// A message with what its session and its part say.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub id: String,
    pub session: String,
    pub at: i64,
    pub data: String,
    pub part: String,
}

pub(super) struct Session<'a> {
    job: &'a Job<'a>,
    rng: Prng,
    id: String,
    now: i64,
    calls: u64,
    model: &'static str,
    reasoning: bool,
    context: u64,
    rows: Vec<Row>,
}

impl<'a> Session<'a> {
    pub fn new(job: &'a Job<'a>, start: Start) -> Self {
        let Start { mut rng, at, calls } = start;
        Self {
            job,
            id: rng.id("ses_"),
            now: at,
            calls,
            model: rng.pick(&job.load.models),
            reasoning: rng.chance(job.plan.traps.opencode.reasoning),
            context: rng.range(5_000, 12_000),
            rows: Vec::new(),
            rng,
        }
    }

    pub fn write(
        mut self,
        tree: &mut Tree,
        truth: &mut Truth,
        main: &mut Vec<Row>,
        beta: &mut Vec<Row>,
    ) -> Result<(), Error> {
        let t = &self.job.plan.traps.opencode;
        for _ in 0..self.calls {
            let next = self.job.after(&mut self.rng, self.now);
            if next + MINUTE >= self.job.plan.end {
                break;
            }
            self.user(next - (next - self.now) / 2);
            self.now = next;
            self.call(truth);
        }
        let fork = if self.rng.chance(t.forked) { self.fork() } else { Vec::new() };
        if self.rng.chance(t.files) {
            self.files(tree, &self.rows)?;
            return self.files(tree, &fork);
        }
        if self.rng.chance(t.migrated) {
            self.files(tree, &self.rows)?;
        }
        let into = if self.rng.chance(t.second_database) { beta } else { main };
        into.append(&mut self.rows);
        into.extend(fork);
        Ok(())
    }

    fn user(&mut self, at: i64) {
        let id = self.rng.id("msg_");
        let mut text = content::prompt(&mut self.rng);
        if self.rng.chance(self.job.plan.traps.look_alikes) {
            text.push_str(&content::look_alike(&mut self.rng));
        }
        let data = format!(
            "{{\"id\":\"{id}\",\"sessionID\":\"{}\",\"role\":\"user\",\"time\":{{\"created\":{at}}},\"agent\":\"build\"}}",
            self.id
        );
        let part = format!("{{\"type\":\"text\",\"text\":{}}}", quoted(&text));
        self.rows.push(Row { id, session: self.id.clone(), at, data, part });
    }

    fn call(&mut self, truth: &mut Truth) {
        let id = self.rng.id("msg_");
        let written = if self.rng.chance(500) { self.rng.skewed(100, 5_000) } else { 0 };
        let reasoning = if self.reasoning { self.rng.range(5, 900) } else { 0 };
        let stated = Tokens {
            input: self.rng.skewed(5, 4_000),
            output: self.rng.skewed(20, 2_500),
            reasoning,
            cache_write_5m: written,
            cache_write_1h: 0,
            cache_read: self.context,
        };
        self.context += stated.input + written + stated.output;
        let total = stated.total() + reasoning;
        let tokens = format!(
            "{{\"total\":{total},\"input\":{},\"output\":{},\"reasoning\":{reasoning},\"cache\":{{\"read\":{},\"write\":{written}}}}}",
            stated.input, stated.output, stated.cache_read
        );
        let done = self.now + self.rng.range(800, 20_000) as i64;
        let provider = match self.model {
            m if m.starts_with("claude") => "anthropic",
            m if m.starts_with("gpt") => "openai",
            _ => "opencode",
        };
        let data = format!(
            "{{\"id\":\"{id}\",\"sessionID\":\"{}\",\"role\":\"assistant\",\"time\":{{\"created\":{},\"completed\":{done}}},\"modelID\":\"{}\",\"providerID\":\"{provider}\",\"mode\":\"build\",\"path\":{{\"cwd\":\"/home/ada/src/atlas\",\"root\":\"/home/ada/src/atlas\"}},\"cost\":0,\"tokens\":{tokens},\"finish\":\"stop\"}}",
            self.id, self.now, self.model
        );
        // The part repeats the message's tokens: the same usage.
        let part = format!("{{\"type\":\"step-finish\",\"reason\":\"stop\",\"cost\":0,\"tokens\":{tokens}}}");
        self.rows.push(Row { id, session: self.id.clone(), at: self.now, data, part });
        truth.push(Call {
            agent: Agent::OpenCode,
            machine: self.job.index,
            session: self.id.clone(),
            model: self.model.to_owned(),
            at: self.now,
            tokens: Tokens { output: stated.output + reasoning, ..stated },
            understated: false,
        });
    }

    /// A fork copies every row under a new id; nothing else changes.
    fn fork(&mut self) -> Vec<Row> {
        let child = self.rng.id("ses_");
        let mut rows = self.rows.clone();
        for row in &mut rows {
            let id = self.rng.id("msg_");
            row.data = row.data.replace(&row.id, &id).replace(&row.session, &child);
            row.id = id;
            row.session.clone_from(&child);
        }
        rows
    }

    fn files(&self, tree: &mut Tree, rows: &[Row]) -> Result<(), Error> {
        for row in rows {
            let path = format!("{ROOT}/storage/message/{}/{}.json", row.session, row.id);
            tree.write(&path, row.data.as_bytes(), row.at)?;
            let part = format!("{ROOT}/storage/part/{}/prt_{}.json", row.id, row.id.trim_start_matches("msg_"));
            tree.write(&part, row.part.as_bytes(), row.at)?;
        }
        Ok(())
    }
}
