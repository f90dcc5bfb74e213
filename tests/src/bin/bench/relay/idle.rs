//! Devices that only listen: what they cost, and how fast a poll reaches those that it is for beside them.

use std::path::Path;
use std::time::{Duration, Instant};

use aimon_ledger::frame::Frame;
use aimon_relay_core::testing::People;
use tokio::sync::mpsc;

use super::crowd::{Way, is_kind, push, today};
use super::{Size, relay};
use crate::measure::{memory_kib, percentile};
use crate::table::{Page, ratio};

const EACH: u8 = 4;
const LISTENERS: u8 = 10;
const POLLS: u64 = 1_000;
const BETWEEN: Duration = Duration::from_millis(20);

/// Memory of an idle device; then polls, each to ten devices.
pub async fn measure(data: &Path, size: Size, page: &mut Page) {
    page.head("Idle devices, and a poll on its way to ten live ones", &["", "measured"]);
    let relay = relay(data, &[]);
    let way = Way::to(&relay, false);
    // What the process takes for the first one is not what each takes.
    let first = People::named(0, &[1]);
    way.open(&first).await;
    tokio::spawn(way.enter(&first, 1, 0).await.listen());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = memory_kib(relay.pid()).unwrap_or_default();
    let mut count = 0;
    for workspace in 1..=(size.idle as u32 / u32::from(EACH)) {
        let devices: Vec<u8> = (1..=EACH).collect();
        let people = People::named(workspace, &devices);
        way.open(&people).await;
        for n in devices {
            tokio::spawn(way.enter(&people, n, 0).await.listen());
            count += 1;
        }
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let after = memory_kib(relay.pid()).unwrap_or_default();
    let each = ratio(u128::from(after.saturating_sub(before)), count);
    page.row(&[
        &format!("memory of each of {count} idle devices"),
        &format!("{each} KiB (the whole relay {after} KiB)"),
    ]);

    let devices: Vec<u8> = (1..=LISTENERS + 1).collect();
    let people = People::named(u32::MAX, &devices);
    way.open(&people).await;
    let (told, mut heard) = mpsc::unbounded_channel();
    for n in 1..=LISTENERS {
        let mut device = way.enter(&people, n, 0).await;
        let told = told.clone();
        tokio::spawn(async move {
            let deliver = Frame::Deliver(Vec::new());
            loop {
                if is_kind(&device.hear().await, &deliver) && told.send(Instant::now()).is_err() {
                    return;
                }
            }
        });
    }
    let sender = LISTENERS + 1;
    let mut sender_device = way.enter(&people, sender, 0).await;
    let outcomes = Frame::Outcomes(Vec::new());
    let frames: Vec<Vec<u8>> = (0..POLLS).map(|number| push(&people, sender, today(), number, 350)).collect();
    let mut waits = Vec::new();
    for frame in frames {
        let began = Instant::now();
        sender_device.send(frame).await;
        for _ in 0..LISTENERS {
            let at: Instant = heard.recv().await.unwrap();
            waits.push(at.duration_since(began));
        }
        while !is_kind(&sender_device.hear().await, &outcomes) {}
        tokio::time::sleep(BETWEEN).await;
    }
    waits.sort_unstable();
    let millis = |part| ratio(percentile(&waits, part).as_nanos(), 1_000_000);
    let told = format!("p50 {} ms, p99 {} ms", millis(50), millis(99));
    page.row(&["a poll, from being sent until each of ten devices has it", &told]);
    peer(page);
    page.limit("≤ 10 KiB each; p99 ≤ 5 ms");
}

/// Automerge's own sync server, on the same cores and without idle clients.
fn peer(page: &mut Page) {
    let name = "automerge-repo's sync server, without idle ones: a change until each of ten clients has it";
    let script = std::env::var_os("AIMON_AUTOMERGE_REPO").filter(|script| Path::new(script).is_file());
    let said = script.map(|script| std::process::Command::new("node").arg(script).output());
    let Some(Ok(said)) = said else { return page.row(&[name, "not installed"]) };
    let words: Vec<String> = String::from_utf8_lossy(&said.stdout).split_whitespace().map(str::to_owned).collect();
    match &words[..] {
        [middle, last, rate] => {
            page.row(&[name, &format!("p50 {middle} ms, p99 {last} ms")]);
            page.row(&[
                "the same: changes that 100 clients, four a document, have from one another",
                &format!("{rate}/s"),
            ]);
        }
        _ => page.row(&[name, "failed"]),
    }
}
