//! A relay's HTTP calls.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aimon_core::crypto;
use aimon_ledger::ids::{DeviceId, StatementId};
use aimon_ledger::statement::{Author, Body, Statement, What};
use aimon_replica::transport::{Address, Connection, Http, Options};
use axum::Router;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::routing::any;
use secrecy::SecretString;
use tokio::net::TcpListener;

use super::relay::{REGISTRATION, Relay, WORKSPACE, keys};
use super::{authenticate, code, http};

#[tokio::test]
async fn a_relay_says_who_it_is() {
    let relay = Relay::start().await;
    let about = http(&relay).about().await.unwrap();
    assert_eq!((about.protocol, about.origins, &*about.registration), (vec![1], vec![relay.origin()], "token"));
}

#[tokio::test]
async fn a_device_gets_a_token_by_signing_the_challenge() {
    let relay = Relay::start().await;
    let token = authenticate(&http(&relay)).await.unwrap();
    assert_eq!(token.expires.0, 900_000);
    assert!(!format!("{token:?}").contains("claims"), "it does not show");
    let forged = http(&relay).authenticate(&WORKSPACE, &super::DEVICE, |_| [1; 64]).await;
    assert_eq!(code(forged), "bad-challenge");
}

/// Whoever stands between the two passes a challenge on: signed, it would let them in elsewhere.
#[tokio::test]
async fn a_challenge_for_somebody_else_is_not_signed() {
    let relay = Relay::start().await;
    let sign = |_: &[u8]| -> [u8; 64] { panic!("signed") };
    relay.held().faults.origin = Some("https://another.example".to_owned());
    let e = http(&relay).authenticate(&WORKSPACE, &super::DEVICE, sign).await;
    assert_eq!(code(e), "relay-challenge");
    relay.held().faults.origin = None;
    relay.held().faults.device = Some(DeviceId([9; 16]));
    let e = http(&relay).authenticate(&WORKSPACE, &super::DEVICE, sign).await;
    assert_eq!(code(e), "relay-challenge");
    assert!(relay.held().tokens.is_empty());
}

/// A statement that is none of anybody's, but as long as one may be.
fn long_statement(n: u8) -> Statement {
    let what = What::Rotate { check: [n; 8], wrapped: vec![], sealed: vec![n; 200_000] };
    let body = Body { follows: vec![StatementId([n; 32])], author: Author::Phrase, what };
    crypto::statement(&WORKSPACE, &body, &keys()).unwrap()
}

#[tokio::test]
async fn statements_need_no_token_and_go_in_as_many_requests_as_they_take() {
    let relay = Relay::start().await;
    let http = http(&relay);
    let statements: Vec<Statement> = (0..12).map(long_statement).collect();
    let post = async |registration: Option<&str>| {
        let registration = registration.map(|token| SecretString::from(token.to_owned()));
        http.post_statements(&WORKSPACE, &statements, registration.as_ref()).await
    };
    assert_eq!(code(post(None).await), "registration-closed");
    assert_eq!(code(post(Some("a\nb")).await), "registration-closed");
    let taken = post(Some(REGISTRATION)).await.unwrap();
    assert_eq!((taken.new, taken.heads), (12, vec![statements[11].id()]));
    let held: Vec<Vec<u8>> = statements.iter().map(|s| s.bytes().to_vec()).collect();
    assert_eq!(relay.held().statements, held, "in their order");
    assert_eq!(relay.held().posts, 3);
    assert_eq!(post(Some(REGISTRATION)).await.unwrap().new, 0);
    assert_eq!(http.post_statements(&WORKSPACE, &[], None).await.unwrap().new, 0);
}

#[tokio::test]
async fn two_devices_find_each_other_by_an_invitation() {
    let relay = Relay::start().await;
    let (inviter, joiner) = (http(&relay), http(&relay));
    let token = authenticate(&inviter).await.unwrap();
    let id = [0xab; 16];
    let wait = Duration::ZERO;
    assert_eq!(code(joiner.post_request(&id, b"early".to_vec()).await), "unknown-invitation");
    inviter.invite(&id, &token).await.unwrap();
    assert_eq!(inviter.await_request(&id, &token, wait).await.unwrap(), None);
    joiner.post_request(&id, b"let me in".to_vec()).await.unwrap();
    assert_eq!(code(joiner.post_request(&id, b"me too".to_vec()).await), "invitation-spent");
    assert_eq!(inviter.await_request(&id, &token, wait).await.unwrap().unwrap(), b"let me in");
    assert_eq!(joiner.await_answer(&id, wait).await.unwrap(), None);
    inviter.answer(&id, &token, b"come".to_vec()).await.unwrap();
    assert_eq!(joiner.await_answer(&id, wait).await.unwrap().unwrap(), b"come");
    inviter.withdraw(&id, &token).await.unwrap();
    assert_eq!(code(joiner.await_answer(&id, wait).await), "unknown-invitation");
    relay.held().tokens.clear();
    assert_eq!(code(inviter.invite(&id, &token).await), "unauthorized");
}

#[tokio::test]
async fn no_token_stands_in_an_address() {
    let relay = Relay::start().await;
    let http = http(&relay);
    let token = authenticate(&http).await.unwrap();
    http.invite(&[1; 16], &token).await.unwrap();
    drop(Connection::socket(&http, &token).await.unwrap());
    let held = relay.held();
    assert_eq!(held.targets.len(), 4);
    assert!(
        held.targets.iter().all(|target| !target.contains("claims") && !target.contains('?')),
        "{:?}",
        held.targets
    );
}

