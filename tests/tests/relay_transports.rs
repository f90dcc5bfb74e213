//! What a replica reaches relays with, and a relay as it is served: the same session over a socket and over requests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use aimon_ledger::chunk::Chunk;
use aimon_ledger::frame::{Code, Frame, Outcome, Want};
use aimon_ledger::ids::ChunkId;
use aimon_ledger::signature::Purpose;
use aimon_ledger::statement::Author;
use aimon_relay_core::testing::{People, device, sign};
use aimon_replica::transport::{Address, Connection, Error, Http, Options, Over, Token};
use aimon_tests::command::relay_binary;
use tempfile::TempDir;

/// A relay that runs, and the people of a workspace that it holds.
struct World {
    relay: Child,
    http: Http,
    people: People,
    _folder: TempDir,
}

impl World {
    async fn with(devices: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut serve = Command::new(relay_binary());
        serve.arg("--data").arg(folder.path().join("relay")).args(["serve", "--listen", "127.0.0.1:0"]);
        let mut relay = serve.env("AIMON_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(relay.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let http = Http::new(&Address::parse(url.trim()).unwrap(), &Options::default()).unwrap();
        let people = People::with(devices);
        let statements: Vec<_> = people.set.statements().cloned().collect();
        let taken = http.post_statements(&people.workspace(), &statements, None).await.unwrap();
        assert_eq!((taken.new, taken.heads), (statements.len() as u64, people.set.heads()));
        let again = http.post_statements(&people.workspace(), &statements, None).await.unwrap();
        assert_eq!(again.new, 0, "only what is new counts");
        Self { relay, http, people, _folder: folder }
    }

    async fn token(&self, n: u8) -> Result<Token, Error> {
        let workspace = self.people.workspace();
        let sign = |challenge: &[u8]| sign(Purpose::Challenge, &workspace, challenge, Author::Device(device(n)));
        self.http.authenticate(&workspace, &device(n), sign).await
    }

    /// A device whose session has caught up.
    async fn enter(&self, n: u8, over: Over) -> Device {
        let token = self.token(n).await.unwrap();
        let connection = match over {
            Over::Socket => Connection::socket(&self.http, &token).await.unwrap(),
            Over::Batch => Connection::batch(&self.http, &token).unwrap(),
        };
        let mut entered = Device { connection, delivered: Vec::new(), outcomes: BTreeMap::new() };
        entered.say(&Frame::Hello(self.people.hello(0, Want::All)));
        assert!(matches!(entered.hear().await, Frame::Welcome(_)));
        while entered.hear().await != Frame::Live {}
        entered
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.relay.kill();
        let _ = self.relay.wait();
    }
}

/// A device's end.
struct Device {
    connection: Connection,
    delivered: Vec<Vec<u8>>,
    outcomes: BTreeMap<ChunkId, Outcome>,
}

impl Device {
    fn say(&self, frame: &Frame) {
        self.connection.send(frame).unwrap();
    }

    async fn hear(&mut self) -> Frame {
        let frame = self.connection.recv().await.unwrap().expect("a frame");
        match &frame {
            Frame::Deliver(chunks) => self.delivered.extend(chunks.iter().map(|(_, bytes)| bytes.clone())),
            Frame::Outcomes(all) => self.outcomes.extend(all.iter().cloned()),
            _ => {}
        }
        frame
    }
}

fn today() -> i32 {
    (SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400) as i32
}

/// Both push, each a frame for each chunk, and hear of what the other one pushes, in order.
async fn converse(over: Over) {
    let world = World::with(&[1, 2]).await;
    let mut one = world.enter(1, over).await;
    let mut two = world.enter(2, Over::Socket).await;
    assert_eq!(one.connection.over(), over);
    let pushed =
        |n: u8| -> Vec<Chunk> { (0..30_u8).map(|text| world.people.change(n, today(), &vec![text; 60_000])).collect() };
    let (by_one, by_two) = (pushed(1), pushed(2));
    for (n, (mine, others)) in by_one.iter().zip(&by_two).enumerate() {
        one.say(&Frame::Push(vec![mine.bytes().to_vec()]));
        two.say(&Frame::Push(vec![others.bytes().to_vec()]));
        // Some while requests are on the way, some while one waits.
        if n % 3 == 0 {
            one.say(&Frame::Ping(7));
            while one.hear().await != Frame::Pong(7) {}
        }
    }
    for (device, mine, others) in [(&mut one, &by_one, &by_two), (&mut two, &by_two, &by_one)] {
        let is_others = |bytes: &&Vec<u8>| others.iter().any(|chunk| chunk.bytes() == bytes.as_slice());
        while device.outcomes.len() < mine.len() || device.delivered.iter().filter(is_others).count() < others.len() {
            device.hear().await;
        }
        // One that did not keep up is sent its own as well.
        let delivered = device.delivered.iter().filter(is_others);
        assert!(delivered.eq(others.iter().map(Chunk::bytes)), "each once, in order");
        let seqs: Vec<u64> = mine
            .iter()
            .filter_map(|chunk| match device.outcomes[&chunk.id()] {
                Outcome::Accepted(seq) => Some(seq),
                _ => None,
            })
            .collect();
        assert!(seqs.len() == mine.len() && seqs.is_sorted(), "taken in in order: {seqs:?}");
    }
    // What ends the session is said, and why.
    one.say(&Frame::Live);
    let Frame::Failed { code, .. } = one.hear().await else { panic!("no end") };
    assert_eq!(code, Code::Malformed);
}

#[tokio::test]
async fn a_session_goes_over_a_socket() {
    converse(Over::Socket).await;
}

#[tokio::test]
async fn a_session_goes_over_requests() {
    converse(Over::Batch).await;
}

#[tokio::test]
async fn what_was_said_last_goes_out() {
    for over in [Over::Socket, Over::Batch] {
        let world = World::with(&[1, 2]).await;
        let one = world.enter(1, over).await;
        let mut two = world.enter(2, Over::Socket).await;
        let chunk = world.people.change(1, today(), b"last");
        one.say(&Frame::Push(vec![chunk.bytes().to_vec()]));
        one.connection.close().await;
        while two.delivered.is_empty() {
            two.hear().await;
        }
        assert_eq!(two.delivered, [chunk.bytes()]);
    }
}

#[tokio::test]
async fn a_refusal_is_said_in_its_word() {
    let world = World::with(&[1]).await;
    let refused = world.token(2).await.unwrap_err();
    assert_eq!((refused.code(), refused.is_passing()), ("not-a-member", false));
    // A session that does not begin with hello is none.
    let token = world.token(1).await.unwrap();
    let mut connection = Connection::batch(&world.http, &token).unwrap();
    connection.send(&Frame::Ping(1)).unwrap();
    let over = connection.recv().await.unwrap_err();
    assert_eq!((over.code(), over.is_passing()), ("unknown-session", true));
}
