//! Chunks that their author names as written before, and that are not here.

use aimon_core::sync::Write;
use aimon_ledger::chunk::{Chunk, Kind, Previous};
use aimon_ledger::live::listing;
use aimon_ledger::statement::What;

use super::world::{B, World, arrival, workspace};
use super::*;

/// Chunks of B, each behind the one before it, so many days ago; without a number of days one of settings.
fn chain(world: &mut World, days: &[Option<i64>]) -> Vec<Chunk> {
    let mut previous = None;
    let mut chunks = Vec::new();
    for (n, days) in days.iter().enumerate() {
        let change = world.change(&[call(n as u8, 1, days.unwrap_or(0))]);
        let chunk = world.behind(previous, B, *days, &change);
        previous = Some(Previous { day: chunk.header().place.day, id: chunk.id().short() });
        chunks.push(chunk);
    }
    chunks
}

/// How many of B's chunks are withheld, and how many of others.
async fn withheld(replica: &mut Replica) -> (u64, u64) {
    let all = replica.withheld().await.unwrap().unwrap();
    (all.get(&B).copied().unwrap_or(0), all.iter().filter(|(device, _)| **device != B).map(|(_, n)| n).sum())
}

#[tokio::test]
async fn what_is_named_and_not_here_is_withheld() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    record(&mut replica, &[call(90, 1, 0), call(91, 1, 1)]).await;
    let chunks = chain(&mut world, &[Some(1), Some(1), None, Some(0), Some(0)]);
    let [a, b, settings, c, d] = &chunks[..] else { panic!() };
    replica.apply(&arrival(&[a, d]), NOW).await.unwrap();
    assert_eq!(withheld(&mut replica).await, (1, 0), "only what is named by one that is here");
    replica.apply(&arrival(&[c]), NOW).await.unwrap();
    assert_eq!(withheld(&mut replica).await, (1, 0), "what has no day, too");
    replica.apply(&arrival(&[settings]), NOW).await.unwrap();
    assert_eq!(withheld(&mut replica).await, (1, 0));
    // A snapshot that covers it will do.
    let content = world.change(&[call(50, 1, 1)]);
    let snapshot = world.chunk(B, Some(1), Kind::Snapshot, &content, &[a.id(), b.id()]);
    replica.apply(&arrival(&[&snapshot]), NOW).await.unwrap();
    assert_eq!(withheld(&mut replica).await, (0, 0));
    drop(replica);
    let mut reader = Replica::open_read(home.path()).await.unwrap();
    assert_eq!(reader.withheld().await.unwrap(), None, "a reader does not know");
}

#[tokio::test]
async fn what_has_a_reason_to_be_gone_is_not_missed() {
    let home = TempDir::new().unwrap();
    let (mut world, mut replica) = workspace(&home).await;
    // Its day is not kept.
    replica.vouch(NOW, NOW).await.unwrap();
    let chunks = chain(&mut world, &[Some(200), Some(0), Some(0)]);
    replica.apply(&arrival(&[&chunks[1]]), NOW).await.unwrap();
    assert_eq!(withheld(&mut replica).await, (0, 0));
    // Its author was revoked: what is listed counts, anything else is kept nowhere.
    let chunks = chain(&mut world, &[Some(0), Some(0), Some(0)]);
    replica.apply(&arrival(&[&chunks[2]]), NOW).await.unwrap();
    assert_eq!(withheld(&mut replica).await, (1, 0));
    let revoke = |world: &mut World, chunks: &[&Chunk]| {
        let mut listed: Vec<_> = chunks.iter().map(|chunk| listing(&chunk.id())).collect();
        listed.sort_unstable();
        let a = world.a;
        Write { statements: vec![world.say(a, What::Revoke { device: B, listed })], ..Write::default() }
    };
    let said = revoke(&mut world, &[&chunks[2]]);
    replica.apply(&said, NOW).await.unwrap();
    assert_eq!(withheld(&mut replica).await, (0, 0));
    let said = revoke(&mut world, &[&chunks[1], &chunks[2]]);
    replica.apply(&said, NOW).await.unwrap();
    assert_eq!(withheld(&mut replica).await, (1, 0), "somebody has it");
}
