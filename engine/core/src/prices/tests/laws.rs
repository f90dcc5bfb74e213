#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! What holds for all prices.

use proptest::prelude::*;

use super::*;

const TIERS: [Tier; 6] = [Tier::Standard, Tier::Fast, Tier::Priority, Tier::Flex, Tier::Batch, Tier::Unknown];

fn tokens() -> impl Strategy<Value = Tokens> {
    proptest::array::uniform6(0..1u64 << 40).prop_map(Tokens::from_kinds)
}

/// A model of the table by number, on some day.
fn entry() -> impl Strategy<Value = PriceEntry> {
    (0..4_000usize, 20_000..20_900i32).prop_map(|(n, day)| {
        let table = PriceTable::embedded();
        let name = table.names().nth(n).unwrap().to_owned();
        table.resolve(&name).unwrap().prices.at(UtcDay(day)).unwrap().clone()
    })
}

proptest! {
    #[test]
    fn the_cost_of_a_sum_is_the_sum_of_the_costs(
        entry in entry(), calls in proptest::collection::vec(tokens(), 0..8), tier in 0..6usize, class in 0..6u8,
    ) {
        let class = ContextClass(class);
        let apart: i128 = calls.iter().map(|call| cost(&entry, call, TIERS[tier], class).amount.0).sum();
        let together = cost(&entry, &calls.iter().copied().sum(), TIERS[tier], class).amount.0;
        prop_assert_eq!(apart, together);
    }

    #[test]
    fn more_tokens_never_cost_less(
        entry in entry(), less in tokens(), more in tokens(), tier in 0..6usize, class in 0..6u8,
    ) {
        let class = ContextClass(class);
        let before = cost(&entry, &less, TIERS[tier], class).amount;
        prop_assert!(cost(&entry, &(less + more), TIERS[tier], class).amount >= before);
    }

    #[test]
    fn reasoning_is_in_the_output_already(entry in entry(), call in tokens(), class in 0..6u8) {
        let without = Tokens { reasoning: 0, ..call };
        let class = ContextClass(class);
        prop_assert_eq!(cost(&entry, &call, Tier::Standard, class), cost(&entry, &without, Tier::Standard, class));
    }

    #[test]
    fn nothing_overflows(entry in entry(), kinds in proptest::array::uniform6(any::<u64>()), tier in 0..6usize) {
        let tokens = Tokens::from_kinds(kinds);
        prop_assert!(cost(&entry, &tokens, TIERS[tier], ContextClass(5)).amount.0 >= 0);
    }

    #[test]
    fn no_name_is_too_strange(name in "\\PC{0,40}") {
        let _ = PriceTable::embedded().resolve(&name);
    }

    #[test]
    fn names_made_of_names_end(parts in proptest::collection::vec(
        proptest::sample::select(vec!["claude-", "us.", "anthropic.", "-v1:0", "@", "2025", "-20250101", "openrouter/",
            "[1m]", "-fast", "-latest", "(", ")", "-high", "sonnet", "4", ".", "-", "gpt-5", "arn:", "é"]), 0..14)) {
        let _ = PriceTable::embedded().resolve(&parts.concat());
    }

    #[test]
    fn a_users_file_never_panics(text in "[{}\\[\\]\":,a-z0-9_.\\\\ \n]{0,60}") {
        let _ = PriceTable::embedded().with_overrides(&text);
    }

    #[test]
    fn a_price_reads_as_it_is_written(whole in 0..1_000_000u64, micro in 0..1_000_000u64) {
        prop_assert_eq!(PerToken::parse(&format!("{whole}.{micro:06}")), Some(PerToken(whole * 1_000_000 + micro)));
    }
}
