//! What a command costs.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

/// Wall time, CPU time (user and system, children included) and peak memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub wall: Duration,
    pub cpu: Duration,
    pub peak: u64,
}

/// Runs a command to its end. Nothing if it fails.
pub fn once(command: &mut Command, input: Option<&[u8]>) -> Option<Cost> {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let began = Instant::now();
    let mut child = command.spawn().ok()?;
    if let Some(input) = input {
        use std::io::Write as _;
        let mut pipe = child.stdin.take()?;
        // A reader that has seen enough may be gone.
        let _ = pipe.write_all(input);
    }
    let used = child.wait4().ok()?;
    let wall = began.elapsed();
    let cpu = used.rusage.utime + used.rusage.stime;
    used.status.success().then_some(Cost { wall, cpu, peak: used.rusage.maxrss })
}

/// The median of each figure over some runs; each run begins with `before`.
pub fn median(runs: usize, mut run: impl FnMut() -> Option<Cost>) -> Option<Cost> {
    let costs: Vec<Cost> = (0..runs).filter_map(|_| run()).collect();
    let middle = |mut values: Vec<u128>| {
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    };
    Some(Cost {
        wall: nanos(middle(costs.iter().map(|c| c.wall.as_nanos()).collect())?),
        cpu: nanos(middle(costs.iter().map(|c| c.cpu.as_nanos()).collect())?),
        peak: middle(costs.iter().map(|c| u128::from(c.peak)).collect())? as u64,
    })
}

fn nanos(n: u128) -> Duration {
    Duration::from_nanos(n as u64)
}

/// The one in the middle.
pub fn middle(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    percentile(&all, 50)
}

/// The value below which so many hundredths of sorted ones lie.
pub fn percentile(sorted: &[Duration], hundredths: usize) -> Duration {
    let at = (sorted.len() * hundredths / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

/// A process's user and system time so far; nothing where there is no `/proc`.
pub fn cpu_of(pid: u32) -> Duration {
    let ticks = || -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    };
    // A hundred ticks a second, on every Linux that people run.
    Duration::from_millis(ticks().unwrap_or_default() * 10)
}

/// A process's memory.
pub fn memory_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.trim().parse().ok()
}
