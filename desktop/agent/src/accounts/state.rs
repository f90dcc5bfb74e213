//! What became of the last tries, noted on this device: for `aimon account list`, and whoever asks the API; and so that a pause outlives
//! the process that was told of it.

use std::collections::BTreeMap;

use aimon_core::accounts::AccountId;
use aimon_core::polling::{Pause, Tries};
use aimon_core::time::UtcMillis;
use aimon_replica::Replica;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::note::{self, Noted};

/// The codes of what passes by itself, and soon.
const PASSING: [&str; 4] = ["provider-busy", "provider-down", "provider-timeout", "provider-unreachable"];

/// The codes of what is about the key.
const ABOUT_KEY: [&str; 2] = [REFUSED, FORBIDDEN];

/// The code of a key that may not ask for it.
const FORBIDDEN: &str = "key-forbidden";

/// The code of a key that is no key any more.
const REFUSED: &str = "key-refused";

/// What is wrong with one metric.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// A stable code.
    pub code: String,
    /// In words.
    pub text: String,
    /// What to do about it.
    #[serde(default)]
    pub help: String,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// The last try.
    pub tried: i64,
    /// The next one.
    pub next: i64,
    /// Whether it is about the key, and something else is answered by the same: then it is this that the key may not ask for, and
    /// nobody has to mend it.
    #[serde(default)]
    pub key_works: bool,
    /// Whether it was answered before: what is missing since then somebody misses.
    #[serde(default)]
    pub was_answered: bool,
}

/// What to do where a key may not ask for something, and is answered otherwise.
const MORE_RIGHTS: &str = "`aimon account rekey` takes a key with more permissions, which may ask for it";

impl Trouble {
    /// What a try came to instead of an answer, as a code, in words, and what to do about it; `before` is what was wrong until now.
    pub fn of(
        (code, text, help): (&str, String, String),
        before: Option<&Self>,
        tried: UtcMillis,
        next: UtcMillis,
    ) -> Self {
        let same = before.filter(|before| before.code == code);
        let since = same.map_or(tried.0, |before| before.since);
        let was_answered = before.is_some_and(|before| before.was_answered);
        let (code, tried, next) = (code.to_owned(), tried.0, next.0);
        let mut trouble = Self { code, text, help, since, tried, next, key_works: false, was_answered };
        if same.is_some_and(|before| before.key_works) {
            trouble.set_key_works();
        }
        trouble
    }

    /// Something else is answered by the same key.
    pub fn set_key_works(&mut self) {
        self.key_works = true;
        MORE_RIGHTS.clone_into(&mut self.help);
    }

    /// Whether it is what the key may never have asked for: nobody waits for it.
    pub fn is_not_meant(&self) -> bool {
        self.code == FORBIDDEN && !self.was_answered
    }

    /// Whether it is about the key.
    pub fn is_about_key(&self) -> bool {
        ABOUT_KEY.contains(&self.code.as_str())
    }

    /// Whether it says that the key is none any more.
    pub fn is_lost_key(&self) -> bool {
        self.code == REFUSED && !self.key_works
    }

    /// Whether somebody has to do something about it: waiting does not help.
    pub fn wants_somebody(&self) -> bool {
        !self.passes() && (!self.key_works || self.was_answered)
    }

    /// Whether waiting helps.
    pub fn passes(&self) -> bool {
        Self::has_passing(&self.code)
    }

    /// Whether a code is of what passes by itself.
    pub fn has_passing(code: &str) -> bool {
        PASSING.contains(&code)
    }
}

/// What is remembered of one metric.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
struct Held {
    trouble: Option<Trouble>,
    failures: u32,
    /// Since when, and until when.
    rests: Option<(i64, i64)>,
    paused: Option<(i64, i64)>,
}

impl Held {
    fn tries(&self) -> Tries {
        let pause = |noted: Option<(i64, i64)>| noted.map(|(since, until)| (UtcMillis(since), UtcMillis(until)));
        Tries { failures: self.failures, rests: pause(self.rests), paused: pause(self.paused) }
    }

    fn set_tries(&mut self, tries: Tries) {
        let pause = |pause: Option<Pause>| pause.map(|(since, until)| (since.0, until.0));
        (self.failures, self.rests, self.paused) = (tries.failures, pause(tries.rests), pause(tries.paused));
    }
}

/// By account and metric; what is well is not in it.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State(BTreeMap<String, BTreeMap<String, Held>>);

impl Noted for State {
    const KEY: &'static str = "polling";
}

/// Forgets what became of the tries to ask for an account.
///
/// # Errors
/// The replica's.
pub async fn forget(replica: &mut Replica, account: &AccountId) -> Result<()> {
    let mut state = note::read::<State>(replica).await?;
    state.0.remove(account.name().as_str());
    note::write(replica, &state).await
}

impl State {
    /// What is wrong with a metric.
    pub fn trouble(&self, account: &str, metric: &str) -> Option<&Trouble> {
        self.0.get(account)?.get(metric)?.trouble.as_ref()
    }

    /// What became of the tries to ask for a metric.
    pub fn tries(&self, account: &str, metric: &str) -> Tries {
        self.0.get(account).and_then(|all| all.get(metric)).map(Held::tries).unwrap_or_default()
    }

    /// What is wrong with an account, by metric.
    pub fn of(&self, account: &str) -> impl Iterator<Item = (&String, &Trouble)> {
        let all = self.0.get(account).into_iter().flatten();
        all.filter_map(|(metric, held)| Some((metric, held.trouble.as_ref()?)))
    }

    /// Says what is wrong with a metric now. Whether that is another thing than before.
    pub fn set_trouble(&mut self, account: &str, metric: &str, trouble: Option<Trouble>) -> bool {
        self.change(account, metric, |held| held.trouble = trouble)
    }

