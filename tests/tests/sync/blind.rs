//! The relay is blind: nothing of what is synced can be found in what it holds, logs, or is sent.

use std::path::Path;

use aimon_tests::files::{self, File};
use aimon_tests::proxy::Proxy;
use aimon_tests::up::Up;
use aimon_tests::{Device, Relay, folder_address, pair};

use crate::world::{Over, Place};

/// A figure that takes eight bytes in any form. No log may state one of 2^53 or more.
const TOKENS: u64 = 8_007_199_254_740_993;
const MODEL: &str = "needle-model-5-20261101";
const SESSION: &str = "5f0c9b1e-7d42-4a8e-9c3b-needle000001";
const REQUEST: &str = "req_needle_000001";
const PROJECT: &str = "needle-project-of-ada";
const WORKSPACE: &str = "Needles and pins of Ada";
const DEVICE: &str = "needle-workstation";

/// Something that nobody else may see: what it is, and its bytes in one of its forms.
struct Needle {
    what: String,
    bytes: Vec<u8>,
}

impl Needle {
    fn new(what: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        assert!(bytes.len() >= 8, "{what} is short enough to be there by chance");
        Self { what: what.to_owned(), bytes }
    }
}

/// What is logged, in every form that it could take.
fn of_the_log() -> Vec<Needle> {
    let mut leb = Vec::new();
    let mut rest = TOKENS;
    while rest > 0 {
        leb.push((rest & 0x7f) as u8 | if rest > 0x7f { 0x80 } else { 0 });
        rest >>= 7;
    }
    vec![
        Needle::new("the model", MODEL),
        Needle::new("the source", "claude-code"),
        Needle::new("the session", SESSION),
        Needle::new("the request", REQUEST),
        Needle::new("the project", PROJECT),
        Needle::new("the figure as text", TOKENS.to_string()),
        Needle::new("the figure as SQLite has it", TOKENS.to_be_bytes()),
        Needle::new("the figure, little end first", TOKENS.to_le_bytes()),
        Needle::new("the figure as a varint", leb),
    ]
}

/// A device's secrets, in the forms in which they could be written.
fn of_secrets(device: &Device) -> Vec<Needle> {
    let secrets: Vec<File> = device.secrets().into_iter().filter(|(_, bytes)| bytes.len() >= 32).collect();
    assert!(!secrets.is_empty(), "where do they lie?");
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let forms = |(path, bytes): File| {
        let what = format!("a secret in {}", path.display());
        [Needle::new(&what, hex(&bytes)), Needle::new(&what, bytes)]
    };
    secrets.into_iter().flat_map(forms).collect()
}

/// Which needles are found in which haystack.
fn found(haystacks: &[(String, Vec<u8>)], needles: &[Needle]) -> Vec<String> {
    let mut found = Vec::new();
    for (place, hay) in haystacks {
        for needle in needles {
            if hay.windows(needle.bytes.len()).any(|w| w == needle.bytes) {
                found.push(format!("{} in {place}", needle.what));
            }
        }
    }
    found
}

fn below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    // Names of files, too.
    let named = |(path, bytes): File| {
        let name = path.display().to_string();
        (name.clone(), [name.into_bytes(), bytes].concat())
    };
    files::all(folder).into_iter().map(named).collect()
}

fn log(device: &Device, n: u64) {
    let now = jiff::Timestamp::now();
    let line = format!(
        "{{\"type\":\"assistant\",\"timestamp\":\"{now:.3}\",\"sessionId\":\"{SESSION}\",\"requestId\":\"{REQUEST}\",\
         \"cwd\":\"/home/ada/{PROJECT}\",\"message\":{{\"id\":\"msg_needle_00{n}\",\"model\":\"{MODEL}\",\"usage\":\
         {{\"input_tokens\":{TOKENS},\"output_tokens\":{n}}}}}}}\n"
    );
    let path = format!(".claude/projects/-home-ada-{PROJECT}/{SESSION}.jsonl");
    files::append(&device.rig.home().join(path), line.as_bytes());
}

fn today() -> String {
    jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date().to_string()
}

