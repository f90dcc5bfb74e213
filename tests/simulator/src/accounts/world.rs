//! The world: what is used, who asks, and what they make of it.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::accounts::{Coverage, Covered};
use aimon_core::event::{AnswerKey, Event, MessageId, Quality, Record, RequestId, Tier};
use aimon_core::polling::Ask;
use aimon_core::units::Tokens;
use aimon_generator::Prng;
use aimon_ledger::time::{UtcDay, UtcMillis};

use super::asker::Unit;
use super::meter::{COSTS, DAY_MS, FINE_MS, HOUR_MS, LATE_MS, MINUTE_MS, Meter, USAGE, Used, model};
use super::shown::Library;
use super::{Action, Fault, Happening, Plan};
use crate::plan::Action as Common;
use crate::{Broken, Faults};

/// The source whose calls the first account pays for, and one for which nobody does.
pub const COVERED: &str = "codex";
pub const FREE: &str = "claude-code";

/// The accounts, and which device holds a key to which.
const ACCOUNTS: [&str; 2] = ["openai/org-a", "openai/org-b"];
const HOLDS: [&[usize]; 3] = [&[0], &[0], &[0, 1]];

/// How far back answers may change.
const RECENT: i32 = 4;

/// A call in a log.
pub struct Logged {
    pub day: UtcDay,
    pub source: &'static str,
    pub model: String,
    pub tokens: u64,
}

/// What was said of an account, as far as it is durable somewhere.
#[derive(Default)]
pub struct Asked {
    /// The fine buckets that were told of when they no longer changed, by their number.
    pub settled: BTreeSet<i64>,
    /// The days of which anything was told, or may have been.
    pub touched: BTreeSet<UtcDay>,
    /// The devices that have asked for the past.
    pub backfilled: BTreeSet<usize>,
}

/// Devices, payers, the time.
pub struct World {
    pub carrier: crate::World,
    pub meters: Vec<Meter>,
    pub library: Library,
    pub logged: Vec<Logged>,
    pub asked: Vec<Asked>,
    /// From when on the first account covers its source.
    pub covered_from: Option<UtcDay>,
    pub happened: BTreeSet<Happening>,
    /// Days that were shown by the log.
    pub by_log: BTreeSet<UtcDay>,
    askers: Vec<Vec<Unit>>,
    /// What stands in a device's log and was not recorded yet.
    unread: Vec<Vec<(u64, Event)>>,
    /// What was recorded, for whoever records once.
    recorded: BTreeSet<AnswerKey>,
    fault: Option<Fault>,
    dice: Prng,
    number: u64,
}

impl World {
    /// Three devices, and two accounts that were used for some days already.
    pub fn new(plan: &Plan, fault: Option<Fault>) -> Self {
        let common = crate::Plan { seed: plan.seed, devices: 3, is_folder: false, actions: Vec::new() };
        let mut world = Self {
            carrier: crate::World::new(&common, &Faults::default()),
            meters: ACCOUNTS.map(Meter::new).into(),
            library: Library::new(fault),
            logged: Vec::new(),
            asked: ACCOUNTS.map(|_| Asked::default()).into(),
            covered_from: None,
            happened: BTreeSet::new(),
            by_log: BTreeSet::new(),
            askers: Vec::new(),
            unread: HOLDS.map(|_| Vec::new()).into(),
            recorded: BTreeSet::new(),
            fault,
            dice: Prng::of(&[plan.seed, 0xacc0]),
            number: 0,
        };
        world.askers = (0..HOLDS.len()).map(|n| world.units(n)).collect();
        for _ in 0..12 {
            let at = UtcMillis(world.carrier.now.0 - world.dice.below(60 * HOUR_MS as u64) as i64 - 2 * HOUR_MS);
            let (account, dice) = (world.dice.below(2) as usize, world.dice.next());
            world.uses(account, at, dice);
        }
        world
    }

    fn units(&self, n: usize) -> Vec<Unit> {
        let mut units = Vec::new();
        for account in HOLDS[n] {
            let is_other = self.fault == Some(Fault::KeysAreAccounts) && n == 2 && *account == 0;
            let name = if is_other { format!("{}-2", ACCOUNTS[*account]) } else { ACCOUNTS[*account].to_owned() };
            units.extend([USAGE, COSTS].map(|metric| Unit::new(*account, name.as_str().into(), metric)));
        }
        units
    }

