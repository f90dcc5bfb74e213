//! One Codex session, call by call.

use std::fmt::Write as _;

use super::item::{BROKEN, Item, Style};
use super::usage::Raw;
use crate::clock::{MINUTE, SECOND, iso};
use crate::json::quoted;
use crate::schedule::{Job, Start};
use crate::traps::CodexTraps;
use crate::tree::Tree;
use crate::{Agent, Call, Error, Prng, Truth, content};

/// What early logs without a model are taken for.
const ASSUMED: &str = "gpt-5";

/// One agent's cumulative counter, with the context that it has read so far.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    pub total: Raw,
    pub last: Raw,
    context: u64,
    limit: &'static str,
}

impl Counter {
    fn new(rng: &mut Prng, limit: &'static str) -> Self {
        Self { total: Raw::default(), last: Raw::default(), context: rng.range(6_000, 14_000), limit }
    }
}

#[derive(Clone)]
pub(super) struct Session<'a> {
    pub job: &'a Job<'a>,
    pub rng: Prng,
    pub id: String,
    pub born: i64,
    pub now: i64,
    pub cwd: String,
    pub items: Vec<Item>,
    pub style: Style,
    /// Whether turns are opened by `task_started`.
    pub tasks: bool,
    /// Whether the file will be there.
    pub present: bool,
    pub counters: Vec<Counter>,
    pub calls: u64,
    model: Option<&'static str>,
    cache_writes: bool,
    total_only: bool,
}

impl<'a> Session<'a> {
    pub fn new(job: &'a Job<'a>, start: Start) -> Self {
        let Start { mut rng, at, calls } = start;
        let t = &job.plan.traps.codex;
        let total_only = rng.chance(t.total_only);
        let mut counters = vec![Counter::new(&mut rng, "codex")];
        if !total_only && rng.chance(t.interleaved) {
            let limit = if rng.chance(500) { "codex_other" } else { "codex" };
            for _ in 0..rng.range(1, 2) {
                counters.push(Counter::new(&mut rng, limit));
            }
        }
        Self {
            job,
            id: rng.uuid_at(at),
            born: at,
            now: at,
            cwd: content::project(&mut rng),
            items: Vec::new(),
            style: Style { numeric_time: rng.chance(t.numeric_time), spaced: rng.chance(t.spaced) },
            tasks: rng.chance(600),
            present: true,
            counters,
            calls,
            model: if rng.chance(t.no_model) { None } else { Some(rng.pick(&job.load.models)) },
            cache_writes: rng.chance(t.cache_writes),
            total_only,
            rng,
        }
    }

