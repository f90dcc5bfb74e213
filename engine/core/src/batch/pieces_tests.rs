#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::tests::batch;
use super::*;
use crate::event::*;
use crate::name::Name;
use crate::units::Tokens;

/// Events by the thousand: what they take of each limit, and whether each brings names of its own.
#[derive(Clone, Debug)]
struct Many {
    kind: u8,
    /// About how many values they have together.
    total: usize,
    dimensions: usize,
    rows: usize,
    measures: usize,
    has_own_names: bool,
}

fn many() -> impl Strategy<Value = Many> {
    let rows = prop_oneof![Just(1), 0..40_usize, 5_000..30_000_usize];
    (0..4_u8, 0..90_000_usize, 0..6_usize, rows, 0..8_usize, any::<bool>()).prop_map(
        |(kind, total, dimensions, rows, measures, has_own_names)| Many {
            kind,
            total,
            dimensions,
            rows,
            measures,
            has_own_names,
        },
    )
}

impl Many {
    fn events(&self) -> Vec<Event> {
        let widest = self.dimensions.max(self.measures).max(1);
        match self.kind {
            0 => (0..self.total).map(|n| Event::Record(self.record(n))).collect(),
            1 => {
                let count = (self.total / (widest * self.rows.max(1))).max(1);
                (0..count).map(|n| Event::Answer(self.answer(n))).collect()
            }
            2 => (0..self.total / widest).map(|n| Event::Unchanged(self.note(n))).collect(),
            _ => (0..self.total).map(|n| Event::Setting(self.setting(n))).collect(),
        }
    }

    fn name(&self, of: &str, n: usize) -> Name {
        if self.has_own_names { format!("{of}-{n}").into() } else { of.into() }
    }

    fn record(&self, n: usize) -> Record {
        Record {
            source: "codex".into(),
            message: MessageId((n as u64).to_be_bytes()),
            request: RequestId([0; 2]),
            sidechain: false,
            time: UtcMillis(n as i64),
            model: "m".into(),
            session: self.name("session", n),
            tokens: Tokens { output: n as u64, ..Tokens::default() },
            web_searches: 0,
            tier: Tier::Standard,
            quality: Quality::Log,
            payer: None,
            stated_cost: None,
            project: self.has_own_names.then(|| (n as u64).to_le_bytes()),
            origin: None,
        }
    }

    fn key(&self, n: usize) -> AnswerKey {
        AnswerKey {
            account: self.name("org", n),
            metric: "usage".into(),
            dimensions: vec!["model".into(); self.dimensions],
            bucket: Bucket { start: UtcMillis(n as i64 * 60_000), width: 60 },
        }
    }

    fn answer(&self, n: usize) -> Answer {
        let measures = (0..self.measures).map(|m| (Name::from(format!("measure-{m}")), (n * m) as i128));
        let row = |r: usize| Row {
            values: (0..self.dimensions).map(|d| self.name("value", r * self.dimensions + d)).collect(),
            measures: measures.clone().collect(),
        };
        let rows = (0..self.rows).map(row).collect();
        Answer { key: self.key(n), observed: UtcMillis(n as i64), clock: Clock::Provider, rows }
    }

    fn note(&self, n: usize) -> Unchanged {
        Unchanged { key: self.key(n), answer: AnswerHash([1; 8]), seen: UtcMillis(n as i64), clock: Clock::Provider }
    }

    fn setting(&self, n: usize) -> Setting {
        Setting { path: self.name("path", n), value: Some(self.name("value", n)), counter: n as u64 }
    }
}

/// One answer of so many dimensions, rows and measures a row.
fn answer(dimensions: usize, rows: usize, measures: usize) -> Batch {
    let many = Many { kind: 1, total: 1, dimensions, rows, measures, has_own_names: false };
    Batch::new([Event::Answer(many.answer(0))])
}

fn events(batch: &Batch) -> impl Iterator<Item = Event> {
    let records = batch.records.iter().cloned().map(Event::Record);
    let said = batch.answers.iter().cloned().map(Event::Answer);
    let noted = batch.unchanged.iter().cloned().map(Event::Unchanged);
    records.chain(said).chain(noted).chain(batch.settings.iter().cloned().map(Event::Setting))
}

