//! What is due is asked, and recorded.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::event::Event;
use aimon_core::history::answers::Standing;
use aimon_core::polling::{Turn, Window};
use aimon_core::settings::Asking;
use aimon_core::time::UtcMillis;
use aimon_replica::{Commit, Replica};
use aimon_sources::collector::Env;
use aimon_sources::provider::Failure;
use aimon_sources::subscription::{self, Limit, Login, NoReading, Subscription, subscriptions};
use aimon_sources::window::is_of_windows;
use reqwest::Url;
use tokio::sync::Mutex;

use super::note::{Held, Note};
use super::{help, logins};
use crate::accounts::address::base;
use crate::accounts::http::Clients;
use crate::accounts::share;
use crate::accounts::state::Trouble;
use crate::error::Result;
use crate::place::Place;
use crate::{dates, note, workspace};

/// How soon it is looked again whether there is a login: a look at a file, and no question.
const LOOK_MS: i64 = 60 * 1000;

/// What came of one subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Came {
    /// It was asked, and so many events were recorded.
    Answered(u64),
    /// It has no reading.
    InVain(NoReading),
    /// It is not due before then.
    NotYet(UtcMillis),
}

/// What a round came to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Round {
    /// By source, of those that this device asks for.
    pub came: BTreeMap<&'static str, Came>,
    /// When something is due next.
    pub next: Option<UtcMillis>,
}

/// Whoever asks.
#[derive(Default)]
pub struct Rounds {
    /// Made once there is somebody to ask.
    clients: Option<Clients>,
    /// What was answered lately: what is said again is noted, not recorded again.
    news: BTreeMap<&'static str, Window>,
}

impl Rounds {
    /// Asks for all that is due, once.
    ///
    /// # Errors
    /// The replica's; an address that can't be asked. What providers say is in the round.
    pub async fn round(&mut self, replica: &Mutex<Replica>, place: &Place) -> Result<Round> {
        let mut round = Round::default();
        // What is real never goes into the demo's folder.
        if place.is_demo() {
            return Ok(round);
        }
        let env = Env::of_process();
        for of in subscriptions() {
            if let Some((came, next)) = self.one(*of, replica, &env).await? {
                round.came.insert(of.source(), came);
                round.next = Some(round.next.map_or(next, |before| before.min(next)));
            }
        }
        Ok(round)
    }

    /// One subscription: what came of it, and when it is due next. `None` where this device does not ask for it.
    async fn one(
        &mut self,
        of: &'static dyn Subscription,
        replica: &Mutex<Replica>,
        env: &Env,
    ) -> Result<Option<(Came, UtcMillis)>> {
        let Some(begun) = self.begin(of, replica, env).await? else { return Ok(None) };
        let (account, login, now) = match begun {
            Begun::Not(came, next) => return Ok(Some((came, next))),
            Begun::Yes { account, login, now } => (account, login, now),
        };
        let base = address(of, env)?;
        let clients = match self.clients.take() {
            Some(clients) => clients,
            None => Clients::new()?,
        };
        let client = self.clients.insert(clients).to(&base).clone();
        let read = subscription::ask(&client, &base, of, &account, &login).await;
        self.end(of, replica, read, now).await.map(Some)
    }

    /// Whether it is due, and with which login. That it is asked is noted before it is.
    async fn begin(
        &mut self,
        of: &'static dyn Subscription,
        replica: &Mutex<Replica>,
        env: &Env,
    ) -> Result<Option<Begun>> {
        let not_yet = |due: UtcMillis| Some(Begun::Not(Came::NotYet(due), due));
        let now = dates::now();
        match due_at(&mut *replica.lock().await, of, env, now).await? {
            None => return Ok(None),
            Some(due) if due > now => return Ok(not_yet(due)),
            Some(_) => {}
        }
        // The system may ask whoever sits there: nobody else waits for the answer.
        let read = logins::read(of, env, now).await;
        let now = dates::now();
        let mut replica = replica.lock().await;
        // Another process may have asked meanwhile.
        match due_at(&mut replica, of, env, now).await? {
            None => return Ok(None),
            Some(due) if due > now => return Ok(not_yet(due)),
            Some(_) => {}
        }
        let share = share(replica.device(), of.source());
        let mut note = note::read::<Note>(&mut replica).await?;
        let mut held = note.of(of.source());
        let mut turn = held.turn();
        let login = match read {
            Ok(login) => login,
            Err(why) => {
                // Whoever says no to the system's question is not asked each minute.
                if of.keychain(env).is_some() {
                    turn.failed(now, false, None);
                    held.set_turn(turn);
                }
                let next = turn.due_at(now, None, share).max(UtcMillis(now.0.saturating_add(LOOK_MS)));
                held.trouble = Some(trouble(&why, held.trouble.as_ref(), now, next));
                if note.set(of.source(), held) {
                    note::write(&mut replica, &note).await?;
                }
                return Ok(Some(Begun::Not(Came::InVain(why), next)));
            }
        };
        turn.begin(now);
        held.set_turn(turn);
        note.set(of.source(), held);
        note::write(&mut replica, &note).await?;
        Ok(Some(Begun::Yes { account: of.account(env), login, now }))
    }

