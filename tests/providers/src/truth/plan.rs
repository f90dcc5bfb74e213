//! From a seed to calls: who calls what, how late it becomes known, and what is renamed afterwards.

use aimon_generator::Prng;

use super::call::{Call, Context, Kind, Tokens};
use super::price;
use crate::Provider;
use crate::time::{DAY, HOUR, MINUTE};

/// What to make of a seed. Chances are in thousandths.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// The first day's first instant.
    pub from: i64,
    /// How many days.
    pub days: u32,
    /// About how many calls a day; some days have none.
    pub calls_per_day: u32,
    /// Models, as the provider names them.
    pub models: Vec<String>,
    /// Ids of keys; none for the provider's own website.
    pub keys: Vec<Option<String>>,
    /// Projects or workspaces; none for the default one.
    pub projects: Vec<Option<String>>,
    /// Users.
    pub users: Vec<Option<String>>,
    /// Service tiers.
    pub tiers: Vec<String>,
    /// Where calls are computed.
    pub geos: Vec<Option<String>>,
    /// Who serves the models behind a gateway.
    pub upstreams: Vec<String>,
    /// Kinds beside completions.
    pub kinds: Vec<Kind>,
    /// How many calls are of these kinds.
    pub other_kinds: u16,
    /// How many calls are in batches.
    pub batches: u16,
    /// How many calls are in fast mode.
    pub fast: u16,
    /// How many calls are paid with the customer's own key.
    pub byok: u16,
    /// How many calls become known hours or days late; the others within five minutes.
    pub late: u16,
    /// How many calls are said to be another model's, hours after they became known.
    pub moved: u16,
}

impl Plan {
    /// A plausible one for a provider.
    pub fn of(provider: Provider, seed: u64, from: i64, days: u32) -> Self {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>();
        let some = |list: &[&str]| list.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>();
        let mut plan = Self {
            seed,
            from,
            days,
            calls_per_day: 160,
            models: texts(&["openai/gpt-5.2", "anthropic/claude-opus-5", "google/gemini-3-pro", "qwen/qwen4"]),
            keys: some(&["key_a", "key_b", "key_c"]),
            projects: some(&["proj_web", "proj_search", "proj_lab"]),
            users: some(&["user-ada", "user-ben", "user-cy"]),
            tiers: texts(&["default"]),
            geos: vec![None],
            upstreams: texts(&["OpenAI", "Azure", "Google"]),
            kinds: Vec::new(),
            other_kinds: 0,
            batches: 0,
            fast: 0,
            byok: 0,
            late: 40,
            moved: 15,
        };
        match provider {
            Provider::OpenAi => {
                plan.models =
                    texts(&["gpt-5.2-2025-12-11", "gpt-5.2-mini", "gpt-5.2-codex", "o5", "gpt-4o-2024-08-06"]);
                plan.tiers = texts(&["default", "default", "flex", "priority"]);
                plan.kinds = Kind::ALL.to_vec();
                plan.other_kinds = 250;
                plan.batches = 100;
            }
            Provider::Anthropic => {
                plan.models =
                    texts(&["claude-opus-5", "claude-sonnet-5", "claude-haiku-5", "claude-opus-4-1-20250805"]);
                plan.keys.push(None);
                plan.projects = vec![None, Some("wrkspc_lab".into()), Some("wrkspc_web".into())];
                plan.tiers = texts(&["standard", "standard", "standard", "priority", "flex"]);
                plan.geos = vec![None, Some("us".into()), Some("global".into())];
                // Running code costs something, and is no usage.
                plan.kinds = vec![Kind::CodeInterpreterSessions];
                plan.other_kinds = 20;
                plan.batches = 100;
                plan.fast = 80;
            }
            Provider::OpenRouter => plan.byok = 100,
            Provider::LiteLlm | Provider::ClaudeWindows | Provider::CodexWindows => {}
        }
        plan
    }

    /// The calls, day by day.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        for day in 0..self.days {
            let mut rng = Prng::of(&[self.seed, 1, u64::from(day)]);
            if rng.chance(60) {
                continue;
            }
            let some = u64::from(self.calls_per_day);
            for call in 0..rng.range(some / 2, some + some / 2) {
                calls.push(self.call(&mut Prng::of(&[self.seed, 2, u64::from(day), call]), day));
            }
        }
        calls
    }

    fn call(&self, rng: &mut Prng, day: u32) -> Call {
        let at = self.from + i64::from(day) * DAY + rng.below(DAY as u64) as i64;
        let kind = if rng.chance(self.other_kinds) { rng.pick(&self.kinds) } else { Kind::Completions };
        let batch = rng.chance(self.batches);
        let mut call = Call {
            kind,
            model: rng.pick(&self.models),
            key: rng.pick(&self.keys),
            project: rng.pick(&self.projects),
            user: rng.pick(&self.users),
            tier: rng.pick(&self.tiers),
            batch,
            fast: !batch && rng.chance(self.fast),
            geo: rng.pick(&self.geos),
            upstream: rng.pick(&self.upstreams),
            byok: rng.chance(self.byok),
            ..Call::at(at)
        };
        if batch && call.tier == "standard" {
            // Anthropic has batches as a tier.
            call.tier = "batch".to_owned();
        }
        fill(&mut call, rng);
        call.cost = price::cost(&call);
        let late = if rng.chance(self.late) { rng.range(HOUR as u64, 47 * HOUR as u64) } else { 0 };
        call.visible_from = at + rng.skewed(2_000, 5 * MINUTE as u64) as i64 + late as i64;
        if rng.chance(self.moved) {
            let from = call.visible_from + rng.range(10 * MINUTE as u64, 36 * HOUR as u64) as i64;
            call.moved = Some((from, format!("{}-2026-08-31", call.model)));
        }
        call
    }
}

/// Gives a call its tokens or its amount.
fn fill(call: &mut Call, rng: &mut Prng) {
    match call.kind {
        Kind::Completions => {
            let long = rng.chance(30);
            call.context = if long { Context::Long } else { Context::Short };
            let output = rng.skewed(1, 16_000);
            call.tokens = Tokens {
                uncached: rng.skewed(1, 40_000),
                cache_read: if long { rng.range(200_000, 900_000) } else { rng.skewed(0, 150_000) },
                cache_write_5m: if rng.chance(500) { rng.skewed(0, 30_000) } else { 0 },
                cache_write_1h: if rng.chance(150) { rng.skewed(0, 30_000) } else { 0 },
                output,
                reasoning: rng.below(output),
            };
            call.web_searches = if rng.chance(50) { rng.range(1, 4) } else { 0 };
        }
        Kind::Embeddings | Kind::Moderations => call.tokens.uncached = rng.skewed(1, 8_000),
        Kind::Images | Kind::CodeInterpreterSessions | Kind::FileSearchCalls | Kind::WebSearchCalls => {
            call.amount = rng.range(1, 6);
        }
        Kind::AudioSpeeches | Kind::AudioTranscriptions => call.amount = rng.skewed(1, 4_000),
        Kind::VectorStores => call.amount = rng.skewed(1_000, 1_000_000_000),
    }
}
