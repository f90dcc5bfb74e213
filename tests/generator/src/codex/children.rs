//! Forks and sub-agents: files that begin with somebody else's history.

use super::item::Item;
use super::session::Session;
use crate::clock::{HOUR, SECOND};
use crate::tree::Tree;
use crate::{Error, Prng, Truth};

/// How a file says where its own part begins.
enum Boundary {
    /// No history in the file: `history_base` names where it lies.
    Base(u64),
    /// Numbered lines; the child's own begin at a number.
    Ordinal(u64),
    /// A `task_started` whose time is not before the child's birth.
    Task,
    /// `inter_agent_communication_metadata` with `trigger_turn`.
    Trigger,
    /// Nothing but a burst of lines with the time of birth.
    Burst,
}

impl Session<'_> {
    /// Writes a child of this session: the history so far under new timestamps, then its own calls.
    pub fn child(&mut self, tree: &mut Tree, truth: &mut Truth, spawned: bool) -> Result<(), Error> {
        let born = self.now + self.rng.range(20_000, 3 * HOUR as u64) as i64;
        if born + HOUR >= self.job.plan.end {
            return Ok(());
        }
        let parent = self.id.clone();
        let mut child = self.clone();
        child.present = true;
        child.now = born;
        child.born = born;
        child.id = self.rng.uuid_at(born);
        child.rng = Prng::of(&[self.rng.next()]);
        // A sub-agent may count anew.
        if spawned && child.rng.chance(400) {
            child.counters.truncate(1);
            for counter in &mut child.counters {
                counter.total = Default::default();
            }
        }
        let history = std::mem::take(&mut child.items);
        let lines = history.len() as u64 + 1;
        let boundary = child.boundary(spawned, lines);
        let link = link(&parent, spawned, &boundary);
        child.meta(&link);
        if !matches!(boundary, Boundary::Base(_)) {
            // Restamped as they are written, a few in each millisecond.
            child
                .items
                .extend(history.into_iter().enumerate().map(|(n, item)| Item { at: born + 1 + n as i64 / 40, ..item }));
        }
        child.now = born + 2 * SECOND + child.rng.range(500, 5_000) as i64;
        child.tasks = matches!(boundary, Boundary::Task) || (child.tasks && !matches!(boundary, Boundary::Burst));
        if matches!(boundary, Boundary::Trigger) {
            child.item("inter_agent_communication_metadata", "{\"trigger_turn\":true}".to_owned());
        }
        child.turn();
        let calls = child.rng.range(1, 5);
        child.talk(calls, truth);
        let ordinal = match boundary {
            Boundary::Base(first) => Some(first),
            Boundary::Ordinal(_) => Some(0),
            _ => None,
        };
        child.place(tree, ordinal, ".codex/sessions")
    }

    fn boundary(&mut self, spawned: bool, lines: u64) -> Boundary {
        match self.rng.below(4) {
            0 if !spawned && self.counters.len() == 1 => Boundary::Base(lines),
            0 if spawned => Boundary::Trigger,
            1 => Boundary::Ordinal(lines),
            _ if self.tasks => Boundary::Task,
            _ => Boundary::Burst,
        }
    }
}

fn link(parent: &str, spawned: bool, boundary: &Boundary) -> String {
    let mut link = if spawned {
        format!(
            "\"parent_thread_id\":\"{parent}\",\"source\":{{\"subagent\":{{\"thread_spawn\":{{\"parent_thread_id\":\"{parent}\",\"depth\":1,\"agent_path\":\"/root/worker\"}}}}}},"
        )
    } else {
        format!("\"forked_from_id\":\"{parent}\",")
    };
    match boundary {
        Boundary::Base(first) => link.push_str(&format!(
            "\"history_base\":{{\"thread_id\":\"{parent}\",\"end_ordinal_exclusive\":{first},\"end_byte_offset\":0}},"
        )),
        Boundary::Ordinal(first) if spawned => link.push_str(&format!("\"subagent_history_start_ordinal\":{first},")),
        Boundary::Ordinal(first) => link.push_str(&format!(
            "\"history_base\":{{\"thread_id\":\"{parent}\",\"end_ordinal_exclusive\":{first},\"end_byte_offset\":0}},"
        )),
        _ => {}
    }
    link
}
