#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! Names as logs write them.

use super::*;

/// A name in a log, the name in the table, the rules between them.
const FOUND: &[(&str, &str, &[Rule])] = &[
    ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5-20250929", &[]),
    ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", &[]),
    ("gpt-5-mini", "gpt-5-mini", &[]),
    ("o4-mini", "o4-mini", &[]),
    ("Claude-Sonnet-4-5", "claude-sonnet-4-5", &[Rule::Case]),
    ("anthropic/claude-sonnet-4-5", "claude-sonnet-4-5", &[Rule::Provider]),
    ("openai/gpt-5", "gpt-5", &[Rule::Provider]),
    ("github-copilot/claude-opus-4.8", "github_copilot/claude-opus-4.8", &[Rule::ProviderSpelling]),
    (
        "github-copilot/claude-sonnet-4.5-thinking",
        "claude-sonnet-4-5",
        &[Rule::Mode, Rule::ClaudeSpelling, Rule::Provider],
    ),
    ("google/gemini-2.5-pro", "gemini/gemini-2.5-pro", &[Rule::ProviderSpelling]),
    ("models/gemini-2.5-pro", "gemini-2.5-pro", &[Rule::Path]),
    ("claude-sonnet-4-5[1m]", "claude-sonnet-4-5", &[Rule::Mode]),
    ("claude-opus-4-5-thinking", "claude-opus-4-5", &[Rule::Mode]),
    ("gpt-5 (high)", "gpt-5", &[Rule::Mode]),
    ("gpt-5-codex-high", "gpt-5-codex", &[Rule::Mode]),
    ("gemini-3-pro-high", "gemini-3-pro-preview", &[Rule::Mode, Rule::Alias]),
    ("claude-opus-4-6-fast", "claude-opus-4-6", &[Rule::Fast]),
    ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250929", &[Rule::At]),
    ("claude-opus-4-1@default", "claude-opus-4-1", &[Rule::At]),
    ("vertex_ai/claude-sonnet-4-5@20250929", "vertex_ai/claude-sonnet-4-5@20250929", &[]),
    ("claude-opus-4-1-20250805-v1:0", "claude-opus-4-1-20250805", &[Rule::Revision]),
    ("ca.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0", &[Rule::Region]),
    (
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        &[Rule::Path],
    ),
    ("claude-sonnet-4.5", "claude-sonnet-4-5", &[Rule::ClaudeSpelling]),
    ("claude-4.5-sonnet", "claude-sonnet-4-5", &[Rule::ClaudeSpelling]),
    ("claude-4-5-sonnet", "claude-sonnet-4-5", &[Rule::ClaudeSpelling]),
    ("claude-opus-45", "claude-opus-4-5", &[Rule::ClaudeSpelling]),
    ("claude-4.5-sonnet-thinking", "claude-sonnet-4-5", &[Rule::Mode, Rule::ClaudeSpelling]),
    ("claude-3.7-sonnet", "claude-3-7-sonnet-20250219", &[Rule::ClaudeSpelling, Rule::WithDate]),
    ("claude-sonnet-3.7", "claude-3-7-sonnet-20250219", &[Rule::ClaudeSpelling, Rule::WithDate]),
    ("claude-sonnet-4-5-latest", "claude-sonnet-4-5", &[Rule::Latest]),
    ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-latest", &[]),
    ("claude-sonnet-4", "claude-sonnet-4-20250514", &[Rule::WithDate]),
    ("claude-opus-4", "claude-opus-4-20250514", &[Rule::WithDate]),
    ("claude-3-5-sonnet", "claude-3-5-sonnet-20241022", &[Rule::WithDate]),
    ("gpt-5-2025-08-07", "gpt-5-2025-08-07", &[]),
    ("gpt-5-codex-2025-09-15", "gpt-5-codex", &[Rule::WithoutDate]),
    ("claude-opus-4-8-20260501", "claude-opus-4-8", &[Rule::WithoutDate]),
    ("my-gateway/claude-sonnet-4-5", "claude-sonnet-4-5", &[Rule::UnknownProvider]),
    ("k2p6", "moonshot/kimi-k2.6", &[Rule::Alias]),
    ("kimi-k2.6", "moonshot/kimi-k2.6", &[Rule::Maker]),
    ("glm-4.6", "zai/glm-4.6", &[Rule::Maker]),
    ("zai-coding-plan/glm-4.6", "zai/glm-4.6", &[Rule::ProviderSpelling]),
    ("openrouter/anthropic/claude-sonnet-4.5", "openrouter/anthropic/claude-sonnet-4.5", &[]),
    ("openrouter/openai/gpt-5.1-codex-high", "openrouter/openai/gpt-5.1-codex", &[Rule::Mode]),
    ("litellm/openai/gpt-5.1-codex", "gpt-5.1-codex", &[Rule::Provider, Rule::Provider]),
];

