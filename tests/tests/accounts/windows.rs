//! A subscription's windows, asked for with the login that an agent keeps: only where it was said, rarely, and without a trace of the token.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use aimon_providers::{Absurd, Clock, Fault, Key, KeyKind, MINUTE, Org, Provider, Quota, Schema, Server, Truth, Wait};
use aimon_tests::command::Said;
use aimon_tests::up::Up;
use aimon_tests::{Device, Relay, pair};
use serde_json::{Value, json};

use crate::rig::now;

const TOKEN: &str = "sk-ant-oat01-needle.needle-1";
const ACCOUNT: &str = "0199a213-0000-7000-8000-000000000001";

/// 2026-11-20 12:00:00.
const T: i64 = 1_795_176_000_000;

/// An agent's endpoint, and a machine on which somebody is logged in.
struct Rig {
    server: Server,
    clock: Clock,
    device: Device,
    source: &'static str,
    path: &'static str,
    login: PathBuf,
}

impl Rig {
    fn new(provider: Provider, at: i64) -> Self {
        let clock = Clock::at(at);
        let keys = vec![Key::new(KeyKind::Normal, TOKEN)];
        let server = Server::start(provider, Org::named("me"), Truth::default(), keys, clock.clone()).unwrap();
        let rig = Self::on(crate::rig::device(), server, clock, provider);
        rig.server.set_quotas(rig.quotas("38.25", "12"));
        rig
    }

    /// Logs in on a machine.
    fn on(device: Device, server: Server, clock: Clock, provider: Provider) -> Self {
        let home = device.rig.home();
        let (source, path, folder, name, login) = match provider {
            Provider::ClaudeWindows => {
                let scopes = ["user:inference", "user:profile"];
                let oauth =
                    json!({"accessToken": TOKEN, "refreshToken": "needle", "expiresAt": i64::MAX, "scopes": scopes});
                std::fs::write(
                    home.join(".claude.json"),
                    json!({"oauthAccount": {"accountUuid": ACCOUNT}}).to_string(),
                )
                .unwrap();
                ("claude-code", "/api/oauth/usage", ".claude", ".credentials.json", json!({ "claudeAiOauth": oauth }))
            }
            _ => {
                let tokens = json!({"access_token": TOKEN, "refresh_token": "needle", "id_token": "needle", "account_id": "org-me"});
                (
                    "codex",
                    "/backend-api/wham/usage",
                    ".codex",
                    "auth.json",
                    json!({"OPENAI_API_KEY": null, "tokens": tokens}),
                )
            }
        };
        std::fs::create_dir_all(home.join(folder)).unwrap();
        let file = home.join(folder).join(name);
        std::fs::write(&file, login.to_string()).unwrap();
        device
            .rig
            .env("AIMON_CLAUDE_URL", server.url())
            .env("AIMON_CODEX_URL", &format!("{}/backend-api", server.url()));
        Self { server, clock, device, source, path, login: file }
    }

    fn quotas(&self, short: &str, long: &str) -> Vec<Quota> {
        let at = |minutes: i64| Some(self.clock.now() / 1000 * 1000 + minutes * MINUTE);
        match self.source {
            "claude-code" => vec![
                Quota::new("five_hour", short, at(200), 18_000),
                Quota::new("seven_day", long, at(9000), 604_800),
                Quota::new("seven_day_opus", "null", None, 604_800),
                Quota::new("weekly_scoped:Fable", "57", at(9000), 604_800),
            ],
            _ => vec![
                Quota::new("primary", short, at(200), 18_000),
                Quota::new("secondary", long, at(9000), 604_800),
                Quota::new("codex_spark:primary", "100", at(9000), 604_800),
            ],
        }
    }

    /// It is so many minutes after the beginning: here and there.
    fn after(&self, minutes: i64) -> &Self {
        self.clock.set(T + minutes * MINUTE);
        self.device
            .rig
            .env("AIMON_TEST_NOW", &jiff::Timestamp::from_millisecond(self.clock.now()).unwrap().to_string());
        self
    }

