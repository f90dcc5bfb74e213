//! How accounts are doing, for whoever looks: when they were last heard, and what is wrong.

use aimon_core::accounts::{AccountId, Accounts};
use aimon_core::history::DayReadings;
use aimon_core::history::answers::Standing;
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_replica::Replica;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::{State, Trouble};
use super::{by_reason, metrics_of};
use crate::error::Result;
use crate::note;
use crate::render::number::{ago, countdown};
use crate::render::text::visible;

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
    /// When its provider was last heard, on any device; null if never.
    pub heard_at: Option<String>,
    /// What is wrong on this device.
    pub troubles: Vec<AccountTroubleJson>,
    #[serde(skip)]
    heard: Option<UtcMillis>,
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
    /// Whether it does not pass by itself.
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

/// Those of the workspace.
///
/// # Errors
/// The replica's.
pub async fn of(replica: &mut Replica, accounts: &Accounts, now: UtcMillis) -> Result<Vec<AccountStateJson>> {
    if accounts.all().next().is_none() {
        return Ok(Vec::new());
    }
    let (state, gauges) = (note::read::<State>(replica).await?, replica.gauges().await?);
    let all = (UtcDay(i32::MIN), UtcDay(i32::MAX));
    let mut days = replica.readings((now.day().plus(-RECENT), all.1), now.day()).await?;
    if accounts.all().any(|account| heard(accounts, &account.id, &days, &gauges).is_none()) {
        days = replica.readings(all, now.day()).await?;
    }
    let mut shown = Vec::new();
    for account in accounts.all() {
        let heard = heard(accounts, &account.id, &days, &gauges);
        shown.push(AccountStateJson {
            account: account.id.to_string(),
            name: account.label.clone(),
            heard_at: heard.map(|at| time(at.0)),
            troubles: troubles(&state, &account.id),
            heard,
        });
    }
    Ok(shown)
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
                ..=0 => "now".to_owned(),
                ms => format!("in {}", countdown(ms / 1000)),
            };
            let help = if why.wants_somebody { format!(". To do: {}", why.help) } else { String::new() };
            lines.push(format!("{}, since {}; next try {next}{help}", why.line, ago(lasts_ms.max(0) / 1000)));
        }
        match self.heard.map(|at| now.0.saturating_sub(at.0)) {
            Some(age) if age < OLD_MS => {}
            Some(age) => lines.push(format!("{}: its figures are of {}: `aimon poll`", self.account, ago(age / 1000))),
            None if lines.is_empty() => lines.push(format!("{}: nothing was heard yet: `aimon poll`", self.account)),
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
        let (account, troubles) = (id.to_string(), troubles(&state, &id));
        AccountStateJson { account, name: None, heard_at: None, troubles, heard }.problems(UtcMillis(NOW))
    }

    #[test]
    fn what_keeps_figures_from_being_those_of_now_is_said() {
        let refused = "openrouter/key-1 key: no (key-refused), since 2 min ago; next try in 1m. To do: help".to_owned();
        assert_eq!(lines("key-refused", 2, 2, false), [refused]);
        assert_eq!(lines("key-refused", 2, 2, true), [""; 0], "it may not ask for that, and for the rest it may");
        assert_eq!(lines("provider-down", 2, 2, false), [""; 0], "it passes");
        let down = "openrouter/key-1 key: no (provider-down), since 3 h ago; next try in 1m".to_owned();
        let old = "openrouter/key-1: its figures are of 3 h ago: `aimon poll`".to_owned();
        assert_eq!(lines("provider-down", 180, 180, false), [down, old.clone()]);
        assert_eq!(lines("provider-down", 2, 180, false), [old]);
    }
}
