//! A device: its disk, what runs on it, and its side of a connection.

use std::collections::VecDeque;

use aimon_core::crypto::{Entropy, SecretKeys};
use aimon_core::sync::{Client, Fault, Me, Notice, Send, Step, Write};
use aimon_generator::Prng;
use aimon_ledger::frame::Frame;
use aimon_ledger::ids::DeviceId;
use aimon_ledger::retention::TrustedTime;
use aimon_ledger::time::UtcMillis;

use crate::disk::{Disk, Plain};
use crate::lies::Lies;

/// What is on its way to a device.
#[derive(Debug)]
pub enum Message {
    Frame(Frame),
    Closed,
}

pub struct Node {
    pub device: DeviceId,
    pub seed: [u8; 32],
    pub disk: Disk,
    pub backup: Option<Disk>,
    /// Nothing as long as it is stopped, or waits to be admitted.
    pub client: Option<Client>,
    /// Waits for its admit.
    pub is_joining: bool,
    pub is_lost: bool,
    /// Does not reach anybody.
    pub is_away: bool,
    /// What it is not shown.
    pub lies: Lies,
    pub skew: i64,
    /// Its session at the relay.
    pub session: Option<u64>,
    pub inbox: VecDeque<Message>,
    pub outbox: VecDeque<Frame>,
    /// What happens at the next durable step.
    pub crash: Option<bool>,
    /// How often it has hung up because it and the relay went on differing.
    pub uneven: u32,
    pub faults: Vec<Fault>,
    /// Writes that were sent before they were durable: a fault.
    pending: Vec<Write>,
    dice: Prng,
}

impl Node {
    pub fn new(device: DeviceId, seed: [u8; 32], disk: Disk, faults: Vec<Fault>, dice: Prng) -> Self {
        Self {
            device,
            seed,
            disk,
            backup: None,
            client: None,
            is_joining: false,
            is_lost: false,
            is_away: false,
            lies: Lies::default(),
            skew: 0,
            session: None,
            inbox: VecDeque::new(),
            outbox: VecDeque::new(),
            crash: None,
            uneven: 0,
            faults,
            pending: Vec::new(),
            dice,
        }
    }

    pub fn is_lied_to(&self) -> bool {
        self.lies.chunks.is_some() || self.lies.hides_statements()
    }

    pub fn now(&self, now: UtcMillis) -> UtcMillis {
        UtcMillis(now.0 + self.skew)
    }

    pub fn me(&self) -> Me {
        Me { device: self.device, secret: SecretKeys::of_seed(self.seed) }
    }

    pub fn fork(&mut self) -> Prng {
        Prng::of(&[self.dice.next()])
    }

    /// Starts what runs here, from what is on the disk.
    pub fn start(&mut self, now: UtcMillis) {
        if self.client.is_some() || self.is_joining || self.is_lost || self.disk.statements.is_empty() {
            return;
        }
        let mut dice = self.fork();
        let entropy = move || {
            let mut bytes = [0; 32];
            bytes.chunks_mut(8).for_each(|eight| eight.copy_from_slice(&dice.next().to_le_bytes()));
            Entropy::new(bytes)
        };
        let time = self.disk.time.unwrap_or_else(|| TrustedTime::new(self.now(now)));
        self.client = Client::load(self.me(), self.disk.stored(), time, entropy).ok();
        if let Some(client) = &mut self.client {
            self.faults.iter().for_each(|fault| client.plant(*fault));
        }
    }

    /// Stops it at once: what was not durable is gone.
    pub fn stop(&mut self) {
        self.client = None;
        self.crash = None;
        self.pending.clear();
        self.hang_up();
    }

    pub fn hang_up(&mut self) {
        self.session = None;
        self.inbox.clear();
        self.outbox.clear();
        if let Some(client) = &mut self.client {
            client.closed();
        }
    }

    /// What was written behind its back reaches the disk.
    pub fn flush(&mut self) {
        for write in std::mem::take(&mut self.pending) {
            self.disk.apply(&write);
        }
    }

    /// Makes a step durable, and says what it has to say. Gives what became durable, if it got that far.
    pub fn go(&mut self, step: Step) -> Option<Write> {
        if !step.write.is_empty() {
            match self.crash.take() {
                Some(false) => {
                    self.stop();
                    return None;
                }
                after => {
                    if self.faults.contains(&Fault::SendBeforeDurable) {
                        self.pending.push(step.write.clone());
                    } else {
                        self.disk.apply(&step.write);
                    }
                    if after == Some(true) {
                        self.stop();
                        return Some(step.write);
                    }
                }
            }
        }
        for send in step.send {
            let frame = match send {
                Send::Frame(frame) => *frame,
                Send::Push(ids) => {
                    let pending: Vec<_> = self.pending.iter().flat_map(|write| &write.chunks).collect();
                    let bytes = ids.iter().filter_map(|id| {
                        let held = self.disk.chunks.get(id);
                        let chunk = held.or_else(|| pending.iter().find(|chunk| chunk.id() == *id).copied())?;
                        Some(chunk.bytes().to_vec())
                    });
                    Frame::Push(bytes.collect())
                }
            };
            self.outbox.push_back(frame);
        }
        for notice in step.notices {
            match notice {
                Notice::Keys => self.catch_up(),
                Notice::Failed(..) | Notice::Revoked => self.hang_up(),
                Notice::Uneven => {
                    self.uneven += 1;
                    self.hang_up();
                }
                _ => {}
            }
        }
        Some(step.write)
    }

    /// Turns what waited for a key into chunks.
    pub fn catch_up(&mut self) {
        let Some(client) = self.client.as_mut().filter(|client| client.can_write()) else { return };
        let mut write = Write::default();
        for Plain { day, content, origin } in &self.disk.plain {
            match client.bring((*day, 0), content, *origin) {
                Ok(brought) => write.join(brought),
                Err(_) => return,
            }
        }
        self.disk.apply(&write);
        self.disk.plain.clear();
        let step = client.recorded();
        self.go(step);
    }
}
