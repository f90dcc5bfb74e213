#![allow(clippy::unwrap_used)]
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;

use super::*;
use crate::ids::Short;
use crate::live::listing;
use crate::signature::Purpose;
use crate::statement::{Body, Recipient, Wrapped};
use crate::time::UtcMillis;

const A: DeviceId = DeviceId([1; 16]);
const B: DeviceId = DeviceId([2; 16]);
const C: DeviceId = DeviceId([3; 16]);
const D: DeviceId = DeviceId([4; 16]);

fn secret(author: Author) -> SigningKey {
    match author {
        Author::Phrase => SigningKey::from_bytes(&[99; 32]),
        Author::Device(device) => SigningKey::from_bytes(&[device.0[0]; 32]),
    }
}

fn keys(author: Author) -> Keys {
    Keys { signing: secret(author).verifying_key().to_bytes(), agreement: [7; 32] }
}

fn sign(workspace: &WorkspaceId, body: &Body) -> Statement {
    let bytes = body.encode().unwrap();
    let signature = secret(body.author).sign(&Purpose::Statement.message(workspace, &bytes));
    Statement::assemble(&bytes, &signature.to_bytes()).unwrap()
}

fn genesis() -> Statement {
    let body = Body { follows: vec![], author: Author::Phrase, what: What::Genesis(keys(Author::Phrase)) };
    sign(&statement::NO_WORKSPACE, &body)
}

fn begin() -> Membership {
    Membership::begin(genesis()).unwrap()
}

/// A statement by `author` that follows `follows`.
fn stated(set: &Membership, author: Author, follows: &[StatementId], what: What) -> Statement {
    let mut follows = follows.to_vec();
    follows.sort_unstable();
    sign(&set.workspace(), &Body { follows, author, what })
}

/// Says something that follows all that is held.
fn say(set: &mut Membership, author: Author, what: What) -> StatementId {
    let statement = stated(set, author, &set.heads(), what);
    let id = statement.id();
    assert_eq!(set.insert(statement), Ok(true));
    id
}

fn by(device: DeviceId) -> Author {
    Author::Device(device)
}

fn admit(device: DeviceId) -> What {
    What::Admit { device, keys: keys(by(device)), wrapped: vec![] }
}

fn revoke(device: DeviceId) -> What {
    What::Revoke { device, listed: vec![] }
}

fn rotate(n: u8) -> What {
    What::Rotate { check: [n; 8], wrapped: vec![(Recipient::Phrase, Wrapped([n; 80]))], sealed: vec![n] }
}

fn retain(days: u64) -> What {
    What::Retain(Retention::of(days).unwrap())
}

fn purge(days: std::ops::RangeInclusive<i32>) -> What {
    let days = UtcDay(*days.start())..=UtcDay(*days.end());
    What::Purge { devices: vec![], days, instant: UtcMillis(0), key: KeyId([0; 8]), detail: vec![] }
}

fn members(set: &Membership) -> Vec<DeviceId> {
    set.standing().members.into_keys().collect()
}

/// A workspace of A, which has admitted B.
fn two() -> Membership {
    let mut set = begin();
    say(&mut set, Author::Phrase, admit(A));
    say(&mut set, by(A), admit(B));
    set
}

/// Takes in what the other holds.
fn exchange(one: &mut Membership, other: &Membership) {
    for statement in other.lacking(&one.heads()) {
        one.insert(statement.clone()).unwrap();
    }
}

#[test]
fn the_phrase_begins_a_workspace_and_members_admit() {
    let set = two();
    assert_eq!(set.workspace(), WorkspaceId(genesis().id().0));
    assert_eq!(members(&set), [A, B]);
    let standing = set.standing();
    assert_eq!(standing.signing_keys(&A), [secret(by(A)).verifying_key()]);
    assert_eq!(standing.signing_keys(&C), []);
    assert_eq!((standing.retention.days(), standing.rotate), (180, None));
}

