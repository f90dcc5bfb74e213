//! The demo's data folder: made-up logs of made-up machines, apart from everything real.

use std::collections::BTreeMap;
use std::path::Path;

use aimon_core::ids::DeviceId;
use aimon_sources::collector::{Env, Os};
use serde::{Deserialize, Serialize};

use crate::place::Machine;

/// The file that makes a folder the demo's.
pub const FILE: &str = "demo.json";
/// Where its machines' homes lie.
pub const MACHINES: &str = "machines";

/// What the file says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Demo {
    /// The last day that its logs hold; another day makes them anew.
    pub day: String,
    /// Its machines: name and device.
    pub machines: BTreeMap<String, String>,
}

/// Whether a folder is the demo's.
pub fn is_demo(home: &Path) -> bool {
    home.join(FILE).exists()
}

impl Demo {
    /// What makes this folder a demo's, if it is one. A file that can't be read still makes it one:
    /// what is made up is never taken for real.
    pub fn of(home: &Path) -> Option<Self> {
        if !is_demo(home) {
            return None;
        }
        let text = std::fs::read(home.join(FILE)).unwrap_or_default();
        Some(serde_json::from_slice(&text).unwrap_or_default())
    }

    /// Its machines, each in a home of its own.
    pub fn machines(&self, home: &Path) -> Vec<Machine> {
        self.machines
            .iter()
            .map(|(name, device)| Machine {
                env: Env::at(home.join(MACHINES).join(name), Os::Linux),
                origin: DeviceId::parse(device),
            })
            .collect()
    }

    /// Names of its machines, by their devices' ids.
    pub fn names(&self) -> BTreeMap<String, String> {
        self.machines.iter().map(|(name, device)| (device.clone(), name.clone())).collect()
    }
}
