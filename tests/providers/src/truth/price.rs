//! What calls cost. The prices are made up, and as far apart as real ones.

use super::call::{Call, Context, Kind, Part};

/// A search of the web, in pico-dollars.
const SEARCH: i128 = 10_000_000_000;

/// Tokens and what they weigh against each other.
fn weights(call: &Call) -> [(Part, u64, i128); 6] {
    let tokens = &call.tokens;
    [
        (Part::Uncached, tokens.uncached, 40),
        (Part::CacheRead, tokens.cache_read, 4),
        (Part::CacheWrite5m, tokens.cache_write_5m, 50),
        (Part::CacheWrite1h, tokens.cache_write_1h, 80),
        (Part::Output, tokens.output, 200),
        (Part::WebSearch, call.web_searches, 400_000),
    ]
}

/// The cost of a call that states none yet: by its model, tier and context.
pub(crate) fn cost(call: &Call) -> i128 {
    // $0.10 to $12.90 for a million input tokens, a 40th of which is what a weight of one costs.
    let model = 100_000 * (1 + i128::from(hash(&call.model) % 129)) / 40;
    let mut cost: i128 =
        weights(call).iter().take(5).map(|(_, tokens, weight)| i128::from(*tokens) * weight * model).sum();
    if call.batch || call.tier == "flex" {
        cost /= 2;
    }
    if call.fast || call.context == Context::Long {
        cost *= 2;
    }
    let unit = match call.kind {
        Kind::Completions | Kind::Embeddings | Kind::Moderations => 0,
        Kind::Images => 40_000_000_000,
        Kind::AudioSpeeches => 15_000_000,
        Kind::AudioTranscriptions => 100_000_000,
        Kind::VectorStores => 3,
        Kind::CodeInterpreterSessions => 30_000_000_000,
        Kind::FileSearchCalls => 2_500_000_000,
        Kind::WebSearchCalls => SEARCH,
    };
    cost + i128::from(call.amount) * unit + i128::from(call.web_searches) * SEARCH
}

/// Splits the cost of a call by what its parts weigh; what does not divide evenly goes to the last part.
pub(crate) fn parts(call: &Call) -> Vec<(Part, i128, u64)> {
    let weights: Vec<_> = weights(call).into_iter().filter(|(_, quantity, _)| *quantity > 0).collect();
    let total: i128 = weights.iter().map(|(_, quantity, weight)| i128::from(*quantity) * weight).sum();
    if total == 0 || call.amount > 0 {
        return vec![(Part::Whole, call.cost, call.amount)];
    }
    let mut left = call.cost;
    let mut parts = Vec::new();
    for (n, (part, quantity, weight)) in weights.iter().enumerate() {
        let share = call.cost * i128::from(*quantity) * weight / total;
        let share = if n + 1 == weights.len() { left } else { share };
        left -= share;
        parts.push((*part, share, *quantity));
    }
    parts
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::truth::call::Tokens;

    #[test]
    fn parts_add_up_to_the_cost() {
        for (n, cost) in [0, 1, 7, 999_999_999_937, -5].into_iter().enumerate() {
            let tokens = Tokens { uncached: 3 + n as u64, cache_read: 17, output: 5, ..Tokens::default() };
            let call = Call { tokens, cost, web_searches: n as u64 % 2, ..Call::at(0) };
            assert_eq!(parts(&call).iter().map(|(_, cost, _)| cost).sum::<i128>(), cost);
        }
        let bare = Call { cost: 9, ..Call::at(0) };
        assert_eq!(parts(&bare), [(Part::Whole, 9, 0)]);
    }
}
