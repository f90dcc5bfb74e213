//! One question, page by page, to the end: only then is it an answer.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use aimon_core::event::{Answer, AnswerKey, Bucket, Clock, Row};
use aimon_core::name::Name;
use aimon_core::polling::{Ask, Metric, fits};
use aimon_core::time::UtcMillis;
use reqwest::Client;
use tokio::time::Instant;

use super::failure::Unreadable;
use super::http::{Asked, get};
use super::{Failure, Identity};

/// How long the next page may take that says something. A whole answer takes as long as it goes on: of a slow gateway that tells of half a
/// year, some minutes. One that only drips in holds up whoever waits for the others.
const PATIENCE: Duration = Duration::from_secs(120);

/// The most pages of one answer: LiteLLM has the most, a thousand rows on each of them, and half as many hold all rows that there may be.
const MOST_PAGES: usize = 2 * MOST_ROWS / 1000;

/// The most rows of all its pages, which are held until the last has come: a day of a large organization by the minute has some ten
/// thousands.
const MOST_ROWS: usize = 200_000;

/// What a question came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// An answer for each bucket that was asked for, also where there was nothing; for a gauge one.
    pub answers: Vec<Answer>,
    /// When it was observed, and by whose clock.
    pub observed: (Clock, UtcMillis),
}

/// Asks. `now` is this device's time, which counts where the provider says none.
///
/// # Errors
/// Whatever went wrong on any page, or that they came to no end: nothing of the others counts then.
pub async fn ask(
    client: &Client,
    asked: &Asked<'_>,
    account: &Name,
    metric: &Metric,
    ask: &Ask,
    now: UtcMillis,
) -> Result<Answered, Failure> {
    let (mut page, mut seen) = (None::<String>, HashSet::new());
    let mut rows = Rows::of(ask);
    let mut observed = None;
    let mut patience = Patience::new();
    loop {
        let request = asked.provider.request(metric, ask, page.as_deref());
        let reply = patience.wait(get(client, asked, &request)).await?;
        observed.get_or_insert_with(|| observed_at(reply.date, now));
        let read = asked.provider.read(metric, ask, &reply.body)?;
        if !read.rows.is_empty() {
            patience = Patience::new();
        }
        rows.add(read.rows)?;
        rows.close(read.whole)?;
        let Some(next) = read.next else { break };
        if seen.len() >= MOST_PAGES || !seen.insert(next.clone()) {
            return Err(Unreadable::Endless.into());
        }
        page = Some(next);
    }
    let observed = observed.unwrap_or((Clock::Device, now));
    let answers = rows.answers(account, metric, ask, observed);
    // What can't be recorded is no answer: the others that come with it can.
    match answers.iter().all(fits) {
        true => Ok(Answered { answers, observed }),
        false => Err(Failure::TooLarge),
    }
}

/// Until when it is waited for a page that says something.
struct Patience(Instant);

impl Patience {
    fn new() -> Self {
        Self(Instant::now() + PATIENCE)
    }

    async fn wait<T>(&self, page: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let came = tokio::time::timeout_at(self.0, page).await;
        came.unwrap_or(Err(Failure::Unfinished { after_s: PATIENCE.as_secs() }))
    }
}

/// When an answer was observed. Of two answers the one observed last stands, so that one of a clock that is far ahead would stand for as
/// long: a server's that says it is tomorrow is not believed. Hours may be this device's mistake.
fn observed_at(date: Option<UtcMillis>, now: UtcMillis) -> (Clock, UtcMillis) {
    const DAY: i64 = 86_400_000;
    match date.filter(|date| date.0 <= now.0.saturating_add(DAY)) {
        Some(date) => (Clock::Provider, date),
        None => (Clock::Device, now),
    }
}

/// Who a key belongs to.
///
/// # Errors
/// It may not ask, or nobody answers.
pub async fn whoami(client: &Client, asked: &Asked<'_>) -> Result<Identity, Failure> {
    let reply = get(client, asked, &asked.provider.whoami()).await?;
    let mut identity = asked.provider.identity(&reply.body)?;
    if let Some(name) = asked.provider.identity_header()
        && let Some(id) = reply.header(name)
    {
        identity.id.get_or_insert_with(|| id.to_owned());
    }
    Ok(identity)
}

/// Measures by the values of the dimensions.
type Sums = BTreeMap<Vec<Name>, BTreeMap<Name, i128>>;

/// Rows by bucket, of each that was asked for and no other.
struct Rows {
    buckets: BTreeMap<Bucket, Sums>,
    /// How many there are.
    count: usize,
    /// Buckets of which everything has been said.
    whole: HashSet<Bucket>,
}

impl Rows {
    fn of(ask: &Ask) -> Self {
        let empty = |start| (Bucket { start, width: ask.width }, BTreeMap::new());
        let buckets = match ask.width {
            0 => [empty(UtcMillis(0))].into(),
            _ => ask.starts().map(empty).collect(),
        };
        Self { buckets, count: 0, whole: HashSet::new() }
    }

