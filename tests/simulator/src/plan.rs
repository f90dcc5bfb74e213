//! What happens, as values.

use aimon_generator::Prng;

use crate::theme::Theme;

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
    /// Takes a device in: with so many days of its own, and so many of a third device's.
    Admit {
        by: u8,
        past: u8,
        others: u8,
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
        count: u8,
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
    /// Records an answer about a gauge, or a note about one that somebody has recorded, or that nobody has.
    Poll {
        node: u8,
        back: u8,
        dice: u64,
    },
    /// From now on the relay hides some chunks from a device; none any more without dice.
    HideChunks {
        node: u8,
        dice: Option<u8>,
    },
    /// From now on it hides some statements from it.
    HideStatements {
        node: u8,
        dice: Option<u8>,
    },
    /// Time goes on to the next midnight, or to the millisecond before it.
    Midnight {
        before: bool,
    },
    /// A device is away for a month; another one purges meanwhile.
    Month {
        node: u8,
        by: u8,
        first: u8,
        last: u8,
    },
    /// A disk is copied, and both copies set a path.
    BothSet {
        node: u8,
        path: u8,
    },
    /// So many settings that they are worth sealing.
    ManySet {
        node: u8,
        count: u8,
    },
    /// Two revoke a device at once, of which one has its snapshot and the other its parts.
    RevokeTwice {
        whom: u8,
        by: u8,
        and: u8,
    },
    /// One revokes a device without having heard of its newest chunk; another one, which has, vouches for it.
    RevokeUnheard {
        whom: u8,
        by: u8,
        and: u8,
    },
    /// One purges under a key of its own, while another one takes a device in that has a past and not that key.
    PurgeUnread {
        by: u8,
        and: u8,
    },
    /// A device has pushed, is lost, and the relay loses power.
    LoseBoth {
        node: u8,
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
        let length = dice.range(40, 140);
        // Each world is about a few things: not all that can happen happens at once.
        let themes: Vec<Theme> = (0..4).map(|_| Theme::ALL[dice.below(Theme::ALL.len() as u64) as usize]).collect();
        let actions = (0..length).map(|_| Self::one(&mut dice, &themes)).collect();
        let is_folder = dice.below(5) == 0;
        Self { seed, devices, is_folder, actions }
    }

    fn one(dice: &mut Prng, themes: &[Theme]) -> Action {
        let node = dice.below(8) as u8;
        let any = dice.next();
        match dice.below(100) {
            0..22 => Action::Record {
                node,
                back: if themes.contains(&Theme::Days) { dice.below(10) } else { dice.below(2) } as u8,
                count: dice.range(1, 4) as u8,
            },
            22..45 => Action::Deliver { count: dice.range(1, 30) as u8, dice: any },
            45..53 => Action::Connect { node },
            53..56 => Action::Disconnect { node },
            56..62 => Action::Tick { node },
            62..65 => Action::Wait { ms: dice.range(1_000, 7_200_000) },
            65..85 => match themes.get(dice.below(themes.len() as u64) as usize) {
                Some(theme) => theme.action(dice, node, any),
                None => Action::Tick { node },
            },
            85..87 => Action::Seal { node },
            87..93 => Action::Start { node },
            _ => Action::Deliver { count: dice.range(1, 60) as u8, dice: any },
        }
    }
}
