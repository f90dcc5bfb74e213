//! What is wrong with an account, each reason once: a key that is refused is one fault, of however many metrics.

use std::collections::BTreeMap;

use crate::render::text::visible;

/// A line for each reason, with the metrics that have it; without them where all of an account's `metrics` have the same.
pub fn by_reason<'a>(
    account: &str,
    metrics: usize,
    wrong: impl IntoIterator<Item = (&'a String, String)>,
) -> Vec<String> {
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (metric, why) in wrong {
        reasons.entry(why).or_default().push(metric);
    }
    let line = |(why, of): (String, Vec<&str>)| match of.len() > 1 && of.len() >= metrics {
        true => visible(&format!("{account}: {why}")).into_owned(),
        false => visible(&format!("{account} {}: {why}", of.join(", "))).into_owned(),
    };
    reasons.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fault_is_said_once() {
        let names = ["costs", "usage.a", "usage.b"].map(str::to_owned);
        let said = |why: &[&str]| by_reason("openai/o", 3, names.iter().zip(why.iter().map(|why| (*why).to_owned())));
        assert_eq!(said(&["no key", "no key", "no key"]), ["openai/o: no key"]);
        assert_eq!(said(&["no key", "no key"]), ["openai/o costs, usage.a: no key"]);
        assert_eq!(said(&["late", "no key", "no key"]), ["openai/o costs: late", "openai/o usage.a, usage.b: no key"]);
        assert_eq!(by_reason("a", 1, [(&names[0], "\u{202e}x".to_owned())]), ["a costs: �x"]);
    }
}
