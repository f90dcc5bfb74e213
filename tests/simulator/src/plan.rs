//! What happens, as values.

use aimon_generator::Prng;

/// One thing that happens. Devices are meant by their number, modulo how many there are; `dice` decide what is left open.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Records some events of a day so many days ago.
    Record {
        node: u8,
        back: u8,
        count: u8,
    },
    /// Delivers so many frames, in the order in which each connection has them.
    Deliver {
        count: u8,
        dice: u64,
    },
    /// The five-second tick of a device.
    Tick {
        node: u8,
    },
    Connect {
        node: u8,
    },
    Disconnect {
        node: u8,
    },
    /// Stops a device at its next durable step: before it is durable, or after it and before anything is sent.
    Crash {
        node: u8,
        after: bool,
    },
    /// Starts a device that has stopped.
    Start {
        node: u8,
    },
    /// Time goes on.
    Wait {
        ms: u64,
    },
    /// A device's clock is set wrong by so much (right if 0).
    Clock {
        node: u8,
        ms: i64,
    },
    /// Seals the segments that are over.
    Seal {
        node: u8,
    },
    /// Keeps a copy of a device's disk.
    Backup {
        node: u8,
    },
    /// Puts that copy back.
    Restore {
        node: u8,
    },
    /// Starts a second device from a copy of the disk as it is.
    Clone {
        node: u8,
    },
    /// Resumes a running machine a second time: the same writer.
    Resume {
        node: u8,
    },
    /// A device is lost for good.
    Lose {
        node: u8,
    },
    RelayBackup,
    RelayRestore,
    RelayEmpty,
    RelayCrash,
    /// The relay takes nothing more (or again).
    RelayFull {
        is_full: bool,
    },
    Admit {
        by: u8,
        past: u8,
    },
    Revoke {
        by: u8,
        whom: u8,
    },
    Vouch {
        by: u8,
        whom: u8,
    },
    Rotate {
        by: u8,
    },
    Retain {
        by: u8,
        days: u8,
    },
    Set {
        node: u8,
        path: u8,
    },
    /// Purges the days so many days back, from first to last, of one of two sources or (2) of both.
    Purge {
        by: u8,
        first: u8,
        last: u8,
        source: u8,
    },
    /// A member writes a snapshot that covers what it does not contain.
    Lie {
        node: u8,
        dice: u64,
    },
    /// A stranger's chunk, or one that a revoked device wrote, is pushed under a member's session.
    Stranger {
        dice: u64,
    },
}

/// A seed's world.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where it comes from.
    pub seed: u64,
    /// How many devices there are at the start.
    pub devices: u8,
    /// Whether they share a folder instead of a relay.
    pub is_folder: bool,
    /// What happens.
    pub actions: Vec<Action>,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let mut dice = Prng::of(&[seed, 1]);
        let devices = dice.range(1, 3) as u8;
        let length = dice.range(40, 160);
        // Each world is about a few things: not all that can happen happens at once.
        let themes: Vec<u64> = (0..3).map(|_| dice.below(9)).collect();
        let actions = (0..length).map(|_| Self::one(&mut dice, &themes)).collect();
        let is_folder = dice.below(5) == 0;
        Self { seed, devices, is_folder, actions }
    }

    fn one(dice: &mut Prng, themes: &[u64]) -> Action {
        let node = dice.below(8) as u8;
        let any = dice.next();
        let has = |theme: u64| themes.contains(&theme);
        match dice.below(100) {
            0..25 => Action::Record {
                node,
                back: if has(0) { dice.below(10) } else { dice.below(2) } as u8,
                count: dice.range(1, 4) as u8,
            },
            25..50 => Action::Deliver { count: dice.range(1, 30) as u8, dice: any },
            50..58 => Action::Connect { node },
            58..62 => Action::Disconnect { node },
            62..68 => Action::Tick { node },
            68..72 => Action::Wait { ms: dice.range(1_000, 7_200_000) },
            82..84 if has(8) => Action::Purge {
                by: node,
                first: dice.below(10) as u8,
                last: dice.below(4) as u8,
                source: dice.below(3) as u8,
            },
            72..75 if has(0) => Action::Wait { ms: 86_400_000 },
            72..78 if has(1) => match dice.below(3) {
                0 => Action::Crash { node, after: dice.below(2) == 0 },
                _ => Action::Start { node },
            },
            72..80 if has(2) => match dice.below(6) {
                0 => Action::RelayBackup,
                1 => Action::RelayRestore,
                2 => Action::RelayEmpty,
                3 => Action::RelayFull { is_full: true },
                4 => Action::RelayFull { is_full: false },
                _ => Action::RelayCrash,
            },
            72..82 if has(3) => match dice.below(6) {
                0 | 1 => Action::Admit { by: node, past: dice.below(4) as u8 },
                2 => Action::Revoke { by: node, whom: dice.below(8) as u8 },
                3 => Action::Vouch { by: node, whom: dice.below(8) as u8 },
                4 => Action::Rotate { by: node },
                _ => Action::Stranger { dice: any },
            },
            72..82 if has(4) => match dice.below(5) {
                0 => Action::Clone { node },
                1 => Action::Resume { node },
                2 => Action::Backup { node },
                3 => Action::Restore { node },
                _ => Action::Lose { node },
            },
            72..82 if has(5) => match dice.below(6) {
                0 => Action::Clock { node, ms: [86_400_000, -86_400_000, 130_000_000_000, 0][dice.below(4) as usize] },
                1 => Action::Retain { by: node, days: dice.range(7, 12) as u8 },
                2 | 3 => Action::Wait { ms: 86_400_000 },
                _ => Action::Seal { node },
            },
            72..84 if has(6) => match dice.below(5) {
                0 => Action::Wait { ms: 86_400_000 },
                1 => Action::Lie { node, dice: any },
                _ => Action::Seal { node },
            },
            72..76 if has(7) => Action::Set { node, path: dice.below(3) as u8 },
            80..84 => Action::Seal { node },
            84..92 => Action::Start { node },
            _ => Action::Deliver { count: dice.range(1, 60) as u8, dice: any },
        }
    }
}
