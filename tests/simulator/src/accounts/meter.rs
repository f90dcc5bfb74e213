//! A payer at a provider: what was used, and what the provider says of it at some time.

use std::collections::BTreeMap;

use aimon_core::event::{Answer, AnswerKey, Bucket, Clock, Row};
use aimon_core::name::Name;
use aimon_core::polling::{Ask, Kind, Metric, Width};
use aimon_ledger::time::{UtcDay, UtcMillis};

pub const MINUTE_MS: i64 = 60_000;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// The width of the fine buckets: five minutes, where providers have one. A world has a fifth of the answers then, and the rules are
/// the same.
pub const FINE_MS: i64 = 5 * MINUTE_MS;

/// How far back a provider answers, in days.
pub const KEEPS: u32 = 6;

/// Usage, finely and by the hour.
pub const USAGE: Metric = Metric {
    name: "usage.completions",
    dimensions: &["key", "model"],
    every_s: 60,
    kind: Kind::Buckets {
        fine: Width { seconds: 300, most: 288 },
        coarse: Width { seconds: 3600, most: 48 },
        keeps_days: KEEPS,
        is_late: false,
    },
};

/// Costs, by the day.
pub const COSTS: Metric = Metric {
    name: "costs",
    dimensions: &["line"],
    every_s: 1800,
    kind: Kind::Buckets {
        fine: Width { seconds: 86_400, most: 40 },
        coarse: Width { seconds: 86_400, most: 40 },
        keeps_days: KEEPS,
        is_late: false,
    },
};

/// How late a provider may know, or change its mind: before it says that it has settled.
pub const LATE_MS: u64 = 55 * 60_000;

/// One call, as the provider knows of it.
#[derive(Clone, Debug)]
pub struct Used {
    pub at: UtcMillis,
    /// From when on it is known.
    pub known: UtcMillis,
    /// From when on it is said to be another model's.
    pub moved: Option<UtcMillis>,
    pub key: u8,
    pub model: u8,
    pub tokens: u64,
}

impl Used {
    fn is_known(&self, now: UtcMillis) -> bool {
        self.known <= now
    }

    /// The model that it is said to be.
    pub fn model(&self, now: UtcMillis) -> String {
        model(self.model, self.moved.is_some_and(|from| from <= now))
    }

    pub fn key(&self) -> String {
        format!("key-{}", self.key)
    }

    /// What it costs, in pico-dollars.
    pub fn cost(&self) -> i128 {
        i128::from(self.tokens) * 3_000_000
    }
}

/// A model's name, and the one that a provider finds for it later.
pub fn model(number: u8, is_moved: bool) -> String {
    format!("model-{number}{}", if is_moved { "-2026" } else { "" })
}

/// A payer.
pub struct Meter {
    pub name: &'static str,
    /// By time.
    pub used: Vec<Used>,
    /// Until when it answers nobody.
    pub down_until: UtcMillis,
}

impl Meter {
    pub fn new(name: &'static str) -> Self {
        Self { name, used: Vec::new(), down_until: UtcMillis(i64::MIN) }
    }

    pub fn uses(&mut self, used: Used) {
        let at = self.used.partition_point(|other| other.at <= used.at);
        self.used.insert(at, used);
    }

    pub fn is_down(&self, now: UtcMillis) -> bool {
        now < self.down_until
    }

    /// What was used of a day.
    pub fn of_day(&self, day: UtcDay) -> impl Iterator<Item = &Used> {
        self.between(day.start(), day.plus(1).start())
    }

    fn between(&self, from: UtcMillis, to: UtcMillis) -> impl Iterator<Item = &Used> {
        let place = |at: UtcMillis| self.used.partition_point(|used| used.at < at);
        self.used.get(place(from)..place(to)).unwrap_or_default().iter()
    }

    /// What it says at a time, under the name that whoever asks has for it: an answer for each bucket that has begun. Its own clock is
    /// told by the second.
    pub fn says(&self, name: &Name, metric: &Metric, ask: &Ask, now: UtcMillis) -> (UtcMillis, Vec<Answer>) {
        let observed = UtcMillis(now.0.div_euclid(1000) * 1000);
        let answer = |start: UtcMillis| {
            let bucket = Bucket { start, width: ask.width };
            Answer {
                key: AnswerKey {
                    account: name.clone(),
                    metric: metric.name.into(),
                    dimensions: metric.dimensions.iter().map(|name| Name::from(*name)).collect(),
                    bucket,
                },
                observed,
                clock: Clock::Provider,
                rows: self.rows(metric, bucket, now),
            }
        };
        (observed, ask.starts().filter(|start| *start <= observed).map(answer).collect())
    }

    fn rows(&self, metric: &Metric, bucket: Bucket, now: UtcMillis) -> Vec<Row> {
        let mut sums: BTreeMap<Vec<Name>, BTreeMap<Name, i128>> = BTreeMap::new();
        for used in self.between(bucket.start, bucket.end()).filter(|used| used.is_known(now)) {
            let model = used.model(now);
            let (values, measures) = match metric.name {
                "costs" => (vec![model.into()], vec![("cost_pusd", used.cost())]),
                _ => {
                    (vec![used.key().into(), model.into()], vec![("input_tokens", used.tokens.into()), ("requests", 1)])
                }
            };
            let row = sums.entry(values).or_default();
            measures.into_iter().for_each(|(name, value)| *row.entry(name.into()).or_default() += value);
        }
        sums.into_iter().map(|(values, measures)| Row { values, measures }).collect()
    }
}
