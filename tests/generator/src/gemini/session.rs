//! One Gemini CLI session.

use crate::clock::{MINUTE, file_time, iso};
use crate::json::quoted;
use crate::schedule::{Job, Start};
use crate::tree::Tree;
use crate::{Agent, Call, Error, Prng, Tokens, Truth, content};

pub(super) struct Session<'a> {
    job: &'a Job<'a>,
    rng: Prng,
    id: String,
    project: String,
    born: i64,
    now: i64,
    calls: u64,
    model: &'static str,
    context: u64,
    /// The messages in their final form, by id.
    messages: Vec<(String, String)>,
    /// The lines, in the order in which they were written.
    lines: Vec<String>,
}

impl<'a> Session<'a> {
    pub fn new(job: &'a Job<'a>, start: Start) -> Self {
        let Start { mut rng, at, calls } = start;
        Self {
            job,
            id: rng.uuid(),
            project: rng.hex(64),
            born: at,
            now: at,
            calls,
            model: rng.pick(&job.load.models),
            context: rng.range(4_000, 12_000),
            messages: Vec::new(),
            lines: Vec::new(),
            rng,
        }
    }

    pub fn write(mut self, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
        let t = &self.job.plan.traps.gemini;
        let document = self.rng.chance(t.document);
        self.talk(self.calls, truth);
        if self.messages.is_empty() {
            return Ok(());
        }
        let stem = format!(
            ".gemini/tmp/{}/chats/session-{}-{}",
            self.project,
            &file_time(self.born)[..16],
            self.id.get(..8).unwrap_or_default()
        );
        if document {
            tree.write(&format!("{stem}.json"), self.document().as_bytes(), self.now)?;
            return Ok(());
        }
        if self.rng.chance(t.migrated) {
            tree.write(&format!("{stem}.json"), self.document().as_bytes(), self.now)?;
        }
        if self.rng.chance(t.snapshot) {
            self.snapshot(truth);
        }
        if self.rng.chance(t.rewound) {
            self.rewind(truth);
        }
        tree.write(&format!("{stem}.jsonl"), self.text("main").as_bytes(), self.now)?;
        if self.rng.chance(t.subagent) {
            self.subagent(tree, truth)?;
        }
        Ok(())
    }

    fn talk(&mut self, calls: u64, truth: &mut Truth) {
        for _ in 0..calls {
            let next = self.job.after(&mut self.rng, self.now);
            if next + MINUTE >= self.job.plan.end {
                break;
            }
            self.user(next - (next - self.now) / 2);
            self.now = next;
            let (id, bare, full) = self.call(truth);
            if self.rng.chance(self.job.plan.traps.gemini.rewritten) {
                self.lines.push(bare);
            }
            if self.rng.chance(self.job.plan.traps.gemini.broken) {
                self.lines.push("{\"id\":\"x\",\"type\":\"gemini\",\"tokens\":{\"input\":99,".to_owned());
            }
            self.lines.push(full.clone());
            self.messages.push((id, full));
        }
    }

    fn user(&mut self, at: i64) {
        let mut text = content::prompt(&mut self.rng);
        if self.rng.chance(self.job.plan.traps.look_alikes) {
            text.push_str(&content::look_alike(&mut self.rng));
        }
        let id = self.rng.uuid();
        let line = format!(
            "{{\"id\":\"{id}\",\"timestamp\":\"{}\",\"type\":\"user\",\"content\":[{{\"text\":{}}}]}}",
            iso(at),
            quoted(&text)
        );
        self.lines.push(line.clone());
        self.messages.push((id, line));
    }

    /// A call: its id, its message before the tokens were known, and with them.
    fn call(&mut self, truth: &mut Truth) -> (String, String, String) {
        let fresh = self.rng.skewed(100, 6_000);
        let cached = if self.rng.chance(700) { self.context } else { 0 };
        let input = self.context + fresh;
        let output = self.rng.skewed(20, 2_000);
        let thoughts = if self.rng.chance(700) { self.rng.range(10, 1_500) } else { 0 };
        let tool = if self.rng.chance(100) { self.rng.range(10, 300) } else { 0 };
        self.context = input + output;
        let mean = self.job.plan.content;
        let bytes = self.rng.skewed(20, mean * 2);
        let text = quoted(&content::output(&mut self.rng, bytes));
        let id = self.rng.uuid();
        let head = format!(
            "{{\"id\":\"{id}\",\"timestamp\":\"{}\",\"type\":\"gemini\",\"content\":{text},\"thoughts\":[{{\"subject\":\"Looking\",\"description\":\"at the \\\"tokens\\\"\"}}]",
            iso(self.now)
        );
        let tail = format!(",\"model\":\"{}\"}}", self.model);
        let tokens = format!(
            ",\"tokens\":{{\"input\":{input},\"output\":{output},\"cached\":{cached},\"thoughts\":{thoughts},\"tool\":{tool},\"total\":{}}}",
            input + output + thoughts + tool
        );
        truth.push(Call {
            agent: Agent::Gemini,
            machine: self.job.index,
            session: self.id.clone(),
            model: self.model.to_owned(),
            at: self.now,
            tokens: Tokens {
                input: input - cached + tool,
                output: output + thoughts,
                reasoning: thoughts,
                cache_read: cached,
                ..Tokens::default()
            },
            understated: false,
        });
        (id, format!("{head}{tail}"), format!("{head}{tokens}{tail}"))
    }

    /// The whole conversation at once; its last message stands nowhere else.
    fn snapshot(&mut self, truth: &mut Truth) {
        self.now += self.rng.range(500, 30_000) as i64;
        let (id, _, full) = self.call(truth);
        self.messages.push((id, full));
        let line = format!("{{\"$set\":{{\"messages\":[{}],\"lastUpdated\":\"{}\"}}}}", self.all(), iso(self.now));
        self.lines.push(line);
    }

    /// Back to an earlier message; what came after it was billed all the same.
    fn rewind(&mut self, truth: &mut Truth) {
        let at = self.rng.below(self.messages.len() as u64) as usize;
        if let Some((id, _)) = self.messages.get(at) {
            self.lines.push(format!("{{\"$rewindTo\":\"{id}\"}}"));
            self.messages.truncate(at + 1);
        }
        self.talk(2, truth);
    }

    fn subagent(mut self, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
        let parent = std::mem::replace(&mut self.id, self.rng.uuid());
        self.lines.clear();
        self.messages.clear();
        self.born = self.now;
        self.context = 3_000;
        self.talk(3, truth);
        let path = format!(".gemini/tmp/{}/chats/{parent}/{}.jsonl", self.project, self.id);
        tree.write(&path, self.text("subagent").as_bytes(), self.now)
    }

    fn all(&self) -> String {
        self.messages.iter().map(|(_, m)| m.as_str()).collect::<Vec<_>>().join(",")
    }

    fn document(&self) -> String {
        format!(
            "{{\"sessionId\":\"{}\",\"projectHash\":\"{}\",\"startTime\":\"{}\",\"lastUpdated\":\"{}\",\"messages\":[{}]}}",
            self.id,
            self.project,
            iso(self.born),
            iso(self.now),
            self.all()
        )
    }

    fn text(&self, kind: &str) -> String {
        format!(
            "{{\"sessionId\":\"{}\",\"projectHash\":\"{}\",\"startTime\":\"{}\",\"lastUpdated\":\"{}\",\"kind\":\"{kind}\"}}\n{}\n",
            self.id,
            self.project,
            iso(self.born),
            iso(self.born),
            self.lines.join("\n")
        )
    }
}
