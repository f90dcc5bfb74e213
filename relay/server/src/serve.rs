//! `aimon-relay serve`.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use aimon_relay_core::auth::{Auth, Challenges, Invitations, Tokens};
use aimon_relay_core::http::{Host, refused, router, takes_token, token_of};
use aimon_relay_core::relay::Config;
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server as Listening};
use hyper_util::rt::TokioTimer;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tower_http::timeout::{RequestBodyDeadlineLayer, TimeoutLayer};

use crate::connection::Bounded;
use crate::error::{Error, Result};
use crate::folder::{Folder, random, registration_token};
use crate::host::Server;
use crate::limits::Limits;
use crate::storage::{Sqlite, checkpoint, open_reader};
use crate::writer::{Job, Writer};
use crate::{probes, socket};

/// Who may open a workspace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Registration {
    /// Anybody who can reach the relay.
    Open,
    /// Whoever shows the token that `aimon-relay token` prints.
    Token,
}

/// How a relay is served.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub listen: SocketAddr,
    /// The certificate with its chain, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// A proxy on the way does TLS: plain HTTP is served also where it can be reached from outside
    #[arg(long, conflicts_with = "tls_cert")]
    pub behind_proxy: bool,
    /// An address by which devices know the relay, such as `https://relay.example`; more than one may be given
    #[arg(long = "origin", value_name = "URL")]
    pub origins: Vec<String>,
    /// Who may open a workspace [default: open on loopback, else token]
    #[arg(long, value_enum)]
    pub registration: Option<Registration>,
    /// The most bytes of chunks that one workspace may hold
    #[arg(long, value_name = "BYTES", default_value_t = Config::default().quota)]
    pub quota: u64,
    /// How many chunks a device may push in a second; ten times as many at once
    #[arg(long, value_name = "CHUNKS", default_value_t = 5_000,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub device_rate: u32,
    /// How many connections there may be
    #[arg(long, value_name = "COUNT", default_value_t = 16_384,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections: u32,
    /// Where to serve /metrics, if others can reach the relay; on loopback it is served beside everything else
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// The clock is right: days expire by it also after a pause of over two days
    #[arg(long)]
    pub trust_clock: bool,
}

/// How long a request may take: longer than its body, its turn, and something to come may be waited for.
const REQUEST: Duration = Duration::from_secs(60);

/// How long its body may take.
const BODY: Duration = Duration::from_secs(20);

/// How long its head may take.
const HEAD: Duration = Duration::from_secs(10);

/// How long requests may go on once the relay is stopping.
const STOPPING: Duration = Duration::from_secs(5);

