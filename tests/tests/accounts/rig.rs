//! A provider with some weeks behind it, and a device that asks it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aimon_providers::{Axis, Clock, DAY, Key, KeyKind, Org, Plan, Provider, Server, Sum, Truth};
use aimon_tests::Device;
use aimon_tests::command::Said;
use serde_json::Value;

/// How many days the providers know of.
pub const DAYS: u32 = 12;

/// What a device shows of something: tokens in, cached, written, out, and calls.
pub type Shown = (u64, u64, u64, u64, u64);

/// A provider, its truth and its time.
pub struct World {
    pub provider: Provider,
    pub server: Server,
    pub clock: Clock,
}

/// The day that an instant is in, as a command takes it.
pub fn date(ms: i64) -> String {
    jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::from_millisecond(ms).unwrap()).date().to_string()
}

/// The system's time: commands have no other.
pub fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

impl World {
    /// A provider at this moment, from a seed.
    pub fn new(provider: Provider, seed: u64) -> Self {
        let now = now();
        let from = (now / DAY - i64::from(DAYS)) * DAY;
        let mut plan = Plan::of(provider, seed, from, DAYS + 1);
        // Whatever is late is known by now, but for the last hours: see `late`.
        plan.late = 0;
        if matches!(provider, Provider::OpenRouter | Provider::LiteLlm) {
            plan.keys = vec![Some(Key::hash(Self::key_of(provider, 1))), Some(Key::hash(Self::key_of(provider, 2)))];
        }
        Self::over(provider, Truth::generate(&plan), now)
    }

    /// A provider over a truth that is given.
    pub fn over(provider: Provider, truth: Truth, now: i64) -> Self {
        let clock = Clock::at(now);
        let kind = if provider == Provider::OpenRouter { KeyKind::Management } else { KeyKind::Admin };
        let keys = vec![
            Key::new(kind, Self::key_of(provider, 1)),
            Key::new(kind, Self::key_of(provider, 2)),
            Key::new(KeyKind::Normal, Self::key_of(provider, 3)),
            Key::new(KeyKind::Revoked, Self::key_of(provider, 4)),
        ];
        let server = Server::start(provider, Org::named("acme"), truth, keys, clock.clone()).unwrap();
        Self { provider, server, clock }
    }

    /// A key's text: two that may ask, one of a kind that may not, one that was revoked.
    pub fn key_of(provider: Provider, n: usize) -> &'static str {
        let keys: [&'static str; 4] = match provider {
            Provider::OpenAi => ["sk-admin-needle-1", "sk-admin-needle-2", "sk-admin-needle-3", "sk-admin-needle-4"],
            Provider::Anthropic => [
                "sk-ant-admin01-needle-1",
                "sk-ant-admin01-needle-2",
                "sk-ant-admin01-needle-3",
                "sk-ant-admin01-needle-4",
            ],
            Provider::OpenRouter => ["sk-or-needle-1", "sk-or-needle-2", "sk-or-needle-3", "sk-or-needle-4"],
            _ => ["sk-needle-1", "sk-needle-2", "sk-needle-3", "sk-needle-4"],
        };
        keys[n - 1]
    }

    /// Lets the provider's clock go on while `work` is done.
    pub fn while_time_goes<T>(&self, work: impl FnOnce() -> T) -> T {
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    self.clock.set(now());
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            });
            let done = work();
            is_over.store(true, Ordering::Relaxed);
            done
        })
    }

    pub fn name(&self) -> &'static str {
        match self.provider {
            Provider::OpenAi => "openai",
            Provider::Anthropic => "anthropic",
            Provider::OpenRouter => "openrouter",
            _ => "litellm",
        }
    }

    /// The base address, as the provider's SDK takes it.
    pub fn base(&self) -> String {
        let url = self.server.url().trim_end_matches('/');
        match self.provider {
            Provider::OpenAi => format!("{url}/v1"),
            Provider::OpenRouter => format!("{url}/api/v1"),
            _ => url.to_owned(),
        }
    }

    /// `aimon account add`, with the so manieth key.
    pub fn add(&self, device: &Device, key: usize, more: &[&str]) -> Said {
        let base = self.base();
        let args = ["account", "add", self.name(), "--base-url", &base, "--key-stdin"];
        let args: Vec<&str> = args.iter().chain(more).copied().collect();
        device.tell(&args, &format!("{}\n", Self::key_of(self.provider, key)))
    }

    /// The truth at this server's time, by an axis: of all that is told by the minute, or by the day.
    pub fn truth(&self, axis: Axis) -> BTreeMap<String, Shown> {
        let now = self.clock.now();
        // OpenRouter tells of days that are over.
        let to = if self.provider == Provider::OpenRouter { now / DAY * DAY } else { i64::MAX };
        // What is no call of a model by itself: the call that searched, for example, is counted where it is.
        let uncounted = ["web_search_calls", "file_search_calls", "code_interpreter_sessions", "vector_stores"];
        let counted = |call: &aimon_providers::Call| !uncounted.contains(&call.kind.name());
        let sums = self.server.truth().only(counted).usage(now, 0, to, &[axis]);
        let name = |group: Vec<Option<String>>| group.into_iter().next().flatten().unwrap_or_default();
        sums.into_iter().map(|(group, sum)| (name(group), self.shown(&sum))).collect()
    }

    fn shown(&self, sum: &Sum) -> Shown {
        let t = sum.tokens;
        let calls = if self.provider == Provider::Anthropic { 0 } else { sum.calls };
        match self.provider {
            // It does not say what a cache had a part in.
            Provider::OpenRouter => (t.input(), 0, 0, t.output, calls),
            _ => (t.uncached, t.cache_read, t.cache_write(), t.output, calls),
        }
    }

    /// What was billed by now, in pico-dollars.
    pub fn billed(&self) -> i128 {
        let now = self.clock.now();
        let to = if self.provider == Provider::OpenRouter { now / DAY * DAY } else { i64::MAX };
        // What is paid with one's own key, or for priority at Anthropic, is billed elsewhere.
        let is_here = |call: &aimon_providers::Call| {
            !call.byok && (self.provider != Provider::Anthropic || call.tier != "priority")
        };
        self.server.truth().only(is_here).costs(now, 0, to, &[]).values().sum()
    }
}

