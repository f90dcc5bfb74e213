//! `aimon settings`

use aimon_core::name::Name;
use aimon_core::polling::{Intervals, Rhythm};
use aimon_core::retention::Retention;
use aimon_core::settings::{Path, Settings};
use aimon_core::time::UtcDay;
use aimon_replica::Replica;
use clap::ValueEnum;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::cli::{SettingsCommand, WeekdayArg};
use crate::error::{Error, Result};
use crate::place::Place;
use crate::render::json::pretty;
use crate::render::number::count;
use crate::render::text::visible;
use crate::workspace::{need_member, set, settings};
use crate::{dates, output};

/// What can be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Key {
    Zone,
    WeekStart,
    Retention,
    Name,
    DeviceName,
    Projects,
    PollUsage,
    PollCosts,
}

/// What takes a value away.
const DEFAULT: &str = "default";

impl Key {
    const ALL: [Self; 8] = [
        Self::Zone,
        Self::WeekStart,
        Self::Retention,
        Self::Name,
        Self::DeviceName,
        Self::Projects,
        Self::PollUsage,
        Self::PollCosts,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::WeekStart => "week-start",
            Self::Retention => "retention",
            Self::Name => "name",
            Self::DeviceName => "device-name",
            Self::Projects => "projects",
            Self::PollUsage => "poll-usage",
            Self::PollCosts => "poll-costs",
        }
    }

    /// How often what is asked, where that is what it sets.
    fn rhythm(self) -> Option<Rhythm> {
        match self {
            Self::PollUsage => Some(Rhythm::Usage),
            Self::PollCosts => Some(Rhythm::Costs),
            _ => None,
        }
    }

    fn parse(word: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|key| key.word() == word).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|key| key.word()).collect();
            Error::BadSetting(format!("`{word}` is no setting; there are {}", known.join(", ")))
        })
    }

    /// What stands; null where nothing was set.
    fn value(self, replica: Option<&Replica>, settings: &Settings) -> Value {
        match self {
            Self::Zone => json!(settings.zone().and_then(|zone| zone.iana_name().map(str::to_owned))),
            Self::WeekStart => json!(settings.week_start().map(|day| format!("{day:?}").to_lowercase())),
            Self::Retention => json!(replica.map(Replica::retention_days)),
            Self::Name => json!(settings.workspace_name()),
            Self::Projects => json!(settings.finds_projects().then_some("on")),
            Self::DeviceName => json!(replica.and_then(|replica| settings.device_name(replica.device()))),
            Self::PollUsage => json!(Intervals::of(settings).usage.map(interval)),
            Self::PollCosts => json!(Intervals::of(settings).costs.map(interval)),
        }
    }
}

/// Does what is asked for.
pub async fn run(command: &SettingsCommand) -> Result<()> {
    match command {
        SettingsCommand::Get { key, json } => get(key.as_deref(), *json).await,
        SettingsCommand::Set { key, value, yes } => change(Key::parse(key)?, value.trim(), *yes).await,
    }
}

async fn get(key: Option<&str>, json: bool) -> Result<()> {
    let key = key.map(Key::parse).transpose()?;
    let place = Place::here()?;
    let mut replica = place.open_to_look().await?;
    let settings = match &mut replica {
        Some(replica) => settings(replica).await?,
        None => Settings::default(),
    };
    let value = |key: Key| key.value(replica.as_ref(), &settings);
    let text = |value: Value| match value {
        Value::Null => DEFAULT.to_owned(),
        Value::String(text) => visible(&text).into_owned(),
        other => other.to_string(),
    };
    match (key, json) {
        (Some(key), true) => output::print_plain(&pretty(&value(key))),
        (Some(key), false) => output::print(&format!("{}\n", text(value(key)))),
        (None, true) => {
            let all: serde_json::Map<String, Value> =
                Key::ALL.into_iter().map(|key| (key.word().to_owned(), value(key))).collect();
            output::print_plain(&pretty(&all))
        }
        (None, false) => {
            let line = |key: Key| format!("{:<12} {}\n", key.word(), text(value(key)));
            output::print(&Key::ALL.into_iter().map(line).collect::<String>())
        }
    }
}

