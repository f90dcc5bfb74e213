use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::copy;
use crate::accounts::{Accounts, Joined};
use crate::batch::{Batch, BatchHash, Said};
use crate::event::{Answer, AnswerKey, Bucket, Clock, Event, Row, Setting};
use crate::history::answers::settling_ms;
use crate::history::{Copy, CostMode, DayCells, DayReadings, Dimension, Metered, Overlap, Query, Report, Twins};
use crate::ids::DeviceId;
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

fn readings(answers: &[Answer], joined: &Joined) -> Vec<DayReadings> {
    let mut days: BTreeMap<UtcDay, Batch> = BTreeMap::new();
    for answer in answers {
        days.entry(answer.key.bucket.start.day()).or_default().push(Event::Answer(answer.clone()));
    }
    let fold = |(day, batch): (UtcDay, Batch)| {
        DayReadings::fold(day, &[Said::decode(&batch.encode()).unwrap()], &settling_ms, joined)
    };
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
    let readings = readings(answers, accounts.joined());
    let twins = Twins::of(accounts, &readings);
    let metered = Metered { readings: &readings, accounts, twins: &twins };
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
    assert_eq!(all(&[hour(0, 61, 90)], &covered), (110, 0), "it may still grow: the call counts, and once");
    assert_eq!(all(&[hour(0, 61, 130)], &covered), (140, 0), "what else has used the account is told already");
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

/// A failing question about calls and a settled one about something else: nothing explains the calls.
#[test]
fn what_an_account_says_of_something_else_explains_no_call() {
    let covered = accounts(&[("coverage/codex/2024-10-04", "openai/org")]);
    let of = |metric| Answer { rows: vec![], ..answer(metric, (0, 60), 9_000, &[MODEL], &[]) };
    let total = |metric| {
        let total = cut(&Query::daily(TimeZone::UTC), &[codex(5, 100)], &[of(metric)], &covered).total;
        (total.sums.tokens.input, total.explained.sums.tokens.input)
    };
    for metric in ["usage.embeddings", "usage.images", "costs", "credits"] {
        assert_eq!(total(metric), (100, 0), "{metric}");
    }
    for metric in ["usage.completions", "usage.messages", "activity"] {
        assert_eq!(total(metric), (0, 100), "{metric}");
    }
}

/// The calls that an account has told already, while all of it can still change: each counts once, and nothing is lost.
#[test]
fn of_what_can_still_change_counts_what_goes_beyond_the_log() {
    let covered = accounts(&[("coverage/codex/2024-10-04", "openai/org")]);
    let told = |at: (i64, i64), model: &str, n| {
        answer("usage.completions", at, at.0 + 1, &[("model", model)], &[("input_tokens", n), ("requests", 2)])
    };
    let mut calls = [codex(5, 100), codex(65, 10)];
    calls.iter_mut().for_each(|call| call.record.model = "gpt-5".into());
    let models = |answers: &[Answer]| -> BTreeMap<String, u64> {
        let report = cut(&Query::daily(TimeZone::UTC), &calls, answers, &covered);
        report.models.into_iter().map(|(model, figures)| (model, figures.sums.tokens.input)).collect()
    };
    let of =
        |pairs: &[(&str, u64)]| pairs.iter().map(|(model, n)| ((*model).to_owned(), *n)).collect::<BTreeMap<_, _>>();
    let minutes = [told((5, 1), "gpt-5-2026-01-01", 60), told((6, 1), "gpt-5-2026-01-01", 70)];
    assert_eq!(models(&minutes), of(&[("gpt-5", 110), ("gpt-5-2026-01-01", 30)]), "of the quarter as a whole");
    // Another model's use is no call of this one, however late that comes.
    let other = [told((5, 1), "gpt-4o", 80), told((6, 1), "gpt-5", 0)];
    assert_eq!(models(&other), of(&[("gpt-4o", 80), ("gpt-5", 110)]));
    // But a name that the account never uses is an alias.
    assert_eq!(models(&[told((5, 1), "gpt-4o", 130)]), of(&[("gpt-4o", 30), ("gpt-5", 110)]));
    // A quarter is settled as a whole: until then its settled minutes count as far as they go beyond the log, too.
    let some =
        [told((0, 10), "gpt-5", 120), answer("usage.completions", (10, 5), 11, &[MODEL], &[("input_tokens", 5)])];
    let settled = |mut answer: Answer| {
        answer.observed = at(300);
        answer
    };
    let some = [settled(some[0].clone()), some[1].clone()];
    assert_eq!(models(&some)["gpt-5"], 110 + 25);
}

/// A gateway tells whole days, and each is a day in every report and every zone.
#[test]
fn a_days_figure_does_not_depend_on_which_days_are_asked_for() {
    let covered = accounts(&[("coverage/codex/2024-10-04", "openai/org")]);
    let day = answer("activity", (0, 1440), 700, &[MODEL], &[("input_tokens", 500)]);
    // In Tokyo the second one is of the day after.
    let (zone, calls) = (TimeZone::get("Asia/Tokyo").unwrap(), [codex(5, 100), codex(1_000, 30)]);
    let days = |query: &Query| -> Vec<(String, u64)> {
        let rows = cut(query, &calls, std::slice::from_ref(&day), &covered).rows;
        rows.into_iter().map(|row| (row.period, row.figures.sums.tokens.input)).collect()
    };
    let all = Query::daily(zone);
    let expected = [("2024-10-04".to_owned(), 470), ("2024-10-05".to_owned(), 30)];
    assert_eq!(days(&all), expected, "500 in all");
    for (at, one) in expected.iter().enumerate() {
        let only = jiff::civil::date(2024, 10, 4 + at as i8);
        assert_eq!(
            days(&Query { since: Some(only), until: Some(only), ..all.clone() }).as_slice(),
            std::slice::from_ref(one)
        );
    }
}

/// Where what accounts say can't be in a report, or was left out of it, calls count whoever pays for them.
#[test]
fn calls_count_where_their_accounts_figures_can_not_be() {
    let covered = accounts(&[("coverage/codex/2024-10-04", "openai/org")]);
    let answers = [answer("usage.completions", (0, 60), 300, &[MODEL], &[("input_tokens", 90)])];
    let total = |query: Query| {
        let total = cut(&query, &[codex(5, 100)], &answers, &covered).total;
        (total.sums.tokens.input, total.explained.sums.tokens.input)
    };
    let all = Query::daily(TimeZone::UTC);
    let of_source = |source: &str| Query { sources: vec![source.to_owned()], ..all.clone() };
    assert_eq!(total(all.clone()), (90, 100));
    assert_eq!([total(of_source("codex")), total(of_source("openai"))], [(100, 0), (90, 0)]);
    assert_eq!(total(Query { sources: vec!["codex".into(), "openai".into()], ..all.clone() }), (90, 100));
    assert_eq!(total(Query { period: crate::history::Period::Session, ..all.clone() }), (100, 0));
    assert_eq!(total(Query { devices: vec![DeviceId([1; 16]).to_string()], ..all.clone() }), (100, 0));

    // As parts of the whole they add up to it.
    let part = |query: Query| total(Query { is_part: true, ..query });
    assert_eq!([part(of_source("codex")), part(of_source("openai"))], [(0, 100), (90, 0)]);
    assert_eq!(part(Query { devices: vec![DeviceId([1; 16]).to_string()], ..all.clone() }), (0, 100));
    let unsettled = [answer("usage.completions", (0, 60), 61, &[MODEL], &[("input_tokens", 130)])];
    let part = |source: &str| {
        let query = Query { is_part: true, ..of_source(source) };
        cut(&query, &[codex(5, 100)], &unsettled, &covered).total.sums.tokens.input
    };
    assert_eq!([part("codex"), part("openai")], [100, 30], "before it has settled, too");
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

const ONE: &str = "openrouter/key-0000000000000001";
const TWO: &str = "openrouter/key-0000000000000002";

/// A day of OpenRouter's, as an account says it.
fn activity(account: &str, day: i64, seen: i64, tokens: i128) -> Answer {
    let dims = [MODEL, ("upstream", "Azure")];
    let mut answer =
        answer("activity", (day * 1440, 1440), seen, &dims, &[("input_tokens", tokens), ("cost_pusd", tokens)]);
    answer.key.account = account.into();
    answer
}

fn two_keys(more: &[(&str, &str)]) -> Accounts {
    let labels = [ONE, TWO].map(|account| format!("account/{account}/label"));
    let mut entries: Vec<(&str, &str)> = labels.iter().map(|path| (path.as_str(), "x")).collect();
    entries.extend(more);
    accounts(&entries)
}

#[test]
fn two_keys_that_say_the_same_of_a_day_count_once_until_somebody_says_that_they_are_two() {
    let same = format!("account/{ONE}/same/{TWO}");
    let (undecided, one) = (two_keys(&[]), two_keys(&[(&same, "yes")]));
    let two = two_keys(&[(&same, "no")]);
    let total = |answers: &[Answer], accounts: &Accounts| {
        let total = cut(&Query::daily(TimeZone::UTC), &[], answers, accounts).total;
        (total.sums.tokens.input, total.billed_usd().map_or(0, |cost| cost.0))
    };
    let alike = [activity(ONE, 0, 9_000, 7), activity(TWO, 0, 9_001, 7)];
    assert_eq!([&undecided, &one, &two].map(|accounts| total(&alike, accounts)), [(7, 7), (7, 7), (14, 14)]);
    // A day that still changes tells nobody apart, and the one that was heard of last knows most.
    let growing = [
        activity(ONE, 0, 9_000, 7),
        activity(TWO, 0, 9_001, 7),
        activity(ONE, 1, 3_000, 3),
        activity(TWO, 1, 3_001, 5),
    ];
    assert_eq!([&undecided, &one, &two].map(|accounts| total(&growing, accounts)), [(12, 12), (12, 12), (22, 22)]);
    // A settled one does.
    let differ = [
        activity(ONE, 0, 9_000, 7),
        activity(TWO, 0, 9_001, 7),
        activity(ONE, 1, 9_000, 3),
        activity(TWO, 1, 9_001, 5),
    ];
    assert_eq!(total(&differ, &undecided), (22, 22));
    // What only one of them knows counts, whichever it is.
    let apart = [
        activity(ONE, 0, 9_000, 7),
        activity(TWO, 0, 9_001, 7),
        activity(ONE, 1, 9_000, 3),
        activity(TWO, 2, 12_000, 4),
    ];
    assert_eq!([&undecided, &one, &two].map(|accounts| total(&apart, accounts)), [(14, 14), (14, 14), (21, 21)]);
    // Two that were never used say the same, too: that shows nothing.
    let unused = [activity(ONE, 0, 9_000, 0), activity(TWO, 0, 9_001, 0)];
    assert!(Twins::of(&undecided, &readings(&unused, &Joined::NONE)).pairs().is_empty());
    assert_eq!(Twins::of(&undecided, &readings(&alike, &Joined::NONE)).pairs().len(), 1);
}

/// A call that the one of two keys pays for is told by the other, too, whose figures count meanwhile: still once, whoever was heard last.
#[test]
fn a_covered_call_counts_once_where_two_keys_may_be_one_account() {
    let covered = two_keys(&[("coverage/codex/2024-10-04", ONE)]);
    let calls = [codex(5, 100)];
    let query = Query { by: Some(Dimension::Account), ..Query::daily(TimeZone::UTC) };
    let all = |one_seen, two_seen| {
        let answers = [activity(ONE, 0, one_seen, 130), activity(TWO, 0, two_seen, 130)];
        let report = cut(&query, &calls, &answers, &covered);
        let groups: Vec<String> = report.rows[0].groups.iter().map(|group| group.id.clone()).collect();
        (report.total.sums.tokens.input, report.total.explained.sums.tokens.input, groups)
    };
    assert_eq!(all(1_500, 1_501), (130, 0, vec![TWO.to_owned()]));
    assert_eq!(all(1_501, 1_500), (130, 0, vec![ONE.to_owned()]));
    assert_eq!(all(1_500, 9_000), (130, 100, vec![TWO.to_owned()]));
    assert_eq!(all(9_000, 1_500), (130, 100, vec![ONE.to_owned()]));
}

/// That a provider counts no calls is said of its own figures, and not of what is left beside those of logs.
#[test]
fn calls_are_at_least_so_many_where_a_provider_counts_none() {
    let covered = accounts(&[("coverage/codex/2024-10-04", "openai/org")]);
    let calls = [codex(5, 100)];
    let of = |metric: &str, measures: &[(&str, i128)]| {
        let total =
            cut(&Query::daily(TimeZone::UTC), &calls, &[answer(metric, (0, 60), 61, &[MODEL], measures)], &covered)
                .total;
        (total.sums.calls, total.sums.tokens.input, total.has_uncounted)
    };
    assert_eq!(of("usage.completions", &[("input_tokens", 110), ("requests", 1)]), (1, 110, false));
    assert_eq!(of("usage.messages", &[("input_tokens", 110)]), (1, 110, true));
    assert_eq!(of("usage.messages", &[("input_tokens", 100)]), (1, 100, false), "the log has all of it");
    assert_eq!(of("costs", &[("cost_pusd", 7)]), (1, 100, false));
}

/// In what the logs state there is nothing of accounts; and of calls that are in no sum no price is missing.
#[test]
fn an_accounts_figures_have_no_stated_cost_and_explained_calls_need_no_price() {
    let covered = accounts(&[("coverage/codex/2024-10-04", "openai/org")]);
    let mut call = codex(5, 100);
    call.record.model = "new".into();
    let settled = answer("usage.completions", (0, 60), 120, &[MODEL], &[("input_tokens", 90), ("requests", 1)]);
    let of = |mode| {
        cut(&Query { mode, ..Query::daily(TimeZone::UTC) }, &[call.clone()], std::slice::from_ref(&settled), &covered)
    };
    let calculated = of(CostMode::Calculate);
    assert_eq!((calculated.total.known_cost(), calculated.unpriced_models.len()), (Some(PicoUsd(90)), 0));
    assert_eq!(of(CostMode::Display).total.known_cost(), None);
}

#[test]
fn accounts_that_are_one_have_one_figure_and_cover_as_one() {
    let same = format!("account/{ONE}/same/{TWO}");
    let cover = [(same.as_str(), "yes"), ("coverage/codex/2024-10-04", TWO)];
    let accounts = two_keys(&cover);
    // Of one bucket the answer observed last stands, whole, whichever key it came by; a wider one is never added to it.
    let hour = |account: &str, seen, n| {
        let mut hour = answer("usage.completions", (0, 60), seen, &[MODEL], &[("input_tokens", n)]);
        hour.key.account = account.into();
        hour
    };
    let mut minute = answer("usage.completions", (5, 1), 200, &[MODEL], &[("input_tokens", 4)]);
    minute.key.account = TWO.into();
    let calls = [codex(5, 100)];
    let query = Query { by: Some(Dimension::Account), ..Query::daily(TimeZone::UTC) };
    for answers in
        [[hour(ONE, 200, 9), hour(TWO, 201, 10), minute.clone()], [minute, hour(TWO, 201, 10), hour(ONE, 200, 9)]]
    {
        let report = cut(&query, &calls, &answers, &accounts);
        let groups: Vec<_> =
            report.rows[0].groups.iter().map(|g| (g.id.as_str(), g.figures.sums.tokens.input)).collect();
        assert_eq!(groups, [(ONE, 10)]);
        assert_eq!(report.total.explained.sums.tokens.input, 100);
    }
}

/// What an account's figures show of a source of which nobody has said who pays.
#[test]
fn calls_that_an_account_tells_too_are_found_by_their_hours() {
    let calls: Vec<Copy> = [(10, 100), (70, 50), (1_450, 70), (1_600, 1_000)].map(|(at, n)| codex(at, n)).into();
    let cells: Vec<DayCells> = [DAY, DAY.plus(1)].map(|day| DayCells::fold(day, &calls)).into();
    let hour = |start, n| {
        answer("usage.completions", (start, 60), 9_000, &[("model", "model-2026-01-01")], &[("input_tokens", n)])
    };
    let found = |hours: &[(i64, i128)], accounts: &Accounts| {
        let answers: Vec<Answer> = hours.iter().map(|(start, n)| hour(*start, *n)).collect();
        let readings = readings(&answers, &Joined::NONE);
        let found = Overlap::of(&cells, &Metered { readings: &readings, accounts, twins: &Twins::NONE });
        found
            .into_iter()
            .map(|one| (one.source.to_string(), one.account.to_string(), one.alike, one.hours))
            .collect::<Vec<_>>()
    };
    let nobody = Accounts::default();
    let all = |alike| vec![("codex".to_owned(), "openai/org".to_owned(), alike, 4)];
    assert_eq!(found(&[(0, 100), (60, 50), (1_440, 70), (1_560, 1_010)], &nobody), all(4));
    assert_eq!(
        found(&[(0, 100), (60, 50), (1_440, 70), (1_560, 5_000)], &nobody),
        all(3),
        "somebody else uses it, too"
    );
    assert_eq!(
        found(&[(0, 100), (60, 50), (1_440, 70), (1_560, 900)], &nobody),
        [],
        "less than the log: paid for elsewhere"
    );
    assert_eq!(found(&[(0, 900), (60, 900), (1_440, 70), (1_560, 5_000)], &nobody), [], "that proves nothing");
    assert_eq!(found(&[(0, 100), (60, 50)], &nobody), [], "nor do two hours of one day");
    let covered = accounts(&[("coverage/codex/2024-10-04", "openai/org")]);
    assert_eq!(found(&[(0, 100), (60, 50), (1_440, 70), (1_560, 1_000)], &covered), [], "somebody has said it");
}
