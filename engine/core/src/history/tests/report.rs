use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;

use super::copy;
use crate::event::Quality;
use crate::history::{Copy, CostMode, DayCells, Detail, Dimension, Metered, Period, Query, Report};
use crate::time::UtcMillis;
use crate::units::PicoUsd;

fn at(mut c: Copy, text: &str) -> Copy {
    c.record.time = UtcMillis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
    c
}

fn cut(query: &Query, copies: &[Copy]) -> Report {
    let days: std::collections::BTreeSet<_> = copies.iter().map(|c| c.record.time.day()).collect();
    let cells = days.into_iter().map(|d| DayCells::fold(d, copies));
    Report::cut(query, cells, &Metered::default(), &|key, _, tokens| {
        (&*key.model == "model").then(|| PicoUsd(i128::from(tokens.output)))
    })
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn periods(query: &Query, copies: &[Copy]) -> Vec<(String, u64)> {
    cut(query, copies).rows.into_iter().map(|r| (r.period, r.figures.sums.tokens.output)).collect()
}

/// Midnight in Kathmandu is 18:15 UTC: a day's edge within a quarter of an hour.
#[test]
fn days_are_cut_in_the_zone_asked_for() {
    let copies = [
        at(copy(1, 1, 1, 0), "2026-03-01T18:14:59.999Z"),
        at(copy(2, 1, 10, 0), "2026-03-01T18:15:00Z"),
        at(copy(3, 1, 100, 0), "2026-03-01T23:59:59Z"),
    ];
    let day = |d: &str, n| (d.to_owned(), n);
    assert_eq!(periods(&Query::daily(zone("Asia/Kathmandu")), &copies), [day("2026-03-01", 1), day("2026-03-02", 110)]);
    assert_eq!(periods(&Query::daily(zone("UTC")), &copies), [day("2026-03-01", 111)]);
    assert_eq!(periods(&Query::daily(zone("America/Los_Angeles")), &copies), [day("2026-03-01", 111)]);
    // Midnight in Kolkata is 18:30 UTC.
    let kolkata = periods(&Query::daily(zone("Asia/Kolkata")), &copies);
    assert_eq!(kolkata, [day("2026-03-01", 11), day("2026-03-02", 100)]);
}

/// The day on which the clocks go back has 25 hours.
#[test]
fn a_day_of_25_hours_is_one_day() {
    let copies = [
        at(copy(1, 1, 1, 0), "2026-10-24T21:59:00Z"),
        at(copy(2, 1, 10, 0), "2026-10-24T22:00:00Z"),
        at(copy(3, 1, 100, 0), "2026-10-25T22:59:00Z"),
        at(copy(4, 1, 1000, 0), "2026-10-25T23:00:00Z"),
    ];
    let got = periods(&Query::daily(zone("Europe/Berlin")), &copies);
    assert_eq!(got.iter().map(|r| r.1).collect::<Vec<_>>(), [1, 110, 1000]);
}

#[test]
fn weeks_months_and_sessions() {
    let copies = [at(copy(1, 1, 1, 0), "2026-11-01T12:00:00Z"), at(copy(2, 1, 2, 0), "2026-11-02T12:00:00Z")];
    let mut query = Query::daily(zone("UTC"));
    query.period = Period::Week(Weekday::Monday);
    assert_eq!(periods(&query, &copies), [("2026-10-26".into(), 1), ("2026-11-02".into(), 2)]);
    query.period = Period::Week(Weekday::Sunday);
    assert_eq!(periods(&query, &copies), [("2026-11-01".into(), 3)]);
    query.period = Period::Month;
    assert_eq!(periods(&query, &copies), [("2026-11".into(), 3)]);
    query.period = Period::Session;
    let report = cut(&query, &copies);
    assert_eq!(report.rows[0].period, "session");
    assert_eq!(report.rows[0].days, Some((date(2026, 11, 1), date(2026, 11, 2))));
}

#[test]
fn the_range_is_inclusive_and_its_utc_days_suffice() {
    let copies = [
        at(copy(1, 1, 1, 0), "2026-03-01T10:00:00Z"),
        at(copy(2, 1, 10, 0), "2026-03-01T10:15:00Z"),
        at(copy(3, 1, 100, 0), "2026-03-02T10:14:00Z"),
        at(copy(4, 1, 1000, 0), "2026-03-02T10:15:00Z"),
    ];
    // UTC+13:45 in summer.
    let mut query = Query::daily(zone("Pacific/Chatham"));
    let only: Date = date(2026, 3, 2);
    (query.since, query.until) = (Some(only), Some(only));
    assert_eq!(periods(&query, &copies), [("2026-03-02".to_owned(), 110)]);
    let (from, to) = query.utc_days();
    assert!(copies[1].record.time.day() >= from && copies[2].record.time.day() <= to);
}

#[test]
fn an_unknown_price_is_unknown_and_not_zero() {
    let mut other = copy(2, 1, 10, 0);
    other.record.model = "mystery".into();
    let report = cut(&Query::daily(zone("UTC")), &[copy(1, 1, 7, 0), other.clone()]);
    assert_eq!(report.total.known_cost(), Some(PicoUsd(7)));
    assert_eq!(report.total.unpriced_calls, 1);
    assert_eq!(report.unpriced_models.iter().collect::<Vec<_>>(), ["mystery"]);
    assert_eq!(report.models["mystery"].known_cost(), None);
    assert_eq!(cut(&Query::daily(zone("UTC")), &[other]).total.known_cost(), None);
}

#[test]
fn stated_costs_are_kept_apart_from_derived_ones() {
    let mut stated = copy(1, 1, 7, 0);
    stated.record.stated_cost = Some(PicoUsd(1_000));
    let copies = [stated, copy(2, 1, 5, 0)];
    let mut query = Query::daily(zone("UTC"));
    let cost = |query: &Query| cut(query, &copies).total.known_cost();
    assert_eq!(cost(&query), Some(PicoUsd(12)), "derived from tokens alone");
    query.mode = CostMode::Auto;
    assert_eq!(cost(&query), Some(PicoUsd(1_005)));
    query.mode = CostMode::Display;
    assert_eq!(cost(&query), Some(PicoUsd(1_000)));
    assert_eq!(cut(&query, &copies).total.sums.stated_cost, PicoUsd(1_000));
}

#[test]
fn filters_and_groups() {
    let mut other = copy(2, 1, 10, 0);
    (other.record.source, other.record.quality) = ("codex".into(), Quality::Estimated);
    let copies = [copy(1, 1, 7, 0), other];
    let mut query = Query::daily(zone("UTC"));
    query.by = Some(Dimension::Source);
    let groups: Vec<_> = cut(&query, &copies).rows.remove(0).groups.into_iter().map(|g| g.id).collect();
    assert_eq!(groups, ["codex", "claude-code"], "the most expensive first");
    query.sources = vec!["codex".into()];
    assert_eq!(cut(&query, &copies).total.sums.tokens.output, 10);
    assert_eq!(cut(&query, &copies).total.quality(), Some(Quality::Estimated));
}

/// Hours are enough where no local midnight falls within one.
#[test]
fn hours_give_the_same_report_where_they_are_enough() {
    let times = [
        "2026-03-01T18:14:59Z",
        "2026-03-01T18:15:00Z",
        "2026-03-01T18:30:00Z",
        "2026-03-08T09:59:00Z",
        "2026-10-25T00:30:00Z",
    ];
    let copies: Vec<Copy> = times.iter().zip(1..).map(|(t, n)| at(copy(n, 1, 1 << n, 0), t)).collect();
    let days: std::collections::BTreeSet<_> = copies.iter().map(|c| c.record.time.day()).collect();
    let full: Vec<DayCells> = days.into_iter().map(|d| DayCells::fold(d, &copies)).collect();
    let hours: Vec<DayCells> = full.iter().map(DayCells::by_hour).collect();
    for name in [
        "UTC",
        "America/Los_Angeles",
        "Europe/Berlin",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Pacific/Chatham",
        "America/St_Johns",
    ] {
        let query = Query::daily(zone(name));
        let by = |cells: &[DayCells]| Report::cut(&query, cells.iter().cloned(), &Metered::default(), &|_, _, _| None);
        let detail = if ["Asia/Kolkata", "Asia/Kathmandu", "Pacific/Chatham", "America/St_Johns"].contains(&name) {
            Detail::Full
        } else {
            Detail::Hours
        };
        assert_eq!(query.detail(), detail, "{name}");
        if detail == Detail::Hours {
            assert_eq!(by(&full), by(&hours), "{name}");
        }
    }
    let kathmandu = Query::daily(zone("Asia/Kathmandu"));
    let by = |cells: &[DayCells]| Report::cut(&kathmandu, cells.iter().cloned(), &Metered::default(), &|_, _, _| None);
    assert_ne!(by(&full), by(&hours), "there they are not");
    let mut sessions = Query::daily(zone("UTC"));
    sessions.period = Period::Session;
    assert_eq!(sessions.detail(), Detail::Full);
}
