use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::copy;
use crate::accounts::Accounts;
use crate::batch::{Batch, BatchHash, Said};
use crate::event::{Answer, AnswerKey, Bucket, Clock, Event, Row, Setting};
use crate::history::answers::settling_ms;
use crate::history::{Copy, DayCells, DayReadings, Dimension, Metered, Query, Report};
use crate::settings::Settings;
use crate::time::{UtcDay, UtcMillis};
use crate::units::{PicoUsd, Tokens};

const DAY: UtcDay = UtcDay(20_000);
const MINUTE: i64 = 60_000;

fn at(minute: i64) -> UtcMillis {
    UtcMillis(DAY.start().0 + minute * MINUTE)
}

/// One row about so many minutes, seen then.
fn answer(
    metric: &str,
    (start, width): (i64, i64),
    seen: i64,
    dims: &[(&str, &str)],
    measures: &[(&str, i128)],
) -> Answer {
    Answer {
        key: AnswerKey {
            account: "openai/org".into(),
            metric: metric.into(),
            dimensions: dims.iter().map(|(of, _)| (*of).into()).collect(),
            bucket: Bucket { start: at(start), width: (width * 60) as u32 },
        },
        observed: at(seen),
        clock: Clock::Provider,
        rows: vec![Row {
            values: dims.iter().map(|(_, value)| (*value).into()).collect(),
            measures: measures.iter().map(|(name, n)| ((*name).into(), *n)).collect(),
        }],
    }
}

fn readings(answers: &[Answer]) -> Vec<DayReadings> {
    let mut days: BTreeMap<UtcDay, Batch> = BTreeMap::new();
    for answer in answers {
        days.entry(answer.key.bucket.start.day()).or_default().push(Event::Answer(answer.clone()));
    }
    let fold =
        |(day, batch): (UtcDay, Batch)| DayReadings::fold(day, &[Said::decode(&batch.encode()).unwrap()], &settling_ms);
    days.into_iter().map(fold).collect()
}

fn accounts(entries: &[(&str, &str)]) -> Accounts {
    let mut settings = Settings::default();
    let entry =
        |(path, value): &(&str, &str)| Setting { path: (*path).into(), value: Some((*value).into()), counter: 1 };
    let batch = Batch::new(entries.iter().map(entry).map(Event::Setting));
    settings.add(BatchHash::of(&batch.encode()), &batch);
    Accounts::of(&settings)
}

/// A call of codex in the minute, with so many tokens of input.
fn codex(minute: i64, input: u64) -> Copy {
    let mut copy = copy(minute as u8, 0, 0, 0);
    copy.record.source = "codex".into();
    copy.record.time = at(minute);
    copy.record.tokens = Tokens { input, ..Tokens::default() };
    copy
}

fn cut(query: &Query, copies: &[Copy], answers: &[Answer], accounts: &Accounts) -> Report {
    let cells = vec![DayCells::fold(DAY, copies)];
    let readings = readings(answers);
    let metered = Metered { readings: &readings, accounts };
    Report::cut(query, cells, &metered, &|key, _, tokens| {
        (key.model.as_str() != "new").then(|| PicoUsd(i128::from(tokens.input)))
    })
}

const MODEL: (&str, &str) = ("model", "gpt-5");

#[test]
fn a_covered_call_counts_until_its_accounts_figure_is_settled_and_then_explains_it() {
    let covered = accounts(&[("coverage/codex/2024-10-04", "openai/org")]);
    let calls = [codex(5, 100), codex(65, 10)];
    let hour = |start, seen, n| {
        answer("usage.completions", (start, 60), seen, &[MODEL], &[("input_tokens", n), ("requests", 1)])
    };
    let query = Query::daily(TimeZone::UTC);
    let all = |answers: &[Answer], accounts: &Accounts| {
        let total = cut(&query, &calls, answers, accounts).total;
        (total.sums.tokens.input, total.explained.sums.tokens.input)
    };
    assert_eq!(all(&[], &covered), (110, 0), "nothing was heard of the account");
    assert_eq!(all(&[hour(0, 61, 90)], &covered), (200, 0), "it may still grow: both are shown, and the call counts");
    assert_eq!(all(&[hour(0, 120, 90)], &covered), (100, 100), "its own figure stands, and the log explains it");
    assert_eq!(all(&[hour(0, 120, 90), hour(60, 200, 11)], &covered), (101, 110));
    // That there was nothing is a figure, too.
    let none = Answer { rows: vec![], ..hour(0, 120, 0) };
    assert_eq!(all(&[none], &covered), (10, 100));
    assert_eq!(all(&[hour(0, 120, 90)], &Accounts::default()), (200, 0), "nobody said who pays");
    let by_subscription = accounts(&[("coverage/codex/2024-10-04", "subscription")]);
    assert_eq!(all(&[hour(0, 120, 90)], &by_subscription), (200, 0));
    let later = accounts(&[("coverage/codex/2024-10-05", "openai/org")]);
    assert_eq!(all(&[hour(0, 120, 90)], &later), (200, 0), "what is before the day stays as it was");
}

