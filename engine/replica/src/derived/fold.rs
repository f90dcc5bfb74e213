//! Folding days, each with what other days hold of its messages.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use aimon_core::crypto::Keyring;
use aimon_core::event::MessageId;
use aimon_core::history::Copy;
use aimon_core::time::UtcDay;
use sqlx::SqliteConnection;

use super::Damaged;
use crate::changes::{self, Unread, on_all_cores, read_all};

/// How many copies are folded at once.
const TOGETHER: usize = 100_000;

/// Which days are folded, and with what.
pub(crate) struct Days<'a> {
    pub(crate) ring: &'a Keyring,
    pub(crate) days: &'a BTreeSet<UtcDay>,
    /// All that some of them hold, as far as it has been read already.
    pub(crate) held: BTreeMap<UtcDay, Vec<Copy>>,
    /// Crossing pairs that are not in the table yet.
    pub(crate) known: &'a BTreeSet<(MessageId, UtcDay)>,
    /// Days before it are left out of the set.
    pub(crate) first: UtcDay,
}

impl<'a> Days<'a> {
    /// Days of which nothing has been read yet.
    pub(crate) fn unread(
        ring: &'a Keyring,
        days: &'a BTreeSet<UtcDay>,
        known: &'a BTreeSet<(MessageId, UtcDay)>,
        first: UtcDay,
    ) -> Self {
        Self { ring, days, held: BTreeMap::new(), known, first }
    }
}

/// Folds days: for each, all that it holds and all copies that other days hold of its messages.
pub(crate) async fn fold<T: Send>(
    db: &mut SqliteConnection,
    of: Days<'_>,
    damaged: &mut Damaged,
    make: impl Fn(UtcDay, &[Copy]) -> T + Sync,
) -> Result<BTreeMap<UtcDay, T>, sqlx::Error> {
    let Days { ring, days, mut held, known, first } = of;
    let mut crossing: HashMap<MessageId, BTreeSet<UtcDay>> = HashMap::new();
    for (message, day) in known {
        crossing.entry(*message).or_default().insert(*day);
    }
    for day in days {
        let rows: Vec<(Vec<u8>, i32)> = sqlx::query_as(
            "SELECT b.message, b.day FROM crossing a JOIN crossing b ON b.message = a.message WHERE a.day = ?",
        )
        .bind(day.0)
        .fetch_all(&mut *db)
        .await?;
        for (message, day) in rows {
            if let Ok(message) = message.try_into() {
                crossing.entry(MessageId(message)).or_default().insert(UtcDay(day));
            }
        }
    }
    // Copies that one of these days needs of another: collected once, whoever needs them.
    let others: BTreeSet<UtcDay> = crossing.values().flatten().copied().filter(|d| *d >= first).collect();
    let mut shared: HashMap<MessageId, Vec<(UtcDay, Copy)>> = HashMap::new();
    for day in others {
        let read;
        let of_day = match held.get(&day) {
            Some(of_day) => of_day,
            None => {
                read = copies(db, ring, day, damaged).await?;
                &read
            }
        };
        for copy in of_day {
            if crossing.get(&copy.record.message).is_some_and(|d| d.contains(&day)) {
                shared.entry(copy.record.message).or_default().push((day, copy.clone()));
            }
        }
    }
    let (mut out, mut together) = (BTreeMap::new(), Vec::new());
    for (nth, day) in days.iter().enumerate() {
        let mut all = match held.remove(day) {
            Some(of_day) => of_day,
            None => copies(db, ring, *day, damaged).await?,
        };
        let mut taken: HashSet<MessageId> = HashSet::new();
        for i in 0..all.len() {
            let message = all[i].record.message;
            if let Some(list) = shared.get(&message)
                && taken.insert(message)
            {
                all.extend(list.iter().filter(|(d, _)| d != day).map(|(_, c)| c.clone()));
            }
        }
        together.push((*day, all));
        let count: usize = together.iter().map(|(_, all)| all.len()).sum();
        if count >= TOGETHER || nth + 1 == days.len() {
            let some = std::mem::take(&mut together);
            let made = on_all_cores(&some, count * size_of::<Copy>(), |(day, all)| make(*day, all));
            out.extend(some.into_iter().map(|(day, _)| day).zip(made));
        }
    }
    Ok(out)
}

/// Everything that one day's segments hold of records, as far as its keys are held.
pub(crate) async fn copies(
    db: &mut SqliteConnection,
    ring: &Keyring,
    day: UtcDay,
    damaged: &mut Damaged,
) -> Result<Vec<Copy>, sqlx::Error> {
    let mut out = Vec::new();
    let rows = changes::of_day(db, day).await?;
    let read = read_all(&rows, |row| row.figures(ring));
    for (row, read) in rows.into_iter().zip(read) {
        match read {
            Ok(all) => {
                let records = all.into_iter().flat_map(|figures| figures.records);
                out.extend(records.map(|r| Copy::new(row.place.device, r)));
            }
            Err(Unread::Waits(_)) => {}
            Err(why) if !damaged.iter().any(|(d, _)| d.seq == row.seq) => damaged.push((row, why)),
            Err(_) => {}
        }
    }
    Ok(out)
}

/// The days from `first` on that share a message with a day before it.
pub(crate) async fn crossed_by(db: &mut SqliteConnection, first: UtcDay) -> Result<BTreeSet<UtcDay>, sqlx::Error> {
    let days: Vec<i32> = sqlx::query_scalar(
        "SELECT DISTINCT b.day FROM crossing a JOIN crossing b ON b.message = a.message WHERE a.day < ? AND b.day >= ?",
    )
    .bind(first.0)
    .bind(first.0)
    .fetch_all(db)
    .await?;
    Ok(days.into_iter().map(UtcDay).collect())
}
