//! Being in touch with the relay: once, or for as long as `aimon up` runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aimon_core::time::UtcMillis;
use aimon_ledger::frame::Code;
use aimon_ledger::signature::Purpose;
use aimon_replica::Replica;
use aimon_replica::link::{self, Goal, Identity, Link, LinkError, Told};
use aimon_replica::transport::{self, Address, Folder, Http, Options};
use serde::Serialize;
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use crate::agent::state::Agent;
use crate::error::{Error, Result};
use crate::workspace::{concerns, said};
use crate::{dates, output};

/// How long a relay that can't be reached is tried by a command that syncs once.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a link waits before it is tried again: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(300));

/// A link that lasted so long has worked, also where both sides never held the same.
const LASTED: Duration = Duration::from_secs(60);

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
    Ok(Link::new(&address, &Options::of_environment(), dates::now)?)
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
        Err(transport::Error::Refused { code: Code::NotAMember, .. }) => drop(link::enter(&http, who).await?),
        done => drop(done?),
    }
    Ok(())
}

/// Pushes all and pulls all. A relay that can't be reached is tried for half a minute.
///
/// # Errors
/// It can't be reached; something was refused and waits here.
pub async fn once(replica: &Mutex<Replica>) -> Result<()> {
    in_touch(replica, Goal::Even).await
}

/// The same, and a shared folder is read through: what is damaged there, and whole here, is written anew.
///
/// # Errors
/// As [`once`].
pub async fn wholly(replica: &Mutex<Replica>) -> Result<()> {
    in_touch(replica, Goal::Whole).await
}

async fn in_touch(replica: &Mutex<Replica>, goal: Goal) -> Result<()> {
    even(replica, goal, PATIENCE).await?;
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
        even(replica, Goal::Even, PATIENCE).await?
    }
    let queue = replica.lock().await.queue().await?;
    let refused = queue.iter().filter_map(|queued| queued.refused.as_ref()).next_back();
    match refused {
        Some((code, _)) => Err(Error::SyncRefused { count: queue.len() as u64, code: code.word().to_owned() }),
        None => Ok(()),
    }
}

/// Until both hold the same, but for what was refused. A relay that says nothing for so long is not waited for.
async fn even(replica: &Mutex<Replica>, goal: Goal, patience: Duration) -> Result<()> {
    let mut link = self::link(&mut *replica.lock().await).await?;
    let until = Instant::now() + patience;
    let (mut wait, mut is_told) = (AGAIN.0, false);
    loop {
        let heard = Heard::default();
        let mut told = |told| heard.note(&told);
        let done = tokio::select! {
            done = link.run(replica, goal, &mut told) => Some(done),
            () = heard.silence(replica, patience) => None,
            () = heard.tell_late(&mut is_told) => None,
        };
        match done {
            Some(Ok(())) => return Ok(()),
            Some(Err(e)) if e.is_passing() && Instant::now() + wait < until => {
                tracing::debug!("once more: {e}");
                if !std::mem::replace(&mut is_told, true) {
                    output::note(&format!("{e} ({}): it is tried for {} s", e.code(), patience.as_secs()));
                }
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            Some(Err(e)) => return Err(e.into()),
            None if heard.has_refused.load(Ordering::Relaxed) => return Ok(()),
            None => {
                let relay = replica.lock().await.relay().await?.unwrap_or_default();
                let why = format!("it says nothing for {} s", patience.as_secs());
                return Err(transport::Error::Unreachable { relay, why }.into());
            }
        }
    }
}

/// What a link has told so far.
#[derive(Default)]
struct Heard {
    /// How often the relay has said something that takes the two further.
    count: AtomicU64,
    has_refused: AtomicBool,
}

/// From when on somebody at a terminal wonders whether anything is going on.
const LATE: Duration = Duration::from_secs(3);

/// What is said then.
const NOT_YET: &str = "the relay has not answered yet; it is waited for";

/// Does something with a relay; says so where it is late.
pub async fn patiently<T>(work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => done,
        () = tokio::time::sleep(LATE) => {
            output::note(NOT_YET);
            work.await
        }
    }
}

impl Heard {
    /// Says once that nothing was heard at all yet, if so; never done.
    async fn tell_late(&self, is_told: &mut bool) {
        tokio::time::sleep(LATE).await;
        if self.count.load(Ordering::Relaxed) == 0 && !std::mem::replace(is_told, true) {
            output::note(NOT_YET);
        }
        std::future::pending().await
    }

