//! Whether a relay that holds more is slower: other workspaces, and a longer history of the one that is looked at.

use std::path::Path;
use std::time::{Duration, Instant};

use aimon_ledger::frame::Frame;
use aimon_relay_core::testing::People;

use super::crowd::{Way, is_kind, push, today};
use super::{Size, relay};
use crate::measure::percentile;
use crate::table::{Page, ratio};

const TIMES: u64 = 300;

/// Reconnecting, pushing, delivering.
pub async fn measure(data: &Path, size: Size, page: &mut Page) {
    page.head(
        "Growth of the relay: p50",
        &["the relay holds", "reconnect, from hello to live", "push, until it is durable", "deliver to another device"],
    );
    for (round, others) in size.growth.iter().enumerate() {
        let relay = relay(&data.with_file_name(format!("others-{round}")), &[]);
        let way = Way::to(&relay, false);
        for other in 0..*others as u32 {
            let people = People::named(other, &[1]);
            way.open(&people).await;
            fill(&way, &people, 1, 10).await;
        }
        row(&way, &format!("{others} other workspaces"), 1_000, page).await;
    }
    for (round, chunks) in [1_000, 10_000, 100_000].iter().take(size.growth.len()).enumerate() {
        let relay = relay(&data.with_file_name(format!("history-{round}")), &[]);
        row(&Way::to(&relay, false), &format!("a history of {chunks} chunks"), *chunks, page).await;
    }
    page.limit(
        "neither depends on the length of the history, nor on how many other workspaces there are (within 20 %)",
    );
}

/// A device's chunks, over 180 days.
async fn fill(way: &Way, people: &People, n: u8, chunks: u64) {
    let mut device = way.enter(people, n, 0).await;
    let (mut left, mut flying) = (0..chunks, 0);
    loop {
        while flying < 64
            && let Some(number) = left.next()
        {
            let day = today() - (number % 179) as i32;
            device.feed(push(people, n, day, number, 350)).await;
            flying += 1;
        }
        if flying == 0 {
            return;
        }
        device.flush().await;
        if let Frame::Outcomes(all) = Frame::decode(&device.hear().await).unwrap() {
            flying -= all.len();
        }
    }
}

async fn row(way: &Way, name: &str, chunks: u64, page: &mut Page) {
    let people = People::named(u32::MAX, &[1, 2, 3]);
    way.open(&people).await;
    fill(way, &people, 1, chunks).await;
    let mut reconnects = Vec::new();
    let token = way.token(&people, 2).await;
    for _ in 0..TIMES {
        let (_, took, _) = way.enter_with(&token, &people, chunks).await;
        reconnects.push(took);
    }
    let mut sender = way.enter(&people, 1, chunks).await;
    let mut listener = way.enter(&people, 3, chunks).await;
    let (outcomes, deliver) = (Frame::Outcomes(Vec::new()), Frame::Deliver(Vec::new()));
    let (mut pushes, mut delivers) = (Vec::new(), Vec::new());
    for number in 0..TIMES {
        let frame = push(&people, 1, today(), chunks + number, 350);
        let began = Instant::now();
        sender.send(frame).await;
        while !is_kind(&sender.hear().await, &outcomes) {}
        pushes.push(began.elapsed());
        while !is_kind(&listener.hear().await, &deliver) {}
        delivers.push(began.elapsed());
    }
    let middle = |mut waits: Vec<Duration>| {
        waits.sort_unstable();
        format!("{} ms", ratio(percentile(&waits, 50).as_nanos(), 1_000_000))
    };
    page.row(&[name, &middle(reconnects), &middle(pushes), &middle(delivers)]);
}
