//! What a world is about.

use aimon_generator::Prng;

use crate::plan::Action;

const DAY_MS: u64 = 86_400_000;

/// What a world is about: each has a few.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Theme {
    Days,
    Crashes,
    Relay,
    People,
    Copies,
    Clocks,
    Seals,
    Settings,
    Purges,
    HiddenChunks,
    HiddenStatements,
    Gauges,
    Midnight,
    Month,
    Pasts,
    Revokers,
}

impl Theme {
    pub const ALL: [Self; 16] = [
        Self::Days,
        Self::Crashes,
        Self::Relay,
        Self::People,
        Self::Copies,
        Self::Clocks,
        Self::Seals,
        Self::Settings,
        Self::Purges,
        Self::HiddenChunks,
        Self::HiddenStatements,
        Self::Gauges,
        Self::Midnight,
        Self::Month,
        Self::Pasts,
        Self::Revokers,
    ];

    /// Something of it. A device is given, and dice for what needs many.
    pub fn action(self, dice: &mut Prng, node: u8, any: u64) -> Action {
        let other = dice.below(8) as u8;
        match self {
            Self::Days => Action::Wait { ms: DAY_MS },
            Self::Crashes => match dice.below(3) {
                0 => Action::Crash { node, after: dice.below(2) == 0 },
                _ => Action::Start { node },
            },
            Self::Relay => match dice.below(8) {
                0 => Action::RelayBackup,
                1 => Action::RelayRestore,
                2 => Action::RelayEmpty,
                3 => Action::RelayFull { is_full: true },
                4 => Action::RelayFull { is_full: false },
                5 => Action::LoseBoth { node },
                _ => Action::RelayCrash,
            },
            Self::People => match dice.below(7) {
                0 | 1 => Action::Admit { by: node, past: dice.below(4) as u8, others: 0 },
                2 => Action::Revoke { by: node, whom: other },
                3 | 4 => Action::Vouch { by: node, whom: other },
                5 => Action::Rotate { by: node },
                _ => Action::Stranger { dice: any },
            },
            Self::Copies => match dice.below(5) {
                0 => Action::Clone { node },
                1 => Action::Resume { node },
                2 => Action::Backup { node },
                3 => Action::Restore { node },
                _ => Action::Lose { node },
            },
            Self::Clocks => match dice.below(6) {
                0 => {
                    let off = [DAY_MS as i64, -(DAY_MS as i64), 130_000_000_000, 0, 1, -1];
                    Action::Clock { node, ms: off[dice.below(6) as usize] }
                }
                1 => Action::Retain { by: node, days: dice.range(7, 12) as u8 },
                2 | 3 => Action::Wait { ms: DAY_MS },
                4 => Action::Connect { node },
                _ => Action::Seal { node },
            },
            Self::Seals => match dice.below(5) {
                0 => Action::Wait { ms: DAY_MS },
                1 => Action::Lie { node, dice: any },
                _ => Action::Seal { node },
            },
            Self::Settings => match dice.below(12) {
                0 => Action::ManySet { node, count: dice.range(60, 70) as u8 },
                1 | 2 => Action::BothSet { node, path: dice.below(3) as u8 },
                _ => Action::Set { node, path: dice.below(3) as u8, count: 1 },
            },
            Self::Purges => Action::Purge {
                by: node,
                first: dice.below(10) as u8,
                last: dice.below(4) as u8,
                source: dice.below(3) as u8,
            },
            Self::HiddenChunks => match dice.below(4) {
                0 => Action::HideChunks { node, dice: None },
                1 => Action::Wait { ms: DAY_MS },
                _ => Action::HideChunks { node, dice: Some(any as u8) },
            },
            Self::HiddenStatements => match dice.below(8) {
                0 => Action::HideStatements { node, dice: None },
                1 => Action::Rotate { by: other },
                2 => Action::Revoke { by: node, whom: other },
                3 => Action::Admit { by: other, past: 1, others: 0 },
                4 => Action::Purge { by: other, first: 2, last: 0, source: dice.below(3) as u8 },
                _ => Action::HideStatements { node, dice: Some(any as u8) },
            },
            Self::Gauges => Action::Poll { node, back: dice.below(3) as u8, dice: any },
            Self::Midnight => match dice.below(7) {
                0 => Action::Midnight { before: true },
                1 => Action::Midnight { before: false },
                2 => Action::Wait { ms: 1 },
                3 => Action::Seal { node },
                4 => Action::Record { node, back: 178 + dice.below(3) as u8, count: 1 },
                5 => Action::Clock { node, ms: dice.below(3) as i64 - 1 },
                _ => Action::Record { node, back: 0, count: 1 },
            },
            Self::Month => match dice.below(6) {
                0 => Action::Month { node, by: other, first: dice.below(12) as u8, last: dice.below(12) as u8 },
                1 => Action::Purge { by: node, first: dice.below(4) as u8, last: 0, source: dice.below(3) as u8 },
                _ => Action::Record { node, back: dice.below(4) as u8, count: 2 },
            },
            Self::Pasts => match dice.below(6) {
                0 | 1 => Action::Admit { by: node, past: dice.below(4) as u8, others: dice.range(1, 3) as u8 },
                2 | 4 => Action::PurgeUnread { by: node, and: other },
                3 => Action::Purge { by: other, first: 2, last: 0, source: dice.below(3) as u8 },
                _ => Action::Tick { node },
            },
            Self::Revokers => match dice.below(8) {
                6 | 7 => Action::RevokeUnheard { whom: node, by: other, and: dice.below(8) as u8 },
                0 => Action::RevokeTwice { whom: node, by: other, and: dice.below(8) as u8 },
                1 => Action::Admit { by: node, past: 0, others: 0 },
                2 => Action::Revoke { by: node, whom: other },
                3 | 4 => Action::Vouch { by: node, whom: other },
                _ => Action::Connect { node },
            },
        }
    }
}
