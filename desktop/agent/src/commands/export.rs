//! `aimon export`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use aimon_core::event::Record;
use aimon_core::history::Copy;
use aimon_core::history::answers::Standing;
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_ledger::ids::hex;
use aimon_replica::Replica;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use crate::cli::{ExportArgs, ExportFormat};
use crate::error::{Error, Result};
use crate::place::Place;
use crate::render::json::Dollars;
use crate::render::number::count;
use crate::render::text::visible;
use crate::{dates, home, output};

/// Writes the history to a folder.
pub async fn run(args: &ExportArgs) -> Result<()> {
    let place = Place::here()?.needing_keys();
    let mut replica = match place.open_to_look().await? {
        Some(replica) => replica,
        None => return Err(aimon_replica::Error::Empty(place.home.clone()).into()),
    };
    let dir = std::path::absolute(&args.dir).map_err(|source| Error::Write { path: args.dir.clone(), source })?;
    if std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::ExportNotEmpty(dir));
    }
    std::fs::create_dir_all(&dir).map_err(|source| Error::Write { path: dir.clone(), source })?;
    let what = match args.format {
        ExportFormat::Automerge => {
            let files = replica.export(&dir).await.map_err(|e| match e {
                // The folder is the user's, not ours.
                aimon_replica::Error::Home { path, source } => Error::Write { path, source },
                e => e.into(),
            })?;
            count(files, "document")
        }
        ExportFormat::Jsonl => jsonl(&mut replica, &dir, place.is_demo()).await?,
    };
    let demo = if place.is_demo() { "DEMO · " } else { "" };
    output::print(&format!("{demo}{what} in {}\n", visible(&dir.display().to_string())))
}

async fn jsonl(replica: &mut Replica, dir: &Path, demo: bool) -> Result<String> {
    let today = dates::now().day();
    let mut records = Lines::create(dir, "records.jsonl")?;
    let mut answers = Lines::create(dir, "answers.jsonl")?;
    // Day by day: a history need not fit the memory.
    for day in replica.days((UtcDay(i32::MIN), UtcDay(i32::MAX))).await? {
        for copy in replica.copies((day, day), today).await? {
            records.write(&RecordJson::of(&copy, demo))?;
        }
        for standing in replica.answers(day).await? {
            answers.write(&AnswerJson::of(&standing, demo))?;
        }
    }
    Ok(format!("{} and {}", count(records.done()?, "record"), count(answers.done()?, "answer")))
}

/// A file with an object a line.
struct Lines<'a> {
    dir: &'a Path,
    name: &'static str,
    file: BufWriter<File>,
    written: u64,
}

impl<'a> Lines<'a> {
    fn create(dir: &'a Path, name: &'static str) -> Result<Self> {
        let path = dir.join(name);
        // Whoever wants to show it to others copies it.
        let file = home::new_private(&path).map_err(|source| Error::Write { path, source })?;
        Ok(Self { dir, name, file: BufWriter::new(file), written: 0 })
    }

    fn write<T: Serialize>(&mut self, value: &T) -> Result<()> {
        let mut line = serde_json::to_vec(value).unwrap_or_default();
        line.push(b'\n');
        self.written += 1;
        self.file.write_all(&line).map_err(|source| self.failed(source))
    }

    fn done(mut self) -> Result<u64> {
        self.file.flush().map_err(|source| self.failed(source))?;
        Ok(self.written)
    }

    fn failed(&self, source: std::io::Error) -> Error {
        Error::Write { path: self.dir.join(self.name), source }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordJson<'a> {
    /// Present, and true, where the logs are made up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
    source: &'a str,
    time: String,
    model: &'a str,
    session: &'a str,
    device: String,
    message: String,
    request: String,
    sidechain: bool,
    input_tokens: u64,
    output_tokens: u64,
    reasoning_tokens: u64,
    cache_write5m_tokens: u64,
    cache_write1h_tokens: u64,
    cache_read_tokens: u64,
    web_searches: u64,
    tier: &'static str,
    quality: &'static str,
    account: Option<&'a str>,
    stated_cost: Option<Dollars>,
    project: Option<String>,
}

impl<'a> RecordJson<'a> {
    fn of(copy: &'a Copy, demo: bool) -> Self {
        let r: &'a Record = &copy.record;
        Self {
            demo,
            source: &r.source,
            time: time(r.time),
            model: &r.model,
            session: &r.session,
            device: copy.device.to_string(),
            message: hex(&r.message.0),
            request: hex(&r.request.0),
            sidechain: r.sidechain,
            input_tokens: r.tokens.input,
            output_tokens: r.tokens.output,
            reasoning_tokens: r.tokens.reasoning,
            cache_write5m_tokens: r.tokens.cache_write_5m,
            cache_write1h_tokens: r.tokens.cache_write_1h,
            cache_read_tokens: r.tokens.cache_read,
            web_searches: r.web_searches,
            tier: r.tier.word(),
            quality: r.quality.word(),
            account: r.payer.as_deref(),
            stated_cost: r.stated_cost.map(Dollars),
            project: r.project.map(|p| hex(&p)),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AnswerJson<'a> {
    /// As of records.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
    account: &'a str,
    metric: &'a str,
    bucket_start: String,
    bucket_seconds: u32,
    observed: String,
    rows: Vec<RowJson<'a>>,
}

#[derive(Serialize)]
struct RowJson<'a> {
    dimensions: BTreeMap<&'a str, &'a str>,
    measures: BTreeMap<&'a str, Box<RawValue>>,
}

impl<'a> AnswerJson<'a> {
    fn of(standing: &'a Standing, demo: bool) -> Self {
        let a = &standing.answer;
        let names = a.key.dimensions.iter().map(|n| n.as_str());
        Self {
            demo,
            account: &a.key.account,
            metric: &a.key.metric,
            bucket_start: time(a.key.bucket.start),
            bucket_seconds: a.key.bucket.width,
            observed: time(standing.seen.1),
            rows: a
                .rows
                .iter()
                .map(|row| RowJson {
                    dimensions: names.clone().zip(row.values.iter().map(|v| v.as_str())).collect(),
                    // Integers of any size, exactly.
                    measures: row
                        .measures
                        .iter()
                        .filter_map(|(k, v)| Some((k.as_str(), RawValue::from_string(v.to_string()).ok()?)))
                        .collect(),
                })
                .collect(),
        }
    }
}

fn time(at: UtcMillis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|t| t.to_string()).unwrap_or_default()
}
