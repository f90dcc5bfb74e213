//! What comes page by page is the truth: in any grouping, width, page size and way to write money.

use std::collections::{BTreeMap, BTreeSet};

use aimon_generator::Prng;
use aimon_providers::{Axis, DAY, Group, HOUR, Json, Kind, MINUTE, Money, Provider, Sum, Truth, Width};

use crate::rig::{ANTHROPIC_COSTS, ANTHROPIC_USAGE, OPENAI_COSTS, Rig, START, pico};

fn some<T: Copy>(rng: &mut Prng, of: &[T]) -> Vec<T> {
    let mut some: Vec<T> = of.iter().copied().filter(|_| rng.chance(400)).collect();
    rng.shuffle(&mut some);
    some
}

fn integer(json: &Json, path: &str) -> u64 {
    let value = json.get(path).unwrap_or_else(|| panic!("no {path} in {json}"));
    value.integer().and_then(|value| value.try_into().ok()).unwrap_or_else(|| panic!("{path} of {json}"))
}

fn group(result: &Json, fields: &[&str]) -> Group {
    let value = |field: &&str| match result.get(field) {
        Some(Json::Text(text)) => Some(text.clone()),
        Some(Json::Bool(value)) => Some(value.to_string()),
        Some(Json::Null) => None,
        other => panic!("{field} is {other:?} in {result}"),
    };
    fields.iter().map(value).collect()
}

/// Fields that results have, and whether they are null where nobody asked for them.
fn assert_null(result: &Json, all: &[&str], grouped: &[&str]) {
    for field in all.iter().filter(|field| !grouped.contains(field)) {
        assert_eq!(result.get(field), Some(&Json::Null), "{field} of {result}");
    }
}

const OPENAI: [(&str, Axis); 6] = [
    ("project_id", Axis::Project),
    ("user_id", Axis::User),
    ("api_key_id", Axis::Key),
    ("model", Axis::Model),
    ("batch", Axis::Batch),
    ("service_tier", Axis::Tier),
];

fn openai_fields(kind: Kind) -> &'static [(&'static str, Axis)] {
    match kind {
        Kind::Completions => &OPENAI,
        Kind::VectorStores | Kind::CodeInterpreterSessions => &OPENAI[..1],
        Kind::FileSearchCalls => &OPENAI[..3],
        _ => &OPENAI[..4],
    }
}

fn openai_result(kind: Kind, result: &Json, wanted: &Sum) {
    let tokens = &wanted.tokens;
    match kind {
        Kind::Completions => {
            assert_eq!(integer(result, "input_tokens"), tokens.input());
            assert_eq!(integer(result, "input_cached_tokens"), tokens.cache_read);
            assert_eq!(integer(result, "input_cache_write_tokens"), tokens.cache_write());
            assert_eq!(integer(result, "input_uncached_tokens"), tokens.uncached);
            assert_eq!(integer(result, "output_tokens"), tokens.output);
            assert_eq!(integer(result, "num_model_requests"), wanted.calls);
        }
        Kind::Embeddings | Kind::Moderations => assert_eq!(integer(result, "input_tokens"), tokens.uncached),
        Kind::Images => assert_eq!(integer(result, "images"), wanted.amount),
        Kind::AudioSpeeches => assert_eq!(integer(result, "characters"), wanted.amount),
        Kind::AudioTranscriptions => assert_eq!(integer(result, "seconds"), wanted.amount),
        Kind::VectorStores => assert_eq!(integer(result, "usage_bytes"), wanted.amount),
        Kind::CodeInterpreterSessions => assert_eq!(integer(result, "num_sessions"), wanted.amount),
        Kind::FileSearchCalls | Kind::WebSearchCalls => {
            assert_eq!(integer(result, "num_requests"), wanted.amount);
        }
    }
}