#[test]
fn figures_are_divided_by_provider_account_key_and_project() {
    let dims = [("key", "key_1"), MODEL, ("project", "proj_1"), ("tier", "priority")];
    let answers = [answer("usage.completions", (0, 60), 300, &dims, &[("input_tokens", 7), ("requests", 2)])];
    let covered = accounts(&[("coverage/codex/2024-10-04", "openai/org")]);
    let groups = |by| {
        let report = cut(&Query { by: Some(by), ..Query::daily(TimeZone::UTC) }, &[codex(100, 5)], &answers, &covered);
        let groups = report.rows[0].groups.iter().map(|group| (group.id.clone(), group.figures.sums.tokens.input));
        groups.collect::<BTreeMap<_, _>>()
    };
    let both = |one: &str, other: &str| BTreeMap::from([(one.to_owned(), 7), (other.to_owned(), 5)]);
    assert_eq!(groups(Dimension::Provider), [("openai".to_owned(), 12)].into());
    assert_eq!(groups(Dimension::Account), [("openai/org".to_owned(), 12)].into());
    assert_eq!(groups(Dimension::Key), both("key_1", ""));
    assert_eq!(groups(Dimension::Project), both("proj_1", ""));
    assert_eq!(groups(Dimension::Tier), both("priority", "standard"));
    assert_eq!(groups(Dimension::Quality), both("metered", "log"));
    assert_eq!(groups(Dimension::Source), both("openai", "codex"));
    assert_eq!(groups(Dimension::Device).get(""), Some(&7));
}

#[test]
fn what_is_billed_by_utc_day_stays_with_that_day_and_currencies_are_never_added_up() {
    // Where a UTC day begins on the day before.
    let west = TimeZone::get("America/Los_Angeles").unwrap();
    let day = |n: i64, measures: &[(&str, i128)]| answer("costs", (n * 1440, 1440), 9_000, &[("line", "x")], measures);
    let answers = [day(0, &[("cost_pusd", 5_000)]), day(1, &[("cost_peur", 7), ("cost_pusd", 300)])];
    let report = cut(&Query::daily(west), &[], &answers, &Accounts::default());
    let rows: Vec<_> = report.rows.iter().map(|row| (row.period.as_str(), row.figures.billed_usd())).collect();
    assert_eq!(rows, [("2024-10-04", Some(PicoUsd(5_000))), ("2024-10-05", Some(PicoUsd(300)))]);
    assert_eq!(report.total.billed, [("eur".into(), 7), ("usd".into(), 5_300)].into());
    assert!(report.total.grain.utc_days && !report.total.grain.hours);
    assert_eq!((report.total.sums.calls, report.total.quality(), report.models.len()), (0, None, 0));
}

/// A day in Kathmandu begins at 18:15 UTC: by the minute it is exact, by the hour it can't be, and that is said.
#[test]
fn hours_that_a_zones_midnight_cuts_are_said() {
    let query = Query::daily(TimeZone::get("Asia/Kathmandu").unwrap());
    let usage = |(start, width): (i64, i64), n| {
        answer("usage.completions", (start, width), 9_000, &[MODEL], &[("input_tokens", n)])
    };
    let minutes = [usage((1_094, 1), 1), usage((1_095, 1), 2)];
    let exact = cut(&query, &[], &minutes, &Accounts::default());
    let rows: Vec<_> = exact.rows.iter().map(|row| (row.period.as_str(), row.figures.sums.tokens.input)).collect();
    assert_eq!(rows, [("2024-10-04", 1), ("2024-10-05", 2)]);
    assert!(!exact.total.grain.hours);
    assert!(cut(&query, &[], &[usage((1_080, 60), 3)], &Accounts::default()).total.grain.hours);
    assert!(!cut(&Query::daily(TimeZone::UTC), &[], &[usage((1_080, 60), 3)], &Accounts::default()).total.grain.hours);
}

/// Anthropic counts no calls: its figures have a cost all the same, or none, if a price is not known.
#[test]
fn usage_without_calls_has_a_cost() {
    let usage = |model, n| answer("usage.messages", (0, 60), 300, &[("model", model)], &[("input_tokens", n)]);
    let query = Query::daily(TimeZone::UTC);
    let cost = |answers: &[Answer]| cut(&query, &[], answers, &Accounts::default()).total.known_cost();
    assert_eq!(cost(&[usage("known", 9)]), Some(PicoUsd(9)));
    assert_eq!(cost(&[usage("new", 9)]), None);
    let mut both = usage("known", 9);
    both.rows.extend(usage("new", 5).rows);
    let report = cut(&query, &[], &[both], &Accounts::default());
    assert_eq!((report.total.known_cost(), report.total.has_unpriced), (Some(PicoUsd(9)), true));
    assert_eq!(report.unpriced_models, ["new".to_owned()].into());
}