#[test]
fn a_stranger_says_nothing() {
    let mut set = two();
    let by_stranger = stated(&set, by(C), &set.heads(), admit(C));
    assert_eq!(set.insert(by_stranger), Err(StatementError::Signature));
    // B's statement that follows only the genesis: there it is nobody yet.
    let too_early = stated(&set, by(B), &[genesis().id()], admit(C));
    assert_eq!(set.insert(too_early), Err(StatementError::Signature));
    // In A's name, signed by B.
    let body = Body { follows: set.heads(), author: by(A), what: admit(C) }.encode().unwrap();
    let signature = secret(by(B)).sign(&Purpose::Statement.message(&set.workspace(), &body));
    let forged = Statement::assemble(&body, &signature.to_bytes()).unwrap();
    assert_eq!(set.insert(forged), Err(StatementError::Signature));
    // Signed for another workspace.
    let elsewhere = Body { follows: set.heads(), author: by(A), what: admit(C) };
    assert_eq!(set.insert(sign(&WorkspaceId([1; 32]), &elsewhere)), Err(StatementError::Signature));
    // Another genesis.
    let body = Body { follows: vec![], author: Author::Phrase, what: What::Genesis(keys(by(C))) };
    assert_eq!(set.insert(sign(&statement::NO_WORKSPACE, &body)), Err(StatementError::Elsewhere));
    assert!(matches!(Membership::begin(sign(&statement::NO_WORKSPACE, &body)), Err(StatementError::Signature)));
    assert_eq!(set.insert(genesis()), Ok(false));
    assert_eq!(members(&set), [A, B]);
}

#[test]
fn what_a_statement_follows_must_be_held() {
    let whole = two();
    let mut set = begin();
    let all: Vec<Statement> = whole.statements().cloned().collect();
    assert_eq!(set.insert(all[2].clone()), Err(StatementError::Missing(vec![all[1].id()])));
    assert_eq!(set.insert(all[1].clone()), Ok(true));
    assert_eq!(set.insert(all[2].clone()), Ok(true));
    assert_eq!(set.insert(all[2].clone()), Ok(false));
    assert_eq!(set.standing(), whole.standing());
    // What somebody lacks goes by its heads; unknown ones say nothing.
    assert_eq!(whole.lacking(&[all[1].id()]), [&all[2]]);
    assert_eq!(whole.lacking(&[StatementId([1; 32])]).len(), 3);
    assert!(whole.lacking(&whole.heads()).is_empty());
}

#[test]
fn a_revoked_device_says_nothing_more() {
    let mut set = two();
    say(&mut set, by(A), revoke(B));
    assert_eq!(members(&set), [A]);
    say(&mut set, by(B), admit(C));
    say(&mut set, by(B), revoke(A));
    say(&mut set, by(B), retain(7));
    say(&mut set, by(B), purge(0..=9));
    let standing = set.standing();
    assert_eq!(members(&set), [A]);
    assert_eq!((standing.retention.days(), standing.purges), (180, vec![]));
    assert_eq!(standing.revoked.into_keys().collect::<Vec<_>>(), [B], "C was never a member");
}

#[test]
fn what_it_said_before_stays() {
    let mut set = two();
    say(&mut set, by(B), admit(C));
    let kept = say(&mut set, by(B), retain(30));
    say(&mut set, by(A), revoke(B));
    assert_eq!(members(&set), [A, C]);
    assert_eq!(set.standing().retention.days(), 30);
    assert!(set.has(&kept));
}

#[test]
fn what_it_said_beside_is_void_and_who_it_admitted_is_set_aside() {
    let mut set = two();
    let mut other = set.clone();
    say(&mut set, by(A), revoke(B));
    say(&mut other, by(B), admit(C));
    say(&mut other, by(C), admit(D));
    say(&mut other, by(B), retain(7));
    exchange(&mut set, &other);
    assert_eq!(members(&set), [A]);
    let standing = set.standing();
    assert_eq!(standing.retention.days(), 180);
    // Their admits stood when they were signed: what they wrote is kept aside until it expires.
    assert_eq!(standing.revoked.keys().copied().collect::<Vec<_>>(), [B, C, D]);
    let vouched = What::Vouch { device: D, listed: vec![[5; 16]] };
    say(&mut set, by(A), vouched);
    assert_eq!(set.standing().revoked[&D].listed, HashSet::from([[5; 16]]));
    exchange(&mut other, &set);
    assert_eq!(other.standing(), set.standing());
}

