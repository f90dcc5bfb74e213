//! A new device: 180 days of 10 providers polled each minute come over loopback, all but today's sealed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aimon_core::batch::Batch;
use aimon_core::event::{Event, MessageId, Quality, Record, RequestId, Tier};
use aimon_core::history::{Metered, Query, Report};
use aimon_core::ids::DeviceId;
use aimon_core::name::Name;
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_core::units::Tokens;
use aimon_ledger::statement::Statement;
use aimon_replica::link::{Goal, Link, Told};
use aimon_replica::transport::{self, Address};
use aimon_replica::{Enrolment, Options as Open, Replica};
use aimon_tests::Relay;
use aimon_tests::bench::author::{Author, READER, WRITER, secret, statements};
use aimon_tests::bench::segment;
use tokio::sync::Mutex;

use crate::Options;
use crate::measure::middle;
use crate::peers::emptied;
use crate::table::{Page, ratio};

/// Calls of a history of logs.
const RECORDS: usize = 1_000_000;

/// What the report has to come to, and what it came to: by account, tokens in and out.
type Totals = BTreeMap<Name, i128>;

fn now() -> UtcMillis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    UtcMillis(since.as_millis() as i64)
}

struct Place {
    scratch: PathBuf,
    relay: Relay,
    address: Address,
}

impl Place {
    fn new(options: &Options, name: &str) -> Self {
        let scratch = emptied(options.target.join("bench-scratch").join("arrive").join(name));
        let relay = Relay::with(&scratch.join("relay"), &["--device-rate", "1000000"], "warn");
        let address = Address::parse(&relay.url()).unwrap();
        Self { scratch, relay, address }
    }

    /// A device that holds nothing yet.
    async fn device(&self, name: &str, device: DeviceId, statements: &[Statement]) -> Mutex<Replica> {
        let home = emptied(self.scratch.join(name));
        let mut replica = Replica::open(&home, &Open { now: now(), retention_days: None }).await.unwrap();
        let into = Enrolment {
            device,
            secret: secret(device),
            statements: statements.to_vec(),
            relay: Some(self.relay.url()),
        };
        replica.join(into, now()).await.unwrap();
        Mutex::new(replica)
    }

    /// Brings both sides together; since when they were in touch.
    async fn meet(&self, replica: &Mutex<Replica>) -> Instant {
        let mut link = Link::new(&self.address, &transport::Options::default(), now).unwrap();
        let mut began = Instant::now();
        let mut told = |told| {
            if told == Told::Connected {
                began = Instant::now();
            }
        };
        link.run(replica, Goal::Even, &mut told).await.unwrap();
        began
    }

    /// Has the relay hold what an author wrote: as its replica, which pushes.
    async fn bring(&self, name: &str, author: &Author, statements: &[Statement]) {
        let replica = self.device(name, WRITER, statements).await;
        {
            let mut replica = replica.lock().await;
            for some in author.chunks().cloned().collect::<Vec<_>>().chunks(500) {
                let write = aimon_core::sync::Write {
                    queued: some.iter().map(|chunk| chunk.id()).collect(),
                    chunks: some.to_vec(),
                    ..Default::default()
                };
                replica.apply(&write, now()).await.unwrap();
            }
        }
        self.meet(&replica).await;
    }
}

/// How long the first full report takes; and of how many days it was.
pub async fn samples(options: &Options, days: i32, page: &mut Page) -> (i32, Duration) {
    // The oldest day that is kept stays out: it may end while this runs.
    let days = days - 1;
    page.head(&format!("A new device: {days} days of 10 providers at 60 s, over loopback"), &["", "measured"]);
    let today = now().day();
    let made = statements();
    let mut author = Author::new(made.clone(), now());
    let mut expected = Totals::new();
    let mut samples = 0;
    for day in today.0 - days + 1..=today.0 {
        samples += polls(&mut author, day, &mut expected);
    }
    author.seal(today);
    let place = Place::new(options, "samples");
    place.bring("author", &author, &made).await;
    let (mut even, mut full) = (Vec::new(), Vec::new());
    let mut last = None;
    for run in 0..options.runs {
        let replica = place.device(&format!("reader-{run}"), READER, &made).await;
        let began = place.meet(&replica).await;
        even.push(began.elapsed());
        report(&replica, &expected).await;
        full.push(began.elapsed());
        last = Some(replica);
    }
    let (even, full) = (middle(even), middle(full));
    page.row(&["samples", &samples.to_string()]);
    page.row(&["verified, decrypted, stored, folded", &speed(samples, even)]);
    page.row(&["from being in touch to the first full report", &millis(full)]);
    let replica = last.unwrap();
    let again = Instant::now();
    report(&replica, &expected).await;
    page.row(&["the same report again", &millis(again.elapsed())]);
    let idle = place.meet(&replica).await;
    page.row(&["reconnect, nothing new", &millis(idle.elapsed())]);
    (days, full)
}

