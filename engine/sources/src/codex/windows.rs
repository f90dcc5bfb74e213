//! Quota windows. Each `token_count` repeats how full they are, so that they can be shown without
//! a network; only what differs from the line before becomes an answer.

use std::collections::BTreeMap;

use aimon_core::event::Answer;
use aimon_core::time::UtcMillis;
use serde::{Deserialize, Serialize};

use super::stamp;
use crate::json::{JsonError, Scanner, Value};
use crate::window::{self, MOST_MINUTES, Window, name, ppm_of_percent};

/// Early logs say how long a window still lasts: the moment of its reset is then only as exact as
/// the line's own time, and jitter of it is no news.
const JITTER_S: i64 = 60;

/// What was said last, for each limit.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Windows {
    said: BTreeMap<String, Vec<Window>>,
    /// The bytes that were read last; nothing is read twice in a row.
    #[serde(skip)]
    raw: Vec<u8>,
}

impl Windows {
    /// The bytes that were read last.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The answer that a line's `rate_limits` give, unless it was given before.
    pub fn answer(&mut self, value: Value<'_>, time: i64) -> Option<Answer> {
        if value.raw() == self.raw {
            return None;
        }
        self.raw.clear();
        self.raw.extend_from_slice(value.raw());
        let limits = Limits::read(value, time).ok()?;
        if limits.windows.is_empty() {
            return None;
        }
        let answer = limits.answer(time);
        match self.said.get_mut(&limits.id) {
            Some(said) if limits.same_as(said) => return None,
            Some(said) => *said = limits.windows,
            None => drop(self.said.insert(limits.id, limits.windows)),
        }
        Some(answer)
    }
}

/// One `rate_limits` object.
#[derive(Default)]
struct Limits {
    id: String,
    windows: Vec<Window>,
    counted_down: bool,
}

impl Limits {
    fn read(value: Value<'_>, time: i64) -> Result<Self, JsonError> {
        let mut limits = Self::default();
        value.scan().object(|s, key| {
            match key {
                b"limit_id" => limits.id = s.value()?.str().map(|id| id.trim().to_owned()).unwrap_or_default(),
                b"primary" => limits.window("primary", s, time)?,
                b"secondary" => limits.window("secondary", s, time)?,
                _ => {}
            }
            Ok(())
        })?;
        // The main limit had no id at first.
        if limits.id == "codex" {
            limits.id.clear();
        }
        limits.windows.sort();
        Ok(limits)
    }

    fn window(&mut self, slot: &str, s: &mut Scanner<'_>, time: i64) -> Result<(), JsonError> {
        let (mut used, mut minutes, mut resets_at, mut resets_in) = (None, None, None, None);
        s.object(|s, key| {
            match key {
                b"used_percent" => used = s.value()?.number().and_then(ppm_of_percent),
                b"window_minutes" => minutes = s.value()?.u64().and_then(|m| i64::try_from(m).ok()),
                b"resets_at" => resets_at = stamp::value(s.value()?).map(|millis| millis.div_euclid(1000)),
                b"resets_in_seconds" => resets_in = s.value()?.u64().and_then(|n| i64::try_from(n).ok()),
                _ => {}
            }
            Ok(())
        })?;
        let Some(used_ppm) = used else { return Ok(()) };
        let minutes = minutes.filter(|m| (1..=MOST_MINUTES).contains(m));
        let resets_in = resets_in.filter(|s| *s <= MOST_MINUTES * 60);
        self.counted_down |= resets_at.is_none() && resets_in.is_some();
        let resets_at_s = resets_at.or(resets_in.map(|s| time.div_euclid(1000) + s));
        // A window that had ended by then was read earlier: the line is a copy with a new time.
        if resets_at_s.is_some_and(|s| s < time.div_euclid(1000)) {
            return Ok(());
        }
        let name = minutes.map(name).filter(|name| self.windows.iter().all(|w| w.name != *name));
        self.windows.push(Window {
            name: name.unwrap_or_else(|| slot.to_owned()),
            used_ppm,
            resets_at_s,
            window_s: minutes.map(|m| m * 60),
        });
        Ok(())
    }

    fn same_as(&self, said: &[Window]) -> bool {
        let jitter = if self.counted_down { JITTER_S } else { 0 };
        self.windows.len() == said.len()
            && self.windows.iter().zip(said).all(|(a, b)| {
                let apart = match (a.resets_at_s, b.resets_at_s) {
                    (Some(a), Some(b)) => a.abs_diff(b) > jitter.unsigned_abs(),
                    (a, b) => a != b,
                };
                a.name == b.name && a.used_ppm == b.used_ppm && a.window_s == b.window_s && !apart
            })
    }

    fn answer(&self, time: i64) -> Answer {
        window::answer(&account(&self.id), window::TOLD, &self.windows, UtcMillis(time))
    }
}

/// What a limit is called in events: Codex' main one has no id of its own.
pub(crate) fn account(limit: &str) -> String {
    match limit {
        "" | "codex" => "codex".to_owned(),
        limit => format!("codex:{limit}"),
    }
}
