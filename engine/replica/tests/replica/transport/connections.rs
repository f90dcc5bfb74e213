//! Frames both ways, over a socket and in requests.

use std::time::Duration;

use aimon_ledger::frame::{Frame, MOST_BYTES, Outcome};
use aimon_ledger::ids::ChunkId;
use aimon_replica::transport::{Connection, Connector, Over, Token};
use axum::extract::ws::Message;
use axum::http::StatusCode;

use super::relay::Relay;
use super::{authenticate, code, hello, http};

struct Scene {
    relay: Relay,
    token: Token,
}

impl Scene {
    async fn new() -> Self {
        let relay = Relay::start().await;
        let token = authenticate(&http(&relay)).await.unwrap();
        Self { relay, token }
    }

    async fn connect(&self, over: Over) -> Connection {
        let connection = match over {
            Over::Socket => Connection::socket(&http(&self.relay), &self.token).await.unwrap(),
            Over::Batch => Connection::batch(&http(&self.relay), &self.token).unwrap(),
        };
        assert_eq!(connection.over(), over);
        connection
    }

    /// Past the welcome.
    async fn live(&self, over: Over) -> Connection {
        let mut connection = self.connect(over).await;
        connection.send(&hello()).unwrap();
        assert!(matches!(connection.recv().await.unwrap(), Some(Frame::Welcome(_))));
        assert_eq!(connection.recv().await.unwrap(), Some(Frame::Live));
        connection
    }
}

const BOTH: [Over; 2] = [Over::Socket, Over::Batch];

/// Chunks that are none, of which a frame takes three.
fn chunk(n: u8) -> Vec<u8> {
    vec![n; 300_000]
}

#[tokio::test]
async fn frames_go_both_ways_in_their_order() {
    for (over, overtaken) in [(Over::Socket, false), (Over::Batch, false), (Over::Batch, true)] {
        let scene = Scene::new().await;
        scene.relay.held().faults.overtaken = overtaken;
        let mut connection = scene.live(over).await;
        for n in 0..20 {
            connection.send(&Frame::Push(vec![chunk(n)])).unwrap();
            connection.send(&Frame::Ping(u64::from(n))).unwrap();
        }
        for n in 0..20 {
            let outcome = (ChunkId::of(&chunk(n)), Outcome::Accepted(u64::from(n) + 1));
            assert_eq!(connection.recv().await.unwrap(), Some(Frame::Outcomes(vec![outcome])));
            assert_eq!(connection.recv().await.unwrap(), Some(Frame::Pong(u64::from(n))));
        }
    }
}

/// The relay has something to say while nobody asks; the device has, while it waits for the relay.
#[tokio::test]
async fn neither_waits_for_the_other() {
    for over in BOTH {
        let scene = Scene::new().await;
        let mut connection = scene.live(over).await;
        let rounds = async {
            for n in 0..5 {
                scene.relay.say(&Frame::Deliver(vec![(n, vec![1, 2, 3])]));
                assert_eq!(connection.recv().await.unwrap(), Some(Frame::Deliver(vec![(n, vec![1, 2, 3])])));
                while over == Over::Batch && scene.relay.held().waiting == 0 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                connection.send(&Frame::Ping(n)).unwrap();
                assert_eq!(connection.recv().await.unwrap(), Some(Frame::Pong(n)));
            }
        };
        // All in less than the relay would wait for in one request.
        tokio::time::timeout(Duration::from_secs(20), rounds).await.unwrap();
        let requests = scene.relay.held().requests;
        assert!(requests < 40, "{requests}");
    }
}

#[tokio::test]
async fn whoever_stops_waiting_loses_nothing() {
    for over in BOTH {
        let scene = Scene::new().await;
        let mut connection = scene.live(over).await;
        for n in 0..30 {
            scene.relay.say(&Frame::Ping(n));
            // Gives up right away, mostly before anything has come.
            tokio::select! {
                biased;
                frame = connection.recv() => assert_eq!(frame.unwrap(), Some(Frame::Ping(n))),
                () = tokio::task::yield_now() => assert_eq!(connection.recv().await.unwrap(), Some(Frame::Ping(n))),
            }
        }
    }
}

#[tokio::test]
async fn what_was_sent_last_goes_out_before_the_end() {
    for over in BOTH {
        let scene = Scene::new().await;
        let connection = scene.live(over).await;
        for n in 0..4 {
            connection.send(&Frame::Push(vec![chunk(n)])).unwrap();
        }
        connection.close().await;
        // It is out; the relay may take a moment to take it.
        let arrived = async {
            while scene.relay.held().seq < 4 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), arrived).await.unwrap();
    }
}

#[tokio::test]
async fn the_largest_frame_passes_and_a_larger_one_is_not_sent() {
    for over in BOTH {
        let scene = Scene::new().await;
        let mut connection = scene.live(over).await;
        let mut largest = Frame::Push(vec![vec![0; MOST_BYTES - 10]]);
        while largest.encode().is_err() {
            let Frame::Push(chunks) = &mut largest else { panic!() };
            chunks[0].pop();
        }
        connection.send(&largest).unwrap();
        assert!(matches!(connection.recv().await.unwrap(), Some(Frame::Outcomes(_))));
        let e = connection.send(&Frame::Push(vec![vec![0; MOST_BYTES]]));
        assert_eq!(code(e), "relay-protocol");
        connection.send(&Frame::Ping(1)).unwrap();
        assert_eq!(connection.recv().await.unwrap(), Some(Frame::Pong(1)), "nothing of it was sent");
    }
}

