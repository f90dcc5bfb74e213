//! `aimon up`, and the commands beside it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::machine::{Machine, Said};

/// A running agent. It is ended with the test.
pub struct Up {
    child: Child,
    pub port: u16,
    pub token: String,
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Up {
    /// Starts it, and waits until it watches.
    pub fn start(machine: &Machine) -> Self {
        let mut child = machine.command(&["up"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("it ended").unwrap();
            if let Some((_, rest)) = line.split_once("API: http://127.0.0.1:") {
                break rest.to_owned();
            }
        };
        // Somebody has to go on reading, or it would end of a broken pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let port = url.split(' ').next().unwrap().parse().unwrap();
        let file: Value = serde_json::from_slice(&std::fs::read(machine.data().join("agent.json")).unwrap()).unwrap();
        Self { child, port, token: file["token"].as_str().unwrap().to_owned() }
    }

    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.ask_as(method, path, body, &format!("127.0.0.1:{}", self.port), Some(&self.token))
    }

    fn ask_as(&self, method: &str, path: &str, body: &str, host: &str, token: Option<&str>) -> (u16, Value) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let token = token.map(|t| format!("Authorization: Bearer {t}\r\n")).unwrap_or_default();
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: {host}\r\n{token}Content-Length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    #[cfg(unix)]
    pub fn end(mut self) -> i32 {
        let pid = self.child.id().to_string();
        std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

fn soon(what: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(15);
    while Instant::now() < end {
        if what() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    false
}

#[test]
fn only_a_second_up_is_refused() {
    let machine = Machine::with_logs();
    let up = Up::start(&machine);
    machine.run(&["up"]).failed(3, "home-locked");
    assert_eq!(machine.json(&["report"])["totals"]["calls"], 5);
    let scanned = machine.run(&["scan", "--json"]).json();
    assert_eq!((&scanned["filesSeen"], &scanned["recordsNew"]), (&json!(2), &json!(0)));
    assert_eq!(machine.json(&["status"])["last7Days"]["calls"], 5);
    assert_eq!(machine.run(&["doctor", "--json"]).json()["agentRunning"], true);
    machine.run(&["doctor", "--rebuild"]).fine();
    machine.run(&["export", "--format", "jsonl", machine.path("out").to_str().unwrap()]).fine();
    let line =
        machine.pipe(&["statusline"], r#"{"rate_limits":{"five_hour":{"used_percentage":7,"resets_at":4000000000}}}"#);
    assert!(line.fine().out.contains("5h 7%"));
    let status = machine.run(&["status", "--json"]).json();
    assert!(status["windows"].as_array().unwrap().iter().any(|w| w["usedPercent"] == 7), "handed over: {status}");
    let beside = machine.run(&["windows", "--json"]).json();
    let (code, told) = up.ask("GET", "/v1/windows", "");
    let windows =
        |said: &Value| said["windows"].as_array().unwrap().iter().map(|w| w["account"].clone()).collect::<Vec<_>>();
    assert_eq!((code, windows(&told)), (200, vec![json!("claude-code"), json!("codex")]));
    assert_eq!(windows(&beside), windows(&told));
    #[cfg(unix)]
    {
        assert_eq!(up.end(), 0, "it ends well");
        assert!(!machine.data().join("agent.json").exists());
    }
    #[cfg(not(unix))]
    drop(up);
    machine.run(&["scan"]).fine();
}

#[test]
fn what_a_crash_leaves_behind_is_no_hindrance() {
    let machine = Machine::with_logs();
    let up = Up::start(&machine);
    drop(up);
    assert!(machine.data().join("agent.json").exists());
    assert_eq!(machine.json(&["report"])["totals"]["calls"], 5);
    machine.run(&["scan"]).fine();
    let up = Up::start(&machine);
    assert_eq!(up.ask("GET", "/v1/status", "").0, 200);
}

#[test]
fn a_log_that_appears_shows_within_seconds() {
    let machine = Machine::empty();
    let up = Up::start(&machine);
    let (status, report) = up.ask("GET", "/v1/report", "");
    assert_eq!((status, report["daily"].as_array().map(Vec::len)), (200, Some(0)));
    let mut events = TcpStream::connect(("127.0.0.1", up.port)).unwrap();
    write!(
        events,
        "GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer {}\r\n\r\n",
        up.port, up.token
    )
    .unwrap();
    let with_logs = Machine::with_logs();
    for file in crate::machine::files(&with_logs.home()) {
        let relative = file.strip_prefix(with_logs.home()).unwrap();
        machine.write(relative.to_str().unwrap(), &std::fs::read_to_string(&file).unwrap());
    }
    let begun = Instant::now();
    assert!(soon(|| up.ask("GET", "/v1/report?asOf=2026-11-24", "").1["totals"]["calls"] == 5));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    events.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut told = String::new();
    for line in BufReader::new(events).lines().map_while(Result::ok) {
        told.push_str(&line);
        told.push('\n');
        if told.matches("event: change").count() >= 2 {
            break;
        }
    }
    assert!(told.contains("text/event-stream") && told.contains("event: change"), "{told}");
}

#[test]
fn the_api_answers_whoever_has_the_token_and_nobody_else() {
    let machine = Machine::with_logs();
    let up = Up::start(&machine);
    let own = format!("127.0.0.1:{}", up.port);
    for path in ["/v1/report", "/v1/status", "/v1/windows", "/v1/events"] {
        assert_eq!(up.ask_as("GET", path, "", &own, None).0, 401, "{path}");
        assert_eq!(up.ask_as("GET", path, "", &own, Some("wrong")).0, 401, "{path}");
        let (status, body) = up.ask_as("GET", path, "", "evil.example:80", Some(&up.token));
        assert_eq!((status, &body["error"]["code"]), (403, &json!("bad-host")), "{path}");
    }
    assert_eq!(up.ask_as("POST", "/v1/scan", "", &own, None).0, 401);
    assert_eq!(
        up.ask_as("GET", "/openapi.json", "", &own, None).1["openapi"].as_str().map(|v| v.starts_with("3.")),
        Some(true)
    );
    assert_eq!(up.ask("GET", "/nowhere", "").0, 404);

    let (status, report) =
        up.ask("GET", "/v1/report?period=monthly&by=source&source=codex,claude-code&asOf=2026-11-24", "");
    assert_eq!((status, &report["totals"]["calls"]), (200, &json!(5)));
    assert_eq!(report["monthly"][0]["groups"].as_array().map(Vec::len), Some(2));
    let same = machine.json(&["report", "--no-scan"]);
    assert_eq!(up.ask("GET", "/v1/report?asOf=2026-11-24", "").1, same, "the command and the API say the same");
    for bad in
        ["period=hourly", "since=soon", "timezone=Mars", "by=colour", "nonsense=1", "since=2026-11-02&until=2026-11-01"]
    {
        let (status, body) = up.ask("GET", &format!("/v1/report?{bad}"), "");
        assert_eq!(status, 400, "{bad}");
        assert!(body["error"]["message"].is_string() && body["error"]["help"].is_string(), "{bad}: {body}");
    }
    assert_eq!(up.ask("POST", "/v1/scan", "").1["filesSeen"], 2);
    let reading = json!({"account": "claude-code", "windows": [{"window": "5h", "usedPpm": 5, "resetsAtSeconds": 4_000_000_000_i64, "windowSeconds": 18_000}]});
    assert_eq!(up.ask("POST", "/v1/record", &reading.to_string()).1, json!({"kept": true}));
    assert_eq!(up.ask("POST", "/v1/record", &reading.to_string()).1, json!({"kept": false}), "no news");
    for bad in [
        "",
        "{}",
        r#"{"account":"","windows":[]}"#,
        r#"{"account":"x","windows":[{"window":"5h","usedPpm":-1}]}"#,
        r#"{"account":"x","windows":[{"window":"5h","usedPpm":1,"resetsAtSeconds":-9223372036854775808}]}"#,
        r#"{"account":"x","windows":[{"window":"5h","usedPpm":1,"windowSeconds":0}]}"#,
    ] {
        assert_eq!(up.ask("POST", "/v1/record", bad).0, 400, "{bad}");
    }
    let (status, body) = up.ask("POST", "/v1/record", &"x".repeat(100_000));
    assert_eq!((status, &body["error"]["code"]), (413, &json!("too-long")), "bodies are bounded");
    for (method, path) in [("POST", "/v1/report"), ("GET", "/v1/scan"), ("PUT", "/openapi.json")] {
        let (status, body) = up.ask(method, path, "");
        assert_eq!((status, &body["error"]["code"]), (405, &json!("no-such-method")), "{method} {path}");
    }
}

#[test]
fn a_zone_without_a_name_is_the_same_everywhere() {
    let mut machine = Machine::with_logs();
    // 19 hours behind UTC: all of its days differ.
    machine.env = vec![("TZ", "XST19".to_owned())];
    let up = Up::start(&machine);
    let same = machine.json(&["report", "--no-scan"]);
    assert_eq!((&same["daily"][0]["period"], &same["daily"][0]["calls"]), (&json!("2026-11-19"), &json!(3)));
    assert_eq!(up.ask("GET", "/v1/report?asOf=2026-11-24", "").1, same);
    assert_eq!(up.ask("GET", "/v1/status", "").1["timezone"], "local (-19:00)");
    assert_ne!(up.ask("GET", "/v1/report?asOf=2026-11-24&timezone=UTC", "").1, same);
    let title = machine.run(&["report", "--no-scan", "--as-of", "2026-11-24"]).fine().out;
    assert!(title.starts_with("Usage by day · local (-19:00)\n"), "{title}");
    let said = machine.run(&["doctor", "--against", "ccusage"]).failed(2, "unnamed-timezone");
    assert!(said.err.contains("local (-19:00)"), "{said:?}");
}

#[test]
fn a_port_that_is_taken() {
    let mut machine = Machine::empty();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    machine.env = vec![("AIMON_PORT", taken.local_addr().unwrap().port().to_string())];
    machine.run(&["up"]).failed(1, "port-in-use");
}

#[test]
fn a_short_command_is_waited_for() {
    let machine = Machine::with_logs();
    let scans: Vec<_> = (0..4)
        .map(|_| machine.command(&["scan", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    for scan in scans {
        Said::from(scan.wait_with_output().unwrap()).fine();
    }
    assert_eq!(machine.json(&["report"])["totals"]["calls"], 5);
}

/// Something else sits where `agent.json` says that the agent is.
fn a_stranger_at_its_port(machine: &Machine) {
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = stranger.local_addr().unwrap().port();
    let file = machine.data().join("agent.json");
    let mut json: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    json["port"] = json!(port);
    std::fs::write(&file, json.to_string()).unwrap();
    std::thread::spawn(move || {
        for stream in stranger.incoming().flatten() {
            let _ = (&stream).write_all(b"220 mail.example ESMTP\r\n\r\n");
        }
    });
}

#[test]
fn after_a_crash_a_stranger_at_its_port_is_no_agent() {
    let machine = Machine::with_logs();
    drop(Up::start(&machine));
    a_stranger_at_its_port(&machine);
    machine.run(&["doctor", "--rebuild"]).fine();
    machine.run(&["doctor", "--trust-clock"]).fine();
    machine.run(&["scan"]).fine();
}

#[test]
fn an_agent_that_does_not_answer() {
    let machine = Machine::with_logs();
    let _up = Up::start(&machine);
    a_stranger_at_its_port(&machine);
    machine.run(&["doctor", "--rebuild"]).failed(3, "agent-not-answering");
    machine.run(&["scan"]).failed(3, "agent-not-answering");
    let said = machine.run(&["report", "--json", "--as-of", "2026-11-24"]).fine();
    assert!(said.err.contains("another aimon is writing"), "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["totals"]["calls"], 5, "what is recorded shows all the same");
}

/// A process that was stopped still lets others connect, and never answers: nobody waits for it for an hour.
#[cfg(unix)]
#[test]
fn a_stopped_agent_is_not_waited_for() {
    let machine = Machine::with_logs();
    let up = Up::start(&machine);
    let pid = up.child.id().to_string();
    std::process::Command::new("kill").args(["-STOP", &pid]).status().unwrap();
    let begun = Instant::now();
    let said = machine.run(&["scan"]);
    std::process::Command::new("kill").args(["-CONT", &pid]).status().unwrap();
    assert!(said.code == 3 && said.err.contains("error[agent-not-answering]"), "{said:?}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    machine.run(&["scan"]).fine();
}
