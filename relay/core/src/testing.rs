//! Devices, statements and chunks for tests: signed as real ones are, encrypting nothing.

#![allow(clippy::expect_used)]
use aimon_ledger::chunk::{self, Chunk, Header, Kind, Place};
use aimon_ledger::frame::{Hello, VERSION, Want};
use aimon_ledger::ids::{DeviceId, KeyId, Short, StatementId, WorkspaceId};
use aimon_ledger::membership::Membership;
use aimon_ledger::signature::Purpose;
use aimon_ledger::statement::{self, Author, Body, Keys, Statement, What};
use aimon_ledger::time::UtcDay;
use ed25519_dalek::{Signer, SigningKey};

/// A device, known by its number.
pub fn device(n: u8) -> DeviceId {
    DeviceId([n; 16])
}

/// A day of a device.
pub fn place(n: u8, day: i32) -> Place {
    Place { device: device(n), day: Some(UtcDay(day)), part: 0 }
}

/// Who signs; every device's key follows from its number.
pub fn secret(author: Author) -> SigningKey {
    match author {
        Author::Phrase => SigningKey::from_bytes(&[99; 32]),
        Author::Device(device) => SigningKey::from_bytes(&[device.0[0]; 32]),
    }
}

/// A signature for a purpose in a workspace.
pub fn sign(purpose: Purpose, workspace: &WorkspaceId, bytes: &[u8], author: Author) -> [u8; 64] {
    secret(author).sign(&purpose.message(workspace, bytes)).to_bytes()
}

/// Its public keys.
pub fn keys(author: Author) -> Keys {
    Keys { signing: secret(author).verifying_key().to_bytes(), agreement: [7; 32] }
}

/// A workspace's statements, as whoever makes them holds them.
#[derive(Clone, Debug)]
pub struct People {
    /// All of them.
    pub set: Membership,
}

impl People {
    /// A workspace with these devices in it.
    ///
    /// # Panics
    /// Never: what it makes is right.
    pub fn with(devices: &[u8]) -> Self {
        Self::named(0, devices)
    }

    /// Another workspace for each `name`.
    ///
    /// # Panics
    /// Never: what it makes is right.
    pub fn named(name: u32, devices: &[u8]) -> Self {
        let mut agreement = [0; 32];
        agreement[..4].copy_from_slice(&name.to_le_bytes());
        let keys = Keys { agreement, ..keys(Author::Phrase) };
        let body = Body { follows: vec![], author: Author::Phrase, what: What::Genesis(keys) };
        let mut people = Self { set: Membership::begin(signed(&statement::NO_WORKSPACE, &body)).expect("a genesis") };
        devices.iter().for_each(|n| drop(people.say(Author::Phrase, admit(*n))));
        people
    }

    /// The workspace.
    pub fn workspace(&self) -> WorkspaceId {
        self.set.workspace()
    }

    /// A statement that follows all that is held; it is held from here on. Gives its bytes.
    ///
    /// # Panics
    /// If its author may not say it.
    pub fn say(&mut self, author: Author, what: What) -> Vec<u8> {
        let statement = self.beside(&self.set.heads(), author, what);
        let bytes = statement.bytes().to_vec();
        assert!(self.set.insert(statement).expect("a statement that can be taken in"));
        bytes
    }

    /// A statement that follows just these.
    pub fn beside(&self, follows: &[StatementId], author: Author, what: What) -> Statement {
        signed(&self.workspace(), &Body { follows: follows.to_vec(), author, what })
    }

    /// The bytes of all statements, each behind those that it follows.
    pub fn all(&self) -> Vec<Vec<u8>> {
        self.set.statements().map(|statement| statement.bytes().to_vec()).collect()
    }

    /// A device's hello, which holds all statements.
    pub fn hello(&self, cursor: u64, want: Want) -> Hello {
        let (workspace, heads) = (self.workspace(), self.set.heads());
        Hello { versions: vec![VERSION], workspace, key: None, heads, cursor, want }
    }

    /// A change of a device's day.
    pub fn change(&self, n: u8, day: i32, text: &[u8]) -> Chunk {
        self.chunk(&header(place(n, day), Kind::Change), text)
    }

    /// A snapshot that covers these.
    pub fn snapshot<'c>(&self, n: u8, day: i32, covered: impl IntoIterator<Item = &'c Chunk>, text: &[u8]) -> Chunk {
        let mut header = header(place(n, day), Kind::Snapshot);
        header.covers =
            covered.into_iter().flat_map(|c| c.header().covers.iter().copied().chain([c.id().short()])).collect();
        header.covers.sort_unstable();
        header.covers.dedup();
        self.chunk(&header, text)
    }

    /// A chunk with this header, signed by the device that it names.
    ///
    /// # Panics
    /// If it would be too large.
    pub fn chunk(&self, header: &Header, text: &[u8]) -> Chunk {
        let (bytes, author) = (header.encode(), Author::Device(header.place.device));
        let signature = sign(Purpose::Chunk, &self.workspace(), &chunk::signed_part(&bytes, text), author);
        Chunk::assemble(&bytes, text, &signature).expect("a chunk")
    }
}

/// A plain header.
pub fn header(place: Place, kind: Kind) -> Header {
    Header { place, kind, key: KeyId([0; 8]), nonce: [0; 24], previous: None, obeys: vec![], covers: vec![] }
}

/// A header that obeys purges.
pub fn obeying(place: Place, kind: Kind, purges: &[Short]) -> Header {
    let mut obeys = purges.to_vec();
    obeys.sort_unstable();
    Header { obeys, ..header(place, kind) }
}

/// Takes a device in.
pub fn admit(n: u8) -> What {
    What::Admit { device: device(n), keys: keys(Author::Device(device(n))), wrapped: vec![] }
}

fn signed(workspace: &WorkspaceId, body: &Body) -> Statement {
    let bytes = body.encode().expect("a body");
    let signature = sign(Purpose::Statement, workspace, &bytes, body.author);
    Statement::assemble(&bytes, &signature).expect("a statement")
}