#[test]
fn openai_usage_is_the_truth() {
    for seed in 0..60 {
        let rng = &mut Prng::of(&[seed, 10]);
        let rig = Rig::of(Provider::OpenAi, seed, 4);
        let kind = if rng.chance(500) { Kind::Completions } else { *rng_pick(rng, &Kind::ALL) };
        let width = *rng_pick(rng, &Width::ALL);
        let fields = some(rng, openai_fields(kind));
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let axes: Vec<Axis> = fields.iter().map(|(_, axis)| *axis).collect();
        // Narrow buckets of a short time, wide ones of a long time.
        let length = width.millis() * rng.range(1, 30) as i64;
        let start = START / 1000 + rng.below((rig.days * DAY / 1000) as u64) as i64;
        let end = rng.chance(700).then(|| start + length / 1000 + rng.below(3600) as i64 + 1);
        let until = end.unwrap_or(i64::MAX).min(rig.clock.now() / 1000);
        if end.is_none() && (until - start) * 1000 > 5000 * width.millis() {
            continue;
        }
        let mut target = format!(
            "/v1/organization/usage/{}?start_time={start}&bucket_width={}&limit={}",
            kind.name(),
            width.name(),
            rng.range(1, width.most())
        );
        end.iter().for_each(|end| target.push_str(&format!("&end_time={end}")));
        names.iter().for_each(|name| target.push_str(&format!("&group_by={name}")));
        if rng.chance(500) {
            let most = rng.range(1, 9);
            rig.server.habits(|habits| habits.page_at_most = Some(most));
        }

        let truth = rig.server.truth().only(|call| call.kind == kind);
        let all: Vec<&str> = openai_fields(kind).iter().map(|(name, _)| *name).collect();
        let mut behind = start;
        for bucket in rig.buckets(&target).0 {
            let (from, to) = (integer(&bucket, "start_time") as i64, integer(&bucket, "end_time") as i64);
            assert_eq!(from, behind, "buckets follow on each other");
            let grid = width.millis() / 1000;
            assert!(to == until || to % grid == 0 && to - from <= grid, "{target}: {from} to {to}");
            behind = to;
            let mut wanted = truth.usage(rig.clock.now(), from * 1000, to * 1000, &axes);
            for result in bucket.get("results").expect("results").items() {
                let sum = wanted.remove(&group(result, &names)).unwrap_or_else(|| panic!("{result} is untrue"));
                openai_result(kind, result, &sum);
                assert_null(result, &all, &names);
            }
            assert!(wanted.is_empty(), "{target} misses {wanted:?}");
        }
        assert_eq!(behind, until.max(start), "{target}: buckets reach the end, and none begins later");
        assert_eq!(rig.server.violations(), []);
    }
}

/// Names that OpenAI's line items have for parts.
const PARTS: [(&str, &[&str]); 4] = [
    (", input", &["uncached"]),
    (", cached input", &["cache_read"]),
    (", cache write", &["cache_write_5m", "cache_write_1h"]),
    (", output", &["output"]),
];

#[test]
fn openai_costs_are_the_truth() {
    for seed in 0..40 {
        let rng = &mut Prng::of(&[seed, 11]);
        let rig = Rig::of(Provider::OpenAi, seed, 12);
        let money = [Money::Plain, Money::Exponent, Money::Text, Money::ExponentText, Money::Noisy];
        let money = *rng_pick(rng, &money);
        rig.server.habits(|habits| habits.money = Some(money));
        let fields = some(rng, &[("project_id", Axis::Project), ("api_key_id", Axis::Key)]);
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let axes: Vec<Axis> = fields.iter().map(|(_, axis)| *axis).collect();
        let start = START / 1000 + rng.below(5 * 86_400) as i64;
        let mut target = format!("{OPENAI_COSTS}?start_time={start}&limit={}", rng.range(1, 180));
        names.iter().for_each(|name| target.push_str(&format!("&group_by[]={name}")));
        let lines = rng.chance(500);
        if lines {
            target.push_str("&group_by=line_item");
        }
        let truth = rig.server.truth();
        let (buckets, _) = rig.buckets(&target);
        assert_eq!(integer(&buckets[0], "start_time") as i64 % 86_400, 0, "days are whole");
        let last = integer(buckets.last().expect("bucket"), "end_time") as i64 * 1000;
        assert_eq!(last, START + (rig.days + 1) * DAY, "today's end is ahead of the clock");
        for bucket in buckets {
            let (from, to) = (integer(&bucket, "start_time") as i64 * 1000, integer(&bucket, "end_time") as i64 * 1000);
            let wanted = truth.costs(rig.clock.now(), from, to, &axes);
            let mut sums: BTreeMap<Group, i128> = BTreeMap::new();
            for result in bucket.get("results").expect("results").items() {
                let amount = result.get("amount.value").expect("amount");
                *sums.entry(group(result, &names)).or_default() += pico(amount, 0);
                assert_eq!(result.get("amount.currency").and_then(Json::text), Some("usd"));
                assert_null(result, &["project_id", "api_key_id"], &names);
                assert_eq!(result.get("line_item") == Some(&Json::Null), !lines);
            }
            assert_eq!(sums, wanted, "{target} with {money:?}");
            if lines && names.is_empty() {
                line_items(&rig, &bucket, from, to);
            }
        }
    }
}