    /// Records what has come.
    async fn end(
        &mut self,
        of: &'static dyn Subscription,
        replica: &Mutex<Replica>,
        read: std::result::Result<Vec<Limit>, NoReading>,
        now: UtcMillis,
    ) -> Result<(Came, UtcMillis)> {
        let mut replica = replica.lock().await;
        let mut note = note::read::<Note>(&mut replica).await?;
        let mut held = note.of(of.source());
        let mut turn = held.turn();
        let came = match read {
            Ok(limits) => {
                turn.answered();
                held.trouble = None;
                held.windows = names(&limits);
                Came::Answered(self.record(of, &mut replica, &limits, now).await?)
            }
            Err(why) => {
                tracing::debug!(source = of.source(), code = why.code(), "a subscription was asked in vain");
                failed(&mut turn, &why, now);
                held.trouble = Some(trouble(&why, held.trouble.as_ref(), now, turn.due_at(now, None, 0)));
                Came::InVain(why)
            }
        };
        held.set_turn(turn);
        note.set(of.source(), held);
        note::write(&mut replica, &note).await?;
        Ok((came, turn.due_at(now, None, 0)))
    }

    async fn record(
        &mut self,
        of: &'static dyn Subscription,
        replica: &mut Replica,
        limits: &[Limit],
        now: UtcMillis,
    ) -> Result<u64> {
        let gauges = replica.gauges().await?;
        let mut events: Vec<Event> = Vec::new();
        let news = self.news.entry(of.source()).or_default();
        let is_meant = |one: &&Standing| limits.iter().any(|limit| is_of(one, &limit.account));
        news.hear(gauges.iter().filter(is_meant).cloned());
        for limit in limits {
            events.extend(news.news(vec![limit.answer(now)]));
        }
        if events.is_empty() {
            return Ok(0);
        }
        Ok(replica.record(Commit { events, marks: Vec::new(), now }).await?.events)
    }
}

/// Whether it is asked.
enum Begun {
    /// It is.
    Yes {
        /// What the account is called.
        account: String,
        /// With which login.
        login: Login,
        /// When.
        now: UtcMillis,
    },
    /// It is not: why, and when it is due next.
    Not(Came, UtcMillis),
}

/// When it is due; `None` where this device does not ask for it.
async fn due_at(replica: &mut Replica, of: &dyn Subscription, env: &Env, now: UtcMillis) -> Result<Option<UtcMillis>> {
    let device = replica.device();
    if !Asking::of(&workspace::settings(replica).await?).does(of.source(), device) {
        return Ok(None);
    }
    let share = share(device, of.source());
    let held = note::read::<Note>(replica).await?.of(of.source());
    let due = held.turn().due_at(now, None, share);
    if due > now {
        return Ok(Some(due));
    }
    let gauges = replica.gauges().await?;
    Ok(Some(held.turn().due_at(now, heard(&gauges, &of.account(env), &held), share)))
}

/// Where it is asked.
fn address(of: &dyn Subscription, env: &Env) -> Result<Url> {
    match env.var(of.url_variable()) {
        Some(text) => base(&text.to_string_lossy()),
        None => base(of.url()),
    }
}

fn is_of(standing: &Standing, account: &str) -> bool {
    let key = &standing.answer.key;
    key.account.as_str() == account && is_of_windows(key)
}