#[test]
fn two_that_revoke_each_other_are_both_out_and_the_phrase_mends_it() {
    let mut set = two();
    let mut other = set.clone();
    say(&mut set, by(A), revoke(B));
    say(&mut other, by(B), revoke(A));
    let before = set.clone();
    exchange(&mut set, &other);
    exchange(&mut other, &before);
    assert_eq!(members(&set), []);
    assert_eq!(set.standing(), other.standing());
    say(&mut set, Author::Phrase, admit(C));
    assert_eq!(members(&set), [C]);
    // A device that was revoked stays so: it joins again under another id.
    say(&mut set, Author::Phrase, admit(A));
    assert_eq!(members(&set), [C]);
}

#[test]
fn lists_of_a_revoked_device_unite() {
    let mut set = two();
    say(&mut set, by(A), admit(C));
    let mut other = set.clone();
    let chunks: Vec<_> = (0..4_u8).map(|n| crate::ids::ChunkId::of(&[n])).collect();
    let listed = |which: &[usize]| {
        let mut listed: Vec<_> = which.iter().map(|n| listing(&chunks[*n])).collect();
        listed.sort_unstable();
        listed
    };
    say(&mut set, by(A), What::Revoke { device: B, listed: listed(&[0, 1]) });
    say(&mut other, by(C), What::Revoke { device: B, listed: listed(&[2]) });
    exchange(&mut set, &other);
    say(&mut set, by(C), What::Vouch { device: B, listed: listed(&[3]) });
    // The revoked device can't vouch for itself.
    say(&mut set, by(B), What::Vouch { device: B, listed: vec![[0xee; 16]] });
    let rules = set.standing().rules(UtcDay(0));
    let all: HashSet<Listing> = listed(&[0, 1, 2, 3]).into_iter().collect();
    assert_eq!(rules.authors[&B], live::Author::Revoked(all));
    assert_eq!(rules.authors[&A], live::Author::Member);
}

#[test]
fn the_highest_rotate_is_the_one_and_later_ones_seal() {
    let mut set = two();
    let first = say(&mut set, by(A), rotate(1));
    let mut other = set.clone();
    let left = say(&mut set, by(A), rotate(2));
    say(&mut other, by(B), retain(30));
    let right = say(&mut other, by(B), rotate(3));
    assert_eq!(set.standing().unsealed, BTreeSet::from([left]));
    exchange(&mut set, &other);
    let standing = set.standing();
    assert_eq!(standing.rotate, Some(right), "the longer path from the genesis");
    assert_eq!(standing.unsealed, BTreeSet::from([left, right]), "neither follows the other");
    let third = say(&mut set, by(A), rotate(4));
    assert_eq!((set.standing().rotate, set.standing().unsealed), (Some(third), BTreeSet::from([third])));
    // One that is void brings no key for new chunks and seals nothing.
    say(&mut set, by(A), revoke(B));
    let void = say(&mut set, by(B), rotate(5));
    let standing = set.standing();
    assert_eq!((standing.rotate, standing.unsealed), (Some(third), BTreeSet::from([third, void])));
    assert_ne!(key_of(&first), key_of(&third));
}

#[test]
fn of_two_rotates_at_one_height_the_greater_id_goes_first() {
    let (mut set, mut other) = (two(), two());
    let ids = [say(&mut set, by(A), rotate(1)), say(&mut other, by(B), rotate(2))];
    exchange(&mut set, &other);
    assert_eq!(set.standing().rotate, ids.into_iter().max());
}

#[test]
fn purges_count_as_long_as_their_signer_did() {
    let mut set = two();
    let id = say(&mut set, by(B), purge(5..=9));
    say(&mut set, by(A), revoke(B));
    say(&mut set, by(B), purge(0..=20));
    let standing = set.standing();
    let purge = Purge { id: id.short(), devices: vec![], days: UtcDay(5)..=UtcDay(9) };
    assert_eq!(standing.purges, [purge]);
    assert_ne!(standing.purges[0].id, Short([0; 4]));
}