    /// One thing happens.
    ///
    /// # Errors
    /// What must never be, at no time.
    pub fn act(&mut self, action: &Action) -> Result<(), Broken> {
        match action {
            Action::Common(action) => self.carrier.act(action)?,
            Action::Use { node, account, is_logged, dice } => {
                self.use_now(usize::from(*node), usize::from(*account), *is_logged, *dice);
            }
            Action::Call { node } => self.log(usize::from(*node), FREE, self.carrier.now, "opus".to_owned(), 1),
            Action::Ask { node, dice } => drop(self.ask(usize::from(*node), Some(&mut Prng::of(&[*dice])))),
            Action::Down { account, ms } => self.down(usize::from(*account), *ms as i64),
            Action::ThreeDays { node, dice } => self.three_days(usize::from(*node), &mut Prng::of(&[*dice]))?,
            Action::Week { node, dice } => self.week(usize::from(*node), &mut Prng::of(&[*dice]))?,
            Action::Cover { node, back } => self.cover(usize::from(*node), *back),
            Action::Look => self.look()?,
        }
        // Whoever has stopped has forgotten what it knew of the providers.
        for n in 0..self.askers.len() {
            if self.carrier.nodes[n].client.is_none() {
                self.askers[n] = self.units(n);
            }
        }
        Ok(())
    }

    fn number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// A call of an account; how many tokens it has and which model it was.
    fn uses(&mut self, account: usize, at: UtcMillis, dice: u64) -> (u8, u64) {
        let mut dice = Prng::of(&[dice]);
        let (key, of, tokens) = (dice.below(2) as u8, dice.below(3) as u8, dice.range(1, 1_000));
        let known = UtcMillis(at.0 + dice.skewed(0, LATE_MS) as i64);
        let moved = dice.chance(200).then(|| UtcMillis(at.0 + dice.below(LATE_MS) as i64));
        self.meters[account].uses(Used { at, known, moved, key, model: of, tokens });
        (of, tokens)
    }

    fn use_now(&mut self, n: usize, account: usize, is_logged: bool, dice: u64) {
        let now = self.carrier.now;
        let (of, tokens) = self.uses(account, now, dice);
        if is_logged && account == 0 {
            self.log(n, COVERED, now, model(of, false), tokens);
        }
    }

    /// A call in a device's log; now and then another device has a copy of it.
    fn log(&mut self, n: usize, source: &'static str, time: UtcMillis, model: String, tokens: u64) {
        let number = self.number();
        self.logged.push(Logged { day: time.day(), source, model: model.clone(), tokens });
        let event = Event::Record(Record {
            source: source.into(),
            message: MessageId(number.to_le_bytes()),
            request: RequestId([0; 2]),
            sidechain: false,
            time,
            model: model.into(),
            session: "session".into(),
            tokens: Tokens { input: tokens, ..Tokens::default() },
            web_searches: 0,
            tier: Tier::Standard,
            quality: Quality::Log,
            payer: None,
            stated_cost: None,
            project: None,
            origin: None,
        });
        self.unread[n].push((number, event.clone()));
        if number.is_multiple_of(6) {
            self.unread[(n + 1) % HOLDS.len()].push((number, event));
        }
        self.read_log(n);
    }

    /// Records what is new in a device's log; what could not be recorded stays new.
    fn read_log(&mut self, n: usize) {
        let unread = std::mem::take(&mut self.unread[n]);
        for (number, event) in unread {
            if !self.carrier.tell(n, event.day(), vec![(number, event.clone())]) {
                self.unread[n].push((number, event));
            }
        }
    }

    fn down(&mut self, account: usize, ms: i64) {
        let until = UtcMillis(self.carrier.now.0 + ms);
        self.meters[account].down_until = self.meters[account].down_until.max(until);
    }

    fn cover(&mut self, n: usize, back: u8) {
        if self.covered_from.is_some() || self.carrier.nodes[n].client.is_none() {
            return;
        }
        let from = self.carrier.now.day().plus(-i32::from(back));
        let settings = self.library.settings(&self.carrier.nodes[n]);
        let entry = settings.entry(Coverage::path(&Covered::all_of(COVERED), from), Some(ACCOUNTS[0].into()));
        let number = self.number();
        if self.carrier.tell(n, None, vec![(number, Event::Setting(entry))]) {
            self.covered_from = Some(from);
        }
    }

