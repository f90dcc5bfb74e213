//! A storage that can't write.

use super::*;

/// A storage whose commit fails when it is told to.
#[derive(Default)]
struct Failing(Memory, bool);

#[derive(Debug, thiserror::Error)]
#[error("full")]
struct Full;

macro_rules! pass {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $out:ty;)*) => {
        $(fn $name(&mut self, $($arg: $kind),*) -> Result<$out, Full> {
            self.0.$name($($arg),*).map_err(|_| Full)
        })*
    };
}

impl Storage for Failing {
    type Error = Full;
    pass! {
        time() -> Option<TrustedTime>;
        set_time(time: TrustedTime) -> ();
        workspaces(after: Option<WorkspaceId>, most: usize) -> Vec<WorkspaceId>;
        statements(workspace: &WorkspaceId) -> Vec<Vec<u8>>;
        add_statement(workspace: &WorkspaceId, statement: &Statement) -> ();
        remove_workspace(workspace: &WorkspaceId) -> ();
        tally(workspace: &WorkspaceId) -> Tally;
        set_tally(workspace: &WorkspaceId, tally: Tally) -> ();
        segment(workspace: &WorkspaceId, place: &Place) -> Segment;
        set_segment(workspace: &WorkspaceId, place: &Place, segment: Segment) -> ();
        segments(workspace: &WorkspaceId, after: Option<Place>, most: usize) -> Vec<(Place, Segment)>;
        find(workspace: &WorkspaceId, place: &Place, id: &ChunkId) -> Option<Held>;
        beginning(workspace: &WorkspaceId, place: &Place, short: Short) -> Vec<(ChunkId, Held)>;
        ids(workspace: &WorkspaceId, place: &Place) -> Vec<(ChunkId, Held)>;
        covers(workspace: &WorkspaceId, place: &Place) -> Vec<Vec<Short>>;
        chunk(workspace: &WorkspaceId, seq: u64) -> Option<Vec<u8>>;
        above(workspace: &WorkspaceId, seq: u64, want: Want, most: usize) -> Page;
        put(workspace: &WorkspaceId, seq: u64, chunk: &Chunk, is_aside: bool) -> ();
        remove(workspace: &WorkspaceId, place: &Place, id: &ChunkId) -> ();
        rollback() -> ();
    }

    fn commit(&mut self) -> Result<(), Full> {
        if self.1 { Err(Full) } else { self.0.commit().map_err(|_| Full) }
    }
}

#[test]
fn a_full_disk_is_told_and_harms_only_who_wrote() {
    let (people, others) = (People::with(&[1, 2]), People::named(1, &[3]));
    let mut relay = Relay::new(Failing::default(), Config::default(), NOW).unwrap();
    for people in [&people, &others] {
        relay.statements(&people.workspace(), people.all(), true, NOW).unwrap();
    }
    relay.commit();
    for (people, n) in [(&people, 1), (&people, 2), (&others, 3)] {
        relay.open(s(u64::from(n)), people.workspace(), device(n));
        relay.frame(s(u64::from(n)), Frame::Hello(people.hello(0, Want::All)), NOW);
    }
    relay.storage.1 = true;
    let chunk = people.change(1, TODAY, b"a");
    let said = relay.frame(s(1), Frame::Push(vec![chunk.bytes().to_vec()]), NOW);
    assert_eq!(outcomes(&said), [], "nothing is acknowledged");
    assert_eq!(failed(&said, 1), Some((Code::Unavailable, true)));
    assert_eq!(delivered(&said, 2), []);
    assert!(relay.is_open(s(3)) && relay.trouble().is_some());
    relay.storage.1 = false;
    relay.open(s(1), people.workspace(), device(1));
    relay.frame(s(1), Frame::Hello(people.hello(0, Want::All)), NOW);
    let said = relay.frame(s(1), Frame::Push(vec![chunk.bytes().to_vec()]), NOW);
    assert_eq!(outcomes(&said), [Outcome::Accepted(1)]);
}
