//! Coverage: who pays for what a source's logs tell of, from a day on. A covered call explains its account's figure, and is not added
//! to it.
//!
//! ```text
//! coverage/claude-code/2026-11-01    subscription
//! coverage/codex/2026-09-14          openai/org-4fT…
//! ```

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::civil::Date;

use super::AccountId;
use crate::name::Name;
use crate::settings::Settings;
use crate::time::UtcDay;

const PREFIX: &str = "coverage/";
const SUBSCRIPTION: &str = "subscription";

/// Who pays.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Payer {
    /// An account, whose own figures count where they are settled.
    Account(AccountId),
    /// A subscription: no account has the calls.
    Subscription,
}

impl Payer {
    /// As the settings have it.
    pub fn text(&self) -> &str {
        match self {
            Self::Account(id) => id.name(),
            Self::Subscription => SUBSCRIPTION,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            SUBSCRIPTION => Some(Self::Subscription),
            _ => AccountId::parse(text).map(Self::Account),
        }
    }
}

/// Who pays for which source, from which UTC day on.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Coverage {
    /// By source.
    from: BTreeMap<Name, BTreeMap<UtcDay, Payer>>,
}

impl Coverage {
    /// Nothing was said.
    pub const NONE: Self = Self { from: BTreeMap::new() };

    /// Of the settings.
    pub fn of(settings: &Settings) -> Self {
        let mut from: BTreeMap<Name, BTreeMap<UtcDay, Payer>> = BTreeMap::new();
        for (path, value) in settings.all() {
            let Some((source, day)) = path.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/')) else { continue };
            let (Ok(day), Some(payer)) = (Date::from_str(day), Payer::parse(value)) else { continue };
            from.entry(source.into()).or_default().insert(UtcDay::of(day), payer);
        }
        Self { from }
    }

    /// The path that says who pays for a source from a day on.
    pub fn path(source: &str, from: UtcDay) -> Name {
        format!("{PREFIX}{source}/{from}").into()
    }

    /// Who pays for a source's calls of a day, as far as anybody has said.
    pub fn payer(&self, source: &str, day: UtcDay) -> Option<&Payer> {
        self.from.get(source)?.range(..=day).next_back().map(|(_, payer)| payer)
    }

    /// All that was said: source, from which day on, who pays.
    pub fn all(&self) -> impl Iterator<Item = (&Name, UtcDay, &Payer)> {
        self.from.iter().flat_map(|(source, days)| days.iter().map(move |(day, payer)| (source, *day, payer)))
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.from.is_empty()
    }
}
