//! One Claude Code session, call by call.

use std::fmt::Write as _;

use super::line::{Frame, Message, Style};
use crate::clock::MINUTE;
use crate::json::quoted;
use crate::schedule::{Job, Start};
use crate::traps::ClaudeTraps;
use crate::tree::Tree;
use crate::{Agent, Call, Error, Prng, Tokens, Truth, content};

const VERSIONS: [&str; 4] = ["2.1.97", "2.1.119", "2.1.131", "2.2.4"];
const OLD_VERSIONS: [&str; 4] = ["1.0.88", "2.0.31", "2.1.9", "2.1.96"];
pub(super) const ADVISOR: &str = "claude-opus-4-8";

/// A message that was written, for replays.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub id: String,
    pub usage: Tokens,
}

pub(super) struct Session<'a> {
    pub job: &'a Job<'a>,
    pub rng: Prng,
    pub frame: Frame,
    pub model: &'static str,
    pub slug: String,
    pub root: &'static str,
    /// Whether messages and requests have ids.
    pub ids: bool,
    pub requests: bool,
    pub old: bool,
    /// Whether the session's own file is there.
    pub own_file: bool,
    /// Whether the file that is being written will be there.
    pub present: bool,
    pub one_hour: bool,
    pub now: i64,
    pub lines: Vec<String>,
    pub said: Vec<Said>,
    pub calls: u64,
    pub context: u64,
    messages: u64,
}

impl<'a> Session<'a> {
    pub fn new(job: &'a Job<'a>, start: Start) -> Self {
        let Start { mut rng, at, calls } = start;
        let t = job.plan.traps.claude.clone();
        let cwd = content::project(&mut rng);
        let ids = !rng.chance(t.no_message);
        let requests = ids && !rng.chance(t.no_request);
        let old = rng.chance(t.old_version);
        let orphan = requests && rng.chance(t.orphaned);
        let flat_only = rng.chance(t.flat_only);
        let style = Style {
            fast: rng.chance(t.fast),
            flat_only,
            split_only: !flat_only && rng.chance(t.split_only),
            spaced: rng.chance(t.spaced),
            null_id: rng.chance(t.null_id),
        };
        let session = rng.uuid();
        let slug = cwd.replace('/', "-");
        let version = rng.pick(if old { &OLD_VERSIONS } else { &VERSIONS });
        Self {
            job,
            model: rng.pick(&job.load.models),
            slug,
            root: if rng.chance(t.second_root) { ".config/claude" } else { ".claude" },
            ids,
            requests,
            old,
            own_file: !orphan,
            present: !orphan,
            one_hour: !flat_only && rng.chance(t.one_hour),
            now: at,
            lines: Vec::new(),
            said: Vec::new(),
            calls,
            context: rng.range(9_000, 24_000),
            messages: 0,
            frame: Frame { session, cwd, branch: content::branch(&mut rng), version, style },
            rng,
        }
    }

