//! What `aimon doctor` finds.

use std::collections::BTreeMap;

use aimon_core::accounts::Accounts;
use aimon_core::history::{Period, Query};
use aimon_core::time::UtcMillis;
use aimon_replica::{Health, Replica};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::accounts::past::Past;
use crate::accounts::shown::troubles;
use crate::accounts::state::{State, Trouble};
use crate::agent::client::Client;
use crate::error::{Error, Result, exit};
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::grid;
use crate::render::labels::{Labels, short};
use crate::render::number::{bytes, count, unreadable};
use crate::render::status::{WaitingJson, WithheldJson};
use crate::render::text::{names, visible};
use crate::scan::{self, Scanned};
use crate::subscriptions::shown::{self, AskingJson};
use crate::view::{DOUBT, View};
use crate::workspace::concerns::Concerns;
use crate::workspace::touch;
use crate::workspace::waiting::Waiting;
use crate::{commands, home, note, paint};

/// Everything that was looked at.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Checkup {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    demo: bool,
    version: &'static str,
    home: String,
    agent_running: bool,
    device: Option<String>,
    retention_days: Option<u32>,
    /// What was asked to be done, and was.
    done: Vec<String>,
    /// All logs, read anew from their beginning; nothing of that is recorded.
    logs: Scanned,
    database: Option<Database>,
    workspace: Option<Workspace>,
    /// What is wrong with the accounts that this device asks for, by account and metric.
    accounts: BTreeMap<String, BTreeMap<String, Trouble>>,
    /// The same in words: what wants somebody to do something, and what does not.
    #[serde(skip)]
    account_lines: [Vec<String>; 2],
    /// The subscriptions whose windows this device asks for.
    asking: Vec<AskingJson>,
    clock: Clock,
    prices: Prices,
    /// What wants attention, in words.
    problems: Vec<String>,
    /// What is worth knowing, and needs nothing done now.
    remarks: Vec<String>,
    #[serde(skip)]
    damaged: bool,
    /// Why nothing can be written to the folder, if so.
    #[serde(skip)]
    unwritable: Option<aimon_replica::Error>,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Database {
    segments: u64,
    rows: u64,
    bytes: u64,
    first_day: Option<String>,
    last_day: Option<String>,
    records: u64,
    answers: u64,
    quarantined: Vec<Quarantined>,
    rereading: bool,
    integrity: Vec<String>,
}

/// What there is to say of the workspace.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Workspace {
    id: String,
    relay: Option<String>,
    /// Whether this process has no keys: what others wrote can't be read then, nor anything sent.
    locked: bool,
    /// The code of what keeps this device from its keys, or from its relay; null where both are there.
    trouble: Option<String>,
    /// The same in words, and what to do.
    #[serde(skip)]
    words: Option<String>,
    /// With which exit code that ends.
    #[serde(skip)]
    exit: u8,
    waiting: WaitingJson,
    /// Chunks whose key is not here yet.
    waiting_for_a_key: u64,
    /// Chunks of revoked devices that nobody has listed.
    set_aside: u64,
    /// The same by device; null where that can't be known.
    set_aside_by: Option<Vec<WithheldJson>>,
    /// How many files of the shared folder are damaged that hold what else is missing here.
    damaged_files: u64,
    /// What is said of chunks that are set aside.
    #[serde(skip)]
    aside: Vec<String>,
    /// By device, its chunks that it wrote before others that are here, and that are not; null where that can't be known.
    withheld: Option<Vec<WithheldJson>>,
}

#[derive(Serialize, Debug)]
struct Quarantined {
    day: String,
    bytes: u64,
    reason: String,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Clock {
    now: String,
    timezone: String,
    /// The last time that is trusted, if the clock has jumped ahead of it.
    jumped_ahead_of: Option<String>,
    /// Whether by more than a pause explains.
    #[serde(skip)]
    is_far: bool,
}

#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Prices {
    source: &'static str,
    date: Option<String>,
    unpriced_models: Vec<String>,
}