/// Two devices that pair, sync and stay in touch; all that nobody else may see.
fn shared(url: &str) -> Vec<Needle> {
    let (a, b) = (Device::new(&today()), Device::new(&today()));
    log(&a, 1);
    a.rig.scan();
    let created = a.create(url, WORKSPACE);
    let code = pair(&a, &b, DEVICE);
    log(&b, 2);
    b.rig.scan();
    for device in [&a, &b, &a] {
        device.sync();
    }
    let running = [Up::start(&a.rig), Up::start(&b.rig)];
    log(&a, 3);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let calls = || b.run(&["report", "--json", "--no-scan", "--by", "model"]).out;
    while !calls().contains("\"calls\": 3") {
        assert!(std::time::Instant::now() < until, "{}", calls());
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    running.into_iter().for_each(Up::kill);

    let mut needles = of_the_log();
    needles.extend([Needle::new("the workspace's name", WORKSPACE), Needle::new("the device's name", DEVICE)]);
    for device in [&a, &b] {
        needles.extend(of_secrets(device));
    }
    let words: Vec<&str> = created.phrase.split(' ').collect();
    needles.extend(words.windows(3).map(|three| Needle::new("three words of the phrase", three.join(" "))));
    let code: serde_json::Value = serde_json::from_str(&code).unwrap();
    let code = code["code"].as_str().unwrap();
    // Relay and invitation stand in it, too; the secret is the larger part of what follows.
    needles.push(Needle::new("the code", code));
    needles.push(Needle::new("a part of the code", &code[40..72]));
    // Everything that lies on both devices' own disks is found by the same search, or it could not fail.
    let own: Vec<_> = [&a, &b].into_iter().flat_map(|device| below(&device.rig.aimon_home())).collect();
    let on_own = found(&own, &needles);
    for what in ["the model", "the session", "a secret in"] {
        assert!(on_own.iter().any(|hit| hit.starts_with(what)), "{what} is not found where it lies: {on_own:?}");
    }
    needles
}

fn workspace_seen(traffic: &[(String, Vec<u8>)], relay: &Relay) {
    // The search works in traffic and in the relay's database, too: ids are no secret.
    let listed = relay.run(&["workspaces"]).fine().out;
    let id = listed.split_whitespace().next().unwrap();
    let bytes: Vec<u8> = (0..32).map(|n| u8::from_str_radix(&id[2 * n..2 * n + 2], 16).unwrap()).collect();
    let id = [Needle::new("the workspace's id", bytes)];
    assert!(!found(traffic, &id).is_empty() && !found(&below(relay.data()), &id).is_empty());
}

fn blind_over(over: Over) {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::behind(dir, Proxy::start(over == Over::Requests), "trace");
    let needles = shared(&place.url);
    place.check(over);
    let relay = place.relay.as_ref().unwrap();
    let wal = relay.data().join("relay.sqlite-wal");
    assert!(wal.exists(), "what is written last lies in the journal");
    let mut seen = below(relay.data());
    let log = std::fs::read(relay.log()).unwrap();
    assert!(!log.is_empty(), "the relay logs all that it can");
    seen.push(("the relay's log".to_owned(), log));
    let traffic: Vec<_> =
        place.proxy.as_ref().unwrap().traffic().into_iter().map(|way| ("traffic".to_owned(), way)).collect();
    workspace_seen(&traffic, relay);
    seen.extend(traffic);
    assert_eq!(found(&seen, &needles), Vec::<String>::new());
}

#[test]
fn a_relay_sees_nothing_over_a_socket() {
    blind_over(Over::Socket);
}

#[test]
fn a_relay_sees_nothing_in_requests() {
    blind_over(Over::Requests);
}

#[test]
fn a_shared_folder_shows_nothing() {
    let shared_folder = tempfile::tempdir().unwrap();
    let needles = shared(&folder_address(shared_folder.path()));
    let seen = below(shared_folder.path());
    assert!(seen.len() > 5, "{} files", seen.len());
    assert_eq!(found(&seen, &needles), Vec::<String>::new());
}

#[test]
fn the_same_search_finds_all_of_it_where_nothing_is_encrypted() {
    let alone = Device::new(&today());
    log(&alone, 1);
    alone.rig.scan();
    let found = found(&below(&alone.rig.aimon_home()), &of_the_log());
    for what in ["the model", "the source", "the session", "the figure as"] {
        assert!(found.iter().any(|hit| hit.starts_with(what)), "{what} is not found: {found:?}");
    }
}
