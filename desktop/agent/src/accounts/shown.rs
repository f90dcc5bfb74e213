//! How accounts are doing, for whoever looks: when they were last heard, and what is wrong.

use aimon_core::accounts::{Account, AccountId, Accounts};
use aimon_core::history::DayReadings;
use aimon_core::history::answers::Standing;
use aimon_core::polling::Intervals;
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_replica::Replica;
use serde::Serialize;
use utoipa::ToSchema;

use super::past::Past;
use super::state::{State, Trouble};
use super::{by_reason, metrics_of};
use crate::error::Result;
use crate::render::number::{ago, countdown};
use crate::render::text::visible;
use crate::{note, workspace};

/// How many days back it is looked first when an account was heard.
const RECENT: i32 = 3;

/// What passes by itself is worth a line once it lasts so long, in milliseconds.
const WORTH_A_LINE_MS: i64 = 10 * 60_000;

/// Figures that are older than this are said to be, in milliseconds.
const OLD_MS: i64 = 60 * 60_000;

/// How an account is doing.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct AccountStateJson {
    /// Its id, such as `openai/org-…`.
    pub account: String,
    /// What it is called.
    pub name: Option<String>,
    /// When its provider was last heard, on any device; null if not within three days.
    pub heard_at: Option<String>,
    /// The first UTC day that this device has fetched, as long as it has more of the past to fetch; null where it has not.
    pub fetched_from: Option<String>,
    /// What is wrong on this device.
    pub troubles: Vec<AccountTroubleJson>,
    #[serde(skip)]
    heard: Option<UtcMillis>,
    /// Whether this device asks for it.
    #[serde(skip)]
    is_asked_here: bool,
    /// After how long its figures are old, in milliseconds.
    #[serde(skip)]
    old_ms: i64,
}

/// What is wrong with an account on this device.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct AccountTroubleJson {
    /// The metrics that have it; none where all have.
    pub metrics: Vec<String>,
    /// A stable code.
    pub code: String,
    /// In words.
    pub text: String,
    /// What to do about it.
    pub help: String,
    /// Whether somebody has to do something: it does not pass by itself, and is not only what the key may not ask for.
    pub wants_somebody: bool,
    /// Since when.
    pub since: String,
    /// When it is tried again.
    pub next: String,
    #[serde(skip)]
    line: String,
    #[serde(skip)]
    times: (i64, i64),
}

/// Those that somebody asks for: what nobody holds a key to any more is history.
///
/// # Errors
/// The replica's.
pub async fn of(replica: &mut Replica, now: UtcMillis) -> Result<Vec<AccountStateJson>> {
    let settings = workspace::settings(replica).await?;
    let accounts = Accounts::of(&settings);
    let asked: Vec<&Account> = accounts.all().filter(|account| !account.keys.is_empty()).collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let (state, gauges) = (note::read::<State>(replica).await?, replica.gauges().await?);
    let days = replica.readings((now.day().plus(-RECENT), UtcDay(i32::MAX)), now.day()).await?;
    // Who asks seldom has figures that are as old as that.
    let seldom = Intervals::of(&settings).usage.map_or(0, |s| 2 * i64::from(s) * 1000);
    let past = note::read::<Past>(replica).await?;
    let one = |account: &Account| {
        let is_asked_here = account.keys.contains_key(&replica.device());
        let heard = heard(&accounts, &account.id, &days, &gauges);
        AccountStateJson {
            name: account.label.clone(),
            troubles: troubles(&state, &account.id),
            fetched_from: past.of(&account.id).filter(|_| is_asked_here).map(|day| day.to_string()),
            is_asked_here,
            old_ms: OLD_MS.max(seldom),
            ..AccountStateJson::of(account.id.to_string(), heard)
        }
    };
    Ok(asked.into_iter().map(one).collect())
}

/// What is not known of accounts since when, in lines: it is missing in reports.
///
/// # Errors
/// The replica's.
pub async fn unheard(replica: &mut Replica, now: UtcMillis) -> Result<Vec<String>> {
    let state = note::read::<State>(replica).await?;
    if state == State::default() {
        return Ok(Vec::new());
    }
    let (accounts, device) = (Accounts::of(&workspace::settings(replica).await?), replica.device());
    let asked = accounts.all().filter(|account| account.keys.contains_key(&device));
    let lasting = asked.flat_map(|account| troubles(&state, &account.id)).filter(|why| why.wants_somebody);
    let line = |why: AccountTroubleJson| {
        let since = ago(now.0.saturating_sub(why.times.0).max(0) / 1000);
        format!("{}, since {since}: what was used since may be missing. To do: {}", why.line, why.help)
    };
    Ok(lasting.map(line).collect())
}

/// When anybody has last heard of an account, by what the history has of some days.
pub fn heard(accounts: &Accounts, id: &AccountId, days: &[DayReadings], gauges: &[Standing]) -> Option<UtcMillis> {
    let payer = accounts.joined().payer(id);
    let told = days.iter().flat_map(|day| &day.heard).filter(|one| one.account == *payer.name());
    let seen = gauges.iter().filter(|one| one.answer.key.account == *id.name()).map(|one| one.seen.1);
    told.map(|one| one.newest).chain(seen).max()
}

