//! Server-sent events: a line whenever something was recorded.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_core::Stream;
use tokio::sync::{mpsc, watch};

/// A channel's other end, as a stream.
#[derive(Debug)]
pub struct Changes(mpsc::Receiver<u64>);

impl Stream for Changes {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0
            .poll_recv(cx)
            .map(|n| n.map(|n| Ok(Event::default().event("change").id(n.to_string()).data(n.to_string()))))
    }
}

/// Begins with the number as it is, and goes on with each change, until somebody hangs up or the
/// agent ends. Changes that come faster than they are taken are told once.
pub fn stream(mut changed: watch::Receiver<u64>) -> Sse<axum::response::sse::KeepAliveStream<Changes>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let n = *changed.borrow_and_update();
            if sender.send(n).await.is_err() {
                return;
            }
            tokio::select! {
                changed = changed.changed() => if changed.is_err() { return },
                () = sender.closed() => return,
            }
        }
    });
    Sse::new(Changes(receiver)).keep_alive(KeepAlive::new().interval(Duration::from_secs(30)))
}