/// Serves until `stop` is done. `listening` is told the address once the relay can be reached.
///
/// # Errors
/// What is wrong with the options, the folder, or the address.
pub async fn serve(
    data: &Path,
    options: &Options,
    stop: impl Future<Output = ()>,
    listening: impl FnOnce(&str),
) -> Result<()> {
    let is_local = options.listen.ip().is_loopback();
    if !is_local && options.tls_cert.is_none() && !options.behind_proxy {
        return Err(Error::Plain(options.listen));
    }
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(cert), Some(key)) => Some(tls(cert, key)?),
        _ => None,
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    // What is wrong with the options is found before anything is made; only the port may be another one in the end.
    origins(options, options.listen, scheme)?;
    let folder = Folder::take(data)?;
    let listener = bind(options.listen)?;
    let address = local(&listener, options.listen)?;
    let origins = origins(options, address, scheme)?;
    let beside = options.metrics.map(bind).transpose()?;
    let storage = Sqlite::open(data)?;
    let by_itself = if is_local && !options.behind_proxy { Registration::Open } else { Registration::Token };
    let is_open = options.registration.unwrap_or(by_itself) == Registration::Open;
    let registration = if is_open { None } else { Some(registration_token(data)?) };
    let auth = Auth {
        challenges: Challenges::new(random()?),
        tokens: Tokens::new(&folder.token_key()?, origins.clone()),
        invitations: Invitations::default(),
    };
    let metrics = recorder();
    let (dropped, checkpoints) = checkpoints(data)?;
    let config = Config { quota: options.quota, ..Config::default() };
    // Some connections are left for who comes with a request.
    let connections = options.connections as usize;
    let sockets = connections - connections / 16;
    let (writer, thread) = Writer::start(storage, config, options.trust_clock, dropped)?;
    let server = Server::new(writer, Limits::new(options.device_rate), auth, registration, sockets);
    let app = app(&server, options, &metrics);
    if let (Some(address), Some(beside)) = (options.metrics, beside) {
        let app = probes::metrics(metrics.clone()).into_make_service();
        let serving = axum_server::from_tcp(beside).map_err(|source| Error::Listen { address, source })?;
        tokio::spawn(serving.serve(app));
    }
    let handle = Handle::new();
    let ending = {
        let (server, handle) = (server.clone(), handle.clone());
        async move {
            stop.await;
            server.stop.send_replace(true);
            let _ = server.writer.bring(Job::Stop).await;
            handle.graceful_shutdown(Some(STOPPING));
        }
    };
    listening(origins.first().map_or("", String::as_str));
    tracing::info!(%address, "listening");
    let bounded = Bounded::new(connections);
    let failed = |source| Error::Listen { address, source };
    let mut serving = axum_server::from_tcp(listener).map_err(failed)?.first_request_timeout(HEAD).handle(handle);
    serving.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let keeping = keep(server.clone());
    let serving = async {
        match tls {
            Some(config) => {
                serving.acceptor(RustlsAcceptor::new(config).handshake_timeout(HEAD).acceptor(bounded)).serve(app).await
            }
            None => plain(serving.acceptor(bounded), app).await,
        }
    };
    let ended = tokio::select! {
        ended = async { tokio::join!(serving, ending).0 } => ended.map_err(failed),
        () = keeping => Ok(()),
    };
    drop(server);
    // What was acknowledged is durable already; this waits for the journal to be carried over.
    let joined = tokio::task::spawn_blocking(move || thread.join().and_then(|()| checkpoints.join())).await;
    if !matches!(joined, Ok(Ok(()))) {
        tracing::error!("the writer did not end as it should");
    }
    drop(folder);
    ended
}

type Connected = axum::extract::connect_info::IntoMakeServiceWithConnectInfo<Router, SocketAddr>;

async fn plain(serving: Listening<SocketAddr, Bounded>, app: Connected) -> std::io::Result<()> {
    serving.serve(app).await
}

fn app(server: &Server, options: &Options, metrics: &PrometheusHandle) -> Router {
    let timed = TimeoutLayer::with_status_code(axum::http::StatusCode::REQUEST_TIMEOUT, REQUEST);
    let asked = from_fn_with_state((server.clone(), options.behind_proxy), ask);
    let mut app = Router::new()
        .route("/v1/socket", get(socket::upgrade).with_state(server.clone()))
        .merge(router(server.clone()))
        .layer(asked)
        .layer(RequestBodyDeadlineLayer::new(BODY))
        .layer(timed)
        .merge(probes::health(server.clone()));
    // Whoever can reach a relay need not know how much it does.
    if options.listen.ip().is_loopback() && !options.behind_proxy {
        app = app.merge(probes::metrics(metrics.clone()));
    }
    app
}

/// Bounds what an address may ask for without a token. That a header is there says nothing: a token counts once it was verified, and
/// where one is asked for. What its device may do is bounded elsewhere.
async fn ask(
    State((server, is_behind_proxy)): State<(Server, bool)>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let forwarded = is_behind_proxy.then(|| forwarded(request.headers())).flatten();
    let address = forwarded.unwrap_or(peer.ip()).to_canonical();
    if !address.is_loopback()
        && !is_known(&server, &request)
        && let Err(why) = server.limits.ask(address)
    {
        return refused(&why);
    }
    next.run(request).await
}

/// The address that a proxy has seen: it stands last, in the last of such headers. What stands before somebody else has said.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

/// Whether a request shows a token of this relay's, where that is asked for.
fn is_known(server: &Server, request: &Request) -> bool {
    let token = takes_token(request.method(), request.uri().path()).then(|| token_of(request.headers())).flatten();
    token.is_some_and(|token| server.auth(|auth| auth.tokens.verify(token, server.now())).is_ok())
}

fn bind(address: SocketAddr) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|source| Error::Listen { address, source })?;
    listener.set_nonblocking(true).map_err(|source| Error::Listen { address, source })?;
    Ok(listener)
}