    pub fn traps(&self) -> &'a ClaudeTraps {
        &self.job.plan.traps.claude
    }

    /// Writes the session's files and tells the truth about them.
    pub fn write(mut self, tree: &mut Tree, truth: &mut Truth) -> Result<(), Error> {
        self.talk(self.calls, false, truth);
        self.side_files(tree, truth)?;
        self.files(tree, truth)
    }

    /// Adds up to `calls` calls to the lines.
    pub fn talk(&mut self, calls: u64, sidechain: bool, truth: &mut Truth) {
        for _ in 0..calls {
            let next = self.job.after(&mut self.rng, self.now);
            if next + MINUTE >= self.job.plan.end {
                break;
            }
            self.user(next - (next - self.now) / 2);
            self.now = next;
            self.call(sidechain, truth);
        }
    }

    fn user(&mut self, at: i64) {
        let look_alike = self.rng.chance(self.job.plan.traps.look_alikes);
        let tool = self.rng.chance(700);
        let mean = self.job.plan.content;
        let mut text = if tool {
            let bytes = self.rng.skewed(mean / 4, mean * 3);
            content::output(&mut self.rng, bytes)
        } else {
            content::prompt(&mut self.rng)
        };
        if look_alike {
            text.push_str(&content::look_alike(&mut self.rng));
        }
        let uuid = self.rng.uuid();
        let line = self.frame.user(at, &uuid, &text, tool, look_alike);
        self.lines.push(line);
    }

    fn call(&mut self, sidechain: bool, truth: &mut Truth) {
        let t = self.traps();
        self.noise(t);
        let usage = self.usage();
        let id = self.message_id();
        let request = self.requests.then(|| self.rng.id("req_011"));
        let advisor = (self.ids && !self.old && self.rng.chance(t.advisor)).then(|| {
            let input = self.rng.range(2_000, 90_000);
            (ADVISOR, Tokens { input, output: self.rng.range(100, 4_000), ..Tokens::default() })
        });
        // Every block but the last is told with the output so far; the last line is the largest.
        let blocks = if self.ids && self.rng.chance(t.streamed) { self.rng.range(2, 4) } else { 1 };
        let first = self.now;
        for n in 1..=blocks {
            let done = n == blocks;
            let mut so_far = usage;
            if !done && !self.old {
                so_far.output = (usage.output * n / (blocks + 1)).clamp(1, usage.output - 1);
            }
            let advisor = if done { advisor } else { None };
            let block = self.block(n, done);
            let message = Message {
                id: id.as_deref(),
                request: request.as_deref(),
                model: self.model,
                usage: so_far,
                advisor,
                sidechain,
                block: &block,
                done,
            };
            let uuid = self.rng.uuid();
            self.lines.push(self.frame.assistant(self.now, &uuid, &message));
            if !done {
                self.now += self.rng.range(200, 4_000) as i64;
            }
        }
        // An old version's lines are all equal: the earliest stands.
        let stands = if self.old { first } else { self.now };
        self.tell(truth, stands, usage);
        if let Some((model, tokens)) = advisor {
            self.tell_of(truth, model.to_owned(), stands, tokens);
        }
        if let Some(last) = self.lines.last().filter(|_| self.rng.clone().chance(t.repeated)).cloned() {
            self.rng.next();
            self.repeat(last, stands, usage, truth);
        }
        if let Some(id) = id {
            self.said.push(Said { id, usage });
        }
    }

    /// The same line once more. With an id it is the same call; without, nobody can know.
    fn repeat(&mut self, line: String, at: i64, usage: Tokens, truth: &mut Truth) {
        if self.ids {
            self.now += self.rng.range(20, 900) as i64;
            self.lines.push(retimed(&line, self.now, self.frame.style.spaced));
        } else {
            self.lines.push(line);
            self.tell(truth, at, usage);
        }
    }

    fn noise(&mut self, t: &ClaudeTraps) {
        if self.rng.chance(t.broken) {
            let broken = [
                "{\"type\":\"assistant\",\"message\":{\"usage\":{\"input_tokens\":12,",
                "{\"message\":{\"id\":\"msg_b\",\"usage\":{\"input_tokens\":99999,\"output_tokens\":1}}",
                "\u{0}\u{0}\u{0}\"usage\":\u{0}",
                "not JSON at all \"usage\"",
                "",
            ];
            self.lines.push(self.rng.pick(&broken).to_owned());
        }
        if self.rng.chance(t.synthetic) {
            let uuid = self.rng.uuid();
            let message = Message {
                id: Some(&uuid),
                request: None,
                model: "<synthetic>",
                usage: Tokens::default(),
                advisor: None,
                sidechain: false,
                block: "{\"type\":\"text\",\"text\":\"API Error: Request was aborted.\"}",
                done: true,
            };
            self.lines.push(self.frame.assistant(self.now, &uuid, &message));
        }
    }

    /// Real sessions read their whole context from the cache and add to it with each call.
    pub fn usage(&mut self) -> Tokens {
        let fresh = self.rng.skewed(150, 14_000);
        let mut usage = Tokens {
            input: if self.rng.chance(150) { self.rng.range(40, 3_000) } else { self.rng.range(1, 12) },
            output: if self.old { self.rng.range(1, 8) } else { self.rng.skewed(40, 4_500) },
            cache_read: self.context,
            ..Tokens::default()
        };
        if self.one_hour {
            usage.cache_write_1h = fresh;
            if self.rng.chance(200) {
                usage.cache_write_5m = self.rng.range(50, 900);
            }
        } else {
            usage.cache_write_5m = fresh;
        }
        self.context += fresh + usage.output;
        if self.context > 185_000 {
            // Compacted.
            self.context = self.rng.range(15_000, 40_000);
        }
        usage
    }

    /// A gateway counts from 1 in each session, so its ids recur.
    fn message_id(&mut self) -> Option<String> {
        self.messages += 1;
        match (self.ids, self.requests) {
            (false, _) => None,
            (true, true) => Some(self.rng.id("msg_01")),
            (true, false) => Some(format!("msg_gateway_{}", self.messages)),
        }
    }

    fn block(&mut self, n: u64, done: bool) -> String {
        let mean = self.job.plan.content;
        let bytes = self.rng.skewed(20, mean / 3 + 40);
        let text = quoted(&content::output(&mut self.rng, bytes));
        let mut out = String::with_capacity(text.len() + 120);
        if done && n > 1 {
            // A tool's input may hold anything, an object called usage too.
            let bait = self.rng.chance(self.job.plan.traps.look_alikes);
            let bait = if bait { ",\"usage\":{\"input_tokens\":5,\"output_tokens\":5}" } else { "" };
            let _ = write!(
                out,
                "{{\"type\":\"tool_use\",\"id\":\"toolu_{n}\",\"name\":\"Write\",\"input\":{{\"content\":{text}{bait}}}}}"
            );
        } else if n == 1 && !done {
            let _ = write!(out, "{{\"type\":\"thinking\",\"thinking\":{text},\"signature\":\"EqQBCkYIBRgCKkDx\"}}");
        } else {
            let _ = write!(out, "{{\"type\":\"text\",\"text\":{text}}}");
        }
        out
    }

    /// One call is usage, if the file that states it is there.
    pub fn tell(&self, truth: &mut Truth, at: i64, tokens: Tokens) {
        let model = if self.frame.style.fast { format!("{}-fast", self.model) } else { self.model.to_owned() };
        self.tell_of(truth, model, at, tokens);
    }

    fn tell_of(&self, truth: &mut Truth, model: String, at: i64, tokens: Tokens) {
        if self.present {
            truth.push(Call {
                agent: Agent::ClaudeCode,
                machine: self.job.index,
                session: self.frame.session.clone(),
                model,
                at,
                tokens,
                understated: self.old,
            });
        }
    }
}

/// A line with another timestamp (the last thing that it says).
pub(super) fn retimed(line: &str, at: i64, spaced: bool) -> String {
    let key = if spaced { "\"timestamp\": \"" } else { "\"timestamp\":\"" };
    match line.rfind(key) {
        Some(place) => format!("{}{}\"}}", &line[..place + key.len()], crate::clock::iso(at)),
        None => line.to_owned(),
    }
}
