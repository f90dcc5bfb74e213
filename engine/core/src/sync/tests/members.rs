//! Who belongs: keys that reach nobody, and lists that are longer than a statement.

use aimon_ledger::ids::StatementId;
use aimon_ledger::statement::Recipient;

use super::*;

/// For whom keys are wrapped in statements.
fn wrapped_for(step: &Step) -> Vec<Recipient> {
    let recipients = step.write.statements.iter().flat_map(|statement| match &statement.body().what {
        What::Rotate { wrapped, .. } => wrapped.iter().map(|(recipient, _)| *recipient).collect(),
        What::Wrap { device, .. } => vec![Recipient::Device(*device)],
        _ => vec![],
    });
    recipients.collect()
}

fn key_stays(step: &Step) -> bool {
    step.notices.iter().any(|notice| matches!(notice, Notice::KeyStays(_)))
}

#[test]
fn a_member_that_nothing_can_be_wrapped_for_keeps_nobody_from_a_new_key() {
    let mut set = workspace(&[A, C]);
    admit(&mut set, B, bad_keys(B));
    let mut a = Device::new(A, &set, 1);
    let rotated = a.client.rotate().unwrap();
    assert_eq!(wrapped_for(&rotated), [Recipient::Phrase, Recipient::Device(A), Recipient::Device(C)]);
    let before = a.client.standing().rotate;
    let step = a.client.revoke(B).unwrap();
    assert!(!key_stays(&step));
    assert_ne!(a.client.standing().rotate, before, "the one who is out reads on under the old one");
    assert!(a.client.can_write());
}

#[test]
fn a_member_that_nothing_can_be_wrapped_for_keeps_nobody_waiting_for_keys() {
    let mut set = workspace(&[A]);
    admit(&mut set, B, bad_keys(B));
    admit(&mut set, C, keys(C));
    let mut a = Device::new(A, &set, 1);
    let given = a.client.give_keys();
    assert_eq!(wrapped_for(&given), [Recipient::Device(C)]);
    assert!(a.client.give_keys().write.is_empty(), "and once is enough");
    let mut c = Device::new(C, &set, 3);
    assert!(!c.client.can_write());
    c.hear(given.write.statements);
    assert!(c.client.can_write());
}

/// Among several keys of one device those count that it can be reached by.
#[test]
fn a_device_is_reached_by_whichever_of_its_keys_will_do() {
    let mut set = workspace(&[A]);
    admit(&mut set, C, bad_keys(C));
    admit(&mut set, C, keys(C));
    let mut a = Device::new(A, &set, 1);
    let given = a.client.give_keys();
    let mut c = Device::new(C, &set, 3);
    c.hear(given.write.statements);
    assert!(c.client.can_write());
}

#[test]
fn a_device_that_nothing_can_be_wrapped_for_is_not_taken_in() {
    let mut a = Device::new(A, &workspace(&[A]), 1);
    assert_eq!(a.client.admit(B, bad_keys(B)).unwrap_err(), SyncError::Recipient);
    a.client.admit(B, keys(B)).unwrap();
}

#[test]
fn a_revoke_says_when_there_is_no_new_key() {
    let mut set = begun(Keys { agreement: [0; 32], ..phrase().public() });
    admit(&mut set, A, keys(A));
    admit(&mut set, B, keys(B));
    let mut a = Device::new(A, &set, 1);
    let step = a.client.revoke(B).unwrap();
    assert!(a.client.standing().revoked.contains_key(&B));
    assert_eq!(step.notices, [Notice::KeyStays(SyncError::Recipient)]);
}

/// More chunks than one statement lists.
const MANY: usize = 15_400;

#[test]
fn a_device_with_more_chunks_than_a_statement_lists_is_revoked_and_vouched_for() {
    let set = workspace(&[A, B, C]);
    let (mut a, mut b, mut c) = (Device::new(A, &set, 1), Device::new(B, &set, 2), Device::new(C, &set, 3));
    let chunks: Vec<Chunk> = (0..MANY).flat_map(|n| b.record(&[call(n as u8, n as u64)])).collect();
    a.client.take(chunks.clone(), Held::new(), NOON);
    let step = a.client.revoke(B).unwrap();
    assert!(!key_stays(&step));
    let kinds: Vec<usize> = step
        .write
        .statements
        .iter()
        .filter_map(|statement| match &statement.body().what {
            What::Revoke { listed, .. } | What::Vouch { listed, .. } => Some(listed.len()),
            _ => None,
        })
        .collect();
    assert_eq!((kinds.len(), kinds.iter().sum::<usize>()), (2, MANY));
    assert_eq!(step.write.queued.len(), MANY, "who lists them offers them");
    assert!(step.write.counts.is_empty(), "none of them has ever not counted");
    assert!(a.states().iter().all(|state| *state == State::Live));

    // Another one that has heard of the revoke alone, and vouches for all.
    let revoke: Vec<Statement> = step.write.statements.into_iter().take(1).collect();
    let revoked: StatementId = revoke[0].id();
    c.client.take(chunks, Held::new(), NOON);
    c.hear(revoke);
    assert!(c.states().contains(&State::SetAside));
    let step = c.client.vouch_for(B).unwrap();
    assert_eq!(step.write.statements[0].body().follows, [revoked]);
    assert!(c.states().iter().all(|state| *state == State::Live));

    // And one that nobody has listed anything of.
    let mut d = Device::new(A, &set, 4);
    let none = d.client.revoke(B).unwrap().write.statements;
    c.hear(none);
    assert!(c.states().iter().all(|state| *state == State::Live), "lists unite");
}

/// Whoever is revoked takes what they have vouched for with them, if the revoke has not heard of it: so each stands for all of it.
#[test]
fn who_vouches_lists_also_what_others_have_listed() {
    let set = workspace(&[A, B, C]);
    let (mut a, mut b, mut c) = (Device::new(A, &set, 1), Device::new(B, &set, 2), Device::new(C, &set, 3));
    let chunks: Vec<Chunk> = (0..2).flat_map(|n| b.record(&[call(n, 1)])).collect();
    a.client.take(chunks.clone(), Held::new(), NOON);
    c.client.take(chunks, Held::new(), NOON);
    assert!(c.client.vouch_for(B).unwrap().write.statements.is_empty(), "a member needs no word");
    c.hear(a.client.revoke(B).unwrap().write.statements);
    assert!(c.states().iter().all(|state| *state == State::Live));
    let said = c.client.vouch_for(B).unwrap().write.statements;
    let listed = said.iter().map(|one| match &one.body().what {
        What::Vouch { device: B, listed } => listed.len(),
        _ => 0,
    });
    assert_eq!(listed.sum::<usize>(), 2);
    assert!(c.client.vouch_for(B).unwrap().write.statements.is_empty(), "once");
}
