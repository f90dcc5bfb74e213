//! What the providers' tests share.

#![allow(clippy::unwrap_used)]

use aimon_core::polling::{Ask, Metric};
use aimon_core::time::{UtcDay, UtcMillis};

use super::{Page, Provider, providers};

/// So many buckets from the so manieth on, of 2024-10-04.
pub(crate) fn ask(width: u32, from: i64, buckets: i64) -> Ask {
    let at = |n: i64| UtcMillis(UtcDay(20_000).start().0 + n * i64::from(width) * 1000);
    Ask { width, from: at(from), to: at(from + buckets), is_backfill: false }
}

/// A gauge's question.
pub(crate) fn now() -> Ask {
    let at = UtcDay(20_000).start();
    Ask { width: 0, from: at, to: UtcMillis(at.0 + 1), is_backfill: false }
}

pub(crate) fn metric(provider: &dyn Provider, name: &str) -> Metric {
    *provider.metrics().iter().find(|metric| metric.name == name).unwrap()
}

/// Rows as text: values, and measures.
pub(crate) fn rows(page: &Page) -> Vec<String> {
    let text = |row: &aimon_core::event::Row| {
        let values: Vec<&str> = row.values.iter().map(|value| value.as_str()).collect();
        let measures = row.measures.iter().map(|(name, value)| format!(" {name}={value}"));
        format!("{}{}", values.join("|"), measures.collect::<String>())
    };
    page.rows.iter().map(|(_, row)| text(row)).collect()
}

#[test]
fn providers_differ_in_name_and_their_metrics_too() {
    let mut names: Vec<&str> = providers().iter().map(|one| one.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), providers().len());
    for provider in providers() {
        let mut metrics: Vec<&str> = provider.metrics().iter().map(|metric| metric.name).collect();
        metrics.sort_unstable();
        metrics.dedup();
        assert_eq!(metrics.len(), provider.metrics().len());
        assert!(provider.metrics().iter().all(|metric| metric.dimensions.is_sorted()), "{}", provider.name());
        assert!(provider.url().is_none_or(|url| super::http::base(url).is_ok() && !url.ends_with('/')));
    }
}

#[test]
fn plain_http_is_for_this_machine() {
    use super::http::base;
    for good in ["https://gateway.example/v1", "http://127.0.0.1:4000", "http://localhost:4000/v1", "http://[::1]:1"] {
        assert!(base(good).is_ok(), "{good}");
    }
    for bad in [
        "http://gateway.example",
        "ftp://x",
        "https://user:pw@x",
        "https://x/?key=1",
        "https://x/#a",
        "x",
        "file:///etc",
    ] {
        assert!(base(bad).is_err(), "{bad}");
    }
}
