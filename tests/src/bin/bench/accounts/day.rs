//! A day of it, by a clock that goes on to whatever is due next.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use aimon_core::batch::Batch;
use aimon_core::segment::batches;
use aimon_core::time::UtcDay;
use aimon_providers::{Clock, DAY, Server};
use aimon_replica::Replica;
use aimon_tests::bench::least::least;
use aimon_tests::sqlite;

use super::{ACCOUNTS, MINUTE, used};
use crate::Options;
use crate::measure::{cpu_of, memory_kib};
use crate::peers::emptied;
use crate::table::{Page, ratio};

/// How long it is done.
struct Length {
    minutes: i64,
    /// How much longer: before, until the sliding window is full; after, until all has settled.
    around: i64,
    /// How many days of the past are fetched first.
    past: u64,
}

const WHOLE: Length = Length { minutes: 1_440, around: 135 * MINUTE, past: 180 };
const QUICK: Length = Length { minutes: 60, around: 15 * MINUTE, past: 7 };

/// The process that asks.
struct Asking {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Asking {
    fn start(home: &Path, server: &Server, now: i64, past: u64) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("--ask").arg(home).args([format!("{}/v1", server.url()), past.to_string()]);
        command.env("AIMON_SECRET_STORE", "file").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut asking = Self { child, to, from };
        writeln!(asking.to, "{now}").unwrap();
        asking
    }

    fn tell(&mut self, line: &str) -> String {
        writeln!(self.to, "{line}").unwrap();
        let mut answer = String::new();
        self.from.read_line(&mut answer).unwrap();
        assert!(!answer.is_empty(), "the process that asks has ended");
        answer
    }

    /// What it has used, and what it holds.
    fn state(&self) -> (Duration, u64) {
        (cpu_of(self.child.id()), memory_kib(self.child.id()).unwrap_or_default())
    }
}

/// Time, and what it brings.
struct Going<'a> {
    clock: &'a Clock,
    now: i64,
    asking: Asking,
    events: u64,
    rounds: u64,
}

impl Going<'_> {
    fn until(&mut self, then: i64) {
        while self.now < then {
            self.clock.set(self.now);
            let said = self.asking.tell(&self.now.to_string());
            let mut said = said.split_whitespace().map(|n| n.parse::<i64>().unwrap());
            self.events += said.next().unwrap() as u64;
            self.rounds += 1;
            let due = said.next().unwrap();
            // The first ten rounds add an account each.
            let longest = if self.rounds < ACCOUNTS as u64 { 6_300 } else { MINUTE };
            self.now = due.clamp(self.now + 1_000, self.now + longest);
        }
    }
}

/// Ten accounts from one midnight to the next.
pub fn measure(options: &Options, quick: bool, page: &mut Page) {
    let home = emptied(options.target.join("bench-scratch").join("accounts"));
    let Length { minutes, around, past } = if quick { QUICK } else { WHOLE };
    // Tomorrow: what goes on beside the clock that is given is not far from it.
    let day = UtcDay(i32::try_from(super::live::now() / DAY).unwrap() + 1);
    let (from, to) = (day.start().0, day.start().0 + minutes * MINUTE);
    let clock = Clock::at(from - around);
    let server = used::server(from - 3 * WHOLE.around, to + around, &clock);
    let asking = Asking::start(&home, &server, from - around, past);
    let mut going = Going { clock: &clock, now: from - around, asking, events: 0, rounds: 0 };
    going.until(from);

    let began = Instant::now();
    let (before, early) = going.asking.state();
    let (events, rounds) = (going.events, going.rounds);
    let hour = from + minutes * MINUTE / 12;
    going.until(hour);
    let (_, soon) = going.asking.state();
    going.until(to);
    let (after, late) = going.asking.state();
    let (events, rounds, wall) = (going.events - events, going.rounds - rounds, began.elapsed());
    going.until(to + around);
    let unsealed = at_rest(&home, day);
    going.clock.set(day.plus(1).start().0 + around);
    going.asking.tell(&(day.plus(1).start().0 + around).to_string());
    let unsealing = going.asking.state().0;
    going.asking.tell("seal");
    let sealing = going.asking.state().0 - unsealing;
    drop(going.asking.to);
    going.asking.child.wait().unwrap();

    let cpu = after - before;
    let share = |cpu: Duration| format!("{} %", ratio(cpu.as_nanos() * 100, minutes as u128 * 60_000_000_000));
    page.row(&["simulated time", &format!("{minutes} minutes: {rounds} rounds, {events} events")]);
    page.row(&[
        "CPU of the process that asks",
        &format!("{} s of {} s of wall time: {} of one core", cpu.as_secs_f32(), wall.as_secs(), share(cpu)),
    ]);
    page.row(&["to seal the day, once", &format!("{} s: {}", sealing.as_secs_f32(), share(sealing))]);
    let hours = |part: i64| minutes * part / 720;
    let memory = format!(
        "{} / {} / {} MB after {} / {} / {} hours",
        early / 1000,
        soon / 1000,
        late / 1000,
        0,
        hours(1),
        hours(12)
    );
    page.row(&["memory", &memory]);
    let (sealed, least) = (at_rest(&home, day), peer(&home, day));
    page.row(&["bytes of the day before it is sealed", &unsealed.to_string()]);
    page.row(&[
        "bytes of the day, sealed, against delta columns + zstd-19",
        &format!("{sealed} of {least} ({}×)", ratio(sealed.into(), least as u128)),
    ]);
    let broken = server.violations();
    page.row(&["requests beyond what the provider allows", &broken.len().to_string()]);
}

/// The bytes of a day's segments.
fn at_rest(home: &Path, day: UtcDay) -> u64 {
    let sql = format!("SELECT CAST(sum(length(bytes)) AS TEXT) FROM changes WHERE day = {}", day.0);
    let found = sqlite::databases(home);
    found.first().and_then(|path| sqlite::ask(path, &sql).ok()?.parse().ok()).unwrap_or_default()
}

/// The least that the same events need.
fn peer(home: &Path, day: UtcDay) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let into = tempfile::tempdir().unwrap();
    runtime.block_on(async { Replica::open_read(home).await.unwrap().export(into.path()).await.unwrap() });
    let mut all = Vec::new();
    for entry in std::fs::read_dir(into.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with(&day.to_string()) {
            let bytes = std::fs::read(path).unwrap();
            all.extend(batches(&bytes).unwrap().iter().map(|batch| Batch::decode(batch).unwrap()));
        }
    }
    least(&all).unwrap()
}
