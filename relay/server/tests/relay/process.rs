use std::net::TcpStream;
use std::sync::Arc;

use aimon_ledger::frame::{Code, Frame};
use aimon_relay_core::testing::People;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::world::{Relay, command, request, run, today};

fn said(data: &std::path::Path, args: &[&str]) -> (Option<i32>, String) {
    let output = run(data, args);
    let text = String::from_utf8(output.stderr).unwrap();
    let code = text.split_once("error[").map_or(String::new(), |(_, rest)| rest.split(']').next().unwrap().to_owned());
    assert!(code.is_empty() || text.contains("\n  help: "), "{text}");
    (output.status.code(), code)
}

#[test]
fn what_cannot_be_served_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let is = |exit: i32, code: &str| (Some(exit), code.to_owned());
    assert_eq!(said(data, &["serve", "--listen", "0.0.0.0:0"]), is(2, "relay-plain-http"));
    assert_eq!(said(data, &["serve", "--listen", "0.0.0.0:0", "--behind-proxy"]), is(2, "relay-no-origin"));
    assert_eq!(said(data, &["serve", "--listen", "127.0.0.1:0", "--origin", "relay"]), is(2, "relay-bad-origin"));
    let pem = folder.path().join("nothing.pem");
    let pem = pem.to_str().unwrap();
    assert_eq!(said(data, &["serve", "--tls-cert", pem, "--tls-key", pem]), is(1, "relay-bad-tls"));
    let empty = folder.path().join("empty");
    assert_eq!(said(&empty, &["workspaces"]), is(5, "relay-no-data"));
    assert_eq!(said(&empty, &["backup", pem]), is(5, "relay-no-data"));
    let relay = Relay::on(&folder.path().join("taken"), &[]);
    assert_eq!(said(&relay.data, &["serve", "--listen", "127.0.0.1:0"]), is(3, "relay-running"));
    assert_eq!(said(data, &["serve", "--listen", &relay.address()]), is(1, "relay-port"));
}

#[test]
fn a_registration_token_is_read_from_the_standard_input() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let set = |token: &str| {
        let mut child = command()
            .args(["token", "--set", "--data"])
            .arg(folder.path())
            .stdin(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
        child.wait_with_output().unwrap().status.code()
    };
    assert_eq!(set("short\n"), Some(2));
    assert_eq!(set("a token of nobody\n"), Some(2));
    assert_eq!(set("0123456789abcdef-own\n"), Some(0));
    assert_eq!(run(folder.path(), &["token"]).stdout, b"0123456789abcdef-own\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(folder.path().join("registration.token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn it_says_how_it_is_and_ends_when_it_is_told() {
    let people = People::with(&[1]);
    let mut relay = Relay::with(&people, &[]);
    let (mut one, _) = relay.enter(&people, 1, 0);
    one.push(&[&people.change(1, crate::world::today(), b"a")]);
    assert_eq!(relay.get("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(relay.get("/readyz"), (200, "ready\n".to_owned()));
    let (status, metrics) = relay.get("/metrics");
    assert_eq!(status, 200);
    for line in ["aimon_relay_sessions 1", "aimon_relay_chunks_total{outcome=\"accepted\"} 1"] {
        assert!(metrics.lines().any(|said| said == line), "{metrics}");
    }
    assert_eq!(relay.end(), 0);
    assert_eq!(one.failed(), Code::Unavailable);
    assert!(one.is_over());
    let journal = relay.data.join("relay.sqlite-wal");
    assert!(!journal.exists(), "the journal is carried over");
}

#[test]
fn it_speaks_tls() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/relay");
    let (cert, key) = (here.join("cert.pem"), here.join("key.pem"));
    let relay = Relay::start(&["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()]);
    assert!(relay.url.starts_with("https://"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&cert).unwrap()).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let connection = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, TcpStream::connect(relay.address()).unwrap());
        let (status, body) = request(&mut stream, "GET", "/healthz", &[], &[]);
        assert_eq!((status, &*body), (200, &b"ok\n"[..]));
    }
}

#[test]
fn a_command_line_that_cannot_be_understood_has_a_code() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["serve", "--listen", "nowhere"][..], &["frobnicate"], &[], &["serve", "--device-rate", "0"]] {
        assert_eq!(said(folder.path(), args), (Some(2), "bad-usage".to_owned()), "{args:?}");
    }
    let help = run(folder.path(), &["serve", "--help"]);
    assert!(help.status.success() && String::from_utf8(help.stdout).unwrap().contains("--tls-cert"));
}

/// Also where the folder was there before, and others may look into it.
#[cfg(unix)]
#[test]
fn what_the_relay_holds_is_its_owners() {
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let mode = |name: &str| metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
    for round in 0..2 {
        set_permissions(data, Permissions::from_mode(0o755)).unwrap();
        let mut relay = Relay::on(data, &[]);
        relay.state(&People::with(&[1]), &[]);
        for name in ["relay.sqlite", "relay.sqlite-wal", "relay.sqlite-shm", "token.key"] {
            assert_eq!(mode(name), 0o600, "{name} in round {round}");
        }
        relay.kill();
        // As an earlier version has left it.
        for name in ["relay.sqlite", "relay.sqlite-wal", "relay.sqlite-shm"] {
            set_permissions(data.join(name), Permissions::from_mode(0o644)).unwrap();
        }
    }
}

#[test]
fn a_key_that_is_none_is_drawn_anew_or_said() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("token.key");
    std::fs::write(&key, b"").unwrap();
    drop(Relay::on(folder.path(), &[]));
    assert_eq!(std::fs::read(&key).unwrap().len(), 32);
    std::fs::write(&key, b"short").unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0"];
    assert_eq!(said(folder.path(), &args), (Some(1), "relay-token-key".to_owned()));
    // The way out that the help names.
    std::fs::remove_file(&key).unwrap();
    drop(Relay::on(folder.path(), &[]));
    // An empty registration token lets in nobody.
    std::fs::write(folder.path().join("registration.token"), b"\n").unwrap();
    assert_eq!(run(folder.path(), &["token"]).stdout.len(), 65);
}

