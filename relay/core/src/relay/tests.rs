//! A relay in memory, and what devices say to it.
#![allow(clippy::unwrap_used, clippy::panic)]
mod pushing;
mod repair;
mod rules;
mod sessions;
mod trouble;

use aimon_ledger::chunk::{Chunk, Kind, Place};
use aimon_ledger::digest::Sum;
use aimon_ledger::frame::{Hello, KeyInUse, Outcome, Want, Welcome};
use aimon_ledger::ids::{ChunkId, Short, StatementId};
use aimon_ledger::live::listing;
use aimon_ledger::retention::Retention;
use aimon_ledger::statement::{Author, Recipient, Statement, What, Wrapped};

use super::*;
use crate::memory::Memory;
use crate::storage::{Held, Page, Segment, Tally};
use crate::testing::{People, admit, device, header, obeying, place};

const DAY: i64 = 86_400_000;
const TODAY: i32 = 20_700;
const NOW: UtcMillis = UtcMillis(TODAY as i64 * DAY + 1_000);

fn s(n: u64) -> SessionId {
    SessionId(n)
}

fn relay_of(people: &People) -> Relay<Memory> {
    let mut relay = Relay::new(Memory::default(), Config::default(), NOW).unwrap();
    relay.statements(&people.workspace(), people.all(), true, NOW).unwrap();
    relay.commit();
    relay
}

fn enter(relay: &mut Relay<Memory>, people: &People, session: u64, who: u8, cursor: u64) -> Vec<Frame> {
    relay.open(s(session), people.workspace(), device(who));
    let said = relay.frame(s(session), Frame::Hello(people.hello(cursor, Want::All)), NOW);
    said.into_iter().inspect(|said| assert_eq!(said.to, s(session))).map(|said| said.frame).collect()
}

fn push(relay: &mut Relay<Memory>, session: u64, chunks: &[&Chunk]) -> Vec<Said> {
    relay.frame(s(session), Frame::Push(chunks.iter().map(|chunk| chunk.bytes().to_vec()).collect()), NOW)
}

fn outcomes(said: &[Said]) -> Vec<Outcome> {
    let all = said.iter().filter_map(|said| match &said.frame {
        Frame::Outcomes(outcomes) => Some(outcomes.iter().map(|(_, outcome)| outcome.clone())),
        _ => None,
    });
    all.flatten().collect()
}

fn delivered(said: &[Said], to: u64) -> Vec<(u64, Vec<u8>)> {
    let frames = said.iter().filter(|said| said.to == s(to)).filter_map(|said| match &said.frame {
        Frame::Deliver(chunks) => Some(chunks.clone()),
        _ => None,
    });
    frames.flatten().collect()
}

fn welcome(frames: &[Frame]) -> Welcome {
    match &frames[0] {
        Frame::Welcome(welcome) => welcome.clone(),
        other => panic!("{other:?}"),
    }
}

fn failed(said: &[Said], to: u64) -> Option<(Code, bool)> {
    said.iter().filter(|said| said.to == s(to)).find_map(|said| match &said.frame {
        Frame::Failed { code, .. } => Some((code.clone(), said.is_last)),
        _ => None,
    })
}

fn elsewhere_by(n: u8) -> Chunk {
    People::named(9, &[n]).change(n, TODAY, b"elsewhere")
}
