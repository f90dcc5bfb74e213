//! Secrets in files under a passphrase, with the real command.

use std::time::Duration;

use aimon_generator::Prng;
use aimon_tests::up::Up;
use aimon_tests::{Device, Relay, files};

use crate::rig::{KEY, add, everything, file, holding, home, provider};

const FIRST: &str = "open sesame, says Ali Baba";
const SECOND: &str = "open barley, says his brother";

/// Puts a device's secrets under what a file says.
fn protect(device: &Device, from: &str) {
    device.run(&["secrets", "passphrase", "--new-from", from]);
}

#[test]
fn under_a_passphrase_nothing_lies_in_clear_and_all_goes_on() {
    let device = Device::new("2026-11-05");
    let relay = Relay::with(&device.rig.path("relay"), &[], "trace");
    let server = provider();
    device.create(&relay.url(), "w");
    add(&device, &server).fine();
    let plain = device.secrets();
    assert_eq!(plain.len(), 2, "the device's and the account's");
    let (first, second) = (file(&device.rig.path("first"), FIRST), file(&device.rig.path("second"), SECOND));
    protect(&device, &first);
    let sealed = device.secrets();
    assert_eq!(sealed.len(), 3);

    // Nobody is there to be asked: what needs a secret says what to do, what does not says what is missing.
    for args in [&["sync"][..], &["pair"], &["settings", "set", "zone", "UTC"], &["secrets", "passphrase", "--remove"]]
    {
        let said = device.rig.run(args);
        said.refused("passphrase-needed", 1);
        assert!(said.err.contains("AIMON_PASSPHRASE_FILE"), "{}", said.err);
    }
    let said = device.run(&["report", "daily", "--json"]);
    assert!(said.err.contains("passphrase-needed") && said.err.contains("AIMON_PASSPHRASE_FILE"), "{}", said.err);
    add(&device, &server).refused("passphrase-needed", 1);

    // Wrong, or no passphrase at all: nothing is written.
    device.rig.env("AIMON_PASSPHRASE_FILE", &second);
    for args in
        [&["sync"][..], &["secrets", "passphrase", "--new-from", &second], &["secrets", "passphrase", "--remove"]]
    {
        device.rig.run(args).refused("passphrase-wrong", 1);
    }
    for (text, code) in [("", 2), ("\n", 2), ("\u{e9}\n", 1)] {
        device.rig.env("AIMON_PASSPHRASE_FILE", &file(&device.rig.path("odd"), text));
        device.rig.run(&["sync"]).refused(if code == 2 { "passphrase-file" } else { "passphrase-wrong" }, code);
    }
    device.rig.env("AIMON_PASSPHRASE_FILE", "/nowhere").run(&["sync"]).refused("passphrase-file", 2);
    #[cfg(unix)]
    {
        std::fs::set_permissions(&first, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        device.rig.env("AIMON_PASSPHRASE_FILE", &first).run(&["sync"]).refused("passphrase-file", 2);
        file(std::path::Path::new(&first), FIRST);
    }
    device.rig.env("AIMON_PASSPHRASE_FILE", &first);
    let short = file(&device.rig.path("short"), "1234567");
    device.rig.run(&["secrets", "passphrase", "--new-from", &short]).refused("passphrase-unfit", 1);
    assert_eq!(device.secrets(), sealed);

    // With it everything goes, also what stays.
    device.sync();
    server.forget();
    device.run(&["poll", "--force"]);
    assert!(!server.requests().is_empty());
    protect(&device, &second);
    device.rig.env("AIMON_PASSPHRASE_FILE", &second);
    let up = Up::start(&device.rig);
    #[cfg(target_os = "linux")]
    {
        let agent: serde_json::Value =
            serde_json::from_slice(&std::fs::read(home(&device).join("agent.json")).unwrap()).unwrap();
        let proc = format!("/proc/{}", agent["pid"]);
        for of in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("{proc}/{of}")).unwrap();
            let has = |what: &str| bytes.windows(what.len()).any(|w| w == what.as_bytes());
            assert!(has("aimon") && !has(SECOND) && !has(KEY), "{of}");
        }
    }
    let (said, export) = everything(&device);
    up.kill();
    for needle in [KEY, FIRST, SECOND, "needle"] {
        assert!(!said.contains(needle), "{needle} was said");
    }
    let folders = [home(&device), export, relay.data().to_owned()];
    let seed = plain.iter().find(|(path, _)| path.ends_with("device")).unwrap();
    for needle in [KEY.as_bytes(), FIRST.as_bytes(), SECOND.as_bytes(), &seed.1] {
        assert_eq!(holding(&folders, needle), [""; 0].map(std::path::PathBuf::from));
    }
    let log = std::fs::read(relay.log()).unwrap();
    assert!(!log.windows(6).any(|w| w == b"needle"));

    // Taken off, the files are what they were.
    device.run(&["secrets", "passphrase", "--remove"]);
    device.rig.env("AIMON_PASSPHRASE_FILE", "");
    assert_eq!(device.secrets(), plain);
    device.sync();
}

