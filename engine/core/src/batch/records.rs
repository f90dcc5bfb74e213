//! The section of records.

use super::BatchError;
use super::column::{Carried, Columns, Encoding, Writer};
use super::names::{Dictionary, Names};
use crate::event::{MessageId, Quality, Record, RequestId, Tier};
use crate::ids::DeviceId;
use crate::name::Name;
use crate::time::UtcMillis;
use crate::units::{PicoUsd, Tokens};

// Column ids: part of the format.
const TIME: u64 = 1;
const MESSAGE: u64 = 2;
const REQUEST: u64 = 3;
const SIDECHAIN: u64 = 4;
const SOURCE: u64 = 5;
const MODEL: u64 = 6;
const SESSION: u64 = 7;
const INPUT: u64 = 8;
const OUTPUT: u64 = 9;
const REASONING: u64 = 10;
const CACHE_WRITE_5M: u64 = 11;
const CACHE_WRITE_1H: u64 = 12;
const CACHE_READ: u64 = 13;
const WEB_SEARCHES: u64 = 14;
const TIER: u64 = 15;
const QUALITY: u64 = 16;
const PAYER: u64 = 17;
const STATED_COST: u64 = 18;
const PROJECT: u64 = 19;
const ORIGIN: u64 = 20;

pub(super) fn write(records: &[Record], carried: &[Carried], names: &mut Names, w: &mut Writer) {
    if records.is_empty() {
        return;
    }
    let mut places =
        |of: &dyn Fn(&Record, &mut Names) -> u64| -> Vec<u64> { records.iter().map(|r| of(r, names)).collect() };
    let sources = places(&|r, n| n.place(&r.source));
    let models = places(&|r, n| n.place(&r.model));
    let sessions = places(&|r, n| n.place(&r.session));
    let payers = places(&|r, n| n.optional(r.payer.as_ref()));
    let projects = places(&|r, n| r.project.map_or(0, |p| n.place(&hex(p)) + 1));
    let origins = places(&|r, n| r.origin.map_or(0, |d| n.place(&Name::from(d.to_string())) + 1));

    w.numbers(TIME, Encoding::Delta, records.iter().map(|r| r.time.0 as u64));
    w.fixed(MESSAGE, records.iter().map(|r| r.message.0));
    w.fixed(REQUEST, records.iter().map(|r| r.request.0));
    w.numbers(SIDECHAIN, Encoding::Runs, records.iter().map(|r| u64::from(r.sidechain)));
    w.numbers(SOURCE, Encoding::Runs, sources.into_iter());
    w.numbers(MODEL, Encoding::Runs, models.into_iter());
    w.numbers(SESSION, Encoding::Runs, sessions.into_iter());
    w.numbers(INPUT, Encoding::Plain, records.iter().map(|r| r.tokens.input));
    w.numbers(OUTPUT, Encoding::Plain, records.iter().map(|r| r.tokens.output));
    w.numbers(REASONING, Encoding::Plain, records.iter().map(|r| r.tokens.reasoning));
    w.numbers(CACHE_WRITE_5M, Encoding::Plain, records.iter().map(|r| r.tokens.cache_write_5m));
    w.numbers(CACHE_WRITE_1H, Encoding::Plain, records.iter().map(|r| r.tokens.cache_write_1h));
    w.numbers(CACHE_READ, Encoding::Delta, records.iter().map(|r| r.tokens.cache_read));
    w.numbers(WEB_SEARCHES, Encoding::Runs, records.iter().map(|r| r.web_searches));
    w.numbers(TIER, Encoding::Runs, records.iter().map(|r| r.tier as u64));
    w.numbers(QUALITY, Encoding::Runs, records.iter().map(|r| r.quality as u64));
    w.numbers(PAYER, Encoding::Runs, payers.into_iter());
    w.sparse(STATED_COST, records.iter().map(|r| r.stated_cost.map(|c| c.0)));
    w.numbers(PROJECT, Encoding::Runs, projects.into_iter());
    w.numbers(ORIGIN, Encoding::Runs, origins.into_iter());
    carried.iter().for_each(|c| w.carried(c));
}

pub(super) fn read(
    mut c: Columns<'_>,
    rows: usize,
    names: &Dictionary,
) -> Result<(Vec<Record>, Vec<Carried>), BatchError> {
    let time = c.numbers(TIME, rows)?;
    let message = c.fixed::<8>(MESSAGE, rows)?;
    let request = c.fixed::<2>(REQUEST, rows)?;
    let sidechain = c.numbers(SIDECHAIN, rows)?;
    let source = c.numbers(SOURCE, rows)?;
    let model = c.numbers(MODEL, rows)?;
    let session = c.numbers(SESSION, rows)?;
    let input = c.numbers(INPUT, rows)?;
    let output = c.numbers(OUTPUT, rows)?;
    let reasoning = c.numbers(REASONING, rows)?;
    let cache_write_5m = c.numbers(CACHE_WRITE_5M, rows)?;
    let cache_write_1h = c.numbers(CACHE_WRITE_1H, rows)?;
    let cache_read = c.numbers(CACHE_READ, rows)?;
    let web_searches = c.numbers(WEB_SEARCHES, rows)?;
    let tier = c.numbers(TIER, rows)?;
    let quality = c.numbers(QUALITY, rows)?;
    let payer = c.numbers(PAYER, rows)?;
    let stated_cost = c.sparse(STATED_COST, rows)?;
    let project = c.numbers(PROJECT, rows)?;
    let origin = c.numbers(ORIGIN, rows)?;
    let mut records = Vec::with_capacity(rows);
    for i in 0..rows {
        records.push(Record {
            source: names.at(source[i])?.clone(),
            message: MessageId(message[i]),
            request: RequestId(request[i]),
            sidechain: sidechain[i] != 0,
            time: UtcMillis(time[i] as i64),
            model: names.at(model[i])?.clone(),
            session: names.at(session[i])?.clone(),
            tokens: Tokens {
                input: input[i],
                output: output[i],
                reasoning: reasoning[i],
                cache_write_5m: cache_write_5m[i],
                cache_write_1h: cache_write_1h[i],
                cache_read: cache_read[i],
            },
            web_searches: web_searches[i],
            tier: Tier::from_u8(u8::try_from(tier[i]).unwrap_or(u8::MAX)),
            quality: Quality::from_u8(u8::try_from(quality[i]).unwrap_or(u8::MAX)),
            payer: names.optional(payer[i])?.cloned(),
            stated_cost: stated_cost[i].map(PicoUsd),
            project: names.optional(project[i])?.map(|n| unhex(n)).transpose()?,
            origin: names.optional(origin[i])?.map(|n| device(n)).transpose()?,
        });
    }
    Ok((records, c.carried(rows)?))
}

fn hex(bytes: [u8; 8]) -> Name {
    Name::from(format!("{:016x}", u64::from_be_bytes(bytes)))
}

/// Only the one text that this version writes for a hash or an id: another would be written back as
/// a further name.
fn unhex(text: &str) -> Result<[u8; 8], BatchError> {
    let bytes = u64::from_str_radix(text, 16).map(u64::to_be_bytes).ok();
    bytes.filter(|b| &*hex(*b) == text).ok_or(BatchError::Malformed("a project that is no hash"))
}

fn device(text: &str) -> Result<DeviceId, BatchError> {
    let device = DeviceId::parse(text).filter(|d| d.to_string() == text);
    device.ok_or(BatchError::Malformed("an origin that is no device"))
}
