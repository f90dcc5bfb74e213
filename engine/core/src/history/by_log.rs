//! Covered calls that count by the log, because their account's figure of that time can still change: of what the account has said of it
//! so far counts what goes beyond them. So a call counts once from its first moment on, and what else has used the account shows as soon
//! as it is told.

use std::collections::BTreeMap;

use super::cells::{CellKey, Sums};
use super::metered::{Line, tells_of_calls};
use crate::name::Name;
use crate::time::{Quarter, UtcDay};

/// An account's quarter of an hour.
type Place = (Name, UtcDay, Quarter);

/// What has counted by the log, and who pays for it.
#[derive(Default)]
pub(super) struct ByLog {
    used: BTreeMap<Place, BTreeMap<Name, Sums>>,
}

impl ByLog {
    /// Calls that count, and the account that pays for them.
    pub(super) fn add(&mut self, account: &Name, day: UtcDay, key: &CellKey, sums: &Sums) {
        let quarter = self.used.entry((account.clone(), day, key.quarter)).or_default();
        *quarter.entry(key.model.clone()).or_default() += *sums;
    }

    /// Leaves of what accounts said what goes beyond these calls.
    pub(super) fn leave_out_of(mut self, lines: &mut [Line]) {
        if self.used.is_empty() {
            return;
        }
        // A name that the account never uses is the log's own: a gateway's alias.
        let mut told: BTreeMap<(Name, UtcDay), Vec<Name>> = BTreeMap::new();
        for line in lines.iter().filter(|line| tells_of_calls(&line.metric)) {
            if let Some(account) = &line.key.payer {
                told.entry((account.clone(), line.day)).or_default().push(line.key.model.clone());
            }
        }
        for models_agree in [true, false] {
            for line in lines.iter_mut().filter(|line| tells_of_calls(&line.metric)) {
                let Some(account) = line.key.payer.clone() else { continue };
                let told = told.get(&(account.clone(), line.day)).map_or(&[][..], Vec::as_slice);
                let (first, day, model) = (line.key.quarter, line.day, line.key.model.clone());
                let last = Quarter(first.0.saturating_add(line.quarters.saturating_sub(1)));
                let quarters = (account.clone(), day, first)..=(account, day, last);
                for (logged, used) in self.used.range_mut(quarters).flat_map(|(_, models)| models) {
                    let is_its = match models_agree {
                        true => is_model(logged, &model),
                        false => !told.iter().any(|told| is_model(logged, told)),
                    };
                    if is_its {
                        leave_out(&mut line.sums, used);
                    }
                }
            }
        }
    }
}

/// Whether two names are one model's: alike but for a gateway's or an author's name before them, and for a version behind one of them
/// (`gpt-5`, `gpt-5-2026-01-01`). What names no model may be any.
pub(super) fn is_model(one: &str, other: &str) -> bool {
    let bare = |name: &str| name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase().replace('.', "-");
    let (one, other) = (bare(one), bare(other));
    let is_version = |rest: &str| {
        let rest = rest.trim_start_matches(['-', '@', ':']);
        rest == "latest" || (rest.len() >= 4 && rest.bytes().take(4).all(|b| b.is_ascii_digit()))
    };
    let versions = [one.strip_prefix(other.as_str()), other.strip_prefix(one.as_str())];
    one == other || one.is_empty() || other.is_empty() || versions.into_iter().flatten().any(is_version)
}

/// Takes from both what they have in common.
fn leave_out(told: &mut Sums, used: &mut Sums) {
    fn both(told: &mut u64, used: &mut u64) {
        let n = (*told).min(*used);
        *told -= n;
        *used -= n;
    }
    both(&mut told.calls, &mut used.calls);
    both(&mut told.web_searches, &mut used.web_searches);
    let (t, u) = (&mut told.tokens, &mut used.tokens);
    both(&mut t.output, &mut u.output);
    both(&mut t.reasoning, &mut u.reasoning);
    both(&mut t.input, &mut u.input);
    both(&mut t.cache_read, &mut u.cache_read);
    both(&mut t.cache_write_5m, &mut u.cache_write_5m);
    both(&mut t.cache_write_1h, &mut u.cache_write_1h);
    // A provider may call input what the log says a cache had a part in.
    for told in [&mut t.input, &mut t.cache_read, &mut t.cache_write_5m, &mut t.cache_write_1h] {
        for used in [&mut u.input, &mut u.cache_read, &mut u.cache_write_5m, &mut u.cache_write_1h] {
            both(told, used);
        }
    }
    t.reasoning = t.reasoning.min(t.output);
    told.unstated = told.tokens;
}

#[cfg(test)]
mod tests {
    use super::is_model;

    #[test]
    fn a_model_is_known_by_its_versions_and_by_whoever_passes_it_on() {
        for (one, other) in [
            ("gpt-5", "gpt-5"),
            ("gpt-5", "gpt-5-2026-01-01"),
            ("openai/gpt-5", "gpt-5-2026-01-01"),
            ("claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4.5"),
            ("claude-3-5-sonnet-latest", "claude-3-5-sonnet"),
            ("gpt-4-0613", "gpt-4"),
            ("", "gpt-5"),
        ] {
            assert!(is_model(one, other) && is_model(other, one), "{one} {other}");
        }
        for (one, other) in [("gpt-5", "gpt-5-mini"), ("claude-sonnet-4", "claude-sonnet-4-5"), ("gpt-4", "gpt-4o")] {
            assert!(!is_model(one, other) && !is_model(other, one), "{one} {other}");
        }
    }
}