fn line_items(rig: &Rig, bucket: &Json, from: i64, to: i64) {
    let mut wanted: BTreeMap<String, i128> = BTreeMap::new();
    for (group, cost) in rig.server.truth().costs(rig.clock.now(), from, to, &[Axis::Model, Axis::Part]) {
        let (model, part) = (group[0].clone().expect("model"), group[1].clone().expect("part"));
        if let Some((end, _)) = PARTS.iter().find(|(_, parts)| parts.contains(&part.as_str())) {
            *wanted.entry(format!("{model}{end}")).or_default() += cost;
        }
    }
    for result in bucket.get("results").expect("results").items() {
        let name = result.get("line_item").and_then(Json::text).expect("line item");
        if result.get("quantity_unit").and_then(Json::text) == Some("tokens") {
            let cost = wanted.remove(name).unwrap_or_else(|| panic!("{name} is untrue"));
            assert_eq!(pico(result.get("amount.value").expect("amount"), 0), cost, "{name}");
        }
    }
    assert!(wanted.is_empty(), "{wanted:?} is missing");
}

const ANTHROPIC: [(&str, Axis); 8] = [
    ("account_id", Axis::User),
    ("api_key_id", Axis::Key),
    ("context_window", Axis::Context),
    ("inference_geo", Axis::Geo),
    ("model", Axis::Model),
    ("service_tier", Axis::Tier),
    ("workspace_id", Axis::Project),
    ("speed", Axis::Speed),
];

#[test]
fn anthropic_usage_is_the_truth() {
    for seed in 0..60 {
        let rng = &mut Prng::of(&[seed, 12]);
        let rig = Rig::of(Provider::Anthropic, seed, 4);
        let width = *rng_pick(rng, &Width::ALL);
        let fields = some(rng, &ANTHROPIC[..7]);
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let axes: Vec<Axis> = fields.iter().map(|(_, axis)| *axis).collect();
        let start = START + rng.below((rig.days * DAY) as u64) as i64 / 1000 * 1000;
        let end = start + width.millis() * rng.range(1, 40) as i64 + rng.below(MINUTE as u64) as i64;
        let ended = rng.chance(700) || width == Width::Minute;
        let mut target = format!("{ANTHROPIC_USAGE}?starting_at={}&bucket_width={}", instant(start), width.name());
        target.push_str(&format!("&limit={}", rng.range(1, width.most())));
        if ended {
            target.push_str(&format!("&ending_at={}", instant(end)));
        }
        names.iter().for_each(|name| target.push_str(&format!("&group_by[]={name}")));
        if rng.chance(500) {
            let most = rng.range(1, 9);
            rig.server.habits(|habits| habits.page_at_most = Some(most));
        }
        let truth = rig.server.truth().only(|call| call.kind == Kind::Completions);
        let (mut behind, step) = (start.div_euclid(width.millis()) * width.millis(), width.millis());
        for bucket in rig.buckets(&target).0 {
            assert_eq!(bucket.get("starting_at").and_then(Json::text), Some(instant(behind).as_str()));
            assert_eq!(bucket.get("ending_at").and_then(Json::text), Some(instant(behind + step).as_str()));
            let mut wanted = truth.usage(rig.clock.now(), behind, behind + step, &axes);
            for result in bucket.get("results").expect("results").items() {
                let sum = wanted.remove(&group(result, &names)).unwrap_or_else(|| panic!("{result} is untrue"));
                assert_eq!(integer(result, "uncached_input_tokens"), sum.tokens.uncached);
                assert_eq!(integer(result, "cache_read_input_tokens"), sum.tokens.cache_read);
                assert_eq!(integer(result, "cache_creation.ephemeral_5m_input_tokens"), sum.tokens.cache_write_5m);
                assert_eq!(integer(result, "cache_creation.ephemeral_1h_input_tokens"), sum.tokens.cache_write_1h);
                assert_eq!(integer(result, "output_tokens"), sum.tokens.output);
                assert_eq!(integer(result, "server_tool_use.web_search_requests"), sum.web_searches);
                assert_null(result, &ANTHROPIC.map(|(name, _)| name)[..7], &names);
                assert_eq!(result.get("speed"), None);
            }
            assert!(wanted.is_empty(), "{target} misses {wanted:?}");
            behind += step;
        }
        let now = rig.clock.now();
        assert!(behind > now || ended && (behind + step > end), "{target}: ends at {}", instant(behind));
        assert_eq!(rig.server.violations(), []);
    }
}