    fn turn(&self, how: &str) -> Said {
        self.device.run(&["source", "ask", self.source, how])
    }

    fn poll(&self) -> Said {
        self.device.tell(&["poll"], "")
    }

    fn asked(&self) -> usize {
        self.server.requests().len()
    }

    /// Account, window, percentage, and how many minutes the reset is from now, of all that is shown.
    fn shown(&self) -> Vec<(String, String, String, i64)> {
        let status: Value = serde_json::from_str(&self.device.run(&["status", "--json"]).out).unwrap();
        let one = |w: &Value| {
            let text = |key: &str| w[key].as_str().unwrap().to_owned();
            let left = w["resetsInSeconds"].as_i64().unwrap() / 60;
            (text("account"), text("window"), w["usedPercent"].to_string(), left)
        };
        status["windows"].as_array().unwrap().iter().map(one).collect()
    }

    /// Where people look how it goes.
    fn said(&self) -> [String; 3] {
        ["source list", "status", "doctor"].map(|command| {
            let args: Vec<&str> = command.split(' ').collect();
            self.device.tell(&args, "").out
        })
    }
}

fn window(account: &str, name: &str, percent: &str, minutes: i64) -> (String, String, String, i64) {
    (account.to_owned(), name.to_owned(), percent.to_owned(), minutes)
}

/// The login's bytes, and when it was last written.
fn state(rig: &Rig) -> (Vec<u8>, SystemTime) {
    (std::fs::read(&rig.login).unwrap(), std::fs::metadata(&rig.login).unwrap().modified().unwrap())
}

#[test]
fn of_claudes_windows_what_was_said_last_counts_and_what_the_status_line_leaves_out_stays() {
    let rig = Rig::new(Provider::ClaudeWindows, T);
    let before = state(&rig);
    rig.after(0);
    rig.device.run(&["poll"]);
    assert_eq!(rig.asked(), 0, "nobody has asked for it");
    rig.turn("--on").fine();
    rig.poll().fine();
    assert_eq!(
        rig.shown(),
        [
            window(ACCOUNT, "5h", "38.25", 200),
            window(ACCOUNT, "7d", "12", 9000),
            window(ACCOUNT, "7d-fable", "57", 9000)
        ]
    );
    // What the status line says later stands, and what the provider says after that.
    rig.after(2);
    let at = T / 1000 + 200 * 60;
    let told = json!({"rate_limits": {"five_hour": {"used_percentage": 40.5, "resets_at": at}}});
    rig.device.tell(&["statusline"], &told.to_string()).fine();
    assert_eq!(
        rig.shown(),
        [
            window(ACCOUNT, "5h", "40.5", 198),
            window(ACCOUNT, "7d", "12", 8998),
            window(ACCOUNT, "7d-fable", "57", 8998)
        ]
    );
    rig.after(6);
    rig.server.set_quotas(vec![Quota::new("five_hour", "41.0001", Some(at * 1000), 18_000)]);
    rig.poll().fine();
    assert_eq!(rig.shown(), [window(ACCOUNT, "5h", "41.0001", 194)]);
    assert_eq!(
        (rig.asked(), rig.server.violations()),
        (2, vec![]),
        "it tells of windows that the status line does not"
    );
    rig.turn("--off").fine();
    rig.after(60);
    rig.poll().fine();
    assert_eq!((rig.asked(), state(&rig)), (2, before));
}