fn local(listener: &TcpListener, address: SocketAddr) -> Result<SocketAddr> {
    listener.local_addr().map_err(|source| Error::Listen { address, source })
}

/// The addresses by which devices know the relay.
fn origins(options: &Options, address: SocketAddr, scheme: &str) -> Result<Vec<String>> {
    if !options.origins.is_empty() {
        return options.origins.iter().map(|origin| origin_of(origin)).collect();
    }
    if !address.ip().is_loopback() {
        return Err(Error::NoOrigin);
    }
    Ok(vec![format!("{scheme}://{address}"), format!("{scheme}://localhost:{}", address.port())])
}

/// Scheme, host and port, in one spelling.
fn origin_of(text: &str) -> Result<String> {
    let bad = || Error::BadOrigin(text.to_owned());
    let uri: axum::http::Uri = text.trim_end_matches('/').parse().map_err(|_| bad())?;
    let (scheme, authority) = (uri.scheme_str().ok_or_else(bad)?, uri.authority().ok_or_else(bad)?);
    let is_plain = matches!(scheme, "http" | "https") && !authority.as_str().contains('@');
    if !is_plain || uri.path() != "/" || uri.query().is_some() {
        return Err(bad());
    }
    let default = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.as_str().to_ascii_lowercase();
    Ok(format!("{scheme}://{}", authority.strip_suffix(default).unwrap_or(&authority)))
}

/// TLS 1.2 and later, by rustls with ring.
fn tls(cert: &Path, key: &Path) -> Result<RustlsConfig> {
    let bad = |path: &Path, why: String| Error::Tls { path: path.to_owned(), why };
    let certs: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| bad(cert, error.to_string()))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(cert, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(certs, secret)
        .map_err(|error| bad(cert, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}

fn recorder() -> PrometheusHandle {
    let buckets = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0];
    let recorder = PrometheusBuilder::new().set_buckets(&buckets).unwrap_or_default().build_recorder();
    let handle = recorder.handle();
    // A second relay in one process, as in tests, counts with the first.
    let _ = metrics::set_global_recorder(recorder);
    handle
}

/// How often the journal is carried over beside the writer.
const CHECKPOINT: Duration = Duration::from_secs(1);

/// A thread that carries the journal over. Gives what to call when chunks were dropped for good: the journal is then emptied.
fn checkpoints(data: &Path) -> Result<(impl Fn() + Send + 'static, JoinHandle<()>)> {
    let connection = open_reader(data)?;
    let (dropped, waiting) = std::sync::mpsc::channel::<()>();
    let run = move || {
        loop {
            let is_whole = match waiting.recv_timeout(CHECKPOINT) {
                Ok(()) => true,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => false,
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
            };
            while waiting.try_recv().is_ok() {}
            if let Err(error) = checkpoint(&connection, is_whole) {
                tracing::warn!(%error, "the journal could not be carried over; it is tried again");
            }
        }
    };
    let thread = std::thread::Builder::new().name("checkpoint".to_owned()).spawn(run);
    let thread = thread.map_err(|source| Error::System { what: "cannot start a thread", source })?;
    let call = move || {
        let _ = dropped.send(());
    };
    Ok((call, thread))
}

/// What is done once in a while.
async fn keep(server: Server) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    for n in 1_u64.. {
        second.tick().await;
        if n % 5 == 0 {
            server.requests.forget(&server).await;
        }
        if n % 60 == 0 {
            server.limits.forget();
        }
        // Once the writer has gone there is nothing left to do but to wait for the end.
        if server.writer.bring(Job::Tick).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn origins_have_one_spelling() {
        for (given, origin) in [
            ("https://Relay.Example", "https://relay.example"),
            ("https://relay.example/", "https://relay.example"),
            ("https://relay.example:443", "https://relay.example"),
            ("http://[::1]:8787", "http://[::1]:8787"),
        ] {
            assert_eq!(origin_of(given).unwrap(), origin);
        }
        for bad in ["relay.example", "ftp://relay.example", "https://relay.example/a", "https://a@relay.example", ""] {
            assert!(matches!(origin_of(bad), Err(Error::BadOrigin(_))), "{bad}");
        }
    }
}
