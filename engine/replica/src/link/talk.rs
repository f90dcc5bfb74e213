//! One connection: hello, then whatever either side says.

use std::time::Duration;

use aimon_core::sync::{Notice, Send, Step};
use aimon_core::time::UtcMillis;
use aimon_ledger::frame::{Code, Frame, Outcome};
use tokio::sync::Mutex;

use super::{Goal, LinkError, TICK, Told};
use crate::Replica;
use crate::transport::{self, Connection};

pub(super) async fn talk(
    replica: &Mutex<Replica>,
    connection: &mut Connection,
    goal: Goal,
    clock: fn() -> UtcMillis,
    told: &mut (dyn FnMut(Told) + std::marker::Send),
) -> Result<(), LinkError> {
    let (session, mut news) = {
        let mut replica = replica.lock().await;
        let now = clock();
        let step = replica.step(now, |client| Ok(client.opened(now))).await?;
        // Nothing was said yet that the relay could fail at.
        say(&mut replica, connection, step, told, &mut Failures::default()).await?;
        (replica.session(), replica.subscribe())
    };
    // Whatever has ended the talk, the machine hears that it is over.
    let done = listen(replica, connection, goal, clock, told, session, &mut news).await;
    let mut replica = replica.lock().await;
    replica.in_step &= done.is_ok();
    if replica.session() == session {
        let now = clock();
        let closed = |client: &mut aimon_core::sync::Client| {
            client.closed();
            Ok(Step::default())
        };
        replica.step(now, closed).await?;
    }
    done
}

async fn listen(
    replica: &Mutex<Replica>,
    connection: &mut Connection,
    goal: Goal,
    clock: fn() -> UtcMillis,
    told: &mut (dyn FnMut(Told) + std::marker::Send),
    session: u64,
    news: &mut tokio::sync::watch::Receiver<u64>,
) -> Result<(), LinkError> {
    let mut failures = Failures::default();
    loop {
        enum Heard {
            Frame(Frame),
            Tick,
            News,
        }
        let heard = tokio::select! {
            frame = connection.recv() => match frame {
                Ok(Some(frame)) => Heard::Frame(frame),
                Ok(None) => return Err(failures.ended(transport::Error::Ended)),
                Err(e) => return Err(failures.ended(e)),
            },
            () = tokio::time::sleep(until_tick(clock())) => Heard::Tick,
            changed = news.changed() => match changed {
                Ok(()) => Heard::News,
                Err(_) => return Err(transport::Error::Ended.into()),
            },
        };
        let mut replica = replica.lock().await;
        if replica.session() != session {
            // Another process has had the folder meanwhile, or something went wrong: begin again.
            return Err(transport::Error::Ended.into());
        }
        let now = clock();
        let step = match heard {
            Heard::Frame(frame) => {
                failures.go_on();
                if is_progress(&frame) {
                    told(Told::Heard);
                }
                replica.frame(frame, now).await?
            }
            Heard::Tick => replica.step(now, |client| Ok(client.tick(now))).await?,
            Heard::News => replica.step(now, |client| Ok(client.recorded())).await?,
        };
        let is_caught_up = replica.client().await?.is_caught_up();
        replica.set_in_step(is_caught_up).await?;
        say(&mut replica, connection, step, told, &mut failures).await?;
        if goal != Goal::Stay && replica.client().await?.is_even() {
            return failures.all_taken();
        }
    }
}

/// Whether a frame takes the two further. What a relay refuses over and over, or says to show that it is there, does not.
fn is_progress(frame: &Frame) -> bool {
    match frame {
        Frame::Welcome(_) | Frame::Deliver(_) | Frame::Live | Frame::Statements(_) => true,
        Frame::Digest { .. } | Frame::Ids { .. } | Frame::Wanted(_) => true,
        Frame::Outcomes(outcomes) => outcomes.iter().any(|(_, outcome)| !matches!(outcome, Outcome::Refused(_))),
        Frame::Hello(_) | Frame::Push(_) | Frame::Failed { .. } => false,
        Frame::Ping(_) | Frame::Pong(_) | Frame::Unknown(_) => false,
    }
}

/// What the relay has said that it can't do. A statement that it can't take in ends nothing; whatever else it says so of, it ends
/// the link behind it.
#[derive(Default)]
struct Failures {
    /// The first of this talk.
    first: Option<(Code, String)>,
    /// The one behind which it has said nothing yet.
    last: Option<(Code, String)>,
}

impl Failures {
    fn add(&mut self, code: Code, text: String) {
        self.first.get_or_insert_with(|| (code.clone(), text.clone()));
        self.last = Some((code, text));
    }

    /// The relay says something else: it was not the end.
    fn go_on(&mut self) {
        self.last = None;
    }

    /// Why the link is over.
    fn ended(self, otherwise: transport::Error) -> LinkError {
        refused(self.last).unwrap_or(otherwise).into()
    }

    /// Both sides hold the same. Whoever asked for it has to hear what the relay did not take.
    fn all_taken(self) -> Result<(), LinkError> {
        refused(self.first).map_or(Ok(()), |e| Err(e.into()))
    }
}

fn refused(said: Option<(Code, String)>) -> Option<transport::Error> {
    said.map(|(code, text)| transport::Error::Refused { code, text })
}

/// How long it is until the next point of the grid on which records leave.
fn until_tick(now: UtcMillis) -> Duration {
    let tick = TICK.as_millis() as i64;
    Duration::from_millis((tick - now.0.rem_euclid(tick)).unsigned_abs())
}

/// Sends what a step has to say; what it changed is on the disk.
async fn say(
    replica: &mut Replica,
    connection: &Connection,
    step: Step,
    told: &mut (dyn FnMut(Told) + std::marker::Send),
    failures: &mut Failures,
) -> Result<(), LinkError> {
    for send in step.send {
        match send {
            Send::Frame(frame) => connection.send(&frame)?,
            Send::Push(ids) => {
                let chunks = replica.chunks(&ids).await?;
                connection.send(&Frame::Push(chunks.iter().map(|chunk| chunk.bytes().to_vec()).collect()))?;
            }
        }
    }
    for notice in step.notices {
        match notice {
            Notice::Even => {
                replica.set_told().await?;
                told(Told::Even);
            }
            Notice::Refused(_, code) => told(Told::Refused(code)),
            Notice::Cloned => told(Told::Cloned),
            Notice::Revoked => return Err(LinkError::Revoked),
            Notice::Failed(code, text) => {
                told(Told::Failed(code.clone()));
                failures.add(code, text);
            }
            Notice::Uneven => return Err(LinkError::Uneven),
            Notice::Ignored(count) => tracing::debug!(count, "what a relay sent does not count"),
            Notice::Rewritten(chunk) => tracing::debug!(%chunk, "a snapshot lacked a chunk; it was written anew"),
            // Whoever revokes hears it.
            Notice::KeyStays(why) => tracing::warn!("no new key after a revoke: {why}"),
            Notice::Keys => {}
        }
    }
    Ok(())
}
