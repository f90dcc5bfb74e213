//! The process that asks: what `aimon up` does, by a clock that it is given on its standard input, one time a line. Each line is
//! answered with the number of events that were recorded, and when something is due next. Accounts are added one with each of the
//! first lines, so that they are not all asked at the same moment. `seal` seals what is over.

use std::io::BufRead as _;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use aimon_agent::accounts::keys;
use aimon_agent::accounts::polling::{How, Polling};
use aimon_agent::place::Place;
use aimon_agent::secrets::{Secrets, Surroundings};
use aimon_agent::workspace;
use aimon_core::accounts::{AccountId, Path as Of};
use aimon_core::time::UtcMillis;
use aimon_replica::{Options, Replica};
use tokio::sync::Mutex;

use super::{ACCOUNTS, used};

static NOW: AtomicI64 = AtomicI64::new(0);

fn now() -> UtcMillis {
    UtcMillis(NOW.load(Ordering::Relaxed))
}

/// Asks until its input ends.
pub fn ask(home: &Path, url: &str, past: u64) {
    // As the command has it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(go_on(home, url, past));
}

async fn go_on(home: &Path, url: &str, past: u64) {
    let place = Place::at(home.to_owned()).unwrap();
    let mut lines = std::io::stdin().lock().lines().map_while(Result::ok);
    NOW.store(lines.next().unwrap().parse().unwrap(), Ordering::Relaxed);
    let options = Options { now: now(), retention_days: Some(past) };
    let replica = Mutex::new(Replica::open(home, &options).await.unwrap());
    let mut polling = Polling::by(now);
    let mut added = 0;
    for line in lines {
        if line == "seal" {
            let mut replica = replica.lock().await;
            replica.seal(now()).await.unwrap();
            replica.settle().await;
            println!("sealed");
            continue;
        }
        NOW.store(line.parse().unwrap(), Ordering::Relaxed);
        if added < ACCOUNTS {
            add(&mut *replica.lock().await, home, url, added).await;
            added += 1;
        }
        polling.load(&replica, &place).await.unwrap();
        let outcome = polling.round(&replica, &place, How::Due, None, &|_, _| {}).await.unwrap();
        assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
        let first = replica.lock().await.first_day();
        println!("{} {}", outcome.events, polling.due_at(now(), first).map_or(0, |due| due.0));
    }
}

/// What `aimon account add` does, but for asking whose the key is.
async fn add(replica: &mut Replica, home: &Path, url: &str, account: usize) {
    let id = AccountId::new("openai", &format!("org-bench-{account}")).unwrap();
    let mut secrets = Secrets::open(home, &Surroundings::real().unwrap()).unwrap();
    let print = keys::keep(replica, &mut secrets, &id, &used::key(account).into(), Some(url)).await.unwrap();
    let device = Of::Key(replica.device()).of(&id);
    workspace::set(replica, vec![(device, Some(print.to_string()))]).await.unwrap();
}
