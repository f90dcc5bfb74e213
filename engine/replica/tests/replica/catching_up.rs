//! What others wrote comes in many frames: days are folded once, when no more comes behind it.

use aimon_core::sync::Step;
use aimon_ledger::chunk::Chunk;
use aimon_ledger::digest::Sum;
use aimon_ledger::frame::{Frame, Welcome};

use super::world::{B, World, workspace};
use super::*;

/// Frames, each of one chunk for each of three days: calls of one token each.
const FRAMES: usize = 12;

/// A replica in a workspace that has said hello and was welcomed, and what B has written.
struct Scene {
    _home: TempDir,
    replica: Replica,
    frames: Vec<Frame>,
    news: tokio::sync::watch::Receiver<u64>,
    before: u64,
}

fn deliver(chunks: &[Chunk], from: usize) -> Frame {
    let numbered = chunks.iter().enumerate().map(|(n, chunk)| ((from + n) as u64, chunk.bytes().to_vec()));
    Frame::Deliver(numbered.collect())
}

impl Scene {
    async fn new() -> Self {
        let home = TempDir::new().unwrap();
        let (mut world, mut replica) = workspace(&home).await;
        let frames = (0..FRAMES).map(|n| deliver(&Self::chunks(&mut world, n), 1 + 3 * n)).collect();
        replica.step(NOW, |client| Ok(client.opened(NOW))).await.unwrap();
        let welcome = Welcome {
            version: 1,
            time: NOW,
            first_day: replica.first_day(),
            head: 3 * FRAMES as u64,
            heads: replica.client().await.unwrap().membership().heads(),
            digest: Sum::default(),
        };
        replica.frame(Frame::Welcome(welcome), NOW).await.unwrap();
        let news = replica.subscribe();
        let before = *news.borrow();
        Self { _home: home, replica, frames, news, before }
    }

    fn chunks(world: &mut World, n: usize) -> Vec<Chunk> {
        (0..3).map(|day| world.calls(B, day, &[call((3 * n) as u8 + day as u8, 1, day)])).collect()
    }

    /// Takes in all frames that are left.
    async fn take(&mut self) {
        for frame in std::mem::take(&mut self.frames) {
            self.replica.frame(frame, NOW).await.unwrap();
        }
    }

    /// How often days were folded since the welcome: each time it is told to whoever waits for news.
    fn folded(&self) -> u64 {
        *self.news.borrow() - self.before
    }

    /// All calls of all days count, by the tables as by the chunks themselves.
    async fn expect_all(mut self) {
        let calls = FRAMES as u64;
        let right = vec![(0, calls), (1, calls), (2, calls)];
        assert_eq!(figures(&mut self.replica).await, right);
        self.replica.rebuild().await.unwrap();
        assert_eq!(figures(&mut self.replica).await, right);
    }
}

#[tokio::test]
async fn what_comes_while_catching_up_is_folded_once() {
    let mut scene = Scene::new().await;
    scene.take().await;
    assert_eq!(scene.folded(), 0);
    scene.replica.frame(Frame::Live, NOW).await.unwrap();
    assert_eq!(scene.folded(), 1, "once, when all is here");
    scene.expect_all().await;
}

/// Whatever ends the catching up: the figures are right after it.
#[tokio::test]
async fn what_came_before_a_connection_ended_is_folded_then() {
    let mut scene = Scene::new().await;
    scene.take().await;
    let closed = scene.replica.step(NOW, |client| {
        client.closed();
        Ok(Step::default())
    });
    closed.await.unwrap();
    assert_eq!(scene.folded(), 1);
    scene.expect_all().await;
}

/// Once caught up, each frame that is not one of many is folded as it comes.
#[tokio::test]
async fn what_comes_one_by_one_is_folded_at_once() {
    let mut scene = Scene::new().await;
    scene.replica.frame(Frame::Live, NOW).await.unwrap();
    scene.take().await;
    assert_eq!(scene.folded(), FRAMES as u64);
    scene.expect_all().await;
}

/// A report in between is right as well: it does not wait for the tables.
#[tokio::test]
async fn a_report_while_catching_up_shows_what_is_here() {
    let mut scene = Scene::new().await;
    let rest = scene.frames.split_off(FRAMES / 2);
    scene.take().await;
    let calls = (FRAMES / 2) as u64;
    assert_eq!(figures(&mut scene.replica).await, [(0, calls), (1, calls), (2, calls)]);
    scene.frames = rest;
    scene.take().await;
    scene.replica.frame(Frame::Live, NOW).await.unwrap();
    scene.expect_all().await;
}