    /// Says what became of the tries. Whether that is another thing than before.
    pub fn set_tries(&mut self, account: &str, metric: &str, tries: Tries) -> bool {
        self.change(account, metric, |held| held.set_tries(tries))
    }

    fn change(&mut self, account: &str, metric: &str, change: impl FnOnce(&mut Held)) -> bool {
        let all = self.0.entry(account.to_owned()).or_default();
        let before = all.remove(metric).unwrap_or_default();
        let mut held = before.clone();
        change(&mut held);
        let has_changed = held != before;
        if held != Held::default() {
            all.insert(metric.to_owned(), held);
        }
        if all.is_empty() {
            self.0.remove(account);
        }
        has_changed
    }

    /// A key is none any more, whatever was answered by it before.
    pub fn key_is_lost(&mut self, account: &str) {
        let troubles = self.0.get_mut(account).into_iter().flatten().filter_map(|(_, held)| held.trouble.as_mut());
        troubles.filter(|trouble| trouble.code == REFUSED).for_each(|trouble| trouble.key_works = false);
    }

    /// Something of an account was answered: whatever was said of its key, it is one. What was refused before `since` is worth asking
    /// for again.
    pub fn key_works(&mut self, account: &str, since: UtcMillis) -> Vec<String> {
        let mut again = Vec::new();
        for (metric, held) in self.0.get_mut(account).into_iter().flatten() {
            let Some(trouble) = held.trouble.as_mut().filter(|it| it.is_about_key()) else { continue };
            if !trouble.key_works && trouble.tried < since.0 {
                again.push(metric.clone());
            }
            trouble.set_key_works();
        }
        again
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use aimon_sources::provider::{Failure, Unreadable};

    use super::*;

    #[test]
    fn what_is_noted_reads_back_and_what_is_well_leaves_nothing() {
        let (mut state, at) = (State::default(), UtcMillis);
        let tries = Tries { failures: 3, rests: Some((at(1), at(2))), paused: Some((at(1), at(3))) };
        let trouble = Trouble::of(("provider-busy", "x".to_owned(), "y".to_owned()), None, at(1), at(3));
        assert!(state.set_trouble("a", "m", Some(trouble.clone())) && state.set_tries("a", "m", tries));
        assert!(!state.set_tries("a", "m", tries));
        let mut read: State = serde_json::from_slice(&serde_json::to_vec(&state).unwrap()).unwrap();
        assert_eq!((read.tries("a", "m"), read.trouble("a", "m")), (tries, Some(&trouble)));
        assert_eq!((read.tries("a", "n"), read.of("a").count()), (Tries::default(), 1));
        assert!(read.set_trouble("a", "m", None) && read.set_tries("a", "m", Tries::default()));
        assert_eq!(read, State::default());
    }

    #[test]
    fn a_key_that_answers_elsewhere_is_not_lost() {
        let refused =
            |before, at| Trouble::of((REFUSED, String::new(), String::new()), before, UtcMillis(at), UtcMillis(at + 9));
        let mut state = State::default();
        state.set_trouble("a", "m", Some(refused(None, 1)));
        state.set_trouble("a", "n", Some(refused(None, 5)));
        assert!(state.of("a").all(|(_, it)| it.is_lost_key() && it.wants_somebody()));
        assert_eq!(state.key_works("b", UtcMillis(3)), [""; 0]);
        assert_eq!(state.key_works("a", UtcMillis(3)), ["m"], "what was refused a moment ago is no news");
        assert_eq!(state.key_works("a", UtcMillis(9)), [""; 0]);
        assert!(state.of("a").all(|(_, it)| !it.is_lost_key() && !it.wants_somebody()));
        let again = refused(state.trouble("a", "m"), 10);
        assert!(again.key_works && again.since == 1, "it is refused still");
        assert!(refused(None, 10).is_lost_key());
        let missed = Trouble { was_answered: true, ..again };
        assert!(missed.wants_somebody() && refused(Some(&missed), 11).was_answered, "it could be asked for before");
    }

    #[test]
    fn codes_say_what_failures_are() {
        let all = [
            Failure::KeyRefused(String::new()),
            Failure::Forbidden(String::new()),
            Failure::RateLimited { retry_after_s: None },
            Failure::Down { status: 503, retry_after_s: None },
            Failure::Unreachable(String::new()),
            Failure::TimedOut,
            Failure::Unfinished { after_s: 1 },
            Failure::Refused { status: 404, text: String::new() },
            Failure::NotTheProvider(String::new()),
            Failure::Unreadable(Unreadable::Endless),
            Failure::TooLarge,
        ];
        for failure in all {
            let told = (failure.code(), String::new(), String::new());
            let trouble = Trouble::of(told, None, UtcMillis(1), UtcMillis(2));
            assert_eq!(trouble.passes(), failure.is_passing(), "{failure}");
            assert_eq!(trouble.is_lost_key(), matches!(failure, Failure::KeyRefused(_)), "{failure}");
            let is_about_key = matches!(failure, Failure::KeyRefused(_) | Failure::Forbidden(_));
            assert_eq!(trouble.is_about_key(), is_about_key, "{failure}");
        }
    }

    #[test]
    fn a_trouble_is_as_old_as_it_is_the_same() {
        let of =
            |code, before, at| Trouble::of((code, String::new(), String::new()), before, UtcMillis(at), UtcMillis(at));
        let first = of("provider-down", None, 1);
        assert_eq!(of("provider-down", Some(&first), 2).since, 1);
        assert_eq!(of("provider-busy", Some(&first), 2).since, 2);
    }
}
