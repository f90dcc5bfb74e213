//! Small facts that a replica keeps about itself.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::ids::DeviceId;
use aimon_core::retention::{Retention, TrustedTime};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::chunk::Previous;
use aimon_ledger::ids::{Short, WorkspaceId};
use sqlx::SqliteConnection;

/// Reads a fact.
pub(crate) async fn get(db: &mut SqliteConnection, key: &str) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM meta WHERE key = ?").bind(key).fetch_optional(db).await
}

/// Writes a fact.
pub(crate) async fn set(db: &mut SqliteConnection, key: &str, value: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .bind(key)
        .bind(value)
        .execute(db)
        .await
        .map(|_| ())
}

/// Forgets a fact.
pub(crate) async fn unset(db: &mut SqliteConnection, key: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM meta WHERE key = ?").bind(key).execute(db).await.map(|_| ())
}

/// How the key begins under which it stands when a device was heard last.
const HEARD: &str = "heard ";

/// Notes when devices were heard.
pub(crate) async fn set_heard(
    db: &mut SqliteConnection,
    devices: &BTreeSet<DeviceId>,
    at: UtcMillis,
) -> Result<(), sqlx::Error> {
    for device in devices {
        set(db, &format!("{HEARD}{device}"), &at.0.to_le_bytes()).await?;
    }
    Ok(())
}

/// When devices were heard last.
pub(crate) async fn heard(db: &mut SqliteConnection) -> Result<BTreeMap<DeviceId, UtcMillis>, sqlx::Error> {
    let rows: Vec<(String, Vec<u8>)> =
        sqlx::query_as("SELECT key, value FROM meta WHERE substr(key, 1, 6) = 'heard '").fetch_all(db).await?;
    let one = |(key, value): (String, Vec<u8>)| {
        let at = value.try_into().ok().map(i64::from_le_bytes).map(UtcMillis)?;
        Some((DeviceId::parse(key.strip_prefix(HEARD)?)?, at))
    };
    Ok(rows.into_iter().filter_map(one).collect())
}

/// Forgets it.
pub(crate) async fn unset_heard(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM meta WHERE substr(key, 1, 6) = 'heard '").execute(db).await.map(|_| ())
}

/// What every command needs at its start, read at once.
pub(crate) struct Identity {
    pub(crate) device: DeviceId,
    pub(crate) retention: Retention,
    pub(crate) time: TrustedTime,
    pub(crate) workspace: Option<WorkspaceId>,
}

/// Reads the identity; `None` in a database that nobody has written to.
pub(crate) async fn identity(db: &mut SqliteConnection) -> Result<Option<Identity>, sqlx::Error> {
    let rows: Vec<(String, Vec<u8>)> =
        sqlx::query_as("SELECT key, value FROM meta WHERE key IN ('device', 'retention', 'time', 'workspace')")
            .fetch_all(db)
            .await?;
    let value = |key: &str| rows.iter().find(|r| r.0 == key).map(|r| r.1.as_slice());
    let Some(device) = value("device").and_then(|v| v.try_into().ok()).map(DeviceId) else { return Ok(None) };
    let retention = value("retention")
        .and_then(|v| v.try_into().ok())
        .and_then(|v| Retention::of(u64::from_le_bytes(v)))
        .unwrap_or_default();
    let number = |at: usize| {
        value("time").and_then(|v| v.get(at..at + 8)).and_then(|v| v.try_into().ok()).map(i64::from_le_bytes)
    };
    let time = TrustedTime { until: UtcMillis(number(0).unwrap_or_default()), doubted: number(8).map(UtcMillis) };
    let workspace = value("workspace").and_then(|v| v.try_into().ok()).map(WorkspaceId);
    Ok(Some(Identity { device, retention, time, workspace }))
}

/// Writes what is trusted of the time.
pub(crate) async fn set_time(db: &mut SqliteConnection, time: TrustedTime) -> Result<(), sqlx::Error> {
    let mut value = time.until.0.to_le_bytes().to_vec();
    value.extend(time.doubted.iter().flat_map(|t| t.0.to_le_bytes()));
    set(db, "time", &value).await
}

/// The chunk that this device wrote last: four bytes of its id, then its day, if it has one.
pub(crate) fn previous(last: &Previous) -> Vec<u8> {
    let mut bytes = last.id.0.to_vec();
    bytes.extend(last.day.iter().flat_map(|day| day.0.to_le_bytes()));
    bytes
}

/// Reads what [`previous`] wrote.
pub(crate) fn read_previous(bytes: &[u8]) -> Option<Previous> {
    let (id, day) = bytes.split_first_chunk::<4>()?;
    let day = day.try_into().ok().map(i32::from_le_bytes).map(UtcDay);
    Some(Previous { day, id: Short(*id) })
}