    pub fn traps(&self) -> &'a CodexTraps {
        &self.job.plan.traps.codex
    }

    /// Writes the session's files and tells the truth about them.
    pub fn write(mut self, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
        if self.rng.chance(self.traps().exec) {
            return self.exec(tree, truth);
        }
        let t = self.traps();
        // What a child of a session without last usages added can't be known.
        let (forked, spawned) =
            (!self.total_only && self.rng.chance(t.forked), !self.total_only && self.rng.chance(t.spawned));
        self.present = !((forked || spawned) && self.rng.chance(t.parentless));
        self.meta("");
        self.turn();
        self.talk(self.calls, truth);
        if forked {
            self.child(tree, truth, false)?;
        }
        if spawned {
            self.child(tree, truth, true)?;
        }
        self.files(tree, truth)
    }

    /// The first line: whose file this is. `more` are further fields.
    pub fn meta(&mut self, more: &str) {
        let payload = format!(
            "{{\"id\":\"{0}\",\"session_id\":\"{0}\",{more}\"timestamp\":\"{1}\",\"cwd\":{2},\"originator\":\"codex_cli_rs\",\"cli_version\":\"0.150.0\",{3}\"model_provider\":\"openai\",\"git\":{{\"commit_hash\":\"{4}\",\"branch\":\"{5}\"}}}}",
            self.id,
            iso(self.born),
            quoted(&self.cwd),
            if more.contains("\"source\"") { "" } else { "\"source\":\"cli\"," },
            self.rng.hex(40),
            content::branch(&mut self.rng)
        );
        self.item("session_meta", payload);
    }

    /// Opens a turn.
    pub fn turn(&mut self) {
        if self.tasks {
            let started = self.now.div_euclid(SECOND);
            let turn = self.rng.uuid();
            self.event(&format!(
                "{{\"type\":\"task_started\",\"turn_id\":\"{turn}\",\"started_at\":{started},\"model_context_window\":272000}}"
            ));
        }
        let model = self.model.map(|m| format!("\"model\":\"{m}\",")).unwrap_or_default();
        let cwd = quoted(&self.cwd);
        self.item(
            "turn_context",
            format!("{{\"cwd\":{cwd},\"approval_policy\":\"on-request\",\"sandbox_policy\":{{\"mode\":\"workspace-write\"}},{model}\"effort\":\"high\",\"summary\":\"auto\"}}"),
        );
    }

    /// Adds up to `calls` calls.
    pub fn talk(&mut self, calls: u64, truth: &mut Truth) {
        for n in 0..calls {
            let next = self.job.after(&mut self.rng, self.now);
            if next + MINUTE >= self.job.plan.end {
                break;
            }
            let before = self.now;
            self.now = before + (next - before) / 2;
            if n > 0 && self.rng.chance(250) {
                if self.model.is_some() && self.rng.chance(200) {
                    self.model = Some(self.rng.pick(&self.job.load.models));
                }
                self.turn();
            }
            self.say();
            self.now = next;
            self.call(truth);
        }
    }

    fn say(&mut self) {
        let text = content::prompt(&mut self.rng);
        self.message("user", "input_text", &text);
        let mean = self.job.plan.content;
        let bytes = self.rng.skewed(mean / 3, mean * 4);
        let mut text = content::output(&mut self.rng, bytes);
        if self.rng.chance(self.job.plan.traps.look_alikes) {
            text.push_str(&content::look_alike(&mut self.rng));
        }
        let call = self.rng.id("call_");
        let bait = if self.rng.chance(self.job.plan.traps.look_alikes) {
            "{\"command\":[\"jq\",\".usage\"],\"type\":\"event_msg\",\"payload\":{\"type\":\"token_count\"}}"
        } else {
            "{\"command\":[\"bash\",\"-lc\",\"cargo test\"]}"
        };
        self.item(
            "response_item",
            format!(
                "{{\"type\":\"function_call\",\"name\":\"shell\",\"arguments\":{},\"call_id\":\"{call}\"}}",
                quoted(bait)
            ),
        );
        self.item(
            "response_item",
            format!("{{\"type\":\"function_call_output\",\"call_id\":\"{call}\",\"output\":{}}}", quoted(&text)),
        );
        let reasoning = self.rng.hex(80);
        self.item(
            "response_item",
            format!(
                "{{\"type\":\"reasoning\",\"summary\":[],\"content\":null,\"encrypted_content\":\"gAAAAA{reasoning}\"}}"
            ),
        );
    }

    pub fn message(&mut self, role: &str, kind: &str, text: &str) {
        let text = quoted(text);
        self.item(
            "response_item",
            format!(
                "{{\"type\":\"message\",\"role\":\"{role}\",\"content\":[{{\"type\":\"{kind}\",\"text\":{text}}}]}}"
            ),
        );
    }

    fn call(&mut self, truth: &mut Truth) {
        let t = self.traps();
        let which = if self.rng.chance(500) { 0 } else { self.rng.below(self.counters.len() as u64) as usize };
        let usage = self.usage(which);
        let Some(counter) = self.counters.get_mut(which) else { return };
        counter.total += usage;
        counter.last = usage;
        if self.rng.chance(t.usage_record) {
            let (usage, response) = (usage.json(true), self.rng.id("resp_"));
            self.item(
                "token_usage_record",
                format!("{{\"thread_id\":\"{}\",\"response_id\":\"{response}\",\"usage\":{usage}}}", self.id),
            );
        }
        if !self.total_only && self.counters.len() == 1 && self.rng.chance(t.broken) {
            // Lost: the next line's growth holds it, its last usage does not.
            let lost = "{\"timestamp\":\"2026-10-05T09:12:33Z\",\"type\":\"event_msg\",\"payload\":{\"type\":\"token_count\",\"info\":{\"total_token_";
            self.items.push(Item { kind: BROKEN, payload: lost.to_owned(), at: self.now });
            return;
        }
        self.count(which, None);
        self.tell(truth, usage);
        self.noise(which);
    }

    /// What adds nothing: repeats, flat counters, zeros, lines that only tell the quota windows.
    fn noise(&mut self, which: usize) {
        let t = self.traps();
        if self.rng.chance(t.repeated) {
            self.now += self.rng.range(30, 3_000) as i64;
            self.count(which, None);
            if self.counters.len() > 1 {
                for n in (0..self.counters.len()).chain(0..self.counters.len()) {
                    if self.counters.get(n).is_some_and(|c| c.total != Raw::default()) {
                        self.now += self.rng.range(1, 90) as i64;
                        self.count(n, None);
                    }
                }
            }
        }
        if !self.total_only && self.rng.chance(t.flat) {
            self.now += self.rng.range(30, 3_000) as i64;
            let odd = Raw { input: self.rng.range(900, 9_000), output: self.rng.range(1, 90), ..Raw::default() };
            self.count(which, Some(odd));
        }
        if !self.total_only && self.rng.chance(t.zero) {
            self.now += self.rng.range(30, 3_000) as i64;
            self.count(which, Some(Raw::default()));
        }
        if self.rng.chance(t.windows_only) {
            let windows = self.windows("codex");
            self.event(&format!("{{\"type\":\"token_count\",\"info\":null,\"rate_limits\":{windows}}}"));
        }
    }

    /// A `token_count` line of one counter as it stands; `last` in place of its last usage.
    fn count(&mut self, which: usize, last: Option<Raw>) {
        let Some(counter) = self.counters.get(which) else { return };
        let mut info = format!("{{\"total_token_usage\":{}", counter.total.json(self.cache_writes));
        if !self.total_only {
            let _ = write!(info, ",\"last_token_usage\":{}", last.unwrap_or(counter.last).json(self.cache_writes));
        }
        info.push_str(",\"model_context_window\":272000}");
        let windows = self.windows(counter.limit);
        self.event(&format!("{{\"type\":\"token_count\",\"info\":{info},\"rate_limits\":{windows}}}"));
    }

    fn windows(&self, limit: &str) -> String {
        let hours = self.now.div_euclid(5 * 3600 * SECOND) + 1;
        let weeks = self.now.div_euclid(7 * 86_400 * SECOND) + 1;
        let used = (self.now.rem_euclid(5 * 3600 * SECOND)) / (5 * 36 * SECOND);
        format!(
            "{{\"limit_id\":\"{limit}\",\"primary\":{{\"used_percent\":{used}.5,\"window_minutes\":300,\"resets_at\":{}}},\"secondary\":{{\"used_percent\":{}.0,\"window_minutes\":10080,\"resets_at\":{}}},\"credits\":null,\"plan_type\":\"pro\"}}",
            hours * 5 * 3600,
            used / 2,
            weeks * 7 * 86_400
        )
    }

    /// Each call reads the context so far from the cache, in steps of 128 tokens.
    fn usage(&mut self, which: usize) -> Raw {
        let fresh = self.rng.skewed(120, 9_000);
        let output = self.rng.skewed(30, 3_500);
        let Some(counter) = self.counters.get_mut(which) else { return Raw::default() };
        let cached = if counter.total == Raw::default() { 2_560 } else { counter.context / 128 * 128 };
        counter.context += fresh;
        let input = counter.context;
        counter.context += output / 2;
        if counter.context > 240_000 {
            counter.context = 20_000;
        }
        let written = if self.cache_writes { self.rng.below(input - cached + 1) } else { 0 };
        Raw { input, cached, written, output, reasoning: self.rng.below(output) }
    }

    pub fn event(&mut self, payload: &str) {
        self.item("event_msg", payload.to_owned());
    }

    pub fn item(&mut self, kind: &'static str, payload: String) {
        self.items.push(Item { kind, payload, at: self.now });
    }

    pub fn tell(&self, truth: &mut Truth, usage: Raw) {
        if self.present {
            truth.push(Call {
                agent: Agent::Codex,
                machine: self.job.index,
                session: self.id.clone(),
                model: self.model.unwrap_or(ASSUMED).to_owned(),
                at: self.now,
                tokens: usage.tokens(),
                understated: false,
            });
        }
    }

    /// The saved output of `codex exec --json`.
    fn exec(mut self, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
        let usage = self.usage(0);
        let model = self.model.unwrap_or(ASSUMED);
        let text = format!(
            "{{\"type\":\"thread.started\",\"thread_id\":\"{}\"}}\n{{\"type\":\"turn.started\"}}\n{{\"type\":\"item.completed\",\"item\":{{\"id\":\"item_0\",\"type\":\"agent_message\",\"text\":{}}}}}\n{{\"type\":\"turn.completed\",\"timestamp\":\"{}\",\"model\":\"{model}\",\"usage\":{}}}\n",
            self.id,
            quoted(&content::look_alike(&mut self.rng)),
            iso(self.now),
            usage.json(self.cache_writes)
        );
        self.tell(truth, usage);
        let path = format!(
            ".codex/sessions/{}/rollout-{}-{}.jsonl",
            crate::clock::folder(self.now),
            crate::clock::file_time(self.now),
            self.id
        );
        tree.write(&path, text.as_bytes(), self.now)
    }
}
