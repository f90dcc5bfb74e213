//! The index of which days hold copies of which messages.

use std::collections::{BTreeSet, HashMap, HashSet};

use aimon_core::event::MessageId;
use aimon_core::history::index::{FRESH, FRESH_PAIRS, PAGES, Page, page_of};
use aimon_core::time::UtcDay;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::facts::listed_pages;
use super::{Step, Tables};
use crate::checked;

/// Adds the pairs to the index. What few a usual commit has go to one page; the others are only read.
pub(super) async fn index(
    db: &mut SqliteConnection,
    step: &mut Step,
    pairs: &[(MessageId, UtcDay)],
    first: UtcDay,
    tables: Tables,
) -> Result<(), sqlx::Error> {
    if pairs.is_empty() {
        return Ok(());
    }
    let mut fresh = pages(db, &BTreeSet::from([FRESH]), tables).await?.remove(&FRESH).unwrap_or_default();
    let is_full = fresh.pairs().len() + pairs.len() > FRESH_PAIRS;
    let mut touched: BTreeSet<u16> = pairs.iter().map(|p| page_of(p.0)).collect();
    if is_full {
        touched.extend(fresh.pairs().iter().map(|p| page_of(p.0)));
    }
    let mut held = pages(db, &touched, tables).await?;
    for number in touched {
        let of_page = |pairs: &[(MessageId, UtcDay)]| {
            let from = pairs.partition_point(|p| page_of(p.0) < number);
            let to = pairs.partition_point(|p| page_of(p.0) <= number);
            from..to
        };
        let mut page = held.remove(&number).unwrap_or_default();
        page.add(&fresh.pairs()[of_page(fresh.pairs())], first);
        step.crossing.extend(page.add(&pairs[of_page(pairs)], first));
        if is_full {
            step.pages.insert(number, page);
        }
    }
    if is_full {
        fresh = Page::default();
    } else {
        fresh.add(pairs, first);
    }
    step.pages.insert(FRESH, fresh);
    Ok(())
}

/// Those of some messages of which the tables hold a copy, of a day from `first` on.
pub(crate) async fn known(
    db: &mut SqliteConnection,
    messages: &BTreeSet<MessageId>,
    first: UtcDay,
    tables: Tables,
) -> Result<HashSet<MessageId>, sqlx::Error> {
    if messages.is_empty() {
        return Ok(HashSet::new());
    }
    let numbers: BTreeSet<u16> = messages.iter().map(|message| page_of(*message)).chain([FRESH]).collect();
    let held = pages(db, &numbers, tables).await?;
    let pairs = held.values().flat_map(Page::pairs);
    Ok(pairs.filter(|(message, day)| *day >= first && messages.contains(message)).map(|pair| pair.0).collect())
}

/// Reads pages of the index.
pub(super) async fn pages(
    db: &mut SqliteConnection,
    numbers: &BTreeSet<u16>,
    tables: Tables,
) -> Result<HashMap<u16, Page>, sqlx::Error> {
    if tables == Tables::Ignored {
        return Ok(HashMap::new());
    }
    let rows: Vec<(i64, Vec<u8>)> = if numbers.len() > usize::from(PAGES) / 4 {
        sqlx::query_as("SELECT page, bytes FROM pages").fetch_all(&mut *db).await?
    } else {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT page, bytes FROM pages WHERE page IN (");
        let mut list = query.separated(", ");
        for number in numbers {
            list.push(i64::from(*number));
        }
        list.push_unseparated(")");
        query.build_query_as().persistent(false).fetch_all(&mut *db).await?
    };
    let page = |(number, bytes): (i64, Vec<u8>)| {
        let page = Page::decode(checked::open(number, &bytes)?).map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
        Ok((number as u16, page))
    };
    let found: HashMap<u16, Page> = rows.into_iter().map(page).collect::<Result<_, sqlx::Error>>()?;
    let listed = listed_pages(db).await?;
    let is_listed = |number: &u16| listed[usize::from(*number) / 8] >> (number % 8) & 1 == 1;
    if numbers.iter().any(|number| is_listed(number) && !found.contains_key(number)) {
        return Err(checked::broken());
    }
    Ok(found)
}
