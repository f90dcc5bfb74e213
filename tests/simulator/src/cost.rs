//! What the protocol costs: frames and bytes of fixed scenarios, so that a regression shows in review.

use std::fmt::Write;

use aimon_ledger::frame::Frame;

use crate::plan::{Action, Plan};
use crate::world::{Faults, World};

/// A scenario: what happens first, and then what is counted.
struct Scenario {
    name: &'static str,
    devices: u8,
    before: Vec<Action>,
    /// Whose talk is counted.
    node: usize,
    /// Nothing: it connects anew. Else what it does while it is connected.
    counted: Vec<Action>,
}

const DAY: u64 = 86_400_000;

fn connected(node: u8) -> Vec<Action> {
    vec![Action::Connect { node }, Action::Deliver { count: 250, dice: 1 }]
}

fn recorded(node: u8, times: usize) -> Vec<Action> {
    let one =
        [Action::Record { node, back: 0, count: 2 }, Action::Tick { node }, Action::Deliver { count: 250, dice: 2 }];
    std::iter::repeat_n(one, times).flatten().collect()
}

fn scenarios() -> Vec<Scenario> {
    let both = || [connected(0), connected(1)].concat();
    let scenario = |name, before: Vec<Action>, node, counted| Scenario { name, devices: 2, before, node, counted };
    let tick = |node| Action::Tick { node };
    vec![
        scenario("a relay that does not know the workspace", vec![], 0, vec![]),
        scenario("nothing new", [both(), recorded(0, 5)].concat(), 0, vec![]),
        scenario("a new device, five chunks", [connected(0), recorded(0, 5)].concat(), 1, vec![]),
        scenario("one chunk is pushed", both(), 0, vec![Action::Record { node: 0, back: 0, count: 2 }, tick(0)]),
        scenario(
            "a chunk that another device has pushed",
            both(),
            1,
            vec![Action::Record { node: 0, back: 0, count: 2 }, tick(0)],
        ),
        scenario(
            "twenty chunks that waited",
            [both(), vec![Action::Disconnect { node: 0 }], vec![Action::Record { node: 0, back: 0, count: 2 }; 20]]
                .concat(),
            0,
            vec![],
        ),
        scenario(
            "a day of twenty chunks is sealed",
            [both(), recorded(0, 20), vec![Action::Wait { ms: DAY }]].concat(),
            0,
            vec![Action::Seal { node: 0 }],
        ),
        scenario(
            "a week away, seven sealed days",
            {
                let mut before = [both(), vec![Action::Disconnect { node: 1 }]].concat();
                for _ in 0..7 {
                    before.extend(recorded(0, 10));
                    before.extend([Action::Wait { ms: DAY }, Action::Seal { node: 0 }]);
                    before.push(Action::Deliver { count: 250, dice: 4 });
                }
                before
            },
            1,
            vec![],
        ),
        scenario(
            "a relay that was set back by five chunks",
            [both(), recorded(0, 5), vec![Action::RelayBackup], recorded(0, 5), vec![Action::RelayRestore]].concat(),
            0,
            vec![],
        ),
        scenario(
            "a relay that was emptied, ten chunks",
            [both(), recorded(0, 10), vec![Action::RelayEmpty]].concat(),
            0,
            vec![],
        ),
        scenario("a device is revoked", [both(), recorded(1, 3)].concat(), 0, vec![Action::Revoke { by: 0, whom: 1 }]),
    ]
}

/// The table: each scenario's frames, by kind, and their bytes.
pub fn table() -> String {
    let mut out = String::new();
    for Scenario { name, devices, before, node, counted } in scenarios() {
        let mut world = World::new(&Plan { seed: 7, devices, is_folder: false, actions: vec![] }, &Faults::default());
        for action in &before {
            // Nothing here can break.
            let _holds = world.act(action);
        }
        let frames = if counted.is_empty() {
            world.exchange(node)
        } else {
            for action in &counted {
                let _holds = world.act(action);
            }
            // The other one's talk is its own.
            (0..node).for_each(|other| drop(world.talk(other)));
            world.talk(node)
        };
        let bytes: usize = frames.iter().map(|frame| frame.encode().map_or(0, |bytes| bytes.len())).sum();
        let kinds: Vec<&str> = frames.iter().map(kind).collect();
        // Writing to a text does not fail.
        let _ = writeln!(out, "{name}: {} frames, {bytes} bytes\n  {}", frames.len(), kinds.join(" "));
    }
    out
}

fn kind(frame: &Frame) -> &'static str {
    match frame {
        Frame::Hello(_) => "hello",
        Frame::Welcome(_) => "welcome",
        Frame::Deliver(_) => "deliver",
        Frame::Live => "live",
        Frame::Push(_) => "push",
        Frame::Outcomes(_) => "outcomes",
        Frame::Digest { .. } => "digest",
        Frame::Ids { .. } => "ids",
        Frame::Wanted(_) => "wanted",
        Frame::Statements(_) => "statements",
        Frame::Failed { .. } => "failed",
        Frame::Ping(_) => "ping",
        Frame::Pong(_) => "pong",
        Frame::Unknown(_) => "unknown",
    }
}
