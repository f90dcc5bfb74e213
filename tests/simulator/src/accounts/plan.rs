//! What happens, as values.

use aimon_generator::Prng;

use crate::plan::Action as Common;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// What happens in any world.
    Common(Common),
    /// An account is used; where it is logged, by a device whose log says so too.
    Use {
        /// By which device.
        node: u8,
        /// Which account.
        account: u8,
        /// Whether a log says so.
        is_logged: bool,
        /// How late the provider knows, and how much it was.
        dice: u64,
    },
    /// A call that no account has anything to do with.
    Call {
        /// By which device.
        node: u8,
    },
    /// A device asks for what is due, which goes wrong now and then.
    Ask {
        /// Which device.
        node: u8,
        /// What goes wrong.
        dice: u64,
    },
    /// An account answers nobody for so long.
    Down {
        /// Which account.
        account: u8,
        /// How long.
        ms: u64,
    },
    /// The first account is down for three days in which it is used; then all look.
    ThreeDays {
        /// Who has the log.
        node: u8,
        /// How it is used.
        dice: u64,
    },
    /// A device does not reach the others for a week, and goes on asking.
    Week {
        /// Which one.
        node: u8,
        /// What happens meanwhile.
        dice: u64,
    },
    /// The first account covers the logged calls, from so many days ago on.
    Cover {
        /// Who says so.
        node: u8,
        /// How many days ago.
        back: u8,
    },
    /// All come to rest and compare what they show.
    Look,
}

/// A seed's world.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where it comes from.
    pub seed: u64,
    /// What happens.
    pub actions: Vec<Action>,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut dice = Prng::of(&[seed, 0xacc]);
        let length = dice.range(25, 70);
        let mut actions: Vec<Action> = (0..length).map(|_| Self::one(&mut dice)).collect();
        // Most worlds have one of the long stories.
        let (node, any) = (dice.below(3) as u8, dice.next());
        let story = match dice.below(5) {
            0 | 1 => Some(Action::ThreeDays { node, dice: any }),
            2 | 3 => Some(Action::Week { node, dice: any }),
            _ => None,
        };
        let at = dice.below(length) as usize;
        actions.splice(at..at, story);
        Self { seed, actions }
    }

    fn one(dice: &mut Prng) -> Action {
        let (node, any) = (dice.below(3) as u8, dice.next());
        match dice.below(100) {
            0..18 => Action::Use { node, account: dice.below(2) as u8, is_logged: dice.chance(600), dice: any },
            18..21 => Action::Call { node },
            21..52 => Action::Ask { node, dice: any },
            52..64 => Action::Common(Common::Wait { ms: dice.range(MINUTE_MS, 90 * MINUTE_MS) }),
            64..68 => Action::Common(Common::Wait { ms: dice.range(2 * HOUR_MS, 30 * HOUR_MS) }),
            68..76 => Action::Common(Common::Deliver { count: dice.range(1, 60) as u8, dice: any }),
            76..83 => Action::Common(Common::Connect { node }),
            83..86 => Action::Common(Common::Tick { node }),
            86..88 => Action::Common(Common::Disconnect { node }),
            88..90 => Action::Common(Common::Crash { node, after: dice.chance(500) }),
            90..93 => Action::Common(Common::Start { node }),
            93..94 => Action::Common(Common::Seal { node }),
            94..95 => Action::Common(if dice.chance(500) { Common::RelayCrash } else { Common::RelayEmpty }),
            95..96 => {
                let off = [600_000, -600_000, DAY_MS as i64, -(DAY_MS as i64), 0];
                Action::Common(Common::Clock { node, ms: dice.pick(&off) })
            }
            96..97 => Action::Down { account: dice.below(2) as u8, ms: dice.range(HOUR_MS, 2 * DAY_MS) },
            97..99 => Action::Cover { node, back: dice.below(3) as u8 },
            _ => Action::Look,
        }
    }
}
