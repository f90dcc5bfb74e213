//! A replica in touch with a relay that is a little odd.

use aimon_core::crypto::SecretKeys;
use aimon_ledger::frame::Code;
use aimon_replica::link::{Goal, Link, LinkError, Told};
use aimon_replica::transport::{self, Address};
use tokio::sync::Mutex;

use super::transport::relay::Relay;
use super::world::{secret, workspace};
use super::*;

/// A device with a call that no relay has taken, and a relay that knows it.
struct Scene {
    relay: Relay,
    replica: Mutex<Replica>,
    told: Vec<Told>,
    _home: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let home = TempDir::new().unwrap();
        let (world, mut replica) = workspace(&home).await;
        record(&mut replica, &[call(1, 7, 0)]).await;
        let relay = Relay::start().await;
        relay.held().who = Some((world.id(), world.a, SecretKeys::of_seed(*secret(world.a).seed())));
        Self { relay, replica: Mutex::new(replica), told: Vec::new(), _home: home }
    }

    /// Until both hold the same.
    async fn sync(&mut self) -> Result<(), LinkError> {
        let address = Address::parse(&self.relay.origin()).unwrap();
        let mut link = Link::new(&address, &transport::Options::default(), || NOW).unwrap();
        let told = &mut self.told;
        link.run(&self.replica, Goal::Even, &mut |one| told.push(one)).await
    }

    async fn waiting(&self) -> usize {
        self.replica.lock().await.queue().await.unwrap().len()
    }
}

/// `schema/protocol.md`, "A session", 7: the session goes on. Who has asked for all to be brought hears of it in the end.
#[tokio::test]
async fn a_statement_that_is_refused_keeps_no_chunk_back() {
    let mut scene = Scene::new().await;
    scene.relay.held().faults.takes_no_statements = Some(Code::Quota);
    let error = scene.sync().await.unwrap_err();
    assert_eq!(error.code(), "quota");
    assert_eq!(scene.waiting().await, 0, "its chunk was taken");
    let place = |told: &Told| scene.told.iter().position(|one| one == told);
    assert!(place(&Told::Failed(Code::Quota)) < place(&Told::Even), "{:?}", scene.told);
    scene.relay.held().faults.takes_no_statements = None;
    scene.sync().await.unwrap();
}

/// What a relay says last before it closes is why.
#[tokio::test]
async fn a_relay_that_ends_the_talk_says_why() {
    let mut scene = Scene::new().await;
    let failed = aimon_ledger::frame::Frame::Failed { code: Code::Version, text: "too old".to_owned() };
    scene.relay.held().faults.says = Some(axum::extract::ws::Message::Binary(failed.encode().unwrap().into()));
    assert_eq!(scene.sync().await.unwrap_err().code(), "version");
    assert_eq!(scene.told, [Told::Connected, Told::Failed(Code::Version)]);
}

/// By it whoever waits for a relay that is refilled knows that it goes on.
#[tokio::test]
async fn what_a_relay_takes_is_heard() {
    let mut scene = Scene::new().await;
    scene.sync().await.unwrap();
    let heard = scene.told.iter().filter(|told| **told == Told::Heard).count();
    // The welcome, that all was delivered, the outcome, the sums.
    assert_eq!(heard, 4, "{:?}", scene.told);
}