#[test]
fn codexs_windows_are_one_gauge_with_the_logs() {
    let rig = Rig::new(Provider::CodexWindows, T);
    let before = state(&rig);
    rig.after(0).turn("--on").fine();
    rig.poll().fine();
    let spark = window("codex:codex_spark", "7d", "100", 9000);
    assert_eq!(rig.shown(), [window("codex", "5h", "38.25", 200), window("codex", "7d", "12", 9000), spark]);
    // A line of a log that is newer, in the place of what was asked for.
    rig.after(3);
    let limit = |used: &str, minutes: i64, left: i64| {
        let at = T / 1000 + left * 60;
        json!({"used_percent": serde_json::from_str::<Value>(used).unwrap(), "window_minutes": minutes, "resets_at": at})
    };
    let limits =
        json!({"limit_id": "codex", "primary": limit("39.5", 300, 200), "secondary": limit("12", 10_080, 9000)});
    let time = jiff::Timestamp::from_millisecond(T + 2 * MINUTE).unwrap().to_string();
    let line = json!({"timestamp": time, "type": "event_msg", "payload": {"type": "token_count", "info": null, "rate_limits": limits}});
    let folder = rig.device.rig.home().join(".codex/sessions/2026/11/20");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("rollout-2026-11-20T12-00-00-0199a213-0000-7000-8000-000000000002.jsonl"),
        format!("{line}\n"),
    )
    .unwrap();
    let spark = window("codex:codex_spark", "7d", "100", 8997);
    assert_eq!(rig.shown(), [window("codex", "5h", "39.5", 197), window("codex", "7d", "12", 8997), spark]);
    assert_eq!((rig.asked(), rig.server.violations(), state(&rig)), (1, vec![], before));
}

#[test]
fn it_is_never_asked_twice_in_five_minutes_whatever_is_tried() {
    let rig = Rig::new(Provider::ClaudeWindows, T);
    rig.after(0).turn("--on").fine();
    for (minutes, asked) in [(0, 1), (1, 1), (4, 1), (5, 1), (7, 2), (9, 2), (12, 2), (14, 3)] {
        rig.after(minutes);
        rig.device.tell(&["poll", "--force"], "");
        rig.turn("--off").fine();
        rig.turn("--on").fine();
        assert_eq!(rig.asked(), asked, "{minutes}");
    }
    assert!(rig.server.violations().is_empty(), "{:?}", rig.server.violations());
}

#[test]
fn too_often_stops_it_where_everybody_sees_it() {
    for (wait, still, again) in
        [(Wait::Unsaid, 59, 61), (Wait::Seconds(0), 59, 61), (Wait::Seconds(1600), 26, 27), (Wait::Date(700), 11, 12)]
    {
        let rig = Rig::new(Provider::ClaudeWindows, T);
        rig.after(0).turn("--on").fine();
        rig.poll().fine();
        rig.after(10);
        rig.server.fault(rig.path, Fault::TooMany(wait));
        let said = rig.poll();
        assert!(said.code == Some(1) && said.err.contains("error[provider-busy]"), "{said:?}");
        rig.after(10 + still);
        assert_eq!(rig.poll().code, Some(0), "nothing is due");
        let since = if still > 30 { "since 59 min ago; next try in 1m" } else { "min ago; next try in" };
        for text in rig.said().map(|text| text.replace('\n', " ")) {
            assert!(text.contains("(provider-busy)") && text.contains(since), "{wait:?}: {text}");
        }
        assert_eq!(rig.asked(), 2);
        assert_eq!(rig.shown().len(), 3, "the last good figures stay");
        rig.after(10 + again);
        rig.poll().fine();
        assert_eq!((rig.asked(), rig.server.violations()), (3, vec![]));
        assert!(rig.said().iter().all(|text| !text.contains("provider-busy")));
    }
}