#[test]
fn the_highest_retain_stands() {
    let mut set = two();
    let mut other = set.clone();
    say(&mut set, by(A), retain(7));
    say(&mut other, by(B), retain(30));
    say(&mut other, by(B), retain(365));
    exchange(&mut set, &other);
    assert_eq!(set.standing().retention.days(), 365);
    say(&mut set, by(A), retain(90));
    assert_eq!(set.standing().retention.days(), 90);
}

#[test]
fn a_device_may_leave() {
    let mut set = two();
    say(&mut set, by(B), What::Revoke { device: B, listed: vec![[1; 16]] });
    assert_eq!(members(&set), [A]);
    assert_eq!(set.standing().revoked[&B].listed.len(), 1);
}

/// One step of a random life: who says what, and how much of what there is it follows.
#[derive(Clone, Debug)]
struct Step {
    author: u8,
    what: u8,
    about: u8,
    held: Vec<prop::sample::Index>,
}

fn step() -> impl Strategy<Value = Step> {
    (0..5_u8, 0..7_u8, 1..5_u8, proptest::collection::vec(any::<prop::sample::Index>(), 1..3))
        .prop_map(|(author, what, about, held)| Step { author, what, about, held })
}

/// Lives through the steps; what an author can't say at its place is left out.
fn live_through(steps: &[Step]) -> Membership {
    let mut set = two();
    for (n, step) in steps.iter().enumerate() {
        let all: Vec<StatementId> = set.statements().map(Statement::id).collect();
        let mut follows: Vec<StatementId> = step.held.iter().map(|index| all[index.index(all.len())]).collect();
        follows.sort_unstable();
        follows.dedup();
        let author = if step.author == 0 { Author::Phrase } else { by(DeviceId([step.author; 16])) };
        let about = DeviceId([step.about; 16]);
        let what = match step.what {
            0 | 1 => admit(about),
            2 => What::Revoke { device: about, listed: vec![[n as u8; 16]] },
            3 => What::Vouch { device: about, listed: vec![[n as u8; 16]] },
            4 => rotate(n as u8),
            5 => retain(7 + n as u64),
            _ => purge(n as i32..=n as i32 + 3),
        };
        let statement = stated(&set, author, &follows, what);
        drop(set.insert(statement));
    }
    set
}

proptest! {
    /// What the statements come to is a function of their set: whoever holds the same ones says the same.
    #[test]
    fn the_order_of_arrival_does_not_matter(steps in proptest::collection::vec(step(), 0..25), seed: u64) {
        let set = live_through(&steps);
        let mut rest: Vec<Statement> = set.statements().skip(1).cloned().collect();
        let mut other = begin();
        let mut seed = seed;
        while !rest.is_empty() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let statement = rest.remove((seed >> 33) as usize % rest.len());
            match other.insert(statement.clone()) {
                Ok(_) => {}
                Err(StatementError::Missing(_)) => rest.push(statement),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
        prop_assert_eq!(other.standing(), set.standing());
        let (mut mine, mut theirs) = (set.heads(), other.heads());
        mine.sort_unstable();
        theirs.sort_unstable();
        prop_assert_eq!(mine, theirs);
        prop_assert!(set.lacking(&other.heads()).is_empty());
    }

    /// A revoke that stands is never undone by what somebody revoked says, however it is placed.
    #[test]
    fn who_is_revoked_cannot_come_back(steps in proptest::collection::vec(step(), 0..20)) {
        let mut set = live_through(&steps);
        say(&mut set, Author::Phrase, revoke(B));
        let all: Vec<StatementId> = set.statements().map(Statement::id).collect();
        for id in all {
            for what in [admit(B), admit(D), retain(8), rotate(200)] {
                let before = set.standing();
                let statement = stated(&set, by(B), &[id], what);
                let new = set.insert(statement).is_ok();
                let after = set.standing();
                prop_assert_eq!(&before.members, &after.members);
                prop_assert_eq!(before.retention, after.retention);
                prop_assert_eq!(before.rotate, after.rotate, "{}", new);
            }
        }
    }
}
