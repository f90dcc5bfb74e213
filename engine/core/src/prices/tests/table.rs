#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! What the embedded table says.

use super::*;

fn long() -> ContextClass {
    ContextClass::of(300_000)
}

#[test]
fn every_line_reads_and_is_found_by_its_own_name() {
    let table = PriceTable::embedded();
    let names: Vec<String> = table.names().map(str::to_owned).collect();
    assert!(names.len() > 4_000, "{}", names.len());
    assert!(names.is_sorted());
    for name in &names {
        let found = table.resolve(name).unwrap_or_else(|| panic!("{name} does not read"));
        assert_eq!(found.matched.name, *name);
        assert_eq!(found.matched.rules, []);
        let days: Vec<UtcDay> = found.prices.history().map(|(from, _)| from).collect();
        assert!(days.is_sorted(), "{name}: {days:?}");
    }
}

#[test]
fn it_says_how_old_it_is_and_where_it_is_from() {
    let table = PriceTable::embedded();
    assert!(table.date().unwrap() >= day("2026-11-20"));
    assert!(table.source().starts_with("litellm 1."), "{}", table.source());
}

#[test]
fn known_prices() {
    let table = PriceTable::embedded();
    let list = |model, on| million(&table, model, on, Tier::Standard, SMALL);
    assert_eq!(list("claude-sonnet-4-5", "2026-01-01"), ["3", "15", "3.75", "6", "0.3"]);
    assert_eq!(list("claude-opus-4-1", "2026-01-01"), ["15", "75", "18.75", "30", "1.5"]);
    assert_eq!(list("claude-opus-4-5-20251101", "2026-01-01"), ["5", "25", "6.25", "10", "0.5"]);
    assert_eq!(list("gpt-5", "2026-01-01"), ["1.25", "10", "1.25", "1.25", "0.125"]);
    assert_eq!(list("gpt-5-codex", "2026-01-01"), ["1.25", "10", "1.25", "1.25", "0.125"]);
    assert_eq!(list("o3", "2026-01-01"), ["2", "8", "2", "2", "0.5"]);
    assert_eq!(list("gemini-2.5-pro", "2026-01-01"), ["1.25", "10", "1.25", "1.25", "0.125"]);
}

#[test]
fn retired_models_keep_their_price() {
    let table = PriceTable::embedded();
    let list = |model, on| million(&table, model, on, Tier::Standard, SMALL);
    assert_eq!(list("claude-sonnet-4-20250514", "2026-06-01"), ["3", "15", "3.75", "6", "0.3"]);
    assert_eq!(list("claude-opus-4-20250514", "2026-06-01"), ["15", "75", "18.75", "30", "1.5"]);
    assert_eq!(list("claude-3-5-sonnet-20241022", "2025-06-01"), ["3", "15", "3.75", "6", "0.3"]);
    assert_eq!(list("claude-3-5-haiku-20241022", "2025-06-01"), ["0.8", "4", "1", "1.6", "0.08"]);
    assert_eq!(list("claude-3-opus-20240229", "2025-06-01"), ["15", "75", "18.75", "30", "1.5"]);
}

#[test]
fn a_changed_price_holds_from_its_day_on() {
    let table = PriceTable::embedded();
    let list = |on| million(&table, "gpt-5.6", on, Tier::Standard, SMALL)[0].clone();
    assert_eq!([list("2020-01-01"), list("2026-08-15")], ["5", "5"], "the first entry reaches back");
    assert_eq!([list("2026-09-01"), list("2030-01-01")], ["4", "4"]);
}

#[test]
fn a_long_prompt_costs_more_for_all_its_tokens() {
    let table = PriceTable::embedded();
    let gemini = |class| million(&table, "gemini-2.5-pro", "2026-01-01", Tier::Standard, class);
    assert_eq!(gemini(ContextClass::of(200_000)), gemini(SMALL));
    let [input, output, .., read] = gemini(ContextClass::of(200_001));
    assert_eq!([input, output, read], ["2.5", "15", "0.25"]);
    let sonnet = million(&table, "claude-sonnet-4-5", "2026-01-01", Tier::Standard, long());
    assert_eq!(sonnet, ["6", "22.5", "7.5", "12", "0.6"]);
    let tokens = Tokens { input: 300_000, output: 10_000, ..Tokens::default() };
    let cost = table.cost("gemini-2.5-pro", day("2026-01-01"), &tokens, Tier::Standard, long()).unwrap();
    assert_eq!(cost.amount.to_dollars(), "0.9", "not 200,000 at 1.25 and the rest at 2.5");
    assert!(cost.notes.is_empty());
}

