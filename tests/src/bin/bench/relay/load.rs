//! Durable chunks a second: a hundred devices, four a workspace, each with some chunks in flight. A chunk has 350 bytes and a
//! signature that is strictly verified; it is on the disk before its outcome is said, and goes to the three others.

use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use aimon_ledger::frame::{Frame, Outcome};
use aimon_relay_core::testing::People;
use aimon_tests::Relay;
use tokio::task::LocalSet;

use super::crowd::{Device, TLS, Way, is_kind, push, today};
use super::{Size, relay};
use crate::measure::{cpu_of, percentile};
use crate::table::{Page, ratio};

const WORKSPACES: u32 = 25;
const EACH: u8 = 4;
const BYTES: usize = 350;

/// What one run came to.
struct Held {
    accepted: usize,
    took: Duration,
    waits: Vec<Duration>,
    /// CPU time of the relay and of the load generator.
    cpu: (Duration, Duration),
}

impl Held {
    fn row(mut self, name: &str, page: &mut Page) {
        let rate = self.accepted as u128 * 1_000_000_000 / self.took.as_nanos();
        let millis = |wait: Duration| format!("{} ms", ratio(wait.as_nanos(), 1_000_000));
        let share = |cpu: Duration| ratio(cpu.as_nanos(), self.took.as_nanos());
        let (relay, generator) = (share(self.cpu.0), share(self.cpu.1));
        self.waits.sort_unstable();
        let (middle, last) = (percentile(&self.waits, 50), percentile(&self.waits, 99));
        page.row(&[name, &rate.to_string(), &millis(middle), &millis(last), &relay, &generator]);
    }
}

/// On a relay in clear; then on one with TLS.
pub async fn measure(data: &Path, size: Size, page: &mut Page) {
    page.head(
        "The relay under load: 100 devices, four a workspace, 350-byte chunks",
        &["", "durable chunks/s", "p50", "p99", "cores of the relay", "of the load generator"],
    );
    let mut number = 0;
    {
        let relay = relay(data, &[]);
        let crowd = Crowd::enter(&relay, false).await;
        let crowd = crowd.fill(size.rows, &mut number, &relay, page).await;
        let rows = format!("{} rows", size.rows);
        let (crowd, held) = crowd.hold(16, size.seconds, 30_000, &mut number, &relay).await;
        held.row(&format!("16 in flight, {} s on {rows}", size.seconds), page);
        let (_, held) = crowd.hold(1, size.seconds, 15_000, &mut number, &relay).await;
        held.row(&format!("one in flight, {} s after that", size.seconds), page);
    }
    let data = data.with_file_name("tls");
    let relay = relay(&data, &TLS);
    let crowd = Crowd::enter(&relay, true).await;
    let (crowd, held) = crowd.hold(16, size.seconds / 3, 30_000, &mut number, &relay).await;
    held.row(&format!("TLS, 16 in flight, {} s", size.seconds / 3), page);
    let (_, held) = crowd.hold(1, size.seconds / 3, 15_000, &mut number, &relay).await;
    held.row("TLS, one in flight", page);
    page.limit(
        "≥ 20,000/s with 16 in flight, p99 ≤ 15 ms with one, held 60 s on a million rows; TLS written beside it",
    );
}

struct Sender {
    people: Rc<People>,
    n: u8,
    device: Device,
}

struct Crowd(Vec<Sender>);

impl Crowd {
    async fn enter(relay: &Relay, is_tls: bool) -> Self {
        let way = Way::to(relay, is_tls);
        let mut senders = Vec::new();
        for workspace in 0..WORKSPACES {
            let devices: Vec<u8> = (1..=EACH).collect();
            let people = Rc::new(People::named(workspace, &devices));
            way.open(&people).await;
            for n in devices {
                senders.push(Sender { device: way.enter(&people, n, 0).await, people: people.clone(), n });
            }
        }
        Self(senders)
    }