#[tokio::test]
async fn a_relay_that_ends_a_session_is_heard() {
    let scene = Scene::new().await;
    let mut connection = scene.live(Over::Socket).await;
    let failed = Frame::Failed { code: aimon_ledger::frame::Code::NotAMember, text: "revoked".to_owned() };
    scene.relay.say(&failed);
    assert_eq!(connection.recv().await.unwrap(), Some(failed));
    while connection.send(&Frame::Ping(1)).is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(code(connection.send(&Frame::Ping(1))), "relay-unreachable");

    let mut connection = scene.live(Over::Batch).await;
    scene.relay.forget_sessions();
    connection.send(&Frame::Ping(1)).unwrap();
    assert_eq!(code(connection.recv().await), "unknown-session");
    assert_eq!(connection.recv().await.unwrap(), None);

    let mut connection = scene.live(Over::Batch).await;
    scene.relay.held().tokens.clear();
    connection.send(&Frame::Ping(1)).unwrap();
    assert_eq!(code(connection.recv().await), "unauthorized");
}

#[tokio::test]
async fn what_is_no_frame_ends_the_connection() {
    for (message, expected) in [
        (Message::Text("{}".into()), "relay-protocol"),
        (Message::Binary(vec![0xff; 10].into()), "relay-protocol"),
        (Message::Binary(vec![0; MOST_BYTES + 1].into()), "relay-protocol"),
    ] {
        let scene = Scene::new().await;
        scene.relay.held().faults.says = Some(message);
        let mut connection = scene.connect(Over::Socket).await;
        assert_eq!(code(connection.recv().await), expected);
    }
}

#[tokio::test]
async fn requests_stand_in_where_sockets_are_blocked() {
    for status in [StatusCode::FORBIDDEN, StatusCode::BAD_REQUEST, StatusCode::BAD_GATEWAY, StatusCode::OK] {
        let scene = Scene::new().await;
        scene.relay.held().faults.sockets = Some(status);
        let mut connector = Connector::new(http(&scene.relay));
        for _ in 0..3 {
            let mut connection = connector.connect(&scene.token).await.unwrap();
            assert_eq!(connection.over(), Over::Batch, "{status}");
            connection.send(&hello()).unwrap();
            assert!(matches!(connection.recv().await.unwrap(), Some(Frame::Welcome(_))));
        }
        assert_eq!(scene.relay.held().sockets_tried, 1, "remembered");

        let mut connector = connector.trying_again_after(Duration::ZERO);
        let mut fresh = Connector::new(http(&scene.relay)).trying_again_after(Duration::ZERO);
        assert_eq!(fresh.connect(&scene.token).await.unwrap().over(), Over::Batch);
        scene.relay.held().faults.sockets = None;
        assert_eq!(fresh.connect(&scene.token).await.unwrap().over(), Over::Socket, "tried again");
        assert_eq!(connector.connect(&scene.token).await.unwrap().over(), Over::Batch, "its half hour is not over");
    }
}

#[tokio::test]
async fn a_relay_that_refuses_is_not_asked_in_another_way() {
    let scene = Scene::new().await;
    let mut connector = Connector::new(http(&scene.relay));
    for refusal in ["not-a-member", "rate", "unauthorized"] {
        scene.relay.held().faults.refuses = Some(refusal);
        let requests = scene.relay.held().requests;
        assert_eq!(code(connector.connect(&scene.token).await), refusal);
        assert_eq!(scene.relay.held().requests, requests + 1);
    }
    scene.relay.held().faults.refuses = None;
    scene.relay.held().tokens.clear();
    assert_eq!(code(connector.connect(&scene.token).await), "unauthorized");
}

#[tokio::test]
async fn a_relay_that_is_away_is_no_blocked_socket() {
    let scene = Scene::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = Relay::at(format!("http://{}", listener.local_addr().unwrap()));
    drop(listener);
    let mut connector = Connector::new(http(&nobody));
    assert_eq!(code(connector.connect(&scene.token).await), "relay-unreachable");
}

/// Something on the way may answer at once, though the relay would wait: that must not become a storm of requests.
#[tokio::test]
async fn an_empty_answer_is_not_asked_for_again_at_once() {
    let scene = Scene::new().await;
    scene.relay.held().faults.hasty = true;
    let mut connection = scene.live(Over::Batch).await;
    let before = scene.relay.held().requests;
    for n in 0..50 {
        connection.send(&Frame::Ping(n)).unwrap();
        assert_eq!(connection.recv().await.unwrap(), Some(Frame::Pong(n)), "what is to be sent does not wait");
    }
    let requests = scene.relay.held().requests - before;
    assert!(requests < 120, "{requests}");
    // A slow machine asks less often, not more.
    let before = scene.relay.held().requests;
    tokio::time::sleep(Duration::from_millis(400)).await;
    let requests = scene.relay.held().requests - before;
    assert!(requests <= 2, "{requests}");
}