#[test]
fn tiers() {
    let table = PriceTable::embedded();
    let gpt = |tier| million(&table, "gpt-5", "2026-10-01", tier, SMALL);
    assert_eq!(gpt(Tier::Priority), ["2.5", "20", "2.5", "2.5", "0.25"]);
    assert_eq!(gpt(Tier::Flex), ["0.625", "5", "0.625", "0.625", "0.0625"]);
    assert_eq!(gpt(Tier::Batch), ["0.625", "5", "0.625", "0.625", "0.0625"]);
    assert_eq!(gpt(Tier::Unknown), gpt(Tier::Standard));
    let fast = million(&table, "claude-opus-4-8", "2026-10-01", Tier::Fast, SMALL);
    assert_eq!(fast, ["10", "50", "12.5", "20", "1"]);
    let older = million(&table, "claude-opus-4-6", "2026-05-01", Tier::Fast, SMALL);
    assert_eq!(older[..2], ["30", "150"], "a variant that is listed no longer keeps its price");
}

#[test]
fn what_is_assumed_is_said() {
    let table = PriceTable::embedded();
    let tokens = Tokens { input: 10, output: 10, cache_write_1h: 10, cache_read: 10, ..Tokens::default() };
    let notes = |model: &str, tier, class| table.cost(model, day("2026-10-01"), &tokens, tier, class).unwrap().notes;
    assert_eq!(notes("claude-opus-5", Tier::Standard, SMALL), Notes::NONE);
    assert_eq!(notes("gpt-5", Tier::Standard, SMALL), Notes::CACHE_ASSUMED);
    assert_eq!(notes("claude-sonnet-4-20250514", Tier::Fast, SMALL), Notes::TIER_AT_LIST);
    assert!(notes("gpt-5", Tier::Fast, SMALL).contains(Notes::FAST_AT_PRIORITY));
    assert!(notes("gpt-5", Tier::Unknown, SMALL).contains(Notes::TIER_UNKNOWN));
    assert_eq!(notes("claude-sonnet-4-20250514", Tier::Standard, long()), Notes::LONG_CONTEXT_ASSUMED);
    let text = (Notes::CACHE_ASSUMED | Notes::TIER_AT_LIST).to_string();
    assert_eq!(text, "cache price assumed; no price for the tier: list price");
}

#[test]
fn a_cache_price_that_the_table_lacks_is_never_nothing() {
    let table = PriceTable::embedded();
    let mut lacking = 0;
    for name in table.names() {
        let prices = table.resolve(name).unwrap().prices;
        for (_, entry) in prices.history() {
            for class in (0..=5).map(ContextClass) {
                let (read, notes) = entry.price(Kind::CacheRead, Tier::Standard, class);
                if notes.contains(Notes::CACHE_ASSUMED) && entry.input().0 > 0 {
                    lacking += 1;
                    assert!(read.0 > 0, "{name}");
                }
            }
        }
    }
    assert!(lacking > 100);
}

/// Thresholds of the table by which calls are not told apart: for these the lower price stands for
/// prompts between them and the next known one.
#[test]
fn calls_are_told_apart_by_the_thresholds_that_matter() {
    let table = PriceTable::embedded();
    let mut unknown = std::collections::BTreeMap::<u64, usize>::new();
    for name in table.names() {
        for (_, entry) in table.resolve(name).unwrap().prices.history() {
            for (_, above, _) in &entry.rows {
                if *above > 0 && !ContextClass::THRESHOLDS.contains(above) {
                    *unknown.entry(*above).or_default() += 1;
                }
            }
        }
    }
    let known_gaps = [32_000, 252_000];
    assert!(unknown.keys().all(|above| known_gaps.contains(above)), "{unknown:?}");
}

#[test]
fn looking_up_costs_next_to_nothing() {
    let begin = std::time::Instant::now();
    for _ in 0..100 {
        let table = PriceTable::embedded();
        assert!(table.resolve("openrouter/anthropic/claude-sonnet-4.5").is_some());
        assert!(table.resolve("anthropic/claude-sonnet-4.5[1m]").is_some());
        assert!(table.resolve("no-such-provider/no-such-model-2025-01-01").is_none());
    }
    // 300 look-ups; a start needs a handful. Generous: this also runs on a busy machine.
    assert!(begin.elapsed() < std::time::Duration::from_millis(500), "{:?}", begin.elapsed());
}