/// A device on which it is today.
pub fn device() -> Device {
    Device::new(&date(now()))
}

/// A report's rows, by what they are divided by, summed.
pub fn report(device: &Device, by: &str, zone: &str) -> BTreeMap<String, Shown> {
    let report: Value = serde_json::from_str(&device.rig.run_report(&["daily", "--by", by], zone)).unwrap();
    let mut all: BTreeMap<String, Shown> = BTreeMap::new();
    for group in report["daily"].as_array().unwrap().iter().flat_map(|row| row["groups"].as_array().unwrap()) {
        let n = |key: &str| group[key].as_u64().unwrap();
        let sum = all.entry(group["group"].as_str().unwrap().to_owned()).or_default();
        sum.0 += n("inputTokens");
        sum.1 += n("cacheReadTokens");
        sum.2 += n("cacheCreationTokens");
        sum.3 += n("outputTokens");
        sum.4 += n("requests");
    }
    all.retain(|_, shown| *shown != Shown::default());
    all
}

/// What a report says was billed, in pico-dollars, exactly.
pub fn billed(device: &Device) -> i128 {
    let out = device.rig.run_report(&["daily"], "UTC");
    all_billed(&out[out.find("\"totals\"").unwrap()..]).first().copied().unwrap_or(0)
}

/// What an account's bill says, line by line, summed: pico-dollars, and tokens.
pub fn explained(device: &Device) -> (i128, u64) {
    let out = device.run(&["explain", "--since", "2020-01-01", "--timezone", "UTC", "--json"]).out;
    let said: Value = serde_json::from_str(&out).unwrap();
    let lines: Vec<&Value> =
        said["bills"].as_array().unwrap().iter().flat_map(|bill| bill["lines"].as_array().unwrap()).collect();
    // The first figure of a bill is its sum.
    let sums: Vec<i128> = all_billed(&out);
    let (whole, parts) = sums.split_first().unwrap();
    assert_eq!(parts.iter().sum::<i128>(), *whole);
    (*whole, lines.iter().map(|line| line["tokens"].as_u64().unwrap()).sum())
}

/// The figures behind each `billedCost`, exactly.
fn all_billed(out: &str) -> Vec<i128> {
    let texts = out.split("\"billedCost\": ").skip(1).map(|rest| rest.split([',', '\n']).next().unwrap());
    texts.filter(|text| *text != "null").map(pico).collect()
}

fn pico(text: &str) -> i128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<12}").parse().unwrap()
}