    fn three_days(&mut self, n: usize, dice: &mut Prng) -> Result<(), Broken> {
        self.cover(n, 1);
        self.down(0, 3 * DAY_MS + HOUR_MS);
        for _ in 0..12 {
            self.carrier.act(&Common::Start { node: n as u8 })?;
            self.use_now(n, 0, true, dice.next());
            let asks = dice.below(3) as usize;
            self.ask(asks, None);
            self.carrier.wait(6 * HOUR_MS as u64);
        }
        self.look()
    }

    fn week(&mut self, n: usize, dice: &mut Prng) -> Result<(), Broken> {
        self.carrier.act(&Common::Disconnect { node: n as u8 })?;
        self.carrier.nodes[n].is_away = true;
        for _ in 0..14 {
            (0..3).try_for_each(|node| self.carrier.act(&Common::Start { node }))?;
            let (by, account) = (dice.below(3) as usize, dice.below(2) as usize);
            self.use_now(by, account, true, dice.next());
            self.ask(n, Some(dice));
            self.ask(dice.below(3) as usize, Some(dice));
            self.carrier.act(&Common::Connect { node: dice.below(3) as u8 })?;
            self.carrier.act(&Common::Deliver { count: 40, dice: dice.next() })?;
            self.carrier.wait(dice.range(6 * HOUR_MS as u64, 18 * HOUR_MS as u64));
        }
        self.carrier.nodes[n].is_away = false;
        self.happened.insert(Happening::BackAfterAWeek);
        self.look()
    }

    /// A device asks for what is due; with dice something may go wrong. How often it has asked.
    pub fn ask(&mut self, n: usize, mut dice: Option<&mut Prng>) -> u32 {
        let mut asked = 0;
        self.read_log(n);
        self.hear(n);
        for unit in 0..self.askers[n].len() {
            for turn in 0..4 {
                let Some(client) = &self.carrier.nodes[n].client else { return asked };
                let (now, first) = (self.carrier.nodes[n].now(self.carrier.now), client.first_day());
                let Some(of) = self.askers[n].get_mut(unit) else { return asked };
                if of.track.is_resting(now) {
                    break;
                }
                let is_due = of.track.due_at(now, 100 * n as u16) <= now;
                let ask = if is_due { Some(of.track.live(now, first)) } else { of.track.backfill(now, first) };
                let Some(ask) = ask else {
                    if turn == 0 && of.track.newest() > of.observed {
                        self.happened.insert(Happening::OtherHasAsked);
                    }
                    break;
                };
                asked += 1;
                let mut may = |chance| dice.as_deref_mut().is_some_and(|dice| dice.chance(chance));
                if self.meters[of.account].is_down(self.carrier.now) || may(120) {
                    of.track.failed(now, None, 100 * n as u16);
                    break;
                }
                let (is_twice, stops) = (may(100), may(80).then(|| may(500)));
                self.answered(n, unit, &ask, now, is_twice, stops);
            }
        }
        asked
    }

    /// An answer comes: what of it is news is recorded, unless the device stops.
    fn answered(&mut self, n: usize, unit: usize, ask: &Ask, now: UtcMillis, is_twice: bool, stops: Option<bool>) {
        let recent = self.carrier.now.day().plus(-RECENT);
        let unit = &mut self.askers[n][unit];
        let (account, metric) = (unit.account, *unit.metric());
        let (observed, answers) = self.meters[account].says(&unit.name, &metric, ask, self.carrier.now);
        if unit.is_behind() {
            unit.catch_up(&self.library.recent(&self.carrier.nodes[n], recent));
        }
        unit.track.answered(ask, observed, now);
        unit.observed = unit.observed.max(Some(observed));
        let mut events = unit.window.news(answers.clone());
        if is_twice {
            events.extend(unit.window.news(answers));
        }
        if self.fault == Some(Fault::RecordOnce) {
            events.retain(|event| match event {
                Event::Answer(answer) => self.recorded.insert(answer.key.clone()),
                _ => true,
            });
        }
        self.notice(account, &events);
        if stops.is_some() && !events.is_empty() {
            self.carrier.nodes[n].crash = stops;
            self.happened.insert(Happening::StoppedBetween);
        }
        let mut days: BTreeMap<UtcDay, Vec<(u64, Event)>> = BTreeMap::new();
        for event in events {
            let number = self.number();
            days.entry(event.day().unwrap_or(UtcDay(0))).or_default().push((number, event));
        }
        let touched = ask.starts().filter(|start| *start <= observed).map(UtcMillis::day);
        self.asked[account].touched.extend(touched);
        let mut lost = BTreeSet::new();
        for (day, events) in days {
            if !self.carrier.tell(n, Some(day), events) {
                lost.insert(day);
            }
        }
        if metric.name == USAGE.name {
            self.remember(n, account, ask, observed, &lost);
        }
        // Who has stopped has forgotten; who goes on knows what it was told.
        if self.carrier.nodes[n].client.is_none() {
            self.askers[n] = self.units(n);
        }
    }

