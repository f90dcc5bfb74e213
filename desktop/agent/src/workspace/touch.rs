//! Being in touch with the relay: once, or for as long as `aimon up` runs.

use std::sync::Arc;
use std::time::Duration;

use aimon_core::time::UtcMillis;
use aimon_ledger::frame::Code;
use aimon_ledger::signature::Purpose;
use aimon_replica::Replica;
use aimon_replica::link::{self, Goal, Identity, Link, LinkError, Told};
use aimon_replica::transport::{self, Address, Folder, Http, Options};
use serde::Serialize;
use tokio::sync::{Mutex, Notify};

use crate::agent::state::Agent;
use crate::dates;
use crate::error::{Error, Result};
use crate::workspace::said;

/// How long a relay that can't be reached is tried by a command that syncs once.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a link waits before it is tried again: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(300));

/// How things stand between this device and its relay.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Touch {
    /// Whether they are in touch.
    pub is_connected: bool,
    /// When both last held the same.
    pub even_at: Option<i64>,
    /// Why not, if not.
    pub problem: Option<String>,
}

/// A link to the replica's relay.
///
/// # Errors
/// There is no workspace, or it has no relay.
pub async fn link(replica: &mut Replica) -> Result<Link> {
    if replica.workspace().is_none() {
        return Err(aimon_replica::Error::NoWorkspace(replica.home().to_owned()).into());
    }
    let address = Address::parse(&replica.relay().await?.ok_or(Error::NoRelay)?)?;
    Ok(Link::new(&address, &Options::of_environment(), None, dates::now)?)
}

/// How long a relay is waited for by whoever only looks whether it is there.
const LOOK: Duration = Duration::from_secs(10);

/// Looks whether the relay lets this device in. Nothing of the history is sent, and no workspace is opened.
///
/// # Errors
/// Why it does not: it can't be reached, does not know the workspace, or this device was revoked.
pub async fn look(replica: &mut Replica) -> Result<()> {
    if !replica.is_member().await? {
        return Err(LinkError::Revoked.into());
    }
    let relay = replica.relay().await?.ok_or(Error::NoRelay)?;
    let who = replica.who().await?;
    match Address::parse(&relay)? {
        Address::Folder(path) => drop(Folder::open(&path)?),
        address @ Address::Relay(_) => {
            let asked = tokio::time::timeout(LOOK, ask(&address, &who)).await;
            asked
                .map_err(|_| transport::Error::Unreachable { relay, why: "nothing came within 10 s".to_owned() })??;
        }
    }
    Ok(())
}

async fn ask(address: &Address, who: &Identity) -> Result<()> {
    let http = Http::new(address, &Options::of_environment())?;
    let sign = |challenge: &[u8]| who.secret.sign(Purpose::Challenge, &who.workspace, challenge);
    match http.authenticate(&who.workspace, &who.device, sign).await {
        // It may not have heard yet that this device was admitted.
        Err(transport::Error::Refused { code: Code::NotAMember, .. }) => drop(link::enter(&http, who, None).await?),
        done => drop(done?),
    }
    Ok(())
}

/// Pushes all and pulls all. A relay that can't be reached is tried for half a minute.
///
/// # Errors
/// It can't be reached; something was refused and waits here.
pub async fn once(replica: &Mutex<Replica>) -> Result<()> {
    even(replica).await?;
    let mut held = replica.lock().await;
    let has_said = said::say(&mut held, dates::now()).await?;
    // Who syncs now and then has caught up now.
    let has_sealed = held.seal(dates::now()).await? > 0;
    if let Err(e) = held.scrub_if_purged().await {
        // Done the next time.
        tracing::debug!("what was purged elsewhere is still in the file: {e}");
    }
    drop(held);
    if has_said || has_sealed {
        even(replica).await?
    }
    let queue = replica.lock().await.queue().await?;
    let refused = queue.iter().filter_map(|queued| queued.refused.as_ref()).next_back();
    match refused {
        Some((code, _)) => Err(Error::SyncRefused { count: queue.len() as u64, code: code.word().to_owned() }),
        None => Ok(()),
    }
}