/// A small disk of its own, which takes root to make.
#[cfg(target_os = "linux")]
#[test]
fn a_relay_that_cannot_write_is_not_ready() {
    use std::io::Write;
    use std::time::{Duration, Instant};

    use aimon_ledger::frame::Outcome;

    struct Disk(std::path::PathBuf);
    impl Drop for Disk {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount").arg(&self.0).status();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut mount = std::process::Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=8m", "none"]).arg(folder.path()).stderr(std::process::Stdio::null());
    if !mount.status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no disk can be mounted here");
        return;
    }
    let disk = Disk(folder.path().to_owned());
    let people = People::with(&[1]);
    let mut relay = Relay::on(&disk.0.join("data"), &[]);
    relay.state(&people, &[]);
    assert_eq!(relay.get("/readyz").0, 200);
    let full = disk.0.join("full");
    let mut file = std::fs::File::create(&full).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    // As long as it is open its room is not free again.
    drop(file);
    let content = vec![7; 100_000];
    let became = |status: u16, relay: &Relay| {
        let until = Instant::now() + Duration::from_secs(30);
        while relay.get("/readyz").0 != status {
            assert!(Instant::now() < until, "never {status}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    // As much as no room in the journal takes.
    let mut ended = false;
    for n in 0..40_u8 {
        let (mut one, _) = relay.enter(&people, 1, u64::MAX);
        one.say(&Frame::Push(vec![people.change(1, today(), &[&[n], &content[..]].concat()).bytes().to_vec()]));
        if matches!(one.hear(), Frame::Failed { code: Code::Unavailable, .. }) {
            ended = true;
            break;
        }
    }
    assert!(ended, "the disk is full");
    became(503, &relay);
    std::fs::remove_file(&full).unwrap();
    became(200, &relay);
    let (mut one, _) = relay.enter(&people, 1, u64::MAX);
    let outcomes = one.push(&[&people.change(1, today(), b"later")]);
    assert!(matches!(outcomes[..], [Outcome::Accepted(_)]), "{outcomes:?}");
    relay.end();
    drop(relay);
    drop(disk);
}