#[test]
fn names_in_logs() {
    let table = PriceTable::embedded();
    let mut wrong = Vec::new();
    for (name, canonical, rules) in FOUND {
        let found = table.resolve(name).map(|found| (found.matched.name, found.matched.rules));
        if found.as_ref().map(|(name, rules)| (name.as_str(), rules.as_slice())) != Some((*canonical, *rules)) {
            wrong.push(format!("{name}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_not_known_is_not_guessed() {
    let table = PriceTable::embedded();
    for name in [
        "",
        "-",
        "/",
        "@",
        "gpt",
        "gpt-5-mini-2",
        "gpt-5-ultra",
        "gpt-5-codex-max",
        "gpt-57",
        "claude",
        "claude-sonnet",
        "claude-sonnet-4-50",
        "claude-sonnet-99",
        "sonnet",
        "gemini-2.5-pro-max",
        "gemini-2.5",
        "o3-micro",
        "<synthetic>",
        "ollama/qwen3:32b",
        "lmstudio/gemma-3-27b",
        "my-gateway/llama-3.3-70b",
        "us.",
        "claude-[1m]",
        "models/",
        "-20250929",
        "\u{1f980}-2025-08-07",
    ] {
        assert_eq!(table.resolve(name).map(|found| found.matched.to_string()), None, "{name}");
    }
}

#[test]
fn a_fast_name_has_the_fast_price() {
    let table = PriceTable::embedded();
    let tokens = Tokens { input: 1_000_000, ..Tokens::default() };
    let cost = |name, tier| table.cost(name, day("2026-10-01"), &tokens, tier, SMALL).unwrap().amount.to_dollars();
    assert_eq!(cost("claude-opus-4-8", Tier::Standard), "5");
    assert_eq!(cost("claude-opus-4-8-fast", Tier::Standard), "10");
    assert_eq!(cost("claude-opus-4-8-fast", Tier::Fast), "10");
    assert_eq!(cost("claude-opus-4-8", Tier::Fast), "10");
}

#[test]
fn reports_can_say_how_a_name_was_found() {
    let table = PriceTable::embedded();
    let said = |name| table.resolve(name).unwrap().matched.to_string();
    assert_eq!(said("gpt-5"), "gpt-5");
    assert_eq!(said("anthropic/claude-sonnet-4.5"), "claude-sonnet-4-5 (Claude's spelling, without the provider)");
}

#[test]
fn no_rule_leads_from_one_listed_model_to_a_dearer_or_cheaper_one_of_the_same_vendor() {
    // For each listed bare name: take it out of the way by a suffix that means nothing, and see that
    // nothing is found. A rule that drops unknown endings would fail here.
    let table = PriceTable::embedded();
    for name in table.names().filter(|name| !name.contains('/')) {
        for other in [format!("{name}-x"), format!("{name}x"), format!("x{name}"), format!("x-{name}")] {
            assert_eq!(table.resolve(&other).map(|f| f.matched.to_string()), None, "{other}");
        }
    }
}
