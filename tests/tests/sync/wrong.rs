//! What goes wrong between people, devices and relays: each is said in words, with a code, and nothing is lost.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use aimon_tests::command::Said;
use aimon_tests::up::Up;
use aimon_tests::{Device, pair};

use crate::live::{input_of, line};
use crate::world::{Over, Place, expect_one_history};

fn today() -> String {
    jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date().to_string()
}

/// A device with a record of its own.
fn device(n: u64) -> Device {
    let device = Device::new(&today());
    let log = device.rig.home().join(format!(".claude/projects/-x/{n}.jsonl"));
    aimon_tests::files::append(&log, line(n).as_bytes());
    device.rig.scan();
    device
}

/// `aimon pair` that goes on, and its code.
fn pairing(device: &Device) -> (Child, String) {
    let mut child =
        device.rig.command(&["pair", "--json", "--yes"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    // Somebody has to go on reading.
    std::thread::spawn(move || lines.for_each(drop));
    let code: serde_json::Value = serde_json::from_str(&line).unwrap();
    (child, code["code"].as_str().unwrap().to_owned())
}

fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Something that answers everything alike.
struct Answering {
    port: u16,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Answering {
    fn on(port: u16, status: &str, kind: &str, body: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}", body.len());
        let answer = format!("{head}\r\nConnection: close\r\n\r\n{body}");
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { port, is_over, thread }
    }

    /// Its port is free when this returns.
    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.thread.join().unwrap();
    }
}

fn join(device: &Device, code: &str) -> Said {
    device.tell(&["join", "-", "--yes"], code)
}

/// Nothing has changed: it is in no workspace, holds what it held, and can still join.
fn expect_untouched(device: &Device, before: &[String]) {
    assert_eq!(device.reports("UTC"), before);
    device.rig.run(&["workspace", "show"]).refused("no-workspace", 1);
}

#[test]
fn codes_that_let_nobody_in() {
    let place = Place::new(Over::Socket);
    let (a, b) = (device(1), device(2));
    a.create(&place.url, "a");
    let before = b.reports("UTC");
    let (child, code) = pairing(&a);
    // A letter more, one less, another one, two exchanged, a part of it, something else.
    let mut other = code.clone().into_bytes();
    let last = other.len() - 3;
    other[last] = if other[last] == b'q' { b'p' } else { b'q' };
    let mut exchanged = code.clone().into_bytes();
    let at = (20..).find(|n| exchanged[*n] != exchanged[*n + 1]).unwrap();
    exchanged.swap(at, at + 1);
    let typos = [
        format!("{code}q"),
        code[..code.len() - 1].to_owned(),
        String::from_utf8(other).unwrap(),
        String::from_utf8(exchanged).unwrap(),
        code[..60].to_owned(),
        "hello".to_owned(),
        String::new(),
    ];
    for typo in typos {
        join(&b, &typo).refused("pairing-failed", 1);
    }
    expect_untouched(&b, &before);

    // It is not spent by any of them; it is by whoever is let in.
    join(&b, &code).fine();
    let mut child = child;
    assert!(child.wait().unwrap().success());
    let c = device(3);
    let before = c.reports("UTC");
    join(&c, &code).refused("invitation-spent", 1);
    expect_untouched(&c, &before);

    // One whose relay has forgotten it.
    let mut place = place;
    let (child, code) = pairing(&b);
    let relay = place.relay.as_mut().unwrap();
    relay.kill();
    relay.again();
    join(&c, &code).refused("unknown-invitation", 1);
    expect_untouched(&c, &before);
    end(child);
    // One that comes too late, as a relay says it whose ten minutes are over.
    let (child, code) = pairing(&b);
    relay.kill();
    let late = r#"{"code":"invitation-expired","text":"the code's ten minutes are over: ask for another one"}"#;
    let other = Answering::on(relay.port(), "410 Gone", "application/json", late);
    join(&c, &code).refused("invitation-expired", 1);
    expect_untouched(&c, &before);
    end(child);
    other.end();
    relay.again();
    // And with a good one it is let in.
    pair(&b, &c, "c");
    for device in [&a, &b] {
        device.sync();
    }
    expect_one_history(&[&a, &b, &c]);
}

#[test]
fn a_workspace_within_a_workspace() {
    let place = Place::new(Over::Socket);
    let a = device(1);
    let created = a.create(&place.url, "a");
    a.rig.run(&["workspace", "create", "--relay", &place.url]).refused("in-workspace", 1);
    assert_eq!(a.workspace()["workspace"], created.workspace.as_str());
    // It would become a second device of its own workspace.
    let (child, code) = pairing(&a);
    join(&a, &code).refused("in-workspace", 1);
    end(child);
    assert_eq!(a.workspace()["devices"], 1);
    // Nobody is there to be asked.
    let (child, code) = pairing(&a);
    let b = device(2);
    let before = b.reports("UTC");
    b.tell(&["join", "-"], &code).refused("nobody-to-ask", 1);
    expect_untouched(&b, &before);
    end(child);
    // Without a workspace.
    for command in [&["pair", "--json"][..], &["sync"], &["workspace", "leave", "--yes"]] {
        b.rig.run(command).refused("no-workspace", 1);
    }
    // And out again: the history stays.
    let before = a.rig.report("UTC", &[]);
    a.run(&["workspace", "leave", "--yes"]);
    assert_eq!(a.rig.report("UTC", &[]), before);
    assert!(!a.rig.aimon_home().join("secrets").exists(), "its keys are gone");
    a.create(&place.url, "anew");
}

#[test]
fn addresses_that_are_no_relay() {
    let a = device(1);
    let create = |url: &str| a.rig.run(&["workspace", "create", "--relay", url]);
    create("http://192.0.2.1:8787").refused("relay-not-encrypted", 2);
    create("http://relay.example").refused("relay-not-encrypted", 2);
    create("relay.example").refused("bad-relay-address", 2);
    create("https://ada:secret@relay.example").refused("bad-relay-address", 2);
    let nothing = a.rig.path("nothing");
    create(&format!("file://{}", nothing.display())).refused("no-shared-folder", 6);

    // Something that answers, but is none.
    let other = Answering::on(0, "200 OK", "text/html", "<p>Sign in here.\n");
    create(&format!("http://127.0.0.1:{}", other.port)).refused("not-a-relay", 6);
    other.end();

    // Nobody there.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    create(&format!("http://127.0.0.1:{free}")).refused("relay-unreachable", 6);
    a.rig.run(&["workspace", "show"]).refused("no-workspace", 1);
}

#[test]
fn a_relay_that_is_down_loses_nothing() {
    let mut place = Place::new(Over::Socket);
    let (a, b) = (device(1), device(2));
    a.create(&place.url, "a");
    pair(&a, &b, "b");
    place.relay.as_mut().unwrap().kill();
    aimon_tests::files::append(&b.rig.home().join(".claude/projects/-x/2.jsonl"), line(3).as_bytes());
    b.rig.scan();
    let said = b.rig.run(&["sync"]);
    said.refused("relay-unreachable", 6);
    assert!(said.err.contains("nothing is lost"), "{}", said.err);
    assert_ne!(b.workspace()["waiting"]["chunks"], 0);
    place.relay.as_mut().unwrap().again();
    b.sync();
    assert_eq!(b.workspace()["waiting"]["chunks"], 0);
    a.sync();
    expect_one_history(&[&a, &b]);
}

#[cfg(unix)]
#[test]
fn secrets_that_are_not_as_they_were() {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new(Over::Socket);
    let a = device(1);
    a.create(&place.url, "a");
    let before = a.reports("UTC");
    let secrets = a.rig.aimon_home().join("secrets");
    let [(name, bytes)]: [_; 1] = a.secrets().try_into().unwrap();
    let file = secrets.join(name);
    // What needs them ends with the reason why they can't be had, and with what to do about that.
    let no_keys = |why: &str, exit: i32, help: &str| {
        for command in [&["sync"][..], &["pair", "--json", "--yes"], &["settings", "set", "zone", "UTC"]] {
            let said = a.rig.run(command);
            said.refused(why, exit);
            assert!(said.err.contains(help), "{}", said.err);
        }
    };
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    no_keys("secret-readable", 1, "chmod 600");
    fs::remove_file(&file).unwrap();
    no_keys("secret-missing", 1, "workspace leave");
    fs::create_dir(&file).unwrap();
    no_keys("secret-file", 1, "bring it back");
    fs::remove_dir(&file).unwrap();
    // Another device's.
    let b = device(2);
    b.create(&place.url, "b");
    fs::copy(b.rig.aimon_home().join("secrets").join(file.file_name().unwrap()), &file).unwrap();
    no_keys("other-keys", 1, "keys of this device back");
    // Reports need none, but say so; what devices are called is among what others can read, so they go by their ids.
    assert_eq!(a.reports("UTC").last(), before.last());
    let said = a.rig.run(&["report", "--no-scan"]).fine();
    assert!(said.err.contains("(other-keys)") && said.err.contains("not shown"), "{}", said.err);
    fs::write(&file, bytes).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    a.sync();
    a.rig.env("AIMON_SECRET_STORE", "chest");
    no_keys("bad-secret-store", 2, "file or keychain");
}

/// A device whose keys can't be had records on, and shows what it holds in clear: on the disk it is in nobody's language but its
/// own. With the keys the same counts once, here and on the other device.
#[test]
fn calls_that_come_while_the_keys_are_away() {
    let place = Place::new(Over::Socket);
    let (a, b) = (device(1), Device::new(&today()));
    a.create(&place.url, "a");
    pair(&a, &b, "b");
    let secrets = b.rig.aimon_home().join("secrets");
    let away = b.rig.path("away");
    // The second device never had a call of its own.
    b.run(&["workspace", "show"]);
    std::fs::rename(&secrets, &away).unwrap();
    let log = b.rig.home().join(".claude/projects/-x/2.jsonl");
    aimon_tests::files::append(&log, line(2).as_bytes());
    assert_eq!(input_of(&b, &[]), 1_001 + 1_002);
    aimon_tests::files::append(&log, line(3).as_bytes());
    let status = b.rig.run(&["status", "--format", "{today.calls}"]).fine();
    assert_eq!(status.out.trim(), "3");
    assert!(status.err.contains("(secret-missing)"), "{}", status.err);
    // What the agent serves is the same.
    let up = Up::start(&b.rig);
    aimon_tests::files::append(&log, line(4).as_bytes());
    b.run(&["scan"]);
    assert_eq!(input_of(&b, &["--no-scan"]), 1_001 + 1_002 + 1_003 + 1_004);
    up.kill();
    std::fs::rename(&away, &secrets).unwrap();
    b.sync();
    a.sync();
    for device in [&a, &b] {
        assert_eq!(input_of(device, &[]), 1_001 + 1_002 + 1_003 + 1_004);
    }
    expect_one_history(&[&a, &b]);
}

/// A chunk that its author wrote, and that somebody on the way keeps back, is missed by name.
#[test]
fn what_is_withheld_is_missed() {
    let place = Place::new(Over::Folder);
    let (a, b) = (device(1), device(2));
    a.create(&place.url, "a");
    pair(&a, &b, "b");
    a.sync();
    let shared = place.dir.path().join("shared");
    let mut written = Vec::new();
    for n in [3, 4] {
        let before = aimon_tests::files::all(&shared);
        aimon_tests::files::append(&b.rig.home().join(".claude/projects/-x/2.jsonl"), line(n).as_bytes());
        b.rig.scan();
        b.sync();
        written.push(aimon_tests::files::all(&shared).into_iter().find(|file| !before.contains(file)).unwrap());
    }
    std::fs::remove_file(shared.join(&written[0].0)).unwrap();
    let said = a.rig.run(&["sync"]);
    said.refused("sync-incomplete", 6);
    assert!(said.err.contains("1 chunk of b is missing here") && !said.out.contains("In step"), "{}", said.err);
    let withheld = |device: &Device| -> serde_json::Value {
        let doctor: serde_json::Value = serde_json::from_str(&device.rig.run(&["doctor", "--json"]).out).unwrap();
        let status: serde_json::Value =
            serde_json::from_str(&device.run(&["status", "--json", "--no-scan"]).out).unwrap();
        assert_eq!(doctor["workspace"]["withheld"], status["withheld"]);
        status["withheld"].clone()
    };
    let missed = withheld(&a);
    assert_eq!(
        (&missed[0]["name"], &missed[0]["chunks"], missed.as_array().unwrap().len()),
        (&"b".into(), &1.into(), 1)
    );
    let said = a.rig.run(&["doctor"]);
    assert_eq!(said.code, Some(6), "{}", said.out);
    let said = said.out;
    assert!(said.contains("1 chunk of b is withheld") && said.contains("`aimon sync`"), "{said}");
    // Nothing else is hidden by it.
    assert_eq!(input_of(&a, &["--no-scan"]), 1_001 + 1_002 + 1_004);
    let up = Up::start(&a.rig);
    assert_eq!(up.ask("GET", "/v1/status")["withheld"], missed);
    up.kill();
    b.sync();
    a.sync();
    assert_eq!(withheld(&a), serde_json::json!([]));
    expect_one_history(&[&a, &b]);
}

#[test]
fn back_with_the_phrase() {
    let place = Place::new(Over::Socket);
    let (a, b) = (device(1), device(2));
    let created = a.create(&place.url, "a");
    pair(&a, &b, "b");
    a.sync();
    let recover = |device: &Device, phrase: &str| {
        device.tell(&["workspace", "recover", "--relay", &place.url, "--yes"], &format!("{phrase}\n"))
    };
    let c = device(3);
    let before = c.reports("UTC");
    let words: Vec<&str> = created.phrase.split(' ').collect();
    let wrong = |n: usize, word: &str| {
        let mut words = words.clone();
        words[n] = word;
        words.join(" ")
    };
    // No word; another word; one too few; two exchanged.
    recover(&c, &wrong(6, "aimon")).refused("bad-phrase", 1);
    recover(&c, &wrong(6, if words[6] == "zoo" { "zone" } else { "zoo" })).refused("bad-phrase", 1);
    recover(&c, &words[..23].join(" ")).refused("bad-phrase", 1);
    expect_untouched(&c, &before);

    // Nobody can be asked whether its history shall be brought: nobody is let in.
    c.tell(&["workspace", "recover", "--relay", &place.url], &created.phrase).refused("nobody-to-ask", 1);
    a.sync();
    assert_eq!(a.workspace()["devices"], 2);

    recover(&c, &created.phrase).fine();
    for device in [&a, &b, &c] {
        device.sync();
    }
    expect_one_history(&[&a, &b, &c]);
    assert_eq!(c.workspace()["devices"], 3);
}

#[test]
fn back_with_the_phrase_to_a_relay_that_was_emptied() {
    let mut place = Place::new(Over::Socket);
    let (a, b) = (device(1), device(2));
    let created = a.create(&place.url, "a");
    pair(&a, &b, "b");
    a.sync();
    let relay = place.relay.as_mut().unwrap();
    relay.kill();
    std::fs::remove_dir_all(relay.data()).unwrap();
    relay.again();
    // The new machine is there first, the others come back later.
    let c = device(3);
    let recover = |more: &[&str]| {
        c.tell(&[&["workspace", "recover", "--relay", &place.url, "--yes"], more].concat(), &created.phrase)
    };
    // It may be another relay, or another phrase: nothing is begun unasked.
    let said = recover(&[]);
    said.refused("unknown-workspace", 1);
    assert!(said.err.contains("--open"), "{}", said.err);
    c.rig.run(&["workspace", "show"]).refused("no-workspace", 1);
    recover(&["--open"]).fine();
    for _ in 0..2 {
        for device in [&b, &c] {
            device.sync();
        }
    }
    a.sync();
    c.sync();
    expect_one_history(&[&a, &b, &c]);
    for device in [&a, &b, &c] {
        assert_eq!((&device.workspace()["devices"], &device.workspace()["waiting"]["chunks"]), (&3.into(), &0.into()));
        assert_eq!(device.workspace()["workspace"], created.workspace.as_str());
    }
}
