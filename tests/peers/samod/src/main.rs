//! A new device, by samod: a document a day, in it a list with a map for each sample. Prints the samples, and the milliseconds from
//! being in touch until all of it is there, and is added up by account.
//!
//! ```text
//! aimon-peer-samod DAYS
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use automerge::transaction::Transactable as _;
use automerge::{Automerge, ObjType, ROOT, ReadDoc as _, ScalarValue, Value};
use samod::storage::TokioFilesystemStorage;
use samod::tokio_io::TcpDialer;
use samod::{BackoffConfig, Repo, Transport};
use tokio::net::TcpListener;

const PROVIDERS: u64 = 10;
const POLLS: u64 = 1_440;

/// Documents that differ; the days take turns.
const DIFFERENT: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let days: usize = std::env::args().nth(1).ok_or("how many days?")?.parse()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(days))
}

async fn run(days: usize) -> Result<(), Box<dyn Error>> {
    let made: Vec<Automerge> = (0..DIFFERENT.min(days)).map(|day| make(day as u64)).collect::<Result<_, _>>()?;
    let source = Repo::build_tokio().load().await;
    let mut ids = Vec::new();
    for day in 0..days {
        // The same samples under another document's id.
        let saved = made[day % made.len()].save();
        ids.push(source.create(Automerge::load(&saved)?).await?.document_id().clone());
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let acceptor = source.make_acceptor(url::Url::parse("tcp://source")?)?;
    tokio::spawn(async move {
        if let Ok((io, _)) = listener.accept().await
            && io.set_nodelay(true).is_ok()
        {
            let _ = acceptor.accept(Transport::from_tokio_io(io));
        }
    });

    let folder = tempfile::tempdir()?;
    let reader = Repo::build_tokio().with_storage(TokioFilesystemStorage::new(folder.path())).load().await;
    let dialer = Arc::new(TcpDialer::new_host_port("127.0.0.1".to_owned(), port));
    let dialled = reader.dial(BackoffConfig::default(), dialer)?;
    dialled.established().await.map_err(|e| format!("{e:?}"))?;
    let began = Instant::now();
    let finding: Vec<_> = ids
        .into_iter()
        .map(|id| {
            let reader = reader.clone();
            tokio::spawn(async move { reader.find(id).await })
        })
        .collect();
    let (mut totals, mut samples) = (BTreeMap::<String, u64>::new(), 0);
    for found in finding {
        let handle = found.await??.ok_or("a document did not come")?;
        samples += handle.with_document(|document| add_up(document, &mut totals))?;
    }
    let took = began.elapsed();
    if totals.len() as u64 != PROVIDERS || samples as u64 != days as u64 * PROVIDERS * POLLS {
        return Err(format!("{samples} samples of {} accounts came", totals.len()).into());
    }
    println!("{samples} {}", took.as_millis());
    Ok(())
}

/// A day: a commit for each poll.
fn make(day: u64) -> Result<Automerge, Box<dyn Error>> {
    let mut state = day + 42;
    let mut next = move |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let mut document = Automerge::new();
    let mut tx = document.transaction();
    let list = tx.put_object(ROOT, "samples", ObjType::List)?;
    tx.commit();
    for poll in 0..POLLS {
        let start = ((20_700 + day) * 86_400 + poll * 60) as i64 * 1_000;
        let mut tx = document.transaction();
        for provider in 0..PROVIDERS {
            let at = tx.length(&list);
            let sample = tx.insert_object(&list, at, ObjType::Map)?;
            let input = next(1_000 << provider);
            tx.put(&sample, "account", format!("org-{provider:02}-4f9d2c1e"))?;
            tx.put(&sample, "start", start)?;
            tx.put(&sample, "observed", start + 60_200 + next(400) as i64)?;
            tx.put(&sample, "input_tokens", input)?;
            tx.put(&sample, "output_tokens", input / 10 + next(100))?;
        }
        tx.commit();
    }
    Ok(document)
}

fn add_up(document: &Automerge, totals: &mut BTreeMap<String, u64>) -> Result<usize, String> {
    let lacks = || "a document lacks its samples".to_owned();
    let (_, list) = document.get(ROOT, "samples").ok().flatten().ok_or_else(lacks)?;
    let mut samples = 0;
    for (value, id) in document.values(&list) {
        let Value::Object(ObjType::Map) = value else { return Err(lacks()) };
        let number = |key: &str| match document.get(&id, key) {
            Ok(Some((Value::Scalar(value), _))) => match value.as_ref() {
                ScalarValue::Uint(n) => *n,
                _ => 0,
            },
            _ => 0,
        };
        let account = document.get(&id, "account").ok().flatten().ok_or_else(lacks)?.0;
        let account = account.as_str().ok_or_else(lacks)?.to_owned();
        *totals.entry(account).or_default() += number("input_tokens") + number("output_tokens");
        samples += 1;
    }
    Ok(samples)
}