/// Whether a reader takes it as it is, which it is asked: nothing here knows the limits.
fn fits(batch: &Batch, most: usize) -> bool {
    let bytes = batch.encode();
    bytes.len() <= most && Batch::decode(&bytes).is_ok()
}

fn is_kept(batch: Batch, most: usize) -> Result<(), TestCaseError> {
    match batch.clone().pieces(most) {
        Ok(pieces) => {
            prop_assert!(pieces.iter().all(|piece| piece.bytes().len() <= most));
            let read = pieces.iter().map(|piece| Batch::decode(piece.bytes()));
            let read: Vec<Batch> = read.collect::<Result<_, _>>().map_err(|e| TestCaseError::fail(e.to_string()))?;
            // Not compared by a macro, which would print a hundred thousand events.
            prop_assert!(read.iter().all(|piece| piece.clock_offset_ms == batch.clock_offset_ms));
            let all = Batch { clock_offset_ms: batch.clock_offset_ms, ..Batch::new(read.iter().flat_map(events)) };
            prop_assert!(all == batch, "other events than were given");
            prop_assert_eq!(pieces.len() == 1, fits(&batch, most), "it is divided where it has to be");
        }
        Err(_) => {
            // The clock goes with each.
            let alone = |one| Batch { clock_offset_ms: batch.clock_offset_ms, ..Batch::new([one]) };
            prop_assert!(events(&batch).any(|one| !fits(&alone(one), most)), "each fits by itself");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn however_many_events_there_are_what_is_written_is_the_same_events(
        all in proptest::collection::vec(many(), 1..4),
        most in prop_oneof![Just(MOST_BYTES), Just(usize::MAX), 20_000..MOST_BYTES],
    ) {
        let batch = Batch::new(all.iter().flat_map(Many::events));
        prop_assume!(!batch.is_empty());
        is_kept(batch, most)?;
    }
}

proptest! {
    #[test]
    fn whatever_the_events_are_what_is_written_is_the_same_events(batch in batch(), most in 40..2_000_usize) {
        prop_assume!(!batch.is_empty());
        is_kept(batch, most)?;
    }
}

#[test]
fn an_answer_that_no_batch_has_room_for_is_refused_by_name() {
    // Measures, values of dimensions, rows, dimensions: as many as there may be, and one row or one dimension more.
    for (most, more) in [
        (answer(1, 13_107, 5), answer(1, 13_108, 5)),
        (answer(4, 16_384, 0), answer(4, 16_385, 0)),
        (answer(0, MAX_ROWS, 0), answer(0, MAX_ROWS + 1, 0)),
        (answer(MAX_ROWS, 0, 0), answer(MAX_ROWS + 1, 0, 0)),
    ] {
        assert_eq!(most.pieces(usize::MAX).unwrap().len(), 1);
        let why = more.pieces(usize::MAX).unwrap_err().to_string();
        assert_eq!(why, "the answer about usage of org (1970-01-01) is too large to be recorded");
    }
    let mut many_names = answer(1, MAX_ROWS - 3, 0);
    for (n, row) in many_names.answers[0].rows.iter_mut().enumerate() {
        row.values = vec![n.to_string().into()];
    }
    assert_eq!(many_names.clone().pieces(usize::MAX).unwrap().len(), 1);
    many_names.answers[0].rows[0].measures.insert("one name more".into(), 1);
    assert!(many_names.pieces(usize::MAX).is_err());
    assert!(answer(1, 100, 5).pieces(100).is_err(), "bytes");
}

/// Its columns could not be told apart by event, and may be one too many.
#[test]
fn what_only_a_newer_version_understands_stays_whole() {
    let many = Many { kind: 0, total: 2, dimensions: 0, rows: 0, measures: 0, has_own_names: false };
    let mut newer = Batch::new(many.events());
    let column = |id| Carried { id, encoding: column::Encoding::Plain, values: Values::Numbers(vec![1, 2]) };
    newer.carried[0] = (900..1_100).map(column).collect();
    let pieces = newer.clone().pieces(usize::MAX).unwrap();
    assert_eq!((pieces.len(), Batch::decode(pieces[0].bytes()).unwrap().carried), (1, newer.carried.clone()));
    assert!(newer.clone().pieces(pieces[0].bytes().len() - 1).is_err());
    newer.carried[0].extend((1_100..1_150).map(column));
    assert!(newer.pieces(usize::MAX).is_err());
}
