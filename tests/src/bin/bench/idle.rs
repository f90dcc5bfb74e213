//! What `aimon up` costs while nothing happens.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use crate::Options;
use crate::logs::Logs;
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
    let before = cpu_millis(agent.id());
    sleep(WATCH);
    let after = cpu_millis(agent.id());
    let memory = memory_kib(agent.id());
    let _ = agent.kill();
    let _ = agent.wait();
    match (before, after, memory) {
        (Some(before), Some(after), Some(memory)) => {
            let percent = ratio(u128::from(after - before) * 100, WATCH.as_millis());
            page.row(&[&format!("{} MB", memory / 1000), &format!("{percent} %")]);
        }
        _ => page.row(&["not measured: no /proc, or `up` ended", ""]),
    }
    page.limit("< 30 MB, < 0.1 % CPU");
}

/// User and system time so far.
fn cpu_millis(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks * 10)
}

fn memory_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.trim().parse().ok()
}
