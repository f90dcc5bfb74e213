//! A few minutes of the real `aimon up` over the same accounts.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aimon_providers::Clock;

use super::{ACCOUNTS, MINUTE, used};
use crate::Options;
use crate::measure::{cpu_of, memory_kib, once};
use crate::peers::emptied;
use crate::scan::aimon;
use crate::table::{Page, ratio};

const SETTLE: Duration = Duration::from_secs(70);

/// The system's time.
pub fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Adds the accounts, starts it, and looks on.
pub fn measure(options: &Options, quick: bool, page: &mut Page) {
    let watch = Duration::from_secs(if quick { 65 } else { 630 });
    let clock = Clock::at(now());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                clock.set(now());
                sleep(Duration::from_millis(50));
            }
        });
        watched(options, watch, &clock, page);
        is_over.store(true, Ordering::Relaxed);
    });
}

fn watched(options: &Options, watch: Duration, clock: &Clock, page: &mut Page) {
    const WHAT: &str = "`aimon up`, by the system's clock";
    let server = used::server(now() - 180 * MINUTE, now() + 60 * MINUTE, clock);
    let scratch = options.target.join("bench-scratch");
    let (home, data) = (emptied(scratch.join("accounts-home")), emptied(scratch.join("accounts-up")));
    let url = format!("{}/v1", server.url());
    let command = |args: &[&str]| {
        let mut command = aimon(&home, &data, args);
        command.env("AIMON_SECRET_STORE", "file").env("AIMON_PORT", "0").env("AIMON_RETENTION_DAYS", "7");
        command
    };
    for account in 0..ACCOUNTS {
        let key = format!("{}\n", used::key(account));
        let added =
            once(&mut command(&["account", "add", "openai", "--base-url", &url, "--key-stdin"]), Some(key.as_bytes()));
        if added.is_none() {
            return page.row(&[WHAT, "not measured: an account could not be added"]);
        }
    }
    let Ok(mut agent) = command(&["up"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        return page.row(&[WHAT, "not measured"]);
    };
    sleep(SETTLE);
    let before = (cpu_of(agent.id()), server.requests().len());
    sleep(watch);
    let after = (cpu_of(agent.id()), server.requests().len());
    let memory = memory_kib(agent.id());
    let _ = agent.kill();
    let _ = agent.wait();
    let Some(memory) = memory else { return page.row(&[WHAT, "not measured: no /proc, or `up` ended"]) };
    let percent = ratio((after.0 - before.0).as_millis() * 100, watch.as_millis());
    let asked = after.1 - before.1;
    page.row(&[
        WHAT,
        &format!("{percent} % of one core, {} MB; {asked} requests in {} s", memory / 1000, watch.as_secs()),
    ]);
}