fn names(limits: &[Limit]) -> BTreeMap<String, BTreeSet<String>> {
    let of = |limit: &Limit| limit.windows.iter().map(|window| window.name.clone()).collect();
    limits.iter().map(|limit| (limit.account.clone(), of(limit))).collect()
}

/// When all that the last answer told of was observed since, by whom ever: another device, a log, the status line. What tells of fewer
/// windows tells of less than a question would. An account has two gauges: what was asked for, and what is told by itself.
fn heard(gauges: &[Standing], account: &str, held: &Held) -> Option<UtcMillis> {
    let any = BTreeMap::from([(account.to_owned(), BTreeSet::new())]);
    // Somebody else may have logged in.
    let wanted = if held.windows.contains_key(account) { &held.windows } else { &any };
    let seen = |(account, windows): (&String, &BTreeSet<String>)| {
        let enough = gauges.iter().filter(|one| is_of(one, account) && tells_of(one, windows));
        enough.map(|one| one.seen.1).max()
    };
    // The least recent of them; none where one is not told of.
    wanted.iter().map(seen).min().flatten()
}

fn tells_of(standing: &Standing, windows: &BTreeSet<String>) -> bool {
    let told: BTreeSet<&str> =
        standing.answer.rows.iter().filter_map(|row| row.values.first()).map(|name| name.as_str()).collect();
    windows.iter().all(|name| told.contains(name.as_str()))
}

fn failed(turn: &mut Turn, why: &NoReading, now: UtcMillis) {
    match why {
        NoReading::Failed(Failure::RateLimited { retry_after_s }) => turn.failed(now, true, *retry_after_s),
        NoReading::Failed(failure) => turn.failed(now, false, failure.retry_after_s()),
        _ => turn.failed(now, false, None),
    }
}

fn trouble(why: &NoReading, before: Option<&Trouble>, now: UtcMillis, next: UtcMillis) -> Trouble {
    let text = match why {
        NoReading::Failed(failure) => failure.to_string(),
        // What is to be done is somebody's to do, wherever they see it.
        why => format!("{why}; {}", help(why)),
    };
    Trouble::of((why.code(), text, help(why)), before, now, next)
}

#[cfg(test)]
mod tests {
    use aimon_core::event::Clock;
    use aimon_sources::window::{ASKED, TOLD, Window as Told, answer};

    use super::*;

    fn gauge(metric: &str, account: &str, windows: &[&str], seen: i64) -> Standing {
        let window = |name: &&str| Told { name: (*name).to_owned(), used_ppm: 1, resets_at_s: None, window_s: None };
        let windows: Vec<Told> = windows.iter().map(window).collect();
        let seen = UtcMillis(seen);
        Standing { answer: answer(account, metric, &windows, seen), seen: (Clock::Device, seen) }
    }

    #[test]
    fn the_newest_gauge_that_tells_of_all_windows_says_when_they_were_heard_of() {
        let wanted = |all: &[(&str, &[&str])]| {
            let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let mut held = Held::default();
            held.windows = all.iter().map(|(account, names)| ((*account).to_owned(), set(names))).collect();
            held
        };
        let both = wanted(&[("me", &["5h", "7d"])]);
        let of = |gauges: &[Standing], held: &Held| heard(gauges, "me", held).map(|at| at.0);
        let (asked, told) = (|at| gauge(ASKED, "me", &["5h", "7d"], at), |at| gauge(TOLD, "me", &["5h", "7d"], at));
        for gauges in [[asked(1), told(2)], [told(2), asked(1)], [asked(2), told(1)], [told(1), asked(2)]] {
            assert_eq!(of(&gauges, &both), Some(2), "whichever stands first");
        }
        let less = gauge(TOLD, "me", &["5h"], 9);
        assert_eq!(of(&[less.clone(), asked(1)], &both), Some(1), "what tells of fewer tells of less");
        assert_eq!(of(std::slice::from_ref(&less), &both), None);
        // Of several accounts that one question tells of the least recent counts.
        let two = wanted(&[("me", &["5h"]), ("me:spark", &["7d"])]);
        assert_eq!(of(&[less.clone(), gauge(ASKED, "me:spark", &["7d"], 4)], &two), Some(4));
        assert_eq!(of(std::slice::from_ref(&less), &two), None);
        // Somebody else has logged in: whatever is told of them counts.
        assert_eq!(of(&[less], &wanted(&[("you", &["7d"])])), Some(9));
    }
}