    /// The same values again are more of the same: a provider may divide a bucket between pages.
    fn add(&mut self, rows: Vec<(Bucket, Row)>) -> Result<(), Failure> {
        for (bucket, row) in rows {
            let Some(rows) = self.buckets.get_mut(&bucket) else {
                let at = bucket.start.day();
                return Err(Unreadable::Shape(format!("a bucket of {at} that nobody asked for")).into());
            };
            let before = rows.len();
            let sums = rows.entry(row.values).or_default();
            for (name, value) in row.measures {
                let sum = sums.entry(name).or_default();
                *sum = sum.saturating_add(value);
            }
            self.count += rows.len() - before;
            if self.count > MOST_ROWS {
                return Err(Failure::TooLarge);
            }
        }
        Ok(())
    }

    /// Of these everything has been said: pages that overlap, or a list that has a bucket twice, can't be told from more of the same.
    fn close(&mut self, whole: Vec<Bucket>) -> Result<(), Failure> {
        match whole.into_iter().find(|bucket| !self.whole.insert(*bucket)) {
            Some(bucket) => Err(Unreadable::Shape(format!("a bucket of {} comes twice", bucket.start.day())).into()),
            None => Ok(()),
        }
    }

    fn answers(self, account: &Name, metric: &Metric, ask: &Ask, (clock, observed): (Clock, UtcMillis)) -> Vec<Answer> {
        let dimensions: Vec<Name> = metric.dimensions.iter().map(|name| Name::from(*name)).collect();
        let name = Name::from(metric.name);
        let answer = |(bucket, rows): (Bucket, Sums)| Answer {
            key: AnswerKey {
                account: account.clone(),
                metric: name.clone(),
                dimensions: dimensions.clone(),
                bucket: if ask.width == 0 { Bucket { start: observed, width: 0 } } else { bucket },
            },
            observed,
            clock,
            rows: rows
                .into_iter()
                // What is nothing in every respect says no more than that there is nothing.
                .filter(|(_, measures)| ask.width == 0 || measures.values().any(|value| *value != 0))
                .map(|(values, measures)| Row { values, measures })
                .collect(),
        };
        // A bucket that begins after it was observed has nothing to say yet.
        self.buckets.into_iter().filter(|(bucket, _)| bucket.start <= observed).map(answer).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::tests::ask;
    use super::*;

    #[test]
    fn a_server_that_is_a_day_ahead_is_not_believed() {
        let (now, hour) = (UtcMillis(1_795_000_000_000), 3_600_000);
        for hours in [-100_000, -1, 0, 1, 24] {
            let date = UtcMillis(now.0 + hours * hour);
            assert_eq!(observed_at(Some(date), now), (Clock::Provider, date), "{hours}");
        }
        for date in [Some(UtcMillis(now.0 + 25 * hour)), Some(UtcMillis(i64::MAX)), None] {
            assert_eq!(observed_at(date, now), (Clock::Device, now), "{date:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_comes_to_no_end_is_a_state() {
        let dripping = async {
            loop {
                tokio::time::sleep(Duration::from_secs(59)).await;
            }
        };
        let patience = Patience::new();
        let failure = patience.wait::<()>(dripping).await.unwrap_err();
        assert_eq!((failure.code(), failure.is_passing()), ("provider-timeout", true));
        assert_eq!(failure.to_string(), "the provider's answer had no end after 2 min");
        assert_eq!(patience.wait(async { std::future::pending::<Result<u8, Failure>>().await }).await, Err(failure));
        assert_eq!(Patience::new().wait(async { Ok(7) }).await, Ok(7));
    }

    #[test]
    fn a_bucket_that_comes_twice_is_no_answer() {
        let ask = ask(86_400, 0, 2);
        let mut rows = Rows::of(&ask);
        let bucket = |n: usize| Bucket { start: ask.starts().nth(n).unwrap(), width: ask.width };
        assert_eq!(rows.close(vec![bucket(0), bucket(1)]), Ok(()));
        let failure = rows.close(vec![bucket(1)]).unwrap_err();
        assert_eq!(failure.code(), "reply-unreadable");
        assert_eq!(failure.to_string(), "the reply can't be read: a bucket of 2024-10-05 comes twice");
    }

    #[test]
    fn more_rows_than_anybody_has_are_no_answer() {
        let ask = ask(86_400, 0, 1);
        let mut rows = Rows::of(&ask);
        let bucket = Bucket { start: ask.from, width: ask.width };
        let row = |n: usize| {
            let values = vec![Name::from(n.to_string())];
            (bucket, Row { values, measures: [(Name::from("requests"), 1)].into() })
        };
        rows.add((0..MOST_ROWS).map(row).collect()).unwrap();
        rows.add(vec![row(7)]).unwrap();
        assert_eq!(rows.add(vec![row(MOST_ROWS)]), Err(Failure::TooLarge));
    }
}
