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
    /// Since when, and when it is tried next.
    times: Option<(i64, i64)>,
}

impl From<&Unheard> for Wrong {
    fn from(why: &Unheard) -> Self {
        let (code, text, help) = why.told();
        Self { code: code.to_owned(), text, help, times: None }
    }
}

impl From<&Trouble> for Wrong {
    fn from(why: &Trouble) -> Self {
        Self {
            code: why.code.clone(),
            text: why.text.clone(),
            help: why.help.clone(),
            times: Some((why.since, why.next)),
        }
    }
}

/// A reason, and what it is the reason of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    account: String,
    /// None of them where all have it.
    metrics: Vec<String>,
    wrong: Wrong,
}

impl Reason {
    /// In a line: the words and the code.
    pub fn line(&self) -> String {
        let of = match self.metrics.is_empty() {
            true => self.account.clone(),
            false => format!("{} {}", self.account, self.metrics.join(", ")),
        };
        visible(&format!("{of}: {} ({})", self.wrong.text, self.wrong.code)).into_owned()
    }

    /// The metrics that have it; none where all of the account's do.
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.wrong.code
    }

    /// In words.
    pub fn text(&self) -> &str {
        &self.wrong.text
    }

    /// What to do about it; nothing where an older version has noted it.
    pub fn help(&self) -> &str {
        &self.wrong.help
    }

    /// Since when the first of its metrics is so, and when one is tried next, in milliseconds since 1970.
    pub fn times(&self) -> Option<(i64, i64)> {
        self.wrong.times
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
                let earlier = |a: (i64, i64), b: (i64, i64)| (a.0.min(b.0), a.1.min(b.1));
                held.times = held.times.zip(why.times).map(|(held, why)| earlier(held, why));
                of.push(metric);
            }
            None => reasons.push((why, vec![metric])),
        }
    }
    let reason = |(wrong, of): (Wrong, Vec<&str>)| {
        let are_all = of.len() > 1 && of.len() >= metrics;
        let of = of.into_iter().filter(|_| !are_all).map(str::to_owned);
        Reason { account: account.to_owned(), metrics: of.collect(), wrong }
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
            times: Some((*since, since + 60)),
        };
        let said = |why: &[(&str, &str, i64)]| -> Vec<(String, Option<(i64, i64)>)> {
            let all = by_reason("openai/o", 3, names.iter().zip(why.iter().map(wrong)));
            all.iter().map(|reason| (reason.line(), reason.times())).collect()
        };
        let line = |text: &str, since| (text.to_owned(), Some((since, since + 60)));
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
