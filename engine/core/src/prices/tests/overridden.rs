#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! A user's prices.

use super::*;

fn with(text: &str) -> PriceTable {
    PriceTable::embedded().with_overrides(text).unwrap()
}

fn refused(text: &str) -> String {
    PriceTable::embedded().with_overrides(text).unwrap_err().to_string()
}

#[test]
fn a_model_that_the_table_does_not_know() {
    let table = with(r#"{"models": {"my/model": {"input": "0.5", "output": 2, "cache_read": 0.05}}}"#);
    let found = table.resolve("my/model").unwrap();
    assert_eq!(found.matched.to_string(), "my/model (your price)");
    let prices = million(&table, "my/model", "2020-01-01", Tier::Standard, SMALL);
    assert_eq!(prices, ["0.5", "2", "0.5", "0.5", "0.05"]);
}

#[test]
fn from_a_day_on() {
    let table = with(
        r#"{"models": {"gpt-5": {"from": "2026-10-01", "input": "1", "output": "8",
             "above_200k": {"input": 2, "output": 12}, "batch": {"times": "0.5"},
             "priority": {"input": 3, "output": 24, "above_200k": {"input": 5, "output": 30}}}}}"#,
    );
    let input = |on, tier, class| million(&table, "gpt-5", on, tier, class)[0].clone();
    assert_eq!(input("2026-09-30", Tier::Standard, SMALL), "1.25");
    assert_eq!(input("2026-10-01", Tier::Standard, SMALL), "1");
    let long = ContextClass::of(300_000);
    assert_eq!(input("2026-10-01", Tier::Standard, long), "2");
    assert_eq!(input("2026-10-01", Tier::Batch, long), "1");
    assert_eq!(input("2026-10-01", Tier::Priority, long), "5");
    assert_eq!(table.resolve("openai/gpt-5").unwrap().matched.to_string(), "gpt-5 (your price, without the provider)");
}

#[test]
fn several_entries() {
    let table =
        with(r#"{"models": {"new": [{"input": 1, "output": 2}, {"from": "2026-10-01", "input": 3, "output": 4}]}}"#);
    let input = |on| million(&table, "new", on, Tier::Standard, SMALL)[0].clone();
    assert_eq!([input("2026-09-30"), input("2026-10-01")], ["1", "3"]);
}

#[test]
fn the_same_as_another() {
    let table = with(r#"{"models": {"gw/sonnet": {"same_as": "anthropic/claude-sonnet-4.5"}}}"#);
    let found = table.resolve("gw/sonnet").unwrap();
    assert_eq!(found.matched.name, "claude-sonnet-4-5");
    assert!(found.matched.overridden);
    let twice = table.with_overrides(r#"{"models": {"gw/sonnet": {"input": 7, "output": 8}}}"#).unwrap();
    assert_eq!(million(&twice, "gw/sonnet", "2026-01-01", Tier::Standard, SMALL)[0], "7");
}

#[test]
fn a_ring_of_same_as_ends() {
    let text = r#"{"models": {"a-1": {"same_as": "b-1"}, "b-1": {"same_as": "a-1"}}}"#;
    assert!(refused(text).starts_with("line 1: no prices are known for `b-1`"));
    let itself = with(r#"{"models": {"gpt-5": {"same_as": "gpt-5"}}}"#);
    assert_eq!(million(&itself, "gpt-5", "2026-01-01", Tier::Standard, SMALL)[0], "1.25");
}

#[test]
fn free_is_said_not_assumed() {
    let table = with(r#"{"models": {"local": {"input": 0, "output": 0}}}"#);
    let tokens = Tokens { input: 5, cache_read: 5, ..Tokens::default() };
    let cost = table.cost("local", day("2026-01-01"), &tokens, Tier::Fast, SMALL).unwrap();
    assert_eq!(cost.amount.0, 0);
}

#[test]
fn errors_say_where_and_what_to_do() {
    for (text, said) in [
        ("", "line 1: this is not JSON: expected a value"),
        ("[]", "line 1: expected { \"models\""),
        ("{\n \"model\": {}}", "line 2: expected { \"models\""),
        ("{\"models\": {\n\"a\": {\"input\": \"1\"}}}", "line 2: `a` needs both"),
        ("{\"models\": {\n\"a\": {\"input\": \"1\",\n \"output\": \"$2\"}}}", "line 3: `$2` is not a price"),
        ("{\"models\": {\"a\": {\"input\": -1, \"output\": 2}}}", "line 1: `-1` is not a price"),
        ("{\"models\": {\"a\": {\"input\": 1e-6, \"output\": 2}}}", "line 1: `1e-6` is not a price"),
        ("{\"models\": {\"a\": {\"input\": 0.1234567, \"output\": 2}}}", "line 1: `0.1234567` is not a price"),
        ("{\"models\": {\"a\": {\"input\": true, \"output\": 2}}}", "line 1: `` is not a price"),
        ("{\"models\": {\"a\": {\"inputs\": 1, \"output\": 2}}}", "line 1: `inputs` is not known here; use input"),
        (
            "{\"models\": {\"a\": {\"from\": \"1.10.2026\", \"input\": 1, \"output\": 2}}}",
            "line 1: `1.10.2026` is not a day",
        ),
        (
            "{\"models\": {\"a\": [{\"input\":1,\"output\":2},\n{\"input\":1,\"output\":2}]}}",
            "line 2: entries must follow",
        ),
        ("{\"models\": {\"a\": []}}", "line 1: `a` needs both"),
        ("{\"models\": {\"a\": {\"same_as\": \"b\", \"input\": 1}}}", "line 1: `same_as` stands alone"),
        ("{\"models\": {\"a\": {\"same_as\": \"b\"}}}", "line 1: no prices are known for `b`"),
        (
            "{\"models\": {\"a\": {\"input\":1,\"output\":2,\"above_7k\": {}}}}",
            "line 1: long-context prices can begin above",
        ),
        ("{\"models\": {\"a\": {\"times\": 2}}}", "line 1: `times` stands alone"),
        (
            "{\"models\": {\"a\": {\"input\":1,\"output\":2},\n\"a\": {\"input\":1,\"output\":2}}}",
            "line 2: `a` stands here twice",
        ),
        ("{\"models\": {\"a\": {\"input\":1,\n\"output\":2,}}}", "line 2: this is not JSON: expected a name in quotes"),
        ("{\"models\": {}} x", "line 1: this is not JSON: expected the end of the file"),
        ("{\"models\": {\"a", "line 1: this is not JSON: expected a closing quote"),
        ("{\"models\": \"\\q\"}", "line 1: this is not JSON: expected text in quotes"),
        (&"[".repeat(100_000), "line 1: this is not JSON: expected fewer brackets"),
    ] {
        let error = refused(text);
        assert!(error.starts_with(said), "{}\n{error}\nbut expected\n{said}", text.get(..80).unwrap_or(text));
    }
}
