//! A provider that is asked each minute says ten thousand things a day, nearly all of which were said once and in one grain.
//! These are summed as they lie in their columns; only where several answers compete is each looked at by itself.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::heard::HeardSum;
use super::{Heard, Reading, ReadingKey};
use crate::accounts::Joined;
use crate::batch::{Said, Sheet};
use crate::event::{Answer, Bucket, Clock, Unchanged};
use crate::history::answers::{Standing, is_settled, spans, standing};
use crate::name::Name;
use crate::time::UtcMillis;

/// Milliseconds of a quarter of an hour, and its width in seconds.
const QUARTER_MS: i64 = 900_000;
const QUARTER_S: u32 = 900;

/// A number for each of many values that are seen again and again.
struct Numbered<T> {
    all: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    fn none() -> Self {
        Self { all: Vec::new(), numbers: HashMap::new() }
    }

    fn of<Q: Eq + Hash + ToOwned<Owned = T> + ?Sized>(&mut self, one: &Q) -> u32
    where
        T: Borrow<Q>,
    {
        if let Some(number) = self.numbers.get(one) {
            return *number;
        }
        let number = self.all.len() as u32;
        self.all.push(one.to_owned());
        self.numbers.insert(one.to_owned(), number);
        number
    }

    fn at(&self, number: u32) -> &T {
        &self.all[number as usize]
    }
}

/// Texts, and lists of their numbers.
struct Numbers {
    names: Numbered<Name>,
    lists: Numbered<Vec<u32>>,
}

impl Numbers {
    fn name(&mut self, name: &Name) -> u32 {
        self.names.of(name)
    }

    fn list(&mut self, list: &[u32]) -> u32 {
        self.lists.of(list)
    }
}

/// No measure counts for more, either way: so many can't overflow a sum, which would then depend on the order.
const MOST: i128 = 1 << 100;

/// The most dimensions of an answer, and the most measures of a sum: far more than any provider has, and few enough to rest.
const MOST_DIMENSIONS: usize = 64;
const MOST_MEASURES: usize = 1_024;

/// Account and metric.
type Series = (u32, u32);

/// Width in seconds, and the list of dimensions.
type Grain = (u32, u32);

/// One answer of a series, by what decides whether it counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pick {
    grain: Grain,
    start: UtcMillis,
    seen: (Clock, UtcMillis),
    sheet: u32,
    at: u32,
}

impl Pick {
    fn key(&self) -> (Grain, UtcMillis) {
        (self.grain, self.start)
    }
}

/// Notes by the key that they are about.
type Noted = HashMap<(Series, Grain, UtcMillis), Vec<Unchanged>>;

/// Where it is summed: the series, the span, and the list of dimensions and their values.
type Cell = (Series, Bucket, u32);

struct Fold<'a> {
    sheets: Vec<&'a Sheet>,
    /// Each sheet's names by number.
    places: Vec<Vec<u32>>,
    numbers: Numbers,
    /// Accounts that are known by another one.
    payers: HashMap<u32, u32>,
    settling: &'a dyn Fn(&str) -> i64,
    cells: Numbered<Cell>,
    /// Of each cell.
    sums: Vec<Sum>,
}

/// Where an answer's rows went. The next answer of a series has mostly the same rows, and goes there too: to look that up for each
/// of thousands is what a day took longest for.
#[derive(Default)]
struct Trail {
    span: Option<Bucket>,
    /// Of each row the list, and the cell.
    rows: Vec<(Vec<u32>, u32)>,
}

/// Measures by number, and whether all of it is settled.
struct Sum {
    measures: BTreeMap<u32, i128>,
    is_settled: bool,
}