/// However putting it on, changing it and taking it off end: one of the two opens it, and all is there.
#[test]
fn whoever_is_killed_on_the_way_loses_nothing() {
    let device = Device::new("2026-11-05");
    let server = provider();
    add(&device, &server).fine();
    let plain = device.secrets();
    let passphrases = [FIRST, SECOND].map(|text| file(&device.rig.path(&text[5..8]), text));
    let mut rng = Prng::of(&[7]);
    let mut now: Option<usize> = None;
    for round in 0..6 {
        let next = if round % 3 == 2 { None } else { Some(round % 3) };
        let args = match next {
            Some(n) => vec!["secrets", "passphrase", "--new-from", &passphrases[n]],
            None => vec!["secrets", "passphrase", "--remove"],
        };
        device.rig.env("AIMON_PASSPHRASE_FILE", now.map_or("", |n| &passphrases[n]));
        let mut child = device.rig.command(&args).stdout(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.below(500)));
        let _ = child.kill();
        child.wait().unwrap();
        // What stands is the one or the other.
        let opens = |with: Option<usize>| {
            device.rig.env("AIMON_PASSPHRASE_FILE", with.map_or("", |n| &passphrases[n]));
            device.rig.run(&["poll", "--force"]).code == Some(0)
        };
        now = [now, next].into_iter().find(|with| opens(*with)).expect("neither opens it");
    }
    device.rig.env("AIMON_PASSPHRASE_FILE", now.map_or("", |n| &passphrases[n]));
    device.run(&["secrets", "passphrase", "--remove"]);
    assert_eq!(device.secrets(), plain);
    assert_eq!(files::all(&home(&device).join("secrets")).len(), 1);
}

/// A command at a terminal, which `script` of util-linux gives it. What is typed comes after what it says.
#[cfg(target_os = "linux")]
fn at_a_terminal(device: &Device, args: &str, dialogue: &[(&str, &str)]) -> (Option<i32>, String) {
    use std::io::{Read as _, Write as _};
    use std::process::{Command, Stdio};
    let aimon = device.rig.command(&[]);
    let line = format!("{} {args}", aimon.get_program().to_string_lossy());
    let mut script = Command::new("script");
    script.args(["-qefc", &line, "/dev/null"]).env_clear();
    script.envs(aimon.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut said, mut at) = (String::new(), 0);
    let mut dialogue = dialogue.iter();
    let mut next = dialogue.next();
    let mut buffer = [0; 1024];
    loop {
        let read = output.read(&mut buffer).unwrap_or(0);
        if read == 0 {
            break;
        }
        said.push_str(&String::from_utf8_lossy(&buffer[..read]));
        while let Some((ask, answer)) = next.filter(|(ask, _)| said[at..].contains(ask)) {
            at += said[at..].find(ask).unwrap() + ask.len();
            writeln!(input, "{answer}").unwrap();
            next = dialogue.next();
        }
    }
    assert!(next.is_none(), "it did not ask for {next:?}: {said}");
    (child.wait().unwrap().code(), said)
}

#[cfg(target_os = "linux")]
#[test]
fn at_a_terminal_it_is_asked_for_once_and_not_shown() {
    let device = Device::new("2026-11-05");
    let server = provider();
    add(&device, &server).fine();
    let (new, again, ask) = ("The new passphrase", "The same once more", "The passphrase of this device");
    let (code, said) = at_a_terminal(&device, "secrets passphrase", &[(new, FIRST), (again, SECOND)]);
    assert!(code == Some(1) && said.contains("passphrase-unfit"), "{said}");
    let (code, said) = at_a_terminal(&device, "secrets passphrase", &[(new, FIRST), (again, FIRST)]);
    assert!(code == Some(0) && !said.contains(FIRST), "{said}");
    let (code, said) = at_a_terminal(&device, "poll --force", &[(ask, "wrong"), (ask, FIRST)]);
    assert!(code == Some(0) && !said.contains(FIRST) && said.matches(ask).count() == 2, "{said}");
    let (code, said) = at_a_terminal(&device, "poll --force", &[(ask, "1"), (ask, "2"), (ask, "3")]);
    assert!(code == Some(1) && said.contains("passphrase-wrong"), "{said}");
    let change = [(ask, FIRST), (new, SECOND), (again, SECOND)];
    assert_eq!(at_a_terminal(&device, "secrets passphrase", &change).0, Some(0));
    assert_eq!(at_a_terminal(&device, "secrets passphrase --remove", &[(ask, SECOND)]).0, Some(0));
    assert_eq!(device.secrets().len(), 1);
}
