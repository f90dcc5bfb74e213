//! When things show: buckets that have begun, usage that comes late, models that are renamed.

use aimon_providers::{Call, DAY, HOUR, Json, MINUTE, Provider, Tokens, Truth};

use crate::rig::{ANTHROPIC_USAGE, OPENAI_USAGE, Rig, START};

fn call(at: i64, model: &str, output: u64) -> Call {
    Call { model: model.to_owned(), tokens: Tokens { output, ..Tokens::default() }, cost: 7, ..Call::at(at) }
}

fn outputs(rig: &Rig, target: &str) -> Vec<(String, i128)> {
    let (buckets, _) = rig.buckets(target);
    let results = buckets.iter().flat_map(|bucket| bucket.get("results").expect("results").items());
    let row = |result: &Json| {
        let model = result.get("model").and_then(Json::text).unwrap_or("all").to_owned();
        (model, result.get("output_tokens").and_then(Json::integer).expect("tokens"))
    };
    results.map(row).collect()
}

#[test]
fn late_usage_grows_a_bucket_that_was_read_before() {
    let late = Call { visible_from: START + 20 * HOUR, ..call(START + HOUR, "gpt-5.2", 5) };
    let moved = Call { moved: Some((START + 30 * HOUR, "gpt-5.2-new".into())), ..call(START + HOUR, "gpt-5.2", 2) };
    let truth = Truth::of(vec![late, moved]);
    for (provider, target) in [
        (Provider::OpenAi, format!("{OPENAI_USAGE}?start_time={}&group_by=model", START / 1000)),
        (Provider::Anthropic, format!("{ANTHROPIC_USAGE}?starting_at=2026-09-01T00:00:00Z&group_by[]=model")),
    ] {
        let rig = Rig::over(provider, truth.clone(), 3);
        let mut seen = Vec::new();
        for at in [0, HOUR, 20 * HOUR - 1, 20 * HOUR, 30 * HOUR] {
            rig.clock.set(START + at);
            seen.push(outputs(&rig, &target));
        }
        let old = |tokens| vec![("gpt-5.2".to_owned(), tokens)];
        let both = vec![("gpt-5.2".to_owned(), 5), ("gpt-5.2-new".to_owned(), 2)];
        // The very first millisecond of an hour belongs to the second that has not ended.
        seen[1].clear();
        assert_eq!(seen, [vec![], vec![], old(2), old(7), both], "{provider:?}");
        assert_eq!(rig.server.requests().last().expect("request").at, START + 30 * HOUR);
    }
}

#[test]
fn only_buckets_that_have_begun_exist() {
    let rig = Rig::of(Provider::OpenAi, 1, 2);
    rig.clock.set(START + 90 * MINUTE);
    let target =
        format!("{OPENAI_USAGE}?start_time={}&bucket_width=1h&end_time={}", START / 1000, START / 1000 + 86_400);
    let ends: Vec<_> =
        rig.buckets(&target).0.iter().map(|bucket| bucket.get("end_time").and_then(Json::integer)).collect();
    // The second is not over: it ends now.
    assert_eq!(ends, [Some(i128::from(START / 1000 + 3600)), Some(i128::from(START / 1000 + 5400))]);
    let future = format!("{OPENAI_USAGE}?start_time={}", START / 1000 + 86_400);
    assert_eq!(rig.buckets(&future), (vec![], 1));

    let rig = Rig::of(Provider::Anthropic, 1, 2);
    rig.clock.set(START + 90 * MINUTE);
    let hours = format!("{ANTHROPIC_USAGE}?starting_at=2026-09-01T00:30:00Z&bucket_width=1h");
    assert_eq!(rig.buckets(&hours).0.len(), 2, "the bucket that is going on is there");
    let ended = format!("{hours}&ending_at=2026-09-01T01:30:00Z");
    assert_eq!(rig.buckets(&ended).0.len(), 1, "unless it would end behind `ending_at`");
}

#[test]
fn pages_of_one_query_end_where_the_first_said() {
    let rig = Rig::of(Provider::OpenAi, 1, 3);
    let target = format!("{OPENAI_USAGE}?start_time={}&limit=2", START / 1000);
    let first = rig.get(&target).json();
    let end = rig.clock.now() / 1000;
    rig.clock.advance(3 * DAY);
    let token = first.get("next_page").and_then(Json::text).expect("token").to_owned();
    let second = rig.get(&format!("{target}&page={token}")).json();
    let last = second.get("data").expect("data").items().last().expect("bucket").get("end_time").cloned();
    assert_eq!(last.and_then(|end| end.integer()), Some(i128::from(end)));
    assert!(!second.get("has_more").expect("has_more").is_true());
}

#[test]
fn a_clock_that_goes_back_takes_buckets_away() {
    let rig = Rig::of(Provider::Anthropic, 1, 3);
    let target = format!("{ANTHROPIC_USAGE}?starting_at=2026-09-01T00:00:00Z");
    assert_eq!(rig.buckets(&target).0.len(), 4);
    rig.clock.set(START + DAY - 1);
    assert_eq!(rig.buckets(&target).0.len(), 1);
}