/// A history of calls out of logs, in batches as a scan writes them.
pub async fn records(options: &Options, page: &mut Page) {
    page.head(
        &format!("A new device: {RECORDS} calls out of logs, in batches of 100 and of 2,000"),
        &["", "verified, decrypted, stored, folded"],
    );
    for each in [100, 2_000] {
        let today = now().day();
        let made = statements();
        let mut author = Author::new(made.clone(), now());
        for (number, batch) in (0..RECORDS / each).enumerate() {
            let day = UtcDay(today.0 - (number % 178) as i32);
            let calls = (0..each).map(|n| Event::Record(call((batch * each + n) as u64, day)));
            author.record(day, Batch::new(calls));
        }
        let place = Place::new(options, &format!("records-{each}"));
        place.bring("author", &author, &made).await;
        for is_sealed in [false, true] {
            if is_sealed {
                author.seal(UtcDay(today.0 + 1));
                let place = Place::new(options, &format!("sealed-{each}"));
                place.bring("author", &author, &made).await;
                row(&place, &made, &format!("batches of {each}, sealed"), page).await;
            } else {
                row(&place, &made, &format!("batches of {each}, each a chunk"), page).await;
            }
        }
    }
    page.limit("≥ 500,000 records/s");
}

async fn row(place: &Place, made: &[Statement], name: &str, page: &mut Page) {
    let mut took = Vec::new();
    for run in 0..3 {
        let replica = place.device(&format!("reader-{run}"), READER, made).await;
        let began = place.meet(&replica).await;
        took.push(began.elapsed());
    }
    page.row(&[name, &speed(RECORDS, middle(took))]);
}

fn polls(author: &mut Author, day: i32, expected: &mut Totals) -> usize {
    let mut samples = 0;
    for poll in segment::day(day) {
        for answer in &poll {
            let tokens: i128 = answer.rows.iter().flat_map(|row| row.measures.values()).sum();
            *expected.entry(answer.key.account.clone()).or_default() += tokens;
        }
        samples += poll.len();
        author.record(UtcDay(day), Batch::new(poll.into_iter().map(Event::Answer)));
    }
    samples
}

/// Everything that there is to show: the days' cells, and what counts of what providers said, by account.
async fn report(replica: &Mutex<Replica>, expected: &Totals) {
    let mut replica = replica.lock().await;
    let today = now().day();
    let query = Query::daily(jiff::tz::TimeZone::UTC);
    let cells = replica.history(query.utc_days(), today, query.detail()).await.unwrap();
    let _ = Report::cut(&query, cells, &Metered::default(), &|_, _, _| None);
    let mut totals = Totals::new();
    for day in replica.readings(query.utc_days(), today).await.unwrap() {
        for (key, reading) in day.readings {
            let tokens: i128 = reading.measures.iter().map(|(_, value)| value).sum();
            *totals.entry(key.account).or_default() += tokens;
        }
    }
    assert_eq!(totals, *expected, "the new device's figures are the author's");
}

/// A call as an agent's log has it: a session has fifty.
fn call(number: u64, day: UtcDay) -> Record {
    let hash = |what: &str, number: u64| MessageId::of(what, &[&number.to_le_bytes()]);
    Record {
        source: "claude-code".into(),
        message: hash("message", number),
        request: RequestId::of("request", &[&number.to_le_bytes()]),
        sidechain: false,
        time: UtcMillis(day.0 as i64 * 86_400_000 + (number * 7_919 % 86_400_000) as i64),
        model: ["claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"][(number % 3) as usize].into(),
        session: format!("{:x?}", hash("session", number / 50).0).into(),
        tokens: Tokens {
            input: number % 50,
            output: number % 2_000,
            cache_read: number % 100_000,
            ..Tokens::default()
        },
        web_searches: 0,
        tier: Tier::Standard,
        quality: Quality::Log,
        payer: None,
        stated_cost: None,
        project: None,
        origin: None,
    }
}

fn millis(took: Duration) -> String {
    format!("{} ms", ratio(took.as_nanos(), 1_000_000))
}

fn speed(count: usize, took: Duration) -> String {
    let each_second = count as u128 * 1_000_000_000 / took.as_nanos().max(1);
    format!("{} ({each_second} a second)", millis(took))
}