/// Serves one answer for everything.
async fn serve(router: Router) -> Http {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Http::new(&Address::parse(&address).unwrap(), &Options::default()).unwrap()
}

#[tokio::test]
async fn what_is_no_relay_is_told_apart_from_one_that_is_away() {
    let page = serve(Router::new().fallback(any(|| async { "<html>sign in</html>" }))).await;
    assert_eq!(code(page.about().await), "not-a-relay");
    let missing = serve(Router::new().fallback(any(|| async { (StatusCode::NOT_FOUND, "?") }))).await;
    assert_eq!(code(missing.about().await), "not-a-relay");
    let gateway = serve(Router::new().fallback(any(|| async { (StatusCode::BAD_GATEWAY, "?") }))).await;
    assert_eq!(code(gateway.about().await), "relay-unreachable");
    let moved = serve(Router::new().fallback(any(|| async { Redirect::permanent("http://127.0.0.1:1/v1") }))).await;
    assert_eq!(code(moved.about().await), "not-a-relay", "nobody is moved elsewhere");
    let busy =
        serve(Router::new().fallback(any(|| async {
            (StatusCode::SERVICE_UNAVAILABLE, r#"{"code":"unavailable","text":"starting"}"#)
        })));
    let e = busy.await.about().await.unwrap_err();
    assert!(e.code() == "unavailable" && e.is_passing() && e.to_string().contains("starting"), "{e}");
    let endless = serve(Router::new().fallback(any(|| async { vec![b' '; 3 << 20] }))).await;
    assert_eq!(code(endless.about().await), "relay-protocol");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let e = Http::new(&address, &Options::default()).unwrap().about().await.unwrap_err();
    assert!(e.code() == "relay-unreachable" && e.is_passing(), "{e}");
}

#[tokio::test]
async fn answers_that_break_the_protocol() {
    for answer in [&b""[..], b"\x80", b"\x81\x41\x00\x00", b"\x81\x60", b"\xff", b"\x81\x43\x81\x01\x02"] {
        let relay = serve(Router::new().fallback(any(move || async move { answer.to_vec() }))).await;
        let e = relay.authenticate(&WORKSPACE, &super::DEVICE, |_| panic!("signed")).await;
        assert_eq!(code(e), "relay-protocol", "{answer:?}");
    }
}

mod tls {
    use std::net::SocketAddr;

    use axum::serve::Listener;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::version::{TLS12, TLS13};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::server::TlsStream;

    use super::*;

    struct Tls(TcpListener, TlsAcceptor);

    impl Listener for Tls {
        type Io = TlsStream<TcpStream>;
        type Addr = SocketAddr;

        async fn accept(&mut self) -> (Self::Io, SocketAddr) {
            loop {
                let (stream, address) = self.0.accept().await.unwrap();
                if let Ok(stream) = self.1.accept(stream).await {
                    return (stream, address);
                }
            }
        }

        fn local_addr(&self) -> std::io::Result<SocketAddr> {
            self.0.local_addr()
        }
    }

    fn file(name: &str) -> Options {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replica/transport/tls");
        Options { ca_file: Some(folder.join(name)) }
    }

    /// A relay behind TLS, with a certificate that signs itself, as `openssl req -x509` makes it.
    async fn start(versions: &[&'static rustls::SupportedProtocolVersion]) -> Address {
        let pem = |name| file(name).ca_file.unwrap();
        let certificate = CertificateDer::from_pem_file(pem("relay.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(pem("key.pem")).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let relay = Relay::at(format!("https://{address}"));
        relay.held().tokens.insert("token".to_owned());
        let listener = Tls(listener, TlsAcceptor::from(Arc::new(config)));
        tokio::spawn(async move { axum::serve(listener, relay.router()).await });
        Address::parse(&format!("https://{address}")).unwrap()
    }

    #[tokio::test]
    async fn a_relay_is_trusted_whose_certificate_the_user_names() {
        for versions in [&[&TLS12][..], &[&TLS13]] {
            let address = start(versions).await;
            let http = Http::new(&address, &file("relay.pem")).unwrap();
            http.about().await.unwrap();
            let token = authenticate(&http).await.unwrap();
            let mut connection = Connection::socket(&http, &token).await.unwrap();
            connection.send(&super::super::hello()).unwrap();
            assert!(connection.recv().await.unwrap().is_some());
        }
    }

    #[tokio::test]
    async fn no_other_certificate_is_trusted() {
        let address = start(&[&TLS12, &TLS13]).await;
        let http = Http::new(&address, &file("other.pem")).unwrap();
        assert_eq!(code(http.about().await), "relay-not-trusted");
        let token = authenticate(&super::super::http(&Relay::start().await)).await.unwrap();
        assert_eq!(code(Connection::socket(&http, &token).await), "relay-not-trusted");
    }

    #[tokio::test]
    async fn a_file_without_certificates_is_an_error() {
        let address = Address::parse("https://relay.example").unwrap();
        for name in ["key.pem", "nothing.pem"] {
            assert_eq!(code(Http::new(&address, &file(name))), "bad-ca-file");
        }
        let folder = Address::folder(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert_eq!(code(Http::new(&folder, &Options::default())), "bad-relay-address");
    }
}
