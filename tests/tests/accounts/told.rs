//! What people are told: what to do next, each fault once, and nothing that acts on their terminal.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aimon_providers::{Fault, KeyKind, Provider, Wait};

use crate::rig::{World, device};

#[test]
fn who_can_not_add_an_account_is_told_what_to_do() {
    let whoami = "/v1/organizations/me";
    for (fault, text, help) in [
        (Fault::TooMany(Wait::Seconds(10_800)), "asks for a pause of 3 h", "run it again in 3 h"),
        (Fault::CaptivePortal, "a login page or a proxy answered", "open any page in a browser"),
        (Fault::KeyRevoked, "refuses the key", "run it again with another key"),
    ] {
        let (world, device) = (World::new(Provider::Anthropic, 71), device());
        world.server.fault(whoami, fault);
        let said = world.add(&device, 1, &[]);
        assert!(said.code == Some(1) && said.err.contains(text) && said.err.contains(help), "{said:?}");
        assert!(!said.err.contains("by itself") && !said.err.contains("rekey"), "{said:?}");
    }
    let (world, device) = (World::new(Provider::Anthropic, 72), device());
    let said = device.tell(&["account", "add", "anthropic", "--base-url", &world.base()], "");
    assert!(said.err.contains("error[nobody-to-ask]") && said.err.contains("--key-stdin"), "{said:?}");
    let base = "https://me:hunter2@gateway.example?key=hunter2";
    let said = device.tell(&["account", "add", "anthropic", "--base-url", base], "");
    said.refused("bad-url", 2);
    assert!(!said.err.contains("hunter2"), "{said:?}");
}

#[test]
fn a_dead_key_is_one_fault() {
    let (world, device) = (World::new(Provider::OpenAi, 73), device());
    world.add(&device, 1, &["--no-backfill"]).fine();
    world.server.set_kind(World::key_of(Provider::OpenAi, 1), KeyKind::Revoked);
    let polled = device.tell(&["poll", "--force"], "");
    let listed = device.run(&["account", "list"]).out;
    for out in [&polled.out, &listed] {
        assert_eq!(out.matches("key-refused").count(), 1, "{out}");
        assert!(!out.contains("usage."), "{out}");
    }
    // By metric it is still there for whoever computes with it.
    let json = device.run(&["account", "list", "--json"]).out;
    assert_eq!(json.matches("key-refused").count(), 11, "{json}");
}

#[test]
fn a_name_acts_on_no_terminal() {
    let (world, device) = (World::new(Provider::Anthropic, 74), device());
    world.add(&device, 1, &["--no-backfill", "--label", "\u{202e}evil"]).refused("bad-account-name", 2);
    world.add(&device, 1, &["--no-backfill", "--label", "mine"]).fine();
    for name in ["a\u{1b}[2Jb", "a\u{2066}b", "", "two\nlines"] {
        let said = device.rig.run(&["account", "rename", "mine", name]);
        said.refused("bad-account-name", 2);
        assert!(said.err.contains("one line of 1 to 200 bytes"), "{said:?}");
    }
    let said = device.rig.run(&["account", "merge", "mine", "anthropic"]);
    said.refused("never-one-account", 2);
    assert!(said.err.contains("an account is one with itself already"), "{said:?}");
}

/// Anthropic counts no calls: how many there were is not known.
#[test]
fn calls_that_nobody_counts_are_unknown() {
    let (world, device) = (World::new(Provider::Anthropic, 75), device());
    world.add(&device, 1, &[]).fine();
    let out = device.run(&["report", "--timezone", "UTC"]).out;
    let total = out.lines().find(|line| line.starts_with("Total")).unwrap();
    assert_eq!(total.split_whitespace().nth(1), Some("–"), "{out}");
}

/// Whatever is asked, there is another page: each has a name of its own.
#[test]
fn pages_without_an_end_are_not_read_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (base, asked) = (format!("http://{}/v1", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let _ = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).count();
            let n = count.fetch_add(1, Ordering::Relaxed);
            let body = format!(r#"{{"object":"page","data":[],"has_more":true,"next_page":"page_{n}"}}"#);
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nopenai-organization: org\r\nconnection: close";
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
    });
    let device = device();
    let key = World::key_of(Provider::OpenAi, 1);
    let args = ["account", "add", "openai", "--base-url", &base, "--key-stdin", "--no-backfill"];
    let said = device.tell(&args, &format!("{key}\n"));
    assert!(said.err.contains("error[reply-unreadable]") && said.out.contains("its pages have no end"), "{said:?}");
    let asked = asked.load(Ordering::Relaxed);
    assert!((11..=11 * 450).contains(&asked), "{asked}");
}
