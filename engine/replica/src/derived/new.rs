//! Rows that are new, each opened once: what a new device's first report waits for. A day all of whose rows are among them is
//! summed from what is at hand; any other is read anew where it is folded.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aimon_core::accounts::Joined;
use aimon_core::batch::{Figures, Said};
use aimon_core::crypto::Keyring;
use aimon_core::history::DayReadings;
use aimon_core::history::answers::settling_ms;
use aimon_core::time::UtcDay;
use sqlx::SqliteConnection;

use crate::changes::{self, Row, Unread, on_all_cores};

/// What new rows say.
pub(super) struct New {
    /// Each row, and what figures are made of in it.
    pub(super) rows: Vec<(Row, Result<Vec<Figures>, Unread>)>,
    /// The days that nothing else is held of, each of whose rows could be read, and what counts on them of what providers said.
    pub(super) whole: BTreeMap<UtcDay, DayReadings>,
}

/// A day whose rows are being read.
#[derive(Default)]
struct Open {
    /// How many are still to be read.
    left: usize,
    said: Vec<Said>,
    is_unread: bool,
    readings: Option<DayReadings>,
}

/// Reads rows.
pub(super) async fn read(
    db: &mut SqliteConnection,
    (ring, joined): (&Keyring, &Joined),
    rows: Vec<Row>,
) -> Result<New, sqlx::Error> {
    let mut counts: BTreeMap<UtcDay, usize> = BTreeMap::new();
    rows.iter().filter_map(|row| row.place.day).for_each(|day| *counts.entry(day).or_default() += 1);
    let held = changes::rows_by_day(db, &counts.keys().copied().collect::<Vec<_>>()).await?;
    counts.retain(|day, count| held.get(day) == Some(count));
    let open: BTreeMap<UtcDay, Mutex<Open>> =
        counts.into_iter().map(|(day, left)| (day, Mutex::new(Open { left, ..Open::default() }))).collect();

    // One day behind the other, so that few are open at a time.
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|at| rows[*at].place.day);
    let bytes = rows.iter().map(Row::len).sum();
    let read = on_all_cores(&order, bytes, |at| {
        let row = &rows[*at];
        let day = row.place.day.and_then(|day| Some((day, open.get(&day)?)));
        match day {
            None => row.figures(ring),
            Some((day, open)) => figures_of_day(row, (ring, joined), day, open),
        }
    });
    let mut figures: Vec<(usize, Result<Vec<Figures>, Unread>)> = order.into_iter().zip(read).collect();
    figures.sort_unstable_by_key(|(at, _)| *at);
    let whole = open.into_iter().filter_map(|(day, open)| {
        let open = open.into_inner().unwrap_or_else(PoisonError::into_inner);
        Some((day, open.readings?))
    });
    let whole = whole.collect();
    Ok(New { rows: rows.into_iter().zip(figures).map(|(row, (_, figures))| (row, figures)).collect(), whole })
}

/// What figures are made of in a row; whoever reads the last of a day's rows sums the day.
fn figures_of_day(
    row: &Row,
    (ring, joined): (&Keyring, &Joined),
    day: UtcDay,
    open: &Mutex<Open>,
) -> Result<Vec<Figures>, Unread> {
    let read = row.events(ring);
    let mut now = lock(open);
    now.left -= 1;
    let figures = match read {
        Ok(events) => {
            let (figures, said): (Vec<Figures>, Vec<Said>) = events.into_iter().unzip();
            now.said.extend(said);
            Ok(figures)
        }
        Err(why) => {
            now.is_unread = true;
            Err(why)
        }
    };
    if now.left == 0 {
        let said = std::mem::take(&mut now.said);
        if !now.is_unread {
            now.readings = Some(DayReadings::fold(day, &said, &settling_ms, joined));
        }
    }
    figures
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}