pub(super) fn fold(
    said: &[Said],
    settling: &dyn Fn(&str) -> i64,
    joined: &Joined,
) -> (Vec<(ReadingKey, Reading)>, Vec<Heard>) {
    let sheets: Vec<&Sheet> = said.iter().map(|said| &said.answers).collect();
    let mut numbers = Numbers { names: Numbered::none(), lists: Numbered::none() };
    let places: Vec<Vec<u32>> =
        sheets.iter().map(|sheet| sheet.names().iter().map(|name| numbers.name(name)).collect()).collect();
    // What accounts that are one said is one payer's, before it is decided which answer stands.
    let payers = joined.all().map(|(one, payer)| (numbers.name(one.name()), numbers.name(payer.name()))).collect();
    let mut fold = Fold { sheets, places, numbers, payers, settling, cells: Numbered::none(), sums: Vec::new() };
    let picks = fold.picks();
    let mut noted = Noted::new();
    for note in said.iter().flat_map(|said| &said.unchanged).filter(|note| !note.key.bucket.is_gauge()) {
        let dimensions: Vec<u32> = note.key.dimensions.iter().map(|name| fold.numbers.name(name)).collect();
        let account = fold.numbers.name(&note.key.account);
        let series = (fold.payer(account), fold.numbers.name(&note.key.metric));
        let grain = (note.key.bucket.width, fold.numbers.list(&dimensions));
        let mut note = note.clone();
        note.key.account = fold.numbers.names.at(series.0).clone();
        noted.entry((series, grain, note.key.bucket.start)).or_default().push(note);
    }
    let mut heard = Vec::with_capacity(picks.len());
    for (series, picks) in picks {
        let mut heard_sum = HeardSum::default();
        fold.add_series(series, &picks, &noted, &mut heard_sum);
        let name = |number| fold.numbers.names.at(number).clone();
        heard.extend(heard_sum.heard(name(series.0), name(series.1)));
    }
    heard.sort_unstable();
    (fold.readings(), heard)
}

