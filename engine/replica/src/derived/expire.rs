//! Days that are not kept any more.

use std::collections::BTreeSet;

use aimon_core::crypto::Keyring;
use aimon_core::history::DayCells;
use aimon_core::time::UtcDay;
use sqlx::SqliteConnection;

use super::cells::{Span, span_of, store};
use super::facts::{GAUGES, STALE, get_days, list_days, listed_days, put, put_days, read_gauges, upsert};
use super::fold::{Days, crossed_by, fold};
use super::{Damaged, clear, readings};
use crate::checked;

/// Takes expired days out, and folds the days again of whose messages a copy has left the set; without a ring they are noted
/// as stale. Gives back damaged rows that were found on the way.
pub(crate) async fn expire(
    db: &mut SqliteConnection,
    ring: Option<&Keyring>,
    first: UtcDay,
) -> Result<Damaged, sqlx::Error> {
    let again = crossed_by(db, first).await?;
    for sql in ["DELETE FROM cells WHERE day < ?", "DELETE FROM crossing WHERE day < ?"] {
        sqlx::query(sql).bind(first.0).execute(&mut *db).await?;
    }
    sqlx::query("DELETE FROM waiting WHERE seq NOT IN (SELECT seq FROM changes)").execute(&mut *db).await?;
    let Ok(mut listed) = listed_days(db).await else {
        clear(db).await?;
        return Ok(Damaged::new());
    };
    listed.retain(|day| *day >= first);
    list_days(db, &listed).await?;
    // Of the row that `first` is in, what is before it goes too: nothing of an expired day stays.
    sqlx::query("DELETE FROM hours WHERE span < ?").bind(span_of(first)).execute(&mut *db).await?;
    let rows: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT span, bytes FROM hours WHERE span = ?").bind(span_of(first)).fetch_all(&mut *db).await?;
    for (number, bytes) in rows {
        let Ok(bytes) = checked::open(number, &bytes) else {
            clear(db).await?;
            return Ok(Damaged::new());
        };
        let mut span = Span::decode(bytes);
        span.0.retain(|day, _| *day >= first);
        upsert(db, "INSERT OR REPLACE INTO hours (span, bytes) ", &[(number, span.encode())]).await?;
    }
    if readings::expire(db, first).await.is_err() {
        clear(db).await?;
        return Ok(Damaged::new());
    }
    let Ok(mut gauges) = read_gauges(db).await else {
        clear(db).await?;
        return Ok(Damaged::new());
    };
    if gauges.expire(first) {
        put(db, "gauges", &checked::seal(GAUGES, gauges.encode())).await?;
    }
    let mut damaged = Damaged::new();
    match ring {
        Some(ring) => {
            let known = BTreeSet::new();
            let of = Days::unread(ring, &again, &known, first);
            let cells = fold(db, of, &mut damaged, DayCells::fold).await?;
            store(db, &cells).await?;
        }
        None => {
            let Ok(mut stale) = get_days(db, "stale", STALE).await else {
                clear(db).await?;
                return Ok(Damaged::new());
            };
            stale.extend(again);
            stale.retain(|day| *day >= first);
            put_days(db, "stale", STALE, &stale).await?;
        }
    }
    Ok(damaged)
}
