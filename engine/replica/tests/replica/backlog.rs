//! More than is taken in at once.

use super::readings::{say, usage};
use super::*;

/// Days, and calls of each.
const DAYS: i64 = 40;
const CALLS: u64 = 1_000;

/// A call that takes some room.
fn large(number: u64, output: u64, days: i64) -> Record {
    Record {
        message: MessageId(number.to_le_bytes()),
        session: format!("{number:0>220}").into(),
        ..call(0, output, days)
    }
}

async fn figures(replica: &mut Replica) -> String {
    let days = replica.history(ALL, NOW.day(), Detail::Full).await.unwrap();
    let hours = replica.history(ALL, NOW.day(), Detail::Hours).await.unwrap();
    let readings = replica.readings(ALL, NOW.day()).await.unwrap();
    format!("{days:?} {hours:?} {readings:?}")
}

/// Over eight MiB take more than one step: days that several steps bring something to, and calls that several days hold copies
/// of, come to the same as day by day, and as all at once.
#[tokio::test]
async fn what_takes_many_steps_comes_to_the_same() {
    let home = TempDir::new().unwrap();
    let mut replica = open(&home).await;
    let mut bytes = 0;
    for day in 0..DAYS {
        let own = (0..CALLS).map(|n| large(day as u64 * CALLS + n, n, day));
        // Copies of calls of the day before, some of them larger: what the last step brings says nothing of the first days.
        let copies = (0..50).map(|n| large(((day - 1).max(0) as u64) * CALLS + n * 19, n * 40, day));
        record(&mut replica, &own.chain(copies).collect::<Vec<_>>()).await;
        replica.history(ALL, NOW.day(), Detail::Hours).await.unwrap();
        say(&mut replica, (0..20).map(|minute| usage(day, minute, 0, 10))).await;
        bytes += CALLS as usize * 220;
    }
    // Of days that the first step holds, but for this, as a whole.
    record(&mut replica, &[large(7, 1_000_000, 0), large(8 * CALLS, 1, 1)]).await;
    say(&mut replica, [usage(0, 7, 5, 13), usage(1, 30, 0, 1)]).await;
    assert!(bytes > 8 << 20, "this takes more than one step");
    let before = figures(&mut replica).await;
    let mut reader = Replica::open_read(home.path()).await.unwrap();
    assert_eq!(figures(&mut reader).await, before);
    replica.rebuild().await.unwrap();
    assert!(figures(&mut replica).await == before, "made again step by step");
    drop(replica);
    assert!(figures(&mut open(&home).await).await == before, "as it was left");
}
