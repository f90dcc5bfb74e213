//! What `aimon up` costs while nothing happens.

use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use crate::Options;
use crate::logs::Logs;
use crate::measure::{cpu_of, memory_kib};
use crate::scan::aimon;
use crate::table::{Page, ratio};

const SETTLE: Duration = Duration::from_secs(15);
const WATCH: Duration = Duration::from_secs(60);

/// Memory and CPU of the agent, once its first scan is over.
pub fn measure(options: &Options, logs: &Logs, page: &mut Page) {
    page.head("Idle: `aimon up`", &["memory", "CPU"]);
    let data = options.target.join("bench-scratch").join("aimon");
    let mut command = aimon(&logs.home, &data, &["up"]);
    let Ok(mut agent) = command.env("AIMON_PORT", "0").stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        return page.row(&["not measured", ""]);
    };
    sleep(SETTLE);
    let before = cpu_of(agent.id());
    sleep(WATCH);
    let after = cpu_of(agent.id());
    let memory = memory_kib(agent.id());
    let _ = agent.kill();
    let _ = agent.wait();
    match memory {
        Some(memory) => {
            let percent = ratio((after - before).as_millis() * 100, WATCH.as_millis());
            page.row(&[&format!("{} MB", memory / 1000), &format!("{percent} %")]);
        }
        None => page.row(&["not measured: no /proc, or `up` ended", ""]),
    }
    page.limit("< 30 MB, < 0.1 % CPU");
}
