//! The devices of a workspace: those that belong to it, those that did, and those that settings or chunks name.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::ids::DeviceId;
use aimon_core::settings::{Path, Settings};
use aimon_core::time::{UtcDay, UtcMillis};
use aimon_replica::Replica;

use super::said::Said;
use super::settings;
use crate::error::{Error, Result};
use crate::filter;
use crate::render::labels::{Labels, devices_of};

/// How a device belongs to the workspace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Belongs {
    /// It is a member.
    Member,
    /// It was revoked.
    Revoked,
    /// It is known by what it wrote or by its name alone: there is no workspace, its keys are not there, or it is of another one
    /// that was brought along.
    Known,
}

impl Belongs {
    /// As JSON and people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Revoked => "revoked",
            Self::Known => "known",
        }
    }
}

/// One device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Its own name.
    pub name: Option<String>,
    /// Whether it is this one.
    pub is_here: bool,
    /// How it belongs to the workspace.
    pub belongs: Belongs,
    /// Whether it is put away.
    pub is_archived: bool,
    /// The device under whose name it is shown, if not its own.
    pub same_as: Option<DeviceId>,
    /// What it said last of itself.
    pub said: Option<Said>,
    /// When it was last heard: the newest evidence of it that is here. That is when something that it wrote or signed last came
    /// in, by this device's clock; or, where that is later or nothing has come in since this device joined, when it last said
    /// something of itself, or its newest call, by its own. A device that is in touch and has nothing new is not heard.
    pub heard: Option<UtcMillis>,
}

/// All devices that are known, this one first, then by name and id.
///
/// # Errors
/// The replica's own.
pub async fn all(replica: &mut Replica) -> Result<Vec<Device>> {
    let settings = settings(replica).await?;
    let here = replica.device();
    let (mut belongs, mut newest) = (BTreeMap::from([(here, Belongs::Known)]), BTreeMap::new());
    belongs.extend(devices_of(&settings).into_iter().map(|device| (device, Belongs::Known)));
    if replica.workspace().is_some() && !replica.is_locked() {
        let client = replica.client().await?;
        for place in client.log().places() {
            belongs.entry(place.device).or_insert(Belongs::Known);
            if let Some(day) = place.day {
                let last: &mut UtcDay = newest.entry(place.device).or_insert(day);
                *last = day.max(*last);
            }
        }
        let standing = client.standing();
        belongs.extend(standing.revoked.keys().map(|device| (*device, Belongs::Revoked)));
        belongs.extend(standing.members.keys().map(|device| (*device, Belongs::Member)));
    }
    let (calls, came) = (newest_calls(replica, &newest).await?, replica.heard().await?);
    let mut devices: Vec<Device> = belongs
        .into_iter()
        .map(|(id, belongs)| {
            let said = said(&settings, id);
            let shown = settings.shown_as(id);
            let heard = said_at(&settings, id).max(calls.get(&id).copied());
            let heard = heard.max(came.get(&id).copied());
            Device {
                id,
                name: settings.device_name(id).map(str::to_owned),
                is_here: id == here,
                belongs,
                is_archived: settings.is_archived(id),
                same_as: (shown != id).then_some(shown),
                said,
                heard,
            }
        })
        .collect();
    devices.sort_by(|a, b| (!a.is_here, &a.name, a.id).cmp(&(!b.is_here, &b.name, b.id)));
    Ok(devices)
}

/// When a device last said something of itself, by its own clock.
pub fn said_at(settings: &Settings, device: DeviceId) -> Option<UtcMillis> {
    said(settings, device).map(|said| UtcMillis(said.at))
}

fn said(settings: &Settings, device: DeviceId) -> Option<Said> {
    settings.value(&Path::DeviceSaid(device).to_string()).and_then(|text| Said::of(text.as_str()))
}

/// The time of each device's newest call, of the newest day that it wrote of; that day's beginning where it holds no calls.
async fn newest_calls(
    replica: &mut Replica,
    newest: &BTreeMap<DeviceId, UtcDay>,
) -> Result<BTreeMap<DeviceId, UtcMillis>> {
    let mut calls: BTreeMap<DeviceId, UtcMillis> = newest.iter().map(|(id, day)| (*id, day.start())).collect();
    for day in newest.values().collect::<BTreeSet<_>>() {
        for copy in replica.copies((*day, *day), *day).await? {
            if let Some(last) = calls.get_mut(&copy.device) {
                *last = copy.record.time.max(*last);
            }
        }
    }
    Ok(calls)
}

/// The one device that is meant by its name, its id, or how that begins.
///
/// # Errors
/// There is none, or there are several.
pub fn find(devices: &[Device], given: &str, labels: &Labels) -> Result<DeviceId> {
    let known: BTreeSet<DeviceId> = devices.iter().map(|device| device.id).collect();
    let meant = filter::devices(given, &known, labels)?;
    let mut meant = meant.into_iter();
    match (meant.next(), meant.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(Error::UnknownDevice(given.to_owned())),
        (Some(one), Some(other)) => {
            let all: BTreeSet<DeviceId> = [one, other].into_iter().chain(meant).collect();
            Err(Error::ambiguous_device(given, &all, labels))
        }
    }
}
