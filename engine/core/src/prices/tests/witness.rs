#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! Costs that ccusage 20.0.24 (`daily --offline --mode calculate --json`) gave for hand-made logs of
//! October 2026. Where it says something else than we do, both stand here, and why.

use super::*;

fn ours(model: &str, on: &str, tokens: Tokens, tier: Tier) -> String {
    let class = ContextClass::of(tokens.prompt());
    PriceTable::embedded().cost(model, day(on), &tokens, tier, class).unwrap().amount.to_dollars()
}

#[test]
fn claude() {
    let call = Tokens {
        input: 1_000,
        output: 2_000,
        cache_write_5m: 10_000,
        cache_write_1h: 20_000,
        cache_read: 40_000,
        ..Tokens::default()
    };
    for (model, ccusage) in [
        ("claude-sonnet-4-5-20250929", "0.2025"),
        ("claude-opus-4-1-20250805", "1.0125"),
        ("claude-sonnet-4-20250514", "0.2025"),
        ("claude-opus-4-6", "0.3375"),
        ("claude-haiku-4-5-20251001", "0.0675"),
        ("claude-3-5-haiku-20241022", "0.054"),
        ("claude-sonnet-5", "0.135"),
    ] {
        assert_eq!(ours(model, "2026-10-01", call, Tier::Standard), ccusage, "{model}");
    }
    // $0 in ccusage, whose table is older.
    assert_eq!(ours("claude-opus-5-5", "2026-10-12", call, Tier::Standard), "0.262");
}

#[test]
fn claudes_fast_variant() {
    let call = Tokens { input: 1_000, output: 1_000, ..Tokens::default() };
    assert_eq!(ours("claude-opus-4-6", "2026-10-22", call, Tier::Fast), "0.18");
    assert_eq!(ours("claude-opus-4-8", "2026-10-23", call, Tier::Fast), "0.06");
}

#[test]
fn codex() {
    let call = Tokens { input: 10_000, output: 2_000, reasoning: 500, cache_read: 40_000, ..Tokens::default() };
    for (model, ccusage) in [
        ("gpt-5", "0.0375"),
        ("gpt-5-codex", "0.0375"),
        ("gpt-5.3-codex", "0.0525"),
        ("gpt-5.5", "0.13"),
        ("gpt-5.6", "0.096"),
    ] {
        assert_eq!(ours(model, "2026-10-05", call, Tier::Standard), ccusage, "{model}");
    }
    // $0 in ccusage, whose table is older.
    assert_eq!(ours("gpt-6-sol", "2026-10-12", call, Tier::Standard), "0.048");
}

#[test]
fn gemini() {
    let call = Tokens { input: 10_000, output: 2_500, reasoning: 500, cache_read: 40_000, ..Tokens::default() };
    assert_eq!(ours("gemini-2.5-pro", "2026-10-01", call, Tier::Standard), "0.0425");
    assert_eq!(ours("gemini-3-pro-preview", "2026-10-03", call, Tier::Standard), "0.058");
    let long = Tokens { input: 250_000, output: 1_000, ..Tokens::default() };
    assert_eq!(ours("gemini-2.5-pro", "2026-10-02", long, Tier::Standard), "0.64");
}

#[test]
fn a_long_prompt_to_claude_differs() {
    // ccusage: 0.915, the higher price for the 50,000 above 200,000 alone. Anthropic bills the whole
    // request at it ("requests over 200K input tokens are charged at premium rates").
    let fresh = Tokens { input: 250_000, output: 1_000, ..Tokens::default() };
    assert_eq!(ours("claude-sonnet-4-5", "2026-10-20", fresh, Tier::Standard), "1.5225");
    // ccusage: 0.36, as no single kind is above 200,000. Anthropic counts cached input in.
    let cached = Tokens { input: 100_000, cache_read: 150_000, output: 1_000, ..Tokens::default() };
    assert_eq!(ours("claude-sonnet-4-5", "2026-10-21", cached, Tier::Standard), "0.7125");
}

#[test]
fn a_changed_price_differs() {
    // ccusage has one price for all time; here the day decides.
    let call = Tokens { input: 1_000_000, ..Tokens::default() };
    let small =
        |on| PriceTable::embedded().cost("gpt-5.6", day(on), &call, Tier::Standard, SMALL).unwrap().amount.to_dollars();
    assert_eq!([small("2026-08-15"), small("2026-10-05")], ["5", "4"]);
}