impl Checkup {
    /// Looks at everything.
    pub async fn of(place: &Place, zone: &TimeZone, pricing: &Pricing, done: Vec<String>) -> Result<Self> {
        let logs = scan::look(place)?;
        let mut view = View::open(place, false, |_| None).await?;
        let labels = view.labels().clone();
        let (mut health, mut device, mut retention_days, mut workspace) = (None, None, None, None);
        let (mut asking, mut accounts, mut account_lines) =
            (Vec::new(), BTreeMap::new(), <[Vec<String>; 2]>::default());
        let mut past = Past::default();
        if let Some(replica) = view.replica() {
            health = Some(replica.health().await?);
            device = Some(replica.device().to_string());
            retention_days = Some(replica.retention_days());
            workspace = Workspace::of(place, replica, health.as_ref(), &labels).await?;
            asking = shown::of(replica).await?;
            past = Concerns::of(replica).await?.past;
            let state = note::read::<State>(replica).await?;
            for account in Accounts::of(&crate::workspace::settings(replica).await?).all() {
                let name = account.id.name();
                for trouble in troubles(&state, &account.id) {
                    account_lines[usize::from(!trouble.wants_somebody)].push(trouble.line());
                }
                let all: BTreeMap<_, _> = state.of(name).map(|(metric, why)| (metric.clone(), why.clone())).collect();
                accounts.extend((!all.is_empty()).then(|| (account.id.to_string(), all)));
            }
        }
        let query = Query { period: Period::Month, ..Query::daily(zone.clone()) };
        let report = view.report(&query, place.now.day(), pricing).await?;
        let clock = Clock {
            now: time(place.now),
            timezone: crate::dates::zone_text(zone, place.now).into_owned(),
            is_far: health.as_ref().and_then(|h| h.doubted_clock).is_some_and(|(now, trusted)| is_far(now, trusted)),
            jumped_ahead_of: health.as_ref().and_then(|h| h.doubted_clock).map(|(_, trusted)| time(trusted)),
        };
        let prices = Prices {
            source: pricing.table().source(),
            date: pricing.table().date().map(|d| d.to_string()),
            unpriced_models: report.unpriced_models.into_iter().collect(),
        };
        let mut found = Self {
            demo: place.is_demo(),
            version: env!("CARGO_PKG_VERSION"),
            home: place.home.display().to_string(),
            agent_running: Client::find(&place.home).is_some_and(|c| c.answers()),
            device,
            retention_days,
            done,
            logs,
            database: health.map(Database::of),
            workspace,
            accounts,
            account_lines,
            asking,
            clock,
            prices,
            problems: Vec::new(),
            remarks: Vec::new(),
            damaged: false,
            unwritable: home::unwritable(&place.home),
        };
        found.judge();
        found.remarks.extend(past.lines().into_iter().map(|line| format!("{line}.")));
        found
            .remarks
            .extend(found.asking.iter().filter_map(|one| one.problem(place.now)).map(|line| format!("{line}.")));
        Ok(found)
    }

    /// How it ends: something is broken, or the relay can't be reached, and not only worth knowing.
    pub fn exit(&self) -> u8 {
        if let Some(why) = &self.unwritable {
            return Error::exit_of(why);
        }
        if self.damaged {
            return exit::FAILURE;
        }
        self.workspace.as_ref().map_or(exit::OK, |workspace| match workspace.exit {
            exit::OK if workspace.lacks_something() => exit::NOT_IN_STEP,
            code => code,
        })
    }

