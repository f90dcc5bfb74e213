//! Which accounts are one payer's: readings are folded by it, and folded anew where somebody says something else.

use std::collections::BTreeSet;

use aimon_core::accounts::{AccountId, Joined};
use aimon_core::batch::{Batch, BatchHash};
use aimon_core::crypto::Keyring;
use aimon_core::settings::Settings;
use aimon_core::time::UtcDay;
use sqlx::SqliteConnection;

use super::Pending;
use super::facts::{JOINED, READ_DAYS, STALE, get, get_days, put, put_days};
use crate::{changes, checked};

/// What the settings say, and by which rows: as long as these are the same they need not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Current {
    pub(crate) joined: Joined,
    rows: Vec<u8>,
    /// Whether the rows are not those of which the tables know.
    pub(crate) is_news: bool,
}

/// What the readings in the tables are to be folded by.
pub(crate) async fn current(
    db: &mut SqliteConnection,
    ring: &Keyring,
    has_tables: bool,
) -> Result<Current, sqlx::Error> {
    let rows = changes::dayless_print(db, ring).await?;
    let stored = if has_tables { get(db, "joined", JOINED).await? } else { Vec::new() };
    if let Some((by, bytes)) = stored.split_at_checked(rows.len())
        && by == rows
    {
        return Ok(Current { joined: decode(bytes), rows, is_news: false });
    }
    let mut settings = Settings::default();
    for row in changes::dayless(db).await? {
        // What can't be read says nothing here; whoever reads settings tells.
        for value in row.values(ring).unwrap_or_default() {
            if let Ok(batch) = Batch::decode(&value) {
                settings.add(BatchHash::of(&value), &batch);
            }
        }
    }
    Ok(Current { joined: Joined::of(&settings), rows, is_news: true })
}

/// The days of which accounts said something, where these were joined otherwise when they were folded.
pub(crate) async fn joined_otherwise(
    db: &mut SqliteConnection,
    current: &Current,
) -> Result<BTreeSet<UtcDay>, sqlx::Error> {
    let stored = get(db, "joined", JOINED).await?;
    let before = stored.split_at_checked(current.rows.len()).map(|(_, bytes)| decode(bytes)).unwrap_or_default();
    // Who is said to be two is not stored: nothing is folded by it.
    if before.all().eq(current.joined.all()) { Ok(BTreeSet::new()) } else { get_days(db, "readings", READ_DAYS).await }
}

/// Writes what days are folded by from now on, and which are to be folded anew.
pub(crate) async fn join(db: &mut SqliteConnection, current: &Current, pending: &Pending) -> Result<(), sqlx::Error> {
    put_days(db, "stale", STALE, &pending.stale).await?;
    let bytes = [current.rows.clone(), encode(&current.joined)].concat();
    put(db, "joined", &checked::seal(JOINED, bytes)).await
}

/// A line for each pair.
fn encode(joined: &Joined) -> Vec<u8> {
    joined.all().map(|(one, payer)| format!("{one} {payer}\n")).collect::<String>().into_bytes()
}

fn decode(bytes: &[u8]) -> Joined {
    let lines = std::str::from_utf8(bytes).unwrap_or_default().lines().filter_map(|line| line.split_once(' '));
    lines.filter_map(|(one, payer)| AccountId::parse(one).zip(AccountId::parse(payer))).collect()
}
