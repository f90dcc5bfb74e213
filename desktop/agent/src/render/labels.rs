//! Names that people read instead of ids.

use std::collections::BTreeMap;

use aimon_core::history::Dimension;
use aimon_core::ids::DeviceId;

/// What this replica knows about names, and whether its figures are made up.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Whether these are the demo's figures.
    pub demo: bool,
    /// This device.
    pub here: Option<DeviceId>,
    /// Names of devices, by id.
    pub devices: BTreeMap<String, String>,
}

impl Labels {
    /// A label of a report's part that every replica gives alike: no "this device".
    pub fn stable(&self, by: Dimension, id: &str) -> String {
        match self.devices.get(id).filter(|_| by == Dimension::Device) {
            _ if id.is_empty() => "not stated".to_owned(),
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
        self.stable(Dimension::Device, id)
    }

    /// Names of devices become their ids.
    pub fn to_ids(&self, devices: &mut [String]) {
        for device in devices {
            if let Some((id, _)) = self.devices.iter().find(|(_, name)| *name == device) {
                device.clone_from(id);
            }
        }
    }

    /// `DEMO · ` before a title, where the figures are made up.
    pub fn title(&self, title: &str) -> String {
        if self.demo { format!("DEMO · {title}") } else { title.to_owned() }
    }
}

/// The end of a UUIDv7 is random, its beginning is a time that devices of one day share.
pub fn short(id: &str) -> &str {
    id.get(id.len().saturating_sub(8)..).unwrap_or(id)
}
