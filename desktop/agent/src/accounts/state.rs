//! What became of the last tries, noted on this device: for `aimon account list`, and whoever asks the API.

use std::collections::BTreeMap;

use aimon_core::time::UtcMillis;
use aimon_sources::provider::Failure;
use serde::{Deserialize, Serialize};

use crate::note::Noted;

/// What is wrong with one metric.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trouble {
    /// A stable code.
    pub code: String,
    /// In words.
    pub text: String,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// The last try.
    pub tried: i64,
    /// The next one.
    pub next: i64,
}

impl Trouble {
    /// Of a failure; `before` is what was wrong until now.
    pub fn of(failure: &Failure, before: Option<&Self>, now: UtcMillis, next: UtcMillis) -> Self {
        Self {
            code: failure.code().to_owned(),
            text: failure.to_string(),
            since: before.map_or(now.0, |before| before.since),
            tried: now.0,
            next: next.0,
        }
    }
}

/// By account and metric; what is well is not in it.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State(BTreeMap<String, BTreeMap<String, Trouble>>);

impl Noted for State {
    const KEY: &'static str = "polling";
}

impl State {
    /// What is wrong with a metric.
    pub fn get(&self, account: &str, metric: &str) -> Option<&Trouble> {
        self.0.get(account)?.get(metric)
    }

    /// What is wrong with an account, by metric.
    pub fn of(&self, account: &str) -> impl Iterator<Item = (&String, &Trouble)> {
        self.0.get(account).into_iter().flatten()
    }

    /// Says what is wrong with a metric now. Whether that is another thing than before.
    pub fn set(&mut self, account: &str, metric: &str, trouble: Option<Trouble>) -> bool {
        match trouble {
            Some(trouble) => {
                let all = self.0.entry(account.to_owned()).or_default();
                all.insert(metric.to_owned(), trouble.clone()) != Some(trouble)
            }
            None => self.0.get_mut(account).is_some_and(|all| all.remove(metric).is_some()),
        }
    }

    /// Forgets an account.
    pub fn forget(&mut self, account: &str) {
        self.0.remove(account);
    }
}