impl Fold<'_> {
    /// All answers about buckets, by series: key by key, and of each key those observed last behind the others.
    fn picks(&mut self) -> Vec<(Series, Vec<Pick>)> {
        let mut places: HashMap<Series, usize> = HashMap::new();
        let mut picks: Vec<(Series, Vec<Pick>)> = Vec::new();
        let mut last: (Vec<u32>, u32) = (Vec::new(), self.numbers.list(&[]));
        for (n, sheet) in self.sheets.iter().enumerate() {
            let number = |place: u32| self.places[n][place as usize];
            let is_meant =
                |at: usize, bucket: &Bucket| !bucket.is_gauge() && sheet.keys.dimensions(at).len() <= MOST_DIMENSIONS;
            for (at, bucket) in sheet.keys.bucket.iter().enumerate().filter(|(at, bucket)| is_meant(*at, bucket)) {
                let dimensions = sheet.keys.dimensions(at).iter().map(|place| number(*place));
                if !dimensions.clone().eq(last.0.iter().copied()) {
                    last.0.clear();
                    last.0.extend(dimensions);
                    last.1 = self.numbers.lists.of(&last.0[..]);
                }
                let series = (self.payer(number(sheet.keys.account[at])), number(sheet.keys.metric[at]));
                let place = *places.entry(series).or_insert_with(|| {
                    picks.push((series, Vec::new()));
                    picks.len() - 1
                });
                picks[place].1.push(Pick {
                    grain: (bucket.width, last.1),
                    start: bucket.start,
                    seen: sheet.keys.seen[at],
                    sheet: n as u32,
                    at: at as u32,
                });
            }
        }
        // They mostly lie in this order already.
        picks.iter_mut().for_each(|(_, picks)| picks.sort());
        picks
    }

    /// By which account's number a payer is known.
    fn payer(&self, account: u32) -> u32 {
        self.payers.get(&account).copied().unwrap_or(account)
    }

    fn answer(&self, series: Series, pick: &Pick) -> Answer {
        let mut answer = self.sheets[pick.sheet as usize].answer(pick.at as usize);
        answer.key.account = self.numbers.names.at(series.0).clone();
        answer
    }

    fn add_series(&mut self, series: Series, picks: &[Pick], noted: &Noted, heard_sum: &mut HeardSum) {
        let Some(first) = picks.first() else { return };
        let settling = (self.settling)(self.numbers.names.at(series.1));
        let notes_about = |pick: &Pick| noted.get(&(series, pick.grain, pick.start));
        if picks.iter().any(|pick| pick.grain != first.grain) {
            let answers = picks.iter().map(|pick| self.answer(series, pick));
            let mut notes = Vec::new();
            for key in picks.chunk_by(|a, b| a.key() == b.key()) {
                notes.extend(key.first().and_then(notes_about).into_iter().flatten().cloned());
            }
            let standing: Vec<Standing> = standing(answers, notes).0.into_values().collect();
            for one in spans(&standing, self.settling).iter().flat_map(|span| &span.counts) {
                self.add_standing(series, one, settling, heard_sum);
            }
            return;
        }
        // In one grain all that stands counts.
        let mut trail = Trail::default();
        for key in picks.chunk_by(|a, b| a.key() == b.key()) {
            let Some((last, before)) = key.split_last() else { continue };
            let notes = notes_about(last);
            if notes.is_none() && before.last().is_none_or(|other| other.seen != last.seen) {
                self.add(series, last, settling, &mut trail, heard_sum);
                continue;
            }
            let answers = key.iter().map(|pick| self.answer(series, pick));
            for one in standing(answers, notes.into_iter().flatten().cloned()).0.into_values() {
                self.add_standing(series, &one, settling, heard_sum);
            }
        }
    }

    /// Adds an answer's rows as they lie in the sheet.
    fn add(&mut self, series: Series, pick: &Pick, settling: i64, trail: &mut Trail, heard_sum: &mut HeardSum) {
        let sheet = self.sheets[pick.sheet as usize];
        let bucket = Bucket { start: pick.start, width: pick.grain.0 };
        let is_settled = is_settled(bucket, pick.seen.1, settling);
        heard_sum.hear(bucket, pick.seen.1, is_settled);
        let span = span(bucket);
        if trail.span != Some(span) {
            *trail = Trail { span: Some(span), rows: Vec::new() };
        }
        for (nth, (values, names, measures)) in sheet.rows(pick.at as usize).enumerate() {
            let places = &self.places[pick.sheet as usize];
            let list = || std::iter::once(pick.grain.1).chain(values.iter().map(|place| places[*place as usize]));
            let cell = match trail.rows.get(nth) {
                Some((held, cell)) if list().eq(held.iter().copied()) => *cell,
                _ => {
                    let list: Vec<u32> = list().collect();
                    let number = self.numbers.list(&list);
                    let cell = self.cell((series, span, number));
                    trail.rows.truncate(nth);
                    trail.rows.push((list, cell));
                    cell
                }
            };
            let places = &self.places[pick.sheet as usize];
            let sum = &mut self.sums[cell as usize];
            sum.is_settled &= is_settled;
            names.iter().zip(measures).for_each(|(name, value)| sum.add(places[*name as usize], *value));
        }
    }

    fn cell(&mut self, cell: Cell) -> u32 {
        let number = self.cells.of(&cell);
        if self.sums.len() < self.cells.all.len() {
            self.sums.push(Sum::none());
        }
        number
    }

    fn add_standing(&mut self, series: Series, one: &Standing, settling: i64, heard_sum: &mut HeardSum) {
        let bucket = one.answer.key.bucket;
        let is_settled = is_settled(bucket, one.seen.1, settling);
        heard_sum.hear(bucket, one.seen.1, is_settled);
        let dimensions: Vec<u32> = one.answer.key.dimensions.iter().map(|name| self.numbers.name(name)).collect();
        let dimensions = self.numbers.list(&dimensions);
        for row in &one.answer.rows {
            let values = row.values.iter().map(|value| self.numbers.name(value));
            let list: Vec<u32> = std::iter::once(dimensions).chain(values).collect();
            let list = self.numbers.list(&list);
            let cell = self.cell((series, span(bucket), list));
            let sum = &mut self.sums[cell as usize];
            sum.is_settled &= is_settled;
            for (name, value) in &row.measures {
                sum.add(self.numbers.name(name), *value);
            }
        }
    }

    fn readings(self) -> Vec<(ReadingKey, Reading)> {
        let name = |number: &u32| self.numbers.names.at(*number).clone();
        let cells = self.cells.all.iter().zip(&self.sums);
        let readings = cells.map(|(((account, metric), span, list), sum)| {
            let (dimensions, values) = match self.numbers.lists.at(*list).split_first() {
                Some((dimensions, values)) => (self.numbers.lists.at(*dimensions).as_slice(), values),
                None => (&[][..], &[][..]),
            };
            let dimensions = dimensions.iter().map(name).zip(values.iter().map(name)).collect();
            let key = ReadingKey { account: name(account), metric: name(metric), span: *span, dimensions };
            // Two lists never say the same: a key is there once.
            let measures: BTreeMap<Name, i128> = sum.measures.iter().map(|(of, value)| (name(of), *value)).collect();
            (key, Reading { measures: measures.into_iter().take(MOST_MEASURES).collect(), is_settled: sum.is_settled })
        });
        let mut readings: Vec<_> = readings.collect();
        readings.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        readings
    }
}

impl Sum {
    fn none() -> Self {
        Self { measures: BTreeMap::new(), is_settled: true }
    }

    fn add(&mut self, name: u32, value: i128) {
        *self.measures.entry(name).or_default() += value.clamp(-MOST, MOST);
    }
}

/// The quarter that a bucket begins in; a bucket that is wider stays as it is.
fn span(bucket: Bucket) -> Bucket {
    if bucket.width >= QUARTER_S {
        return bucket;
    }
    let start = bucket.start.0.div_euclid(QUARTER_MS).saturating_mul(QUARTER_MS);
    Bucket { start: UtcMillis(start), width: QUARTER_S }
}
