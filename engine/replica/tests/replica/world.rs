//! A workspace made by hand: statements and chunks as any device could have written them.

use aimon_core::batch::Batch;
use aimon_core::crypto::{self, Entropy, Keyring, Phrase, SecretKeys};
use aimon_core::ids::{DeviceId, WriterId};
use aimon_core::segment::Chain;
use aimon_core::sync::Write;
use aimon_ledger::chunk::{Chunk, Header, Kind, Place, Previous};
use aimon_ledger::ids::{ChunkId, WorkspaceId};
use aimon_ledger::membership::Membership;
use aimon_ledger::statement::{Author, Body, Recipient, Statement, What};

use super::*;

/// Another device.
pub const B: DeviceId = DeviceId([0xb; 16]);

/// A workspace of `a`, which is the replica's device, and B.
pub struct World {
    pub set: Membership,
    pub a: DeviceId,
    n: u8,
}

pub fn secret(device: DeviceId) -> SecretKeys {
    // All of the id: its last byte alone may be another device's.
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(&device.0);
    SecretKeys::of_seed(seed)
}

impl World {
    pub fn new(a: DeviceId) -> Self {
        let mut world = Self::alone(a);
        let what = crypto::admit(&world.set, &world.ring(a), B, secret(B).public(), || Entropy::new([78; 32])).unwrap();
        world.say(a, what);
        world
    }

    /// What a device knows that the phrase has let in, and that has heard of no other.
    pub fn alone(a: DeviceId) -> Self {
        let phrase = Phrase::new(Entropy::new([0; 32])).keys();
        let mut world = Self { set: Membership::begin(crypto::genesis(&phrase).unwrap()).unwrap(), a, n: 0 };
        let what = crypto::admit(&world.set, &Keyring::default(), a, secret(a).public(), || world.n()).unwrap();
        let body = Body { follows: world.set.heads(), author: Author::Phrase, what };
        world.set.insert(crypto::statement(&world.id(), &body, &phrase).unwrap()).unwrap();
        let what = crypto::rotate(&world.set, &Keyring::default(), || Entropy::new([a.0[15]; 32])).unwrap();
        world.say(a, what);
        world
    }

    fn n(&self) -> Entropy {
        Entropy::new([200; 32])
    }

    pub fn id(&self) -> WorkspaceId {
        self.set.workspace()
    }

    pub fn ring(&self, device: DeviceId) -> Keyring {
        Keyring::gather(&self.set, Recipient::Device(device), &secret(device))
    }

    pub fn statements(&self) -> Vec<Statement> {
        self.set.statements().cloned().collect()
    }

    pub fn say(&mut self, device: DeviceId, what: What) -> Statement {
        let body = Body { follows: self.set.heads(), author: Author::Device(device), what };
        let said = crypto::statement(&self.id(), &body, &secret(device)).unwrap();
        self.set.insert(said.clone()).unwrap();
        said
    }

    /// A new key, which `missed` is not given.
    pub fn rotate(&mut self, device: DeviceId, missed: DeviceId) -> Statement {
        self.n += 1;
        let n = self.n;
        let mut what = crypto::rotate(&self.set, &self.ring(device), || Entropy::new([n; 32])).unwrap();
        if let What::Rotate { wrapped, .. } = &mut what {
            wrapped.retain(|(recipient, _)| *recipient != Recipient::Device(missed));
        }
        self.say(device, what)
    }

    /// A chunk under the key in use, `days` days ago; without a number of days one of settings.
    pub fn chunk(
        &mut self,
        device: DeviceId,
        days: Option<i64>,
        kind: Kind,
        content: &[u8],
        covers: &[ChunkId],
    ) -> Chunk {
        self.write(None, (device, days), kind, content, covers)
    }

    /// A chunk of one change behind another one of its author.
    pub fn behind(&mut self, previous: Option<Previous>, device: DeviceId, days: Option<i64>, change: &[u8]) -> Chunk {
        self.write(previous, (device, days), Kind::Change, change, &[])
    }

    fn write(
        &mut self,
        previous: Option<Previous>,
        (device, days): (DeviceId, Option<i64>),
        kind: Kind,
        content: &[u8],
        covers: &[ChunkId],
    ) -> Chunk {
        self.n += 1;
        let ring = self.ring(device);
        let (key, workspace_key) = ring.current(&self.set.standing()).unwrap();
        let mut covers: Vec<_> = covers.iter().map(ChunkId::short).collect();
        covers.sort();
        let header = Header {
            place: Place { device, day: days.map(|days| UtcMillis(NOW.0 - days * DAY).day()), part: 0 },
            kind,
            key,
            nonce: [self.n; 24],
            previous,
            obeys: vec![],
            covers,
        };
        workspace_key.seal_chunk(&self.id(), &header, content, &secret(device)).unwrap()
    }

    /// A chunk of one batch, by a writer of its own.
    pub fn calls(&mut self, device: DeviceId, days: i64, calls: &[Record]) -> Chunk {
        let change = self.change(calls);
        self.chunk(device, Some(days), Kind::Change, &change, &[])
    }

    /// A change of one batch, by a writer of its own.
    pub fn change(&mut self, calls: &[Record]) -> Vec<u8> {
        self.n += 1;
        let batch = Batch::new(calls.iter().cloned().map(Event::Record));
        Chain::new(WriterId([self.n; 8])).unwrap().append(batch.encode())
    }

    /// Has the replica in `home` belong to this workspace, and opens it with its keys.
    pub async fn enter(&self, home: &TempDir) -> Replica {
        let path = home.path().join("aimon.db");
        let mut db: SqliteConnection =
            sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        let meta = "INSERT OR REPLACE INTO meta (key, value) VALUES ('workspace', ?)";
        sqlx::query(meta).bind(self.id().0.to_vec()).execute(&mut db).await.unwrap();
        for statement in self.statements() {
            sqlx::query("INSERT INTO statements (id, bytes) VALUES (?, ?)")
                .bind(statement.id().0.to_vec())
                .bind(statement.bytes())
                .execute(&mut db)
                .await
                .unwrap();
        }
        self.open(home).await
    }

    /// Opens the replica in `home` with its keys.
    pub async fn open(&self, home: &TempDir) -> Replica {
        let mut replica = open(home).await;
        replica.unlock(secret(self.a), NOW).await.unwrap();
        replica
    }
}

/// A workspace, and a replica in it that has nothing yet.
pub async fn workspace(home: &TempDir) -> (World, Replica) {
    let replica = open(home).await;
    let world = World::new(replica.device());
    drop(replica);
    let replica = world.enter(home).await;
    (world, replica)
}

/// The same without its keys, holding a call of B's of yesterday that was folded when they were there: of seven tokens.
pub async fn locked_with_a_call(home: &TempDir) -> (World, Replica) {
    let (mut world, mut replica) = workspace(home).await;
    let chunk = world.calls(B, 1, &[call(1, 7, 1)]);
    replica.apply(&arrival(&[&chunk]), NOW).await.unwrap();
    drop(replica);
    (world, open(home).await)
}

/// What a relay delivers.
pub fn arrival(chunks: &[&Chunk]) -> Write {
    Write { chunks: chunks.iter().map(|chunk| (*chunk).clone()).collect(), ..Write::default() }
}