    /// Brings the database to so many rows.
    async fn fill(self, rows: usize, number: &mut u64, relay: &Relay, page: &mut Page) -> Self {
        let mut crowd = self;
        let (mut left, mut sum) = (rows, None::<Held>);
        while left > 0 {
            // No more at a time than fits into memory together with everything else.
            let now = left.min(500_000);
            let frames = crowd.make(now / crowd.0.len(), number);
            let (next, held) = crowd.run(16, frames, None, relay).await;
            (crowd, left) = (next, left - now);
            sum = Some(match sum.take() {
                None => held,
                Some(mut sum) => {
                    sum.accepted += held.accepted;
                    sum.took += held.took;
                    sum.waits.extend(held.waits);
                    sum.cpu = (sum.cpu.0 + held.cpu.0, sum.cpu.1 + held.cpu.1);
                    sum
                }
            });
        }
        if let Some(sum) = sum {
            sum.row(&format!("16 in flight, the first {rows}"), page);
        }
        crowd
    }

    /// Holds a load; chunks are signed before, enough for `most` a second.
    async fn hold(self, flight: usize, seconds: u64, most: u64, number: &mut u64, relay: &Relay) -> (Self, Held) {
        let each = (seconds * most) as usize / self.0.len();
        let frames = self.make(each, number);
        self.run(flight, frames, Some(Duration::from_secs(seconds)), relay).await
    }

    /// Pushes for each sender, on all cores.
    fn make(&self, each: usize, number: &mut u64) -> Vec<VecDeque<Vec<u8>>> {
        let from = *number;
        *number += each as u64;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let all: Vec<(People, u8)> = self.0.iter().map(|s| ((*s.people).clone(), s.n)).collect();
        let day = today();
        let make = |(people, n): &(People, u8)| {
            (from..from + each as u64).map(|number| push(people, *n, day, number, BYTES)).collect()
        };
        std::thread::scope(|scope| {
            let parts = all.chunks(all.len().div_ceil(cores));
            let running: Vec<_> =
                parts.map(|part| scope.spawn(move || part.iter().map(make).collect::<Vec<_>>())).collect();
            running.into_iter().flat_map(|part| part.join().unwrap()).collect()
        })
    }

    async fn run(
        self,
        flight: usize,
        frames: Vec<VecDeque<Vec<u8>>>,
        time: Option<Duration>,
        relay: &Relay,
    ) -> (Self, Held) {
        let before = (cpu_of(relay.pid()), cpu_of(std::process::id()));
        let began = Instant::now();
        let until = time.map(|time| began + time);
        let local = LocalSet::new();
        let running: Vec<_> = self
            .0
            .into_iter()
            .zip(frames)
            .map(|(sender, frames)| local.spawn_local(one(sender, flight, frames, until)))
            .collect();
        local.await;
        let took = began.elapsed();
        let cpu = (cpu_of(relay.pid()) - before.0, cpu_of(std::process::id()) - before.1);
        let (mut senders, mut waits) = (Vec::new(), Vec::new());
        for sender in running {
            let (sender, own) = sender.await.unwrap();
            senders.push(sender);
            waits.extend(own);
        }
        (Self(senders), Held { accepted: waits.len(), took, waits, cpu })
    }
}

/// One device: sends until the time is over, then waits for what is in flight.
async fn one(
    mut sender: Sender,
    flight: usize,
    mut frames: VecDeque<Vec<u8>>,
    until: Option<Instant>,
) -> (Sender, Vec<Duration>) {
    let outcomes = Frame::Outcomes(Vec::new());
    let (mut sent, mut waits) = (VecDeque::new(), Vec::with_capacity(frames.len()));
    loop {
        let is_over = until.is_some_and(|until| Instant::now() >= until);
        let mut is_new = false;
        while !is_over
            && sent.len() < flight
            && let Some(frame) = frames.pop_front()
        {
            sent.push_back(Instant::now());
            sender.device.feed(frame).await;
            is_new = true;
        }
        if sent.is_empty() {
            assert!(is_over || until.is_none(), "there were too few chunks for this load");
            return (sender, waits);
        }
        if is_new {
            sender.device.flush().await;
        }
        let heard = sender.device.hear().await;
        if is_kind(&heard, &outcomes) {
            let Frame::Outcomes(all) = Frame::decode(&heard).unwrap() else { panic!("outcomes are outcomes") };
            for (_, outcome) in all {
                assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
                waits.push(sent.pop_front().unwrap().elapsed());
            }
        }
    }
}
