//! Whose calls are those of a root, where its logs state no owner and somebody has said who pays for that root.

use std::collections::BTreeSet;
use std::path::Path;

use aimon_core::accounts::owner_of_root;
use aimon_core::ids::DeviceId;
use aimon_core::name::Name;

use super::walk;

/// The roots of which that was said, by the owner that stands for each.
#[derive(Clone, Debug)]
pub struct Owners {
    devices: Vec<DeviceId>,
    known: BTreeSet<Name>,
}

impl Owners {
    /// Of this device, by all ids that it has had: a root keeps the owner that it was given.
    pub fn new(devices: Vec<DeviceId>, known: BTreeSet<Name>) -> Self {
        Self { devices, known }
    }

    /// The owner that stands for a root, whether or not anybody has said anything of it.
    pub fn name(device: DeviceId, source: &str, root: &Path) -> Name {
        owner_of_root(device, source, walk::key(root))
    }

    /// The owner of a root's calls.
    pub fn of(&self, source: &str, root: &Path) -> Option<Name> {
        let mut owners = self.devices.iter().map(|device| Self::name(*device, source, root));
        owners.find(|owner| self.known.contains(owner))
    }
}
