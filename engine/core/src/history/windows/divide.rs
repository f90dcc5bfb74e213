//! Dividing to the last part.

use std::collections::BTreeMap;

/// Divides an amount in proportion to weights, so that the parts add up to it: each gets what it is due, rounded down, and what is
/// left over goes, one by one, to those that were rounded down most; of equal ones to the first. Parts of nothing are left out.
pub(super) fn divide<K: Ord + Clone>(amount: u64, weights: &BTreeMap<K, u128>) -> BTreeMap<K, u64> {
    let all: u128 = weights.values().sum();
    if all == 0 {
        return BTreeMap::new();
    }
    let mut parts: Vec<(&K, u64, u128)> = Vec::with_capacity(weights.len());
    for (key, weight) in weights {
        let due = u128::from(amount).saturating_mul(*weight);
        // Never more than the amount.
        parts.push((key, u64::try_from(due / all).unwrap_or(amount), due % all));
    }
    let mut left = amount.saturating_sub(parts.iter().map(|(_, part, _)| part).sum());
    // Sorting is stable: equal ones stay in the order of their keys.
    parts.sort_by_key(|(_, _, rest)| std::cmp::Reverse(*rest));
    for (_, part, _) in &mut parts {
        if left == 0 {
            break;
        }
        *part += 1;
        left -= 1;
    }
    parts.into_iter().filter(|(_, part, _)| *part > 0).map(|(key, part, _)| (key.clone(), part)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_add_up() {
        let by = |weights: &[u128]| weights.iter().copied().enumerate().collect::<BTreeMap<_, _>>();
        assert_eq!(divide(10, &by(&[1, 1, 1])), BTreeMap::from([(0, 4), (1, 3), (2, 3)]));
        assert_eq!(divide(10, &by(&[1, 2, 3])), BTreeMap::from([(0, 2), (1, 3), (2, 5)]));
        assert_eq!(divide(1, &by(&[1, 99])), BTreeMap::from([(1, 1)]), "who gets nothing is not named");
        assert_eq!(divide(7, &by(&[0, 0])), BTreeMap::new());
        let most = u128::from(u64::MAX) << 32;
        assert_eq!(divide(1_000_000_000, &by(&[most, most])), BTreeMap::from([(0, 500_000_000), (1, 500_000_000)]));
    }
}
