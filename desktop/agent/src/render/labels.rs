//! Names that people read instead of ids.

use std::collections::{BTreeMap, BTreeSet};

use aimon_core::accounts::Accounts;
use aimon_core::history::Dimension;
use aimon_core::ids::DeviceId;
use aimon_core::settings::Settings;
use aimon_ledger::ids::hex;
use aimon_sources::provider::provider;

/// What this replica knows about names, and whether its figures are made up.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Whether these are the demo's figures.
    pub demo: bool,
    /// This device.
    pub here: Option<DeviceId>,
    /// Names of devices, by id.
    pub devices: BTreeMap<String, String>,
    /// Devices that are shown as another one: identities of one machine.
    pub same: BTreeMap<DeviceId, DeviceId>,
    /// Names of accounts, by id.
    pub accounts: BTreeMap<String, String>,
    /// Names of projects, by their hash.
    pub projects: BTreeMap<String, String>,
    /// Devices that are put away.
    pub archived: BTreeSet<String>,
    /// Devices that are shown, and have a name that another one has too.
    pub alike: BTreeSet<String>,
}

impl Labels {
    /// Takes in what the workspace's devices agree on.
    pub fn take_in(&mut self, settings: &Settings) {
        for device in devices_of(settings) {
            if let Some(name) = settings.device_name(device) {
                self.devices.insert(device.to_string(), name.to_owned());
            }
            if settings.is_archived(device) {
                self.archived.insert(device.to_string());
            }
            let shown = settings.shown_as(device);
            if shown != device {
                self.same.insert(device, shown);
            }
        }
        let accounts = Accounts::of(settings);
        for id in accounts.all().map(|account| &account.id) {
            if let Some(label) = accounts.label(accounts.joined().payer(id)) {
                self.accounts.insert(id.to_string(), label.to_owned());
            }
        }
        self.projects.extend(settings.projects().map(|(id, name)| (hex(&id), name.to_owned())));
        let mut named: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, name) in &self.devices {
            if DeviceId::parse(id).is_none_or(|id| self.shown(id) == id) {
                named.entry(name).or_default().push(id);
            }
        }
        self.alike = named.into_values().filter(|ids| ids.len() > 1).flatten().map(str::to_owned).collect();
    }

    /// The device under whose name and id a device is shown: itself, unless it was merged into another one.
    pub fn shown(&self, device: DeviceId) -> DeviceId {
        self.same.get(&device).copied().unwrap_or(device)
    }

    /// A label of a report's part that every replica gives alike: no "this device".
    pub fn stable(&self, by: Dimension, id: &str) -> String {
        match self.devices.get(id).filter(|_| by == Dimension::Device) {
            _ if id.is_empty() && by == Dimension::Device => "any device (an account's own figures)".to_owned(),
            _ if id.is_empty() => "not stated".to_owned(),
            None if by == Dimension::Provider => provider(id).map_or(id, |one| one.title()).to_owned(),
            None if by == Dimension::Account => match self.accounts.get(id) {
                Some(name) => format!("{name} ({id})"),
                None => id.to_owned(),
            },
            None if by == Dimension::Project => self.projects.get(id).map_or(id, String::as_str).to_owned(),
            Some(name) => name.clone(),
            // Sessions and accounts are UUIDs too.
            None if by == Dimension::Device => format!("device {}", short(id)),
            None => id.to_owned(),
        }
    }

    /// A device's label for whoever sits here.
    pub fn device(&self, id: &str) -> String {
        if !self.devices.contains_key(id) && self.here.is_some_and(|d| d.to_string() == id) {
            return format!("this device ({})", short(id));
        }
        let label = self.named(id);
        if self.archived.contains(id) { format!("{label} (archived)") } else { label }
    }

    /// A device's name, and which one it is where several are called so: machines that were set up alike.
    pub fn named(&self, id: &str) -> String {
        let label = self.stable(Dimension::Device, id);
        if self.alike.contains(id) { format!("{label} ({})", short(id)) } else { label }
    }

    /// `DEMO · ` before a title, where the figures are made up.
    pub fn title(&self, title: &str) -> String {
        if self.demo { format!("DEMO · {title}") } else { title.to_owned() }
    }
}

/// The devices that settings say something of.
pub fn devices_of(settings: &Settings) -> BTreeSet<DeviceId> {
    let paths = settings.all().filter_map(|(path, _)| path.as_str().strip_prefix("device/")?.split_once('/'));
    paths.filter_map(|(id, _)| DeviceId::parse(id)).collect()
}

/// The end of a UUIDv7 is random, its beginning is a time that devices of one day share.
pub fn short(id: &str) -> &str {
    id.get(id.len().saturating_sub(8)..).unwrap_or(id)
}