/// Until both hold the same, but for what was refused.
async fn even(replica: &Mutex<Replica>) -> Result<()> {
    let mut link = self::link(&mut *replica.lock().await).await?;
    let until = tokio::time::Instant::now() + PATIENCE;
    let mut wait = AGAIN.0;
    let mut stood = progress(replica).await?;
    loop {
        let mut refused: Option<Code> = None;
        let mut told = |told| {
            if let Told::Refused(code) = told {
                refused = Some(code);
            }
        };
        let done = tokio::time::timeout_at(
            until.max(tokio::time::Instant::now() + PATIENCE),
            link.run(replica, Goal::Even, &mut told),
        );
        match done.await {
            Ok(Ok(())) => break,
            Ok(Err(e)) if e.is_passing() && tokio::time::Instant::now() + wait < until => {
                tracing::debug!("once more: {e}");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            Ok(Err(e)) => return Err(e.into()),
            Err(_elapsed) if refused.is_some() => break,
            // A long history takes its time; as long as it moves it is not over.
            Err(_elapsed) => {
                let stands = progress(replica).await?;
                if stands == stood {
                    let relay = replica.lock().await.relay().await?.unwrap_or_default();
                    let why = format!("it says nothing for {} s", PATIENCE.as_secs());
                    return Err(transport::Error::Unreachable { relay, why }.into());
                }
                stood = stands;
            }
        }
    }
    Ok(())
}

/// How much this device holds, and how much waits: it changes as long as something moves.
async fn progress(replica: &Mutex<Replica>) -> Result<(usize, usize, usize)> {
    let mut replica = replica.lock().await;
    let waiting = replica.queue().await?.len();
    let client = replica.client().await?;
    Ok((waiting, client.log().all().count(), client.membership().statements().count()))
}

/// Stays in touch, for as long as it is not dropped.
pub async fn stay(agent: Arc<Agent>) {
    let state = agent.touch().clone();
    let even = Arc::new(Notify::new());
    let mut wait = AGAIN.0;
    let mut news = agent.changes();
    loop {
        let link = self::link(&mut *agent.replica().lock().await).await;
        let mut link = match link {
            Ok(link) => link,
            // Without a workspace there is nothing to do until there is one.
            Err(_) => {
                if news.changed().await.is_err() {
                    return;
                }
                tokio::time::sleep(AGAIN.0).await;
                continue;
            }
        };
        let mut has_connected = false;
        let mut told = |told| {
            let now: UtcMillis = dates::now();
            match told {
                Told::Connected => {
                    has_connected = true;
                    state.send_modify(|touch| (touch.is_connected, touch.problem) = (true, None));
                }
                Told::Even => {
                    state.send_modify(|touch| touch.even_at = Some(now.0));
                    even.notify_one();
                }
                Told::Refused(code) => state.send_modify(|touch| touch.problem = Some(code.word().to_owned())),
                Told::Cloned => tracing::warn!("another device writes under this one's id: it was cloned, or restored"),
            }
        };
        let ended = tokio::select! {
            ended = link.run(agent.replica(), Goal::Stay, &mut told) => ended,
            () = after_each(&even, agent.replica()) => Ok(()),
        };
        let why = ended.err();
        state.send_modify(|touch| {
            touch.is_connected = false;
            touch.problem = why.as_ref().map(|e| e.code().to_owned());
        });
        // What works for a while is tried again soon; what does not, less and less often.
        wait = if has_connected { AGAIN.0 } else { (wait * 2).min(AGAIN.1) };
        if let Some(e) = &why {
            tracing::debug!("the relay is tried again in {wait:?}: {e}");
            if matches!(e, LinkError::Revoked) {
                wait = AGAIN.1;
            }
        }
        tokio::time::sleep(jittered(wait)).await;
    }
}

/// Each time that both hold the same: this device says how it stands, seals days that are over, and takes out of its files what was
/// purged elsewhere.
async fn after_each(even: &Notify, replica: &Mutex<Replica>) {
    loop {
        even.notified().await;
        let mut replica = replica.lock().await;
        if let Err(e) = said::say(&mut replica, dates::now()).await {
            tracing::debug!("nothing was said of this device: {e}");
        }
        if let Err(e) = replica.seal(dates::now()).await {
            tracing::debug!("days that are over are not sealed: {e}");
        }
        if let Err(e) = replica.scrub_if_purged().await {
            tracing::debug!("what was purged elsewhere is still in the file: {e}");
        }
    }
}

/// Up to half as long again, so that devices that lost their relay at once don't come back at once.
fn jittered(wait: Duration) -> Duration {
    let mut byte = [0];
    // Without random bytes there is no jitter.
    let _ = getrandom::fill(&mut byte);
    wait + wait / 2 * u32::from(byte[0]) / 255
}
