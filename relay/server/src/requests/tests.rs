#![allow(clippy::unwrap_used)]
use aimon_ledger::frame::{Outcome, Want, sequence};
use aimon_relay_core::auth::{Auth, Challenges, Invitations, Tokens};
use aimon_relay_core::relay::Config;
use aimon_relay_core::testing::{People, device};
use futures_util::FutureExt;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use crate::limits::Limits;
use crate::storage::Sqlite;
use crate::writer::Writer;

/// Whoever waits for so long never comes to its end.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// A relay within this process, and a device's session of requests.
struct World {
    server: Server,
    people: People,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Sqlite::open(folder.path()).unwrap();
        let (writer, _) = Writer::start(storage, Config::default(), false, || {}).unwrap();
        let auth = Auth {
            challenges: Challenges::new(Zeroizing::new([1; 32])),
            tokens: Tokens::new(&Zeroizing::new([2; 32]), Vec::new()),
            invitations: Invitations::default(),
        };
        let people = People::with(&[1]);
        writer.statements(people.workspace(), people.all(), true).await.unwrap();
        Self { server: Server::new(writer, Limits::new(5_000), auth, None, 1), people, _folder: folder }
    }

    async fn ask(&self, turn: u64, frames: Vec<Frame>, wait: Duration) -> Result<Vec<Frame>, String> {
        let who = Who { workspace: self.people.workspace(), device: device(1) };
        let request = Request { turn, frames, wait };
        match self.server.requests.exchange(&self.server, who, [7; 16], request).await {
            Ok(answer) => Ok(sequence(&answer).unwrap()),
            Err(why) => Err(why.code.word().to_owned()),
        }
    }

    /// One whose session is live, and which request is next.
    async fn live() -> (Self, u64) {
        let world = Self::new().await;
        let hello = Frame::Hello(world.people.hello(0, Want::All));
        let (mut turn, mut said) = (1, world.ask(0, vec![hello], FOR_EVER).await.unwrap());
        while !said.contains(&Frame::Live) {
            said.extend(world.ask(turn, vec![], FOR_EVER).await.unwrap());
            turn += 1;
        }
        (world, turn)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_overtakes_is_heard_in_its_turn() {
    let (world, turn) = World::live().await;
    let today = i32::try_from(crate::writer::now().0 / 86_400_000).unwrap();
    let chunks = [b"a", b"b"].map(|text| world.people.change(1, today, text));
    let push = |n: usize| vec![Frame::Push(vec![chunks[n].bytes().to_vec()])];
    // The one that is polled first arrives first.
    let (second, first) = tokio::join!(
        biased;
        world.ask(turn + 1, push(1), FOR_EVER),
        world.ask(turn, push(0), FOR_EVER)
    );
    let accepted = |n: usize, seq| Ok(vec![Frame::Outcomes(vec![(chunks[n].id(), Outcome::Accepted(seq))])]);
    assert_eq!((first, second), (accepted(0, 1), accepted(1, 2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_one_ends_the_wait() {
    let (world, turn) = World::live().await;
    let (first, second) =
        tokio::join!(world.ask(turn, vec![], FOR_EVER), world.ask(turn + 1, vec![Frame::Ping(3)], FOR_EVER));
    assert_eq!((first, second), (Ok(vec![]), Ok(vec![Frame::Pong(3)])));
    // Also where it came before the wait began.
    let (second, first) = tokio::join!(
        biased;
        world.ask(turn + 3, vec![Frame::Ping(4)], FOR_EVER),
        world.ask(turn + 2, vec![], FOR_EVER)
    );
    assert_eq!((first, second), (Ok(vec![]), Ok(vec![Frame::Pong(4)])));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_heard_twice_or_behind_a_hole() {
    let (world, turn) = World::live().await;
    let over = || Err("unknown-session".to_owned());
    assert_eq!(world.ask(turn, vec![Frame::Ping(1)], FOR_EVER).await, Ok(vec![Frame::Pong(1)]));
    assert_eq!(world.ask(turn, vec![Frame::Ping(1)], FOR_EVER).await, over());
    assert_eq!(world.ask(0, vec![Frame::Hello(world.people.hello(0, Want::All))], FOR_EVER).await, over());
    // Whoever asked is gone before the answer: what was said may be heard in part, and nobody has what was told.
    assert!(world.ask(turn + 1, vec![], FOR_EVER).now_or_never().is_none());
    assert_eq!(world.ask(turn + 2, vec![Frame::Ping(3)], FOR_EVER).await, over());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_begun_by_its_first_request() {
    let world = World::new().await;
    let hello = || vec![Frame::Hello(world.people.hello(0, Want::All))];
    assert_eq!(world.ask(1, hello(), FOR_EVER).await, Err("unknown-session".to_owned()));
    assert_eq!(world.ask(0, vec![Frame::Ping(1)], FOR_EVER).await, Err("unknown-session".to_owned()));
    let (first, again) = tokio::join!(world.ask(0, hello(), FOR_EVER), world.ask(0, hello(), FOR_EVER));
    let begun = [&first, &again].into_iter().filter(|said| said.is_ok()).count();
    assert_eq!(begun, 1, "{first:?} {again:?}");
    // What ends it is told, and is the last.
    let said = world.ask(1, vec![Frame::Live], FOR_EVER).await.unwrap();
    let mut said = said.into_iter().filter(|frame| *frame != Frame::Live);
    assert!(matches!(said.next(), Some(Frame::Failed { code: Code::Malformed, .. })));
    assert_eq!(world.ask(2, vec![], FOR_EVER).await, Err("unknown-session".to_owned()));
}
