#![allow(clippy::unwrap_used)]

use aimon_ledger::frame::Frame;
use tokio::io::duplex;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::super::connection::{Connection, Over};
use super::*;

/// The clock stands still until all wait: two minutes of silence take no time.
#[tokio::test(start_paused = true)]
async fn a_relay_that_falls_silent_is_given_up() {
    let (ours, theirs) = duplex(4096);
    let ours = WebSocketStream::from_raw_socket(ours, Role::Client, Some(config())).await;
    let mut theirs = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
    let mut connection = Connection::carried(Over::Socket, |ends| carry(ours, "the relay".to_owned(), ends));

    // As long as it answers pings, which reading does, it may say nothing for hours.
    let answering = tokio::spawn(async move {
        let mut pings = 0;
        while pings < 100 {
            if let Some(Ok(Message::Ping(_))) = theirs.next().await {
                pings += 1;
            }
        }
        theirs.send(Message::Binary(Frame::Ping(7).encode().unwrap().into())).await.unwrap();
        theirs
    });
    assert_eq!(connection.recv().await.unwrap(), Some(Frame::Ping(7)));
    // Still there, but it reads and says nothing.
    let _theirs = answering.await.unwrap();
    let e = connection.recv().await.unwrap_err();
    assert!(e.code() == "relay-unreachable" && e.to_string().contains("silent"), "{e}");
    assert_eq!(connection.recv().await.unwrap(), None);
}

/// Both sides send more than fits on the way, and read only afterwards: neither waits for ever.
#[tokio::test]
async fn a_relay_that_does_not_read_yet_keeps_nobody_from_reading() {
    let (ours, theirs) = duplex(1024);
    let ours = WebSocketStream::from_raw_socket(ours, Role::Client, Some(config())).await;
    let mut theirs = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
    let mut connection = Connection::carried(Over::Socket, |ends| carry(ours, "the relay".to_owned(), ends));
    let frame = Frame::Push(vec![vec![1; 100_000]]);
    for _ in 0..10 {
        connection.send(&frame).unwrap();
    }
    let bytes = frame.encode().unwrap();
    let relay = tokio::spawn(async move {
        for _ in 0..10 {
            theirs.send(Message::Binary(bytes.clone().into())).await.unwrap();
        }
        let mut got = 0;
        while got < 10 {
            if let Some(Ok(Message::Binary(_))) = theirs.next().await {
                got += 1;
            }
        }
    });
    for _ in 0..10 {
        assert_eq!(connection.recv().await.unwrap(), Some(frame.clone()));
    }
    relay.await.unwrap();
}