#[test]
fn anthropic_splits_by_speed_if_the_beta_is_asked_for() {
    let rig = Rig::of(Provider::Anthropic, 3, 2);
    let target = format!("{ANTHROPIC_USAGE}?starting_at=2026-09-01T00:00:00Z&group_by[]=speed");
    let reply = rig.get_with("admin", &target, &[("anthropic-beta", "fast-mode-2026-02-01")]).expect("answer");
    let mut fast = 0;
    for bucket in reply.json().get("data").expect("data").items() {
        for result in bucket.get("results").expect("results").items() {
            if result.get("speed").and_then(Json::text) == Some("fast") {
                fast += integer(result, "output_tokens");
            }
        }
    }
    let truth = rig.server.truth().only(|call| call.kind == Kind::Completions);
    let wanted = truth.usage(rig.clock.now(), START, rig.clock.now(), &[Axis::Speed]);
    assert_eq!(fast, wanted[&vec![Some("fast".to_owned())]].tokens.output);
}

#[test]
fn anthropic_costs_are_the_truth_without_the_priority_tier() {
    for seed in 0..40 {
        let rng = &mut Prng::of(&[seed, 13]);
        let rig = Rig::of(Provider::Anthropic, seed, 12);
        let (workspace, description) = (rng.chance(500), rng.chance(500));
        let mut target = format!("{ANTHROPIC_COSTS}?starting_at=2026-09-01T07:00:00Z&limit={}", rng.range(1, 31));
        let axes: &[Axis] = if workspace { &[Axis::Project] } else { &[] };
        if workspace {
            target.push_str("&group_by[]=workspace_id");
        }
        if description {
            target.push_str("&group_by%5B%5D=description");
        }
        let truth = rig.server.truth().only(|call| call.tier != "priority");
        for (day, bucket) in rig.buckets(&target).0.iter().enumerate() {
            let from = START + day as i64 * DAY;
            assert_eq!(bucket.get("starting_at").and_then(Json::text), Some(instant(from).as_str()));
            let mut sums: BTreeMap<Group, i128> = BTreeMap::new();
            let (mut searches, mut code) = (0, 0);
            for result in bucket.get("results").expect("results").items() {
                let amount = result.get("amount").expect("amount");
                assert!(amount.text().is_some(), "a string");
                let names: &[&str] = if workspace { &["workspace_id"] } else { &[] };
                *sums.entry(group(result, names)).or_default() += pico(amount, 2);
                assert_eq!(result.get("currency").and_then(Json::text), Some("USD"));
                let parsed = ["description", "cost_type", "model", "token_type", "service_tier", "context_window"];
                assert!(description || parsed.iter().all(|field| result.get(field) == Some(&Json::Null)));
                match result.get("cost_type").and_then(Json::text) {
                    Some("web_search") => searches += pico(amount, 2),
                    Some("code_execution") => code += pico(amount, 2),
                    _ => continue,
                }
                assert_eq!(result.get("model"), Some(&Json::Null));
            }
            let now = rig.clock.now();
            assert_eq!(sums, truth.costs(now, from, from + DAY, axes), "{target}");
            if description {
                let parts = truth.costs(now, from, from + DAY, &[Axis::Part]);
                let of = |part: &str| parts.get(&vec![Some(part.to_owned())]).copied().unwrap_or_default();
                assert_eq!((searches, code), (of("web_search"), of("whole")));
            }
        }
    }
}

#[test]
fn openrouter_activity_is_the_truth_of_thirty_completed_days() {
    for seed in 0..12 {
        let rig = Rig::of(Provider::OpenRouter, seed, 40);
        let now = rig.clock.now();
        let today = START + rig.days * DAY;
        for split in [false, true] {
            let json = rig.get(if split { "/api/v1/activity?group_by=workspace" } else { "/api/v1/activity" }).json();
            let mut names = vec!["date", "model", "provider_name"];
            let mut axes = vec![Axis::Day, Axis::Model, Axis::Upstream];
            if split {
                names.push("workspace_id");
                axes.push(Axis::Project);
            }
            let truth = rig.server.truth();
            let mut wanted = truth.usage(now, today - 30 * DAY, today, &axes);
            for item in json.get("data").expect("data").items() {
                let sum = wanted.remove(&group(item, &names)).unwrap_or_else(|| panic!("{item} is untrue"));
                let cost = pico(item.get("usage").expect("usage"), 0)
                    + pico(item.get("byok_usage_inference").expect("byok"), 0);
                assert_eq!(cost, sum.cost);
                assert_eq!(integer(item, "requests"), sum.calls);
                assert_eq!(integer(item, "prompt_tokens"), sum.tokens.input());
                assert_eq!(integer(item, "completion_tokens"), sum.tokens.output);
                assert_eq!(integer(item, "reasoning_tokens"), sum.tokens.reasoning);
                assert_eq!(item.get("workspace_id").is_some(), split);
            }
            assert!(wanted.is_empty(), "{wanted:?}");
        }
    }
}