/// What is wrong with an account: what wants somebody first, then what passes, and what its key may not ask for.
pub fn troubles(state: &State, id: &AccountId) -> Vec<AccountTroubleJson> {
    let mut all = Vec::new();
    for wants_somebody in [true, false] {
        let wrong = state.of(id.name()).filter(|(_, why)| why.wants_somebody() == wants_somebody);
        for reason in by_reason(id.name(), metrics_of(id), wrong.map(|(metric, why)| (metric, why.into()))) {
            let times = reason.times().unwrap_or_default();
            all.push(AccountTroubleJson {
                metrics: reason.metrics().to_vec(),
                code: reason.code().to_owned(),
                text: visible(reason.text()).into_owned(),
                help: match reason.help() {
                    "" => "`aimon poll --force` asks again".to_owned(),
                    help => help.to_owned(),
                },
                wants_somebody,
                since: time(times.0),
                next: time(times.1),
                line: reason.line(),
                times,
            });
        }
    }
    all
}

impl AccountTroubleJson {
    /// In a line, with what to do.
    pub fn line(&self) -> String {
        format!("{}. To do: {}.", self.line, self.help)
    }
}

impl AccountStateJson {
    /// One with which nothing is wrong, heard then.
    pub fn of(account: String, heard: Option<UtcMillis>) -> Self {
        let heard_at = heard.map(|at| time(at.0));
        let (troubles, fetched_from) = (Vec::new(), None);
        Self { account, name: None, heard_at, fetched_from, troubles, heard, is_asked_here: true, old_ms: OLD_MS }
    }

    /// When its provider was last heard.
    pub fn heard(&self) -> Option<UtcMillis> {
        self.heard
    }

    /// What keeps its figures from being those of now, in lines; none where they are.
    pub fn problems(&self, now: UtcMillis) -> Vec<String> {
        let mut lines = Vec::new();
        for why in &self.troubles {
            let lasts_ms = now.0.saturating_sub(why.times.0);
            // What a key may not ask for is no news.
            let lasts = Trouble::has_passing(&why.code) && lasts_ms >= WORTH_A_LINE_MS;
            if !(why.wants_somebody || lasts) {
                continue;
            }
            let next = match why.times.1.saturating_sub(now.0) {
                ..=999 => "now".to_owned(),
                ms => format!("in {}", countdown(ms / 1000)),
            };
            let help = if why.wants_somebody { format!(". To do: {}", why.help) } else { String::new() };
            lines.push(format!("{}, since {}; next try {next}{help}", why.line, ago(lasts_ms.max(0) / 1000)));
        }
        let how = match self.is_asked_here {
            // What is to be done has been said.
            true if self.troubles.iter().any(|why| why.wants_somebody) => "",
            true => "; `aimon poll` asks for it",
            false => "; `aimon account list` says which devices ask for it",
        };
        match self.heard.map(|at| now.0.saturating_sub(at.0)) {
            Some(age) if age < self.old_ms => {}
            Some(age) => lines.push(format!("{}: its figures are of {}{how}", self.account, ago(age / 1000))),
            None if lines.is_empty() => {
                lines.push(format!("{}: nothing was heard of it in three days{how}", self.account));
            }
            None => {}
        }
        lines
    }
}

fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000_000;

    fn lines(code: &str, since_min: i64, heard_min: i64, key_works: bool) -> Vec<String> {
        let minutes = |n: i64| UtcMillis(NOW - n * 60_000);
        let id = AccountId::parse("openrouter/key-1");
        let Some(id) = id else { return Vec::new() };
        let mut state = State::default();
        let told = (code, "no".to_owned(), "help".to_owned());
        let trouble = Trouble { key_works, ..Trouble::of(told, None, minutes(since_min), UtcMillis(NOW + 60_000)) };
        state.set_trouble(id.name(), "key", Some(trouble));
        let heard = Some(minutes(heard_min));
        let troubles = troubles(&state, &id);
        AccountStateJson { troubles, ..AccountStateJson::of(id.to_string(), heard) }.problems(UtcMillis(NOW))
    }

    #[test]
    fn figures_that_others_ask_for_or_that_are_seldom_asked_for_are_not_said_to_be_late() {
        let of = |is_asked_here, old_ms, age_min: i64| {
            let heard = Some(UtcMillis(NOW - age_min * 60_000));
            let one = AccountStateJson { is_asked_here, old_ms, ..AccountStateJson::of("openai/o".to_owned(), heard) };
            one.problems(UtcMillis(NOW)).concat()
        };
        assert_eq!(of(true, 24 * 60 * 60_000, 12 * 60), "");
        assert!(of(true, OLD_MS, 12 * 60).contains("`aimon poll`"));
        let theirs = of(false, OLD_MS, 12 * 60);
        assert!(theirs.contains("aimon account list") && !theirs.contains("aimon poll"), "{theirs}");
    }

    #[test]
    fn what_keeps_figures_from_being_those_of_now_is_said() {
        let refused = "openrouter/key-1 key: no (key-refused), since 2 min ago; next try in 1m. To do: help".to_owned();
        assert_eq!(lines("key-refused", 2, 2, false), [refused]);
        assert_eq!(lines("key-refused", 2, 2, true), [""; 0], "it may not ask for that, and for the rest it may");
        assert_eq!(lines("provider-down", 2, 2, false), [""; 0], "it passes");
        let down = "openrouter/key-1 key: no (provider-down), since 3 h ago; next try in 1m".to_owned();
        let old = "openrouter/key-1: its figures are of 3 h ago; `aimon poll` asks for it".to_owned();
        assert_eq!(lines("provider-down", 180, 180, false), [down, old.clone()]);
        assert_eq!(lines("provider-down", 2, 180, false), [old]);
    }
}
