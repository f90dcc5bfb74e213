//! Connections: on the loopback address, so many at a time, and none that only waits.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::error::{Error, Result};

/// The most connections at a time: event streams of a few windows, and commands.
const CONNECTIONS: usize = 64;
/// How long a request's head may take to come.
const HEAD: Duration = Duration::from_secs(10);

/// The variable that names the port.
pub const PORT: &str = "AIMON_PORT";

/// Listens on `AIMON_PORT`, else on any free port.
pub async fn listen() -> Result<(TcpListener, u16)> {
    let port = match std::env::var_os(PORT).filter(|p| !p.is_empty()) {
        None => 0,
        Some(text) => {
            let text = text.to_string_lossy();
            text.trim().parse().map_err(|_| Error::BadPort(text.into_owned()))?
        }
    };
    let failed = |source| Error::Port { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok((listener, port))
}

/// Serves until it is dropped; connections end with it.
pub async fn serve(listener: TcpListener, router: Router) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    // Out of file descriptors, mostly: others may close some.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            },
            // Only to forget those that have ended.
            Some(_) = connections.join_next() => continue,
        };
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            let serve = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_buf_size(64 << 10)
                .serve_connection(TokioIo::new(stream), service);
            // A client that breaks off is its own affair.
            let _ = serve.await;
            drop(permit);
        });
    }
}