#[test]
fn openrouter_knows_its_keys_and_credits() {
    let rig = Rig::of(Provider::OpenRouter, 5, 40);
    let (now, truth) = (rig.clock.now(), rig.server.truth());
    let cost = |truth: &Truth, from: i64| truth.costs(now, from, i64::MAX, &[]).values().sum::<i128>();
    let paid = truth.only(|call| !call.byok);
    let credits = rig.get("/api/v1/credits").json();
    assert_eq!(pico(credits.get("data.total_usage").expect("usage"), 0), cost(&paid, i64::MIN));
    assert_eq!(pico(credits.get("data.total_credits").expect("credits"), 0), 100_000_000_000_000);

    let key = rig.get_as("normal", "/api/v1/key").expect("answer").json();
    let of = |field: &str| pico(key.get(&format!("data.{field}")).expect("field"), 0);
    let own = paid.only(|call| call.key.as_deref() == Some(&aimon_providers::Key::hash("normal")));
    // Now is 2026-10-11, a Sunday, at noon.
    let today = START + 40 * DAY;
    assert_eq!(of("usage"), cost(&own, i64::MIN));
    assert_eq!(of("usage_daily"), cost(&own, today));
    assert_eq!(of("usage_weekly"), cost(&own, today - 6 * DAY));
    assert_eq!(of("usage_monthly"), cost(&own, today - 10 * DAY));
    assert_eq!(of("limit"), 50_000_000_000_000);
    assert_eq!(of("limit_remaining"), of("limit") - of("usage_monthly"));
    assert!(of("usage") > 0 && of("usage_daily") < of("usage_weekly"));
}

#[test]
fn litellm_activity_is_the_truth_over_all_pages() {
    for seed in 0..12 {
        let rng = &mut Prng::of(&[seed, 14]);
        let rig = Rig::of(Provider::LiteLlm, seed, 5);
        let (now, truth) = (rig.clock.now(), rig.server.truth());
        let days = "start_date=2026-09-01&end_date=2026-09-06";
        let size = rng.range(1, 400);
        let (mut page, mut models, mut spend, mut dates) = (1, BTreeMap::<Group, i128>::new(), 0, Vec::new());
        loop {
            let json = rig.get(&format!("/user/daily/activity?{days}&page_size={size}&page={page}")).json();
            assert_eq!(integer(&json, "metadata.page"), page);
            spend += pico(json.get("metadata.total_spend").expect("spend"), 0);
            for day in json.get("results").expect("results").items() {
                let date = day.get("date").cloned();
                dates.push(date.clone());
                for (model, metric) in day.get("breakdown.models").expect("models").members() {
                    let group = vec![date.as_ref().and_then(Json::text).map(str::to_owned), Some(model.clone())];
                    *models.entry(group).or_default() += pico(metric.get("metrics.spend").expect("spend"), 0);
                }
            }
            if !json.get("metadata.has_more").expect("has_more").is_true() {
                assert_eq!(integer(&json, "metadata.total_pages"), page);
                break;
            }
            page += 1;
        }
        assert_eq!(models, truth.costs(now, START, i64::MAX, &[Axis::Day, Axis::Model]));
        assert_eq!(spend, truth.costs(now, START, i64::MAX, &[]).values().sum::<i128>());
        let distinct = dates.iter().map(|date| format!("{date:?}")).collect::<BTreeSet<_>>().len();
        assert!(size > 300 || dates.len() > distinct, "a day stands on several pages");

        let whole = rig.get(&format!("/user/daily/activity/aggregated?{days}")).json();
        assert_eq!(pico(whole.get("metadata.total_spend").expect("spend"), 0), spend);
        let tokens = truth.usage(now, START, i64::MAX, &[]).remove(&vec![]).expect("sum").tokens;
        assert_eq!(integer(&whole, "metadata.total_prompt_tokens"), tokens.input());
        assert_eq!(integer(&whole, "metadata.total_tokens"), tokens.input() + tokens.output);

        let global = rig.get("/global/spend").json();
        assert_eq!(pico(global.get("spend").expect("spend"), 0), spend);
        let info = rig.get_as("normal", "/key/info").expect("answer").json();
        let own = truth.only(|call| call.key.as_deref() == Some(&aimon_providers::Key::hash("normal")));
        let own = own.costs(now, i64::MIN, i64::MAX, &[]).values().sum::<i128>();
        assert_eq!(pico(info.get("info.spend").expect("spend"), 0), own);
    }
}

