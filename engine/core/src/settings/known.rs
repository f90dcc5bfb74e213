//! The paths that this version knows, and their values as types.

use std::collections::BTreeSet;
use std::fmt;

use aimon_ledger::ids::{hex, unhex};
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::Settings;
use crate::ids::DeviceId;
use crate::name::Name;

/// A path that this version knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Path {
    /// A device's name.
    DeviceName(DeviceId),
    /// Whether a device is put away: any value says yes.
    DeviceArchived(DeviceId),
    /// The id of the device under whose name it is shown: two identities of one machine.
    DeviceSameAs(DeviceId),
    /// What a device last said of itself, as JSON: for people, and nothing is decided by it.
    DeviceSaid(DeviceId),
    /// The workspace's name.
    WorkspaceName,
    /// The time zone in which days are cut: its IANA name.
    Zone,
    /// The first day of a week: its English name in lower case.
    WeekStart,
    /// Whether calls are recorded with the hash of their project: `on`, and else not.
    Projects,
    /// What a project is called.
    ProjectLabel([u8; 8]),
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeviceName(device) => write!(f, "device/{device}/name"),
            Self::DeviceArchived(device) => write!(f, "device/{device}/archived"),
            Self::DeviceSameAs(device) => write!(f, "device/{device}/same-as"),
            Self::DeviceSaid(device) => write!(f, "device/{device}/said"),
            Self::WorkspaceName => f.write_str("workspace/name"),
            Self::Zone => f.write_str("zone"),
            Self::WeekStart => f.write_str("week-start"),
            Self::Projects => f.write_str("projects"),
            Self::ProjectLabel(id) => write!(f, "project/{}/label", hex(id)),
        }
    }
}

impl From<Path> for Name {
    fn from(path: Path) -> Self {
        Self::from(path.to_string())
    }
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

impl Settings {
    fn known(&self, path: Path) -> Option<&str> {
        self.value(&path.to_string()).map(Name::as_str)
    }

    /// A device's own name, not that of another one that it is the same as.
    pub fn device_name(&self, device: DeviceId) -> Option<&str> {
        self.known(Path::DeviceName(device)).and_then(shown)
    }

    /// Whether a device is put away.
    pub fn is_archived(&self, device: DeviceId) -> bool {
        self.known(Path::DeviceArchived(device)).is_some()
    }

    /// The device under whose name a device is shown: itself, unless it is the same as another one, which may itself be the
    /// same as a third. Of devices that point at each other in a circle the one with the smallest id.
    pub fn shown_as(&self, device: DeviceId) -> DeviceId {
        let (mut at, mut seen) = (device, Vec::new());
        let mut on_the_way = BTreeSet::new();
        while on_the_way.insert(at) {
            seen.push(at);
            match self.known(Path::DeviceSameAs(at)).and_then(DeviceId::parse) {
                Some(next) => at = next,
                None => return at,
            }
        }
        // `at` is where the circle closes; what led into it is no part of it.
        seen.into_iter().skip_while(|device| *device != at).min().unwrap_or(at)
    }

    /// The workspace's name.
    pub fn workspace_name(&self) -> Option<&str> {
        self.known(Path::WorkspaceName).and_then(shown)
    }

    /// The time zone in which days are cut.
    pub fn zone(&self) -> Option<TimeZone> {
        TimeZone::get(self.known(Path::Zone)?).ok()
    }

    /// Whether calls are recorded with their project.
    pub fn finds_projects(&self) -> bool {
        self.known(Path::Projects) == Some("on")
    }

    /// The projects that are called something, and what.
    pub fn projects(&self) -> impl Iterator<Item = ([u8; 8], &str)> {
        self.all().filter_map(|(path, label)| {
            let id = path.as_str().strip_prefix("project/")?.strip_suffix("/label")?;
            Some((unhex(id)?, shown(label.as_str())?))
        })
    }

    /// The first day of a week.
    pub fn week_start(&self) -> Option<Weekday> {
        let name = self.known(Path::WeekStart)?;
        WEEKDAYS.iter().find(|(word, _)| *word == name).map(|(_, day)| *day)
    }
}

/// A name as it may be shown: another device wrote it, and a terminal takes orders from control characters.
pub(crate) fn shown(name: &str) -> Option<&str> {
    let name = name.trim();
    (!name.is_empty() && !name.chars().any(char::is_control)).then_some(name)
}