    /// What is known of an account now, whoever looks: of all days but those whose events were lost.
    fn remember(&mut self, n: usize, account: usize, ask: &Ask, observed: UtcMillis, lost: &BTreeSet<UtcDay>) {
        let asked = &mut self.asked[account];
        let width = i64::from(ask.width) * 1000;
        let is_settled = |start: &UtcMillis| observed.0 >= start.0 + width + HOUR_MS;
        for start in ask.starts().filter(is_settled).filter(|start| !lost.contains(&start.day())) {
            asked.settled.extend((start.0 / FINE_MS)..((start.0 + width) / FINE_MS));
        }
        if ask.is_backfill {
            asked.backfilled.insert(n);
            if asked.backfilled.len() > 1 {
                self.happened.insert(Happening::GoneOnWith);
            }
        }
    }

    /// Whether usage is said to be another model's than before.
    fn notice(&mut self, account: usize, events: &[Event]) {
        let now = self.carrier.now;
        let is_moved = |key: &AnswerKey| {
            let mut used = self.meters[account].used.iter();
            used.any(|used| {
                let is_in = key.bucket.start <= used.at && used.at < key.bucket.end();
                is_in && used.moved.is_some_and(|from| used.known < from && from <= now)
            })
        };
        let mut answers = events.iter().filter_map(|event| match event {
            Event::Answer(answer) => Some(&answer.key),
            _ => None,
        });
        if !self.happened.contains(&Happening::Moved) && answers.any(is_moved) {
            self.happened.insert(Happening::Moved);
        }
    }

    fn hear(&mut self, n: usize) {
        if self.carrier.nodes[n].client.is_none() {
            self.askers[n] = self.units(n);
            return;
        }
        let readings = self.library.readings(&self.carrier.nodes[n]);
        self.askers[n].iter_mut().for_each(|unit| unit.hear(&readings));
    }

    /// All come to rest, have read their logs, and compare.
    fn look(&mut self) -> Result<(), Broken> {
        self.rest()?;
        super::judge::look(self, false)
    }

    fn rest(&mut self) -> Result<(), Broken> {
        self.carrier.settle()?;
        for _ in 0..3 {
            if self.unread.iter().all(Vec::is_empty) {
                break;
            }
            (0..self.unread.len()).for_each(|n| self.read_log(n));
            self.carrier.settle()?;
        }
        Ok(())
    }

    /// Everything is well again: all have asked for all there is, and it has settled.
    ///
    /// # Errors
    /// What does not hold then.
    pub fn heal(&mut self) -> Result<(), Broken> {
        self.carrier.heal()?;
        self.meters.iter_mut().for_each(|meter| meter.down_until = UtcMillis(i64::MIN));
        // Whatever was used has settled; the sliding window goes back so far at most.
        for pause in [3 * HOUR_MS, 3 * HOUR_MS] {
            self.carrier.wait(pause as u64);
            let mut quiet = 0;
            // One after the other: who comes later has heard, and has less to ask.
            for n in (0..self.askers.len()).cycle().take(60) {
                self.rest()?;
                quiet = if self.ask(n, None) == 0 { quiet + 1 } else { 0 };
                if quiet == self.askers.len() {
                    break;
                }
            }
        }
        self.rest()?;
        self.is_complete()?;
        super::judge::look(self, true)
    }

    /// Nobody has anything left to ask about the past.
    fn is_complete(&mut self) -> Result<(), Broken> {
        for n in 0..self.askers.len() {
            self.hear(n);
            let Some(client) = &self.carrier.nodes[n].client else { continue };
            let (now, first) = (self.carrier.now, client.first_day());
            for unit in self.askers[n].iter().filter(|unit| unit.metric().name == USAGE.name) {
                let (done, of) = unit.track.progress(now, first);
                if done < of {
                    let what = format!("{}: {} minutes of the past are missing", unit.name, (of - done) / MINUTE_MS);
                    return Err(Broken::Account { node: n, what });
                }
            }
        }
        Ok(())
    }
}
