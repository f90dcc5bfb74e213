//! What is wrong with an account, each reason once: a key that is refused is one fault, of however many metrics.

use aimon_core::accounts::AccountId;
use aimon_sources::provider::provider;

use super::Unheard;
use super::state::Trouble;
use crate::render::text::visible;

/// What is wrong with a metric.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    code: String,
    text: String,
    help: String,
    since: Option<i64>,
}

impl From<&Unheard> for Wrong {
    fn from(why: &Unheard) -> Self {
        let (code, text, help) = why.told();
        Self { code: code.to_owned(), text, help, since: None }
    }
}

impl From<&Trouble> for Wrong {
    fn from(why: &Trouble) -> Self {
        Self { code: why.code.clone(), text: why.text.clone(), help: why.help.clone(), since: Some(why.since) }
    }
}

/// A reason, and what it is the reason of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    of: String,
    wrong: Wrong,
}

impl Reason {
    /// In a line: the words and the code.
    pub fn line(&self) -> String {
        visible(&format!("{}: {} ({})", self.of, self.wrong.text, self.wrong.code)).into_owned()
    }

    /// What to do about it; nothing where an older version has noted it.
    pub fn help(&self) -> &str {
        &self.wrong.help
    }

    /// Since when the first of its metrics is so, in milliseconds since 1970.
    pub fn since(&self) -> Option<i64> {
        self.wrong.since
    }
}

/// How many metrics an account has that this device would ask for; more than any for a provider that it does not know.
pub fn metrics_of(account: &AccountId) -> usize {
    provider(account.provider()).map_or(usize::MAX, |provider| provider.metrics().len())
}

/// Each reason once, with the metrics that have it; without them where all of an account's `metrics` have the same. What passes by
/// itself is the same whatever the provider says of how long.
pub fn by_reason<'a>(
    account: &str,
    metrics: usize,
    wrong: impl IntoIterator<Item = (&'a String, Wrong)>,
) -> Vec<Reason> {
    let mut reasons: Vec<(Wrong, Vec<&str>)> = Vec::new();
    for (metric, why) in wrong {
        let is_same =
            |held: &Wrong| held.code == why.code && (held.text == why.text || Trouble::has_passing(&why.code));
        match reasons.iter_mut().find(|(held, _)| is_same(held)) {
            Some((held, of)) => {
                held.since = held.since.min(why.since);
                of.push(metric);
            }
            None => reasons.push((why, vec![metric])),
        }
    }
    let reason = |(wrong, of): (Wrong, Vec<&str>)| match of.len() > 1 && of.len() >= metrics {
        true => Reason { of: account.to_owned(), wrong },
        false => Reason { of: format!("{account} {}", of.join(", ")), wrong },
    };
    reasons.into_iter().map(reason).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fault_is_said_once() {
        let names = ["costs", "usage.a", "usage.b"].map(str::to_owned);
        let wrong = |(code, text, since): &(&str, &str, i64)| Wrong {
            code: (*code).to_owned(),
            text: (*text).to_owned(),
            help: String::new(),
            since: Some(*since),
        };
        let said = |why: &[(&str, &str, i64)]| -> Vec<(String, Option<i64>)> {
            let all = by_reason("openai/o", 3, names.iter().zip(why.iter().map(wrong)));
            all.iter().map(|reason| (reason.line(), reason.since())).collect()
        };
        let line = |text: &str, since| (text.to_owned(), Some(since));
        let refused = |since| ("key-refused", "no key", since);
        // They were not asked at the same moment.
        assert_eq!(said(&[refused(9), refused(3), refused(7)]), [line("openai/o: no key (key-refused)", 3)]);
        assert_eq!(said(&[refused(9), refused(3)]), [line("openai/o costs, usage.a: no key (key-refused)", 3)]);
        let late = ("provider-busy", "in 57 s", 1);
        assert_eq!(
            said(&[late, refused(2), ("provider-busy", "in 58 s", 4)]),
            [
                line("openai/o costs, usage.b: in 57 s (provider-busy)", 1),
                line("openai/o usage.a: no key (key-refused)", 2)
            ]
        );
        assert_eq!(said(&[("x", "\u{202e}y", 1)]), [line("openai/o costs: �y (x)", 1)]);
    }
}