    fn judge(&mut self) {
        let (mut problems, mut remarks) = (Vec::new(), Vec::new());
        if let Some(why) = &self.unwritable {
            problems.push(format!("Nothing can be recorded: {why} ({}): {}.", why.code(), why.help()));
        }
        if let Some(db) = &self.database {
            // What was read again is as well as it can be: the rest of it stays until its day expires.
            self.damaged = !db.quarantined.is_empty() && db.rereading || !db.integrity.is_empty();
            for line in &db.integrity {
                problems.push(format!(
                    "The database is damaged ({line}). Run `aimon doctor --rebuild`. If that does not help, move {} to another place and run \
                     `aimon scan`: what is still in the logs is read again; keep the folder for what is not.",
                    self.home
                ));
            }
            if !db.quarantined.is_empty() {
                let what = count(db.quarantined.len() as u64, "part");
                let are = if db.quarantined.len() == 1 { "is" } else { "are" };
                let said = format!("{what} of segments can't be read and {are} quarantined");
                if db.rereading {
                    problems
                        .push(format!("{said}: run `aimon scan`, so that what their logs still say is read again."));
                } else {
                    remarks.push(format!(
                        "{said}. What their logs still said was read again; they stay, as they are, until their day expires."
                    ));
                }
            }
        }
        match &self.clock.jumped_ahead_of {
            Some(trusted) if self.clock.is_far => problems.push(format!(
                "The clock says {}, far ahead of {trusted}, the last time that is known to be right. No day expires until that is settled: \
                 set the clock right, or run `aimon doctor --trust-clock` if it is right.",
                self.clock.now
            )),
            // Somebody was away.
            Some(trusted) => remarks.push(format!(
                "Nothing was recorded for some days: {trusted} is the last time that the clock is known to have been right. \
                 No day expires until it is confirmed: `aimon doctor --trust-clock`.",
            )),
            None => {}
        }
        problems.extend(self.workspace.iter().filter_map(|workspace| workspace.words.clone()));
        for WithheldJson { device, name, chunks } in self.workspace.iter().flat_map(|w| w.withheld.iter().flatten()) {
            let who = name.clone().unwrap_or_else(|| format!("device {}", short(device)));
            let are = if *chunks == 1 { "is" } else { "are" };
            problems.push(format!(
                "{} of {who} {are} withheld: that device wrote behind them, and they are not here. Run `aimon sync` there, then here; if they \
                 stay away, it can't send them (`aimon device list` there), or the relay holds them back.",
                count(*chunks, "chunk")
            ));
        }
        if let Some(files) = self.workspace.as_ref().map(|workspace| workspace.damaged_files).filter(|files| *files > 0)
        {
            problems.push(format!(
                "{} in the shared folder that holds what is missing here: damaged, or still arriving. Run `aimon sync` on the other devices: whoever \
                 holds what it should be writes it anew.",
                count(files, "file")
            ));
        }
        for line in self.workspace.iter().flat_map(|workspace| &workspace.aside) {
            problems.push(format!("{line}."));
        }
        let [lasting, passing] = self.account_lines.clone();
        problems.extend(lasting);
        remarks.extend(passing);
        if self.logs.files_unreadable > 0 {
            let what = unreadable(self.logs.files_unreadable);
            problems.push(format!("{what} can't be read: give yourself the right to, and run `aimon scan`."));
        }
        if self.logs.dated_ahead > 0 {
            let (what, are) =
                (count(self.logs.dated_ahead, "record"), if self.logs.dated_ahead == 1 { "is" } else { "are" });
            problems.push(format!(
                "{what} in the logs {are} dated more than a day ahead of the clock, {}: one of the two is wrong. Figures count each on the day \
                 that its log names.",
                self.clock.now
            ));
        }
        if !self.prices.unpriced_models.is_empty() {
            problems.push(format!(
                "No price is known for {}: set AIMON_PRICES to a file that has it, or wait for a newer aimon.",
                names(&self.prices.unpriced_models)
            ));
        }
        (self.problems, self.remarks) = (problems, remarks);
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut head = |title: &str| text.push_str(&format!("\n{}\n", paint::bold(title)));
        head(&format!("{}aimon {}", if self.demo { "DEMO · " } else { "" }, self.version));
        text.remove(0);
        for line in &self.done {
            text.push_str(&format!("  {}\n", visible(line)));
        }
        let mut fact = |name: &str, value: &str| text.push_str(&format!("  {name:<10} {}\n", visible(value)));
        fact("data", &self.home);
        fact("device", self.device.as_deref().unwrap_or("none yet: nothing was recorded"));
        if let Some(days) = self.retention_days {
            fact("keeps", &count(u64::from(days), "day"));
        }
        fact("agent", if self.agent_running { "running (`aimon up`)" } else { "not running" });
        fact("clock", &format!("{} ({})", self.clock.now, self.clock.timezone));
        let date = self.prices.date.as_deref().unwrap_or("unknown");
        fact("prices", &format!("{}, of {date}", self.prices.source));
        text.push_str(&format!("\n{}\n", paint::bold("Database")));
        match &self.database {
            None => text.push_str("  nothing recorded yet\n"),
            Some(db) => text.push_str(&db.text()),
        }
        if let Some(workspace) = &self.workspace {
            text.push_str(&format!("\n{}\n{}", paint::bold("Workspace"), workspace.text()));
        }
        text.push_str(&format!("\n{}\n", paint::bold("Logs")));
        text.push_str(&commands::scan::places(&self.logs, grid::width()));
        text.push_str(&commands::scan::notes(&self.logs));
        text.push_str(&format!("\n{}\n", paint::bold("Wants attention")));
        match self.problems.is_empty() {
            true => text.push_str("  nothing\n"),
            false => self.problems.iter().for_each(|p| text.push_str(&format!("  {}\n", paint::warn(&visible(p))))),
        }
        if !self.remarks.is_empty() {
            text.push_str(&format!("\n{}\n", paint::bold("Good to know")));
            self.remarks.iter().for_each(|r| text.push_str(&format!("  {}\n", visible(r))));
        }
        text
    }
}