    fn note(&self, told: &Told) {
        match told {
            Told::Connected | Told::Heard => drop(self.count.fetch_add(1, Ordering::Relaxed)),
            Told::Refused(_) => self.has_refused.store(true, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Waits until nothing was heard for so long. A long history takes its time: what comes of it, what a relay that is refilled
    /// acknowledges, and the work on either, are no silence.
    async fn silence(&self, replica: &Mutex<Replica>, patience: Duration) {
        loop {
            let before = self.count.load(Ordering::Relaxed);
            tokio::time::sleep(patience).await;
            // Whoever works on what has come has the replica.
            if self.count.load(Ordering::Relaxed) == before && replica.try_lock().is_ok() {
                return;
            }
        }
    }
}

/// Stays in touch, for as long as it is not dropped.
pub async fn stay(agent: Arc<Agent>) {
    let state = agent.touch().clone();
    let even = Arc::new(Notify::new());
    let mut pace = Pace::default();
    let mut news = agent.changes();
    let mut trouble = Trouble::default();
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
        let mut told = |told| {
            let now: UtcMillis = dates::now();
            match told {
                Told::Connected => {
                    trouble.is_over();
                    pace.connected(Instant::now());
                    state.send_modify(|touch| (touch.is_connected, touch.problem) = (true, None));
                }
                Told::Even => {
                    pace.even();
                    state.send_modify(|touch| touch.even_at = Some(now.0));
                    even.notify_one();
                }
                Told::Heard => {}
                Told::Refused(code) | Told::Failed(code) => {
                    state.send_modify(|touch| touch.problem = Some(code.word().to_owned()));
                }
                Told::Cloned => tracing::warn!("another device writes under this one's id: it was cloned, or restored"),
            }
        };
        let ended = tokio::select! {
            ended = link.run(agent.replica(), Goal::Stay, &mut told) => ended,
            () = after_each(&even, agent.replica()) => Ok(()),
        };
        let why = ended.err();
        trouble.note(why.as_ref());
        state.send_modify(|touch| {
            touch.is_connected = false;
            touch.problem = why.as_ref().map(|e| e.code().to_owned());
        });
        let mut wait = pace.ended(Instant::now());
        if let Some(e) = &why {
            tracing::debug!("the relay is tried again in {wait:?}: {e}");
            if matches!(e, LinkError::Revoked) {
                wait = AGAIN.1;
            }
        }
        tokio::time::sleep(jittered(wait)).await;
    }
}

/// What was said on the terminal of `aimon up` of a relay that can't be reached.
#[derive(Default)]
struct Trouble {
    told: Option<String>,
    was_connected: bool,
}

impl Trouble {
    /// The relay answers.
    fn is_over(&mut self) {
        self.was_connected = true;
        if self.told.take().is_some() {
            output::note("in touch with the relay again");
        }
    }

    /// An attempt has ended. One that was in touch is tried again at once; what keeps it from that is said, once.
    fn note(&mut self, why: Option<&LinkError>) {
        let was_connected = std::mem::take(&mut self.was_connected);
        let Some(why) = why else { return };
        let is_revoked = matches!(why, LinkError::Revoked);
        if was_connected && !is_revoked || self.told.as_deref() == Some(why.code()) {
            return;
        }
        self.told = Some(why.code().to_owned());
        output::note(&match is_revoked {
            true => concerns::revoked(),
            false => format!("{why} ({}): it is tried again and again; what is new waits here", why.code()),
        });
    }
}

/// How soon a link is tried again: what has worked soon, what does not less and less often. That a relay lets the device in and then
/// fails is nothing that works.
struct Pace {
    wait: Duration,
    connected: Option<Instant>,
    was_even: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self { wait: AGAIN.0, connected: None, was_even: false }
    }
}

impl Pace {
    fn connected(&mut self, now: Instant) {
        self.connected = Some(now);
    }

    fn even(&mut self) {
        self.was_even = true;
    }

    /// The link has ended: how long to wait for the next one.
    fn ended(&mut self, now: Instant) -> Duration {
        let lasted = self.connected.take().is_some_and(|since| now.duration_since(since) >= LASTED);
        let has_worked = std::mem::take(&mut self.was_even) || lasted;
        self.wait = if has_worked { AGAIN.0 } else { (self.wait * 2).min(AGAIN.1) };
        self.wait
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

#[cfg(test)]
mod tests;