#[test]
fn litellm_shows_others_their_own_and_cuts_long_lists_of_keys() {
    let rig = Rig::of(Provider::LiteLlm, 3, 3);
    let days = "start_date=2026-09-01&end_date=2026-09-04";
    let own = rig.get_as("normal", &format!("/user/daily/activity/aggregated?{days}")).expect("answer").json();
    let users = |json: &Json| -> Vec<String> {
        let days = json.get("results").expect("results").items().iter();
        days.flat_map(|day| day.get("breakdown.entities").expect("entities").members())
            .map(|(user, _)| user.clone())
            .collect()
    };
    assert!(users(&own).iter().all(|user| user == "user-ada"));
    let cut = rig.get(&format!("/user/daily/activity/aggregated?{days}&api_key_limit=1")).json();
    assert_eq!(integer(&cut, "metadata.total_api_keys"), 3);
    for day in cut.get("results").expect("results").items() {
        assert_eq!(day.get("breakdown.api_keys").expect("keys").members().len(), 1);
        assert!(day.get("breakdown.entities").expect("entities").members().len() > 1);
    }
}

#[test]
fn filters_leave_out_what_they_do_not_name() {
    let rig = Rig::of(Provider::OpenAi, 4, 3);
    let now = rig.clock.now();
    let target =
        "/v1/organization/usage/completions?start_time=1788220800&limit=31&batch=true&models=o5&models=gpt-5.2-mini";
    let json = rig.get(target).json();
    let output: u64 = json
        .get("data")
        .expect("data")
        .items()
        .iter()
        .flat_map(|bucket| bucket.get("results").expect("results").items())
        .map(|result| integer(result, "output_tokens"))
        .sum();
    let truth = rig.server.truth().only(|call| {
        call.kind == Kind::Completions && call.batch && ["o5", "gpt-5.2-mini"].contains(&call.model_at(now))
    });
    assert_eq!(output, truth.usage(now, START, now, &[])[&vec![]].tokens.output);

    let rig = Rig::of(Provider::Anthropic, 4, 3);
    let target =
        format!("{ANTHROPIC_USAGE}?starting_at=2026-09-01T00:00:00Z&workspace_ids[]=wrkspc_lab&service_tiers[]=batch");
    let json = rig.get(&target).json();
    let results = json.get("data").expect("data").items().iter().flat_map(|b| b.get("results").expect("r").items());
    let output: u64 = results.map(|result| integer(result, "output_tokens")).sum();
    let lab = |call: &aimon_providers::Call| call.project.as_deref() == Some("wrkspc_lab") && call.tier == "batch";
    let wanted = rig.server.truth().only(lab).usage(rig.clock.now(), START, i64::MAX, &[]);
    assert_eq!(output, wanted[&vec![]].tokens.output);
}

fn rng_pick<'a, T>(rng: &mut Prng, of: &'a [T]) -> &'a T {
    &of[rng.below(of.len() as u64) as usize]
}

fn instant(at: i64) -> String {
    let (day, rest) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    let date = 1 + day - START / DAY;
    assert!((1..=60).contains(&date), "September and October are enough");
    let (month, date) = if date > 30 { (10, date - 30) } else { (9, date) };
    let (hour, minute) = (rest / HOUR, rest % HOUR / MINUTE);
    let fraction = rest % MINUTE;
    let seconds =
        if fraction % 1000 == 0 { format!("{:02}", fraction / 1000) } else { format!("{:06.3}", Millis(fraction)) };
    format!("2026-{month:02}-{date:02}T{hour:02}:{minute:02}:{seconds}Z")
}

/// Seconds with their thousandths, without a float.
struct Millis(i64);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}