async fn change(key: Key, value: &str, yes: bool) -> Result<()> {
    let mut given = (value != DEFAULT).then(|| value.to_owned());
    let bad = |what: &str| Err(Error::BadSetting(format!("{} can't be `{value}`: {what}", key.word())));
    // What can't be is said before anything is begun.
    let retention = match key {
        Key::Retention => match given.as_deref().map_or(Ok(180), str::parse).ok().and_then(Retention::of) {
            Some(retention) => Some(retention),
            None => return bad("it is a whole number of days from 7 to 3650"),
        },
        Key::Zone if given.as_deref().is_some_and(|zone| TimeZone::get(zone).is_err()) => {
            return bad("it is a name of the IANA database, such as Europe/Berlin");
        }
        Key::WeekStart if given.as_deref().is_some_and(|day| WeekdayArg::from_str(day, false).is_err()) => {
            return bad("it is a day's English name, such as monday");
        }
        Key::Name | Key::DeviceName
            if given.as_deref().is_some_and(|name| name.is_empty() || name.chars().any(char::is_control)) =>
        {
            return bad("a name has at least one character, and none that is not shown");
        }
        Key::Projects if given.as_deref().is_some_and(|given| !matches!(given, "on" | "off")) => {
            return bad("it is on or off");
        }
        _ => None,
    };
    if let (Some(rhythm), Some(text)) = (key.rhythm(), &given) {
        let range = rhythm.range();
        match seconds(text).filter(|s| range.contains(s)) {
            Some(seconds) => given = Some(seconds.to_string()),
            None => {
                let (least, most) = (interval(*range.start()), interval(*range.end()));
                return bad(&format!(
                    "it is from {least} to {most}, such as 5m or 2h; providers are not asked more often"
                ));
            }
        }
    }
    // Without the keys nobody knows what stands, so nothing that is set goes before it for certain.
    let place = Place::here()?.needing_keys();
    let mut replica = place.borrow().await?;
    need_member(&mut replica).await?;
    let path = match key {
        Key::Zone => Name::from(Path::Zone),
        Key::WeekStart => Path::WeekStart.into(),
        Key::Name => Path::WorkspaceName.into(),
        Key::DeviceName => Path::DeviceName(replica.device()).into(),
        Key::Projects => Path::Projects.into(),
        Key::PollUsage => Rhythm::Usage.path(),
        Key::PollCosts => Rhythm::Costs.path(),
        Key::Retention => {
            let retention = retention.unwrap_or_default();
            return retain(replica, retention, yes).await;
        }
    };
    if key == Key::Projects && value == "on" {
        output::note(
            "calls that are read from here on, on all devices of the workspace, hold a hash of their repository's remote, and what it is \
             called stands in the settings; calls that were read before stay without",
        );
    }
    set(&mut replica, vec![(path, given)]).await?;
    replica.settle().await;
    output::print(&format!("{} is {} now.\n", key.word(), visible(value)))
}

/// `90s`, `5m`, `2h`: in seconds.
fn seconds(text: &str) -> Option<u32> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => return None,
    };
    let number = text.get(..text.len() - 1).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    number.parse::<u32>().ok()?.checked_mul(unit)
}

/// Seconds as people write them.
fn interval(seconds: u32) -> String {
    match seconds {
        s if s.is_multiple_of(3600) => format!("{}h", s / 3600),
        s if s.is_multiple_of(60) => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

async fn retain(mut replica: Replica, retention: Retention, yes: bool) -> Result<()> {
    let goes = match replica.trusted_day() {
        Some(today) => {
            let last = retention.first_day(today).plus(-1);
            replica.days((UtcDay(i32::MIN), last)).await?.len() as u64
        }
        None => 0,
    };
    if goes > 0 {
        let whose = if replica.workspace().is_some() { "on all devices of the workspace" } else { "here" };
        let what = format!("{} of the history", count(goes, "day"));
        if !yes {
            let asked = format!(
                "Keep {} from now on? That deletes {what} {whose}, for good.",
                count(u64::from(retention.days()), "day")
            );
            match output::ask(&asked) {
                Some(true) => {}
                Some(false) => return Err(Error::Declined("the retention is what it was")),
                None => return Err(Error::Unasked("a lower retention deletes days of the history")),
            }
        }
        output::note(&format!("{what} {} not kept any more, {whose}", if goes == 1 { "is" } else { "are" }));
    }
    if retention.days() > replica.retention_days() {
        output::note(
            "days that were not kept before don't come back by themselves: logs that were read are not read again",
        );
    }
    replica.set_retention(retention, dates::now()).await?;
    replica.settle().await;
    output::print(&format!("retention is {} now.\n", retention.days()))
}