impl Workspace {
    async fn of(
        place: &Place,
        replica: &mut Replica,
        health: Option<&Health>,
        labels: &Labels,
    ) -> Result<Option<Self>> {
        let (Some(id), Some(waiting)) = (replica.workspace(), Waiting::of(replica).await?) else { return Ok(None) };
        let trouble = match place.give_keys(replica).await {
            Ok(()) => touch::look(replica).await.err(),
            Err(e) => Some(e),
        };
        let concerns = Concerns::of(replica).await?;
        let by_device = |chunks: &Option<_>| chunks.as_ref().map(|all| WithheldJson::all(all, labels));
        Ok(Some(Self {
            id: id.to_string(),
            relay: replica.relay().await?,
            locked: replica.is_locked(),
            trouble: trouble.as_ref().map(|e| e.code().to_owned()),
            words: trouble.as_ref().map(|e| format!("{e} ({}): {}.", e.code(), e.help())),
            exit: trouble.as_ref().map_or(exit::OK, trouble_exit),
            waiting: WaitingJson::of(&waiting),
            waiting_for_a_key: health.map_or(0, |health| health.waiting),
            set_aside: health.map_or(0, |health| health.set_aside),
            set_aside_by: by_device(&concerns.aside),
            damaged_files: concerns.damaged_files,
            aside: concerns.set_aside(labels),
            withheld: by_device(&concerns.withheld),
        }))
    }

    /// Whether something is missing here that others have.
    fn lacks_something(&self) -> bool {
        self.damaged_files > 0 || self.withheld.iter().flatten().any(|withheld| withheld.chunks > 0)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut fact = |name: &str, value: &str| text.push_str(&format!("  {name:<10} {}\n", visible(value)));
        fact("id", &self.id);
        fact("relay", self.relay.as_deref().unwrap_or("none"));
        let why = self.waiting.reason.as_deref().map_or_else(String::new, |why| format!(", refused: {why}"));
        let since = self.waiting.since.as_deref().map_or_else(String::new, |since| format!(", since {since}"));
        fact("waiting", &format!("{}{since}{why}", count(self.waiting.chunks, "chunk")));
        let mut notable = |n: u64, what: &str| {
            if n > 0 {
                text.push_str(&format!("  {} {what}\n", count(n, "chunk")));
            }
        };
        notable(self.waiting_for_a_key, "can't be read until another device gives the key: `aimon sync` on both");
        notable(self.set_aside, "of revoked devices set aside: what wants attention is below");
        let withheld = self.withheld.iter().flatten().map(|withheld| withheld.chunks).sum();
        notable(withheld, "withheld: what wants attention is below");
        if self.locked {
            text.push_str("  the keys are not there: what others wrote can't be read, nor anything sent\n");
        }
        text
    }
}

impl Database {
    fn of(health: Health) -> Self {
        let quarantined = health.quarantined.into_iter().map(|q| Quarantined {
            day: q.day.map_or_else(|| "settings".to_owned(), |day| day.to_string()),
            bytes: q.bytes,
            reason: q.reason,
        });
        Self {
            segments: health.segments,
            rows: health.rows,
            bytes: health.bytes,
            first_day: health.days.map(|d| d.0.to_string()),
            last_day: health.days.map(|d| d.1.to_string()),
            records: health.records,
            answers: health.answers,
            quarantined: quarantined.collect(),
            rereading: health.rereading,
            integrity: health.database,
        }
    }

    fn text(&self) -> String {
        let days = match (&self.first_day, &self.last_day) {
            (Some(a), Some(b)) => format!(", {a} to {b}"),
            _ => String::new(),
        };
        let mut text = format!(
            "  {} (with copies), {}\n  {} in {}, {}{days}\n",
            count(self.records, "record"),
            count(self.answers, "answer"),
            count(self.segments, "segment"),
            count(self.rows, "change"),
            bytes(self.bytes),
        );
        for q in &self.quarantined {
            text.push_str(&format!("  quarantined: {}, {}: {}\n", q.day, bytes(q.bytes), visible(&q.reason)));
        }
        text
    }
}

/// A relay that is not there now may be there later; all else needs somebody to do something.
fn trouble_exit(e: &Error) -> u8 {
    match e {
        Error::Transport(e) if e.is_passing() => exit::NOT_IN_STEP,
        Error::Link(e) if e.is_passing() => exit::NOT_IN_STEP,
        _ => exit::FAILURE,
    }
}

fn is_far(now: UtcMillis, trusted: UtcMillis) -> bool {
    i64::from(now.day().0) - i64::from(trusted.day().0) > DOUBT
}

fn time(at: UtcMillis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|t| t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}