#[test]
fn what_is_wrong_is_said_and_nothing_of_it_is_recorded() {
    let rig = Rig::new(Provider::CodexWindows, T);
    rig.after(0).turn("--on").fine();
    rig.poll().fine();
    let faults = [
        (Fault::Status(503), "provider-down"),
        (Fault::CaptivePortal, "not-the-provider"),
        (Fault::Schema(Schema::Renamed), "reply-unreadable"),
        (Fault::Figures(Absurd::Vast), "figure-absurd"),
        (Fault::Figures(Absurd::Negative), "figure-absurd"),
        (Fault::CutBody, "provider-unreachable"),
        (Fault::KeyRevoked, "token-stale"),
    ];
    for (n, (fault, code)) in (1..).zip(faults) {
        rig.after(n * 200);
        rig.server.fault(rig.path, fault);
        let said = rig.poll();
        assert!(said.code == Some(1) && said.err.contains(&format!("error[{code}]")), "{said:?}");
        assert!(rig.said().iter().all(|text| text.contains(code)), "{code}");
    }
    assert!(rig.said()[1].contains("use `codex` once: it renews its token itself"), "{}", rig.said()[1]);
    let gauges = || std::fs::read_to_string(rig.device.rig.path("export").join("answers.jsonl")).unwrap();
    rig.device.run(&["export", "--format", "jsonl", &rig.device.rig.path("export").to_string_lossy()]);
    assert_eq!(gauges().lines().filter(|line| line.contains("codex")).count(), 2, "the first reading alone");
    // It renews itself: the login that is there then is the one that is used.
    rig.after(2000);
    rig.server.add(Org::named("me"), Truth::default(), vec![Key::new(KeyKind::Normal, "needle-2-needle")]);
    let login = std::fs::read_to_string(&rig.login).unwrap().replace(TOKEN, "needle-2-needle");
    std::fs::write(&rig.login, login).unwrap();
    rig.poll().fine();
    assert!(rig.server.violations().is_empty(), "{:?}", rig.server.violations());
    // Without one nobody is asked.
    std::fs::remove_file(&rig.login).unwrap();
    let asked = rig.asked();
    rig.after(2100);
    let said = rig.poll();
    assert!(said.err.contains("error[no-login]") && rig.asked() == asked, "{said:?}");
}

#[test]
fn a_token_is_written_nowhere() {
    let rig = Rig::new(Provider::ClaudeWindows, T);
    rig.device.rig.env("AIMON_LOG", "trace");
    rig.after(0);
    let mut said = format!("{:?}{:?}", rig.turn("--on"), rig.poll());
    rig.after(10);
    rig.server.fault(rig.path, Fault::KeyRevoked);
    said += &format!("{:?}{:?}", rig.poll(), rig.said());
    rig.device.run(&["export", "--format", "jsonl", &rig.device.rig.path("export").to_string_lossy()]);
    assert!(!said.contains("needle"), "{said}");
    let mut open = vec![rig.device.rig.aimon_home(), rig.device.rig.path("export")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => assert!(!std::fs::read(&path).unwrap().windows(6).any(|w| w == b"needle"), "{path:?}"),
            }
        }
    }
}

/// A device need not ask for what another one has just been told; a running agent asks by itself, and not again after a crash.
#[test]
fn two_devices_and_a_crash_ask_once() {
    let rig = Rig::new(Provider::CodexWindows, now());
    let relay = Relay::start(&rig.device.rig.path("relay"));
    rig.device.create(&relay.url(), "home");
    let other = crate::rig::device();
    pair(&rig.device, &other, "other");
    rig.turn("--on").fine();
    for _ in 0..2 {
        let up = Up::start(&rig.device.rig);
        let end = Instant::now() + Duration::from_secs(20);
        while rig.shown().len() != 3 {
            assert!(Instant::now() < end, "not within 20 s");
            std::thread::sleep(Duration::from_millis(200));
        }
        up.kill();
    }
    rig.device.sync();
    let home = other.rig.home().join(".codex");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::copy(&rig.login, home.join("auth.json")).unwrap();
    other.rig.env("AIMON_CODEX_URL", &format!("{}/backend-api", rig.server.url()));
    other.sync();
    other.run(&["source", "ask", "codex", "--on"]);
    assert_eq!(other.run(&["poll"]).out, "Nothing is due.\n");
    other.sync();
    rig.device.sync();
    assert!(rig.device.run(&["source", "list"]).out.contains("asked for by other"));
    assert_eq!((rig.asked(), rig.server.violations()), (1, vec![]));
}
