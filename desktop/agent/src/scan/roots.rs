//! Roots of which somebody has said on this device who pays for what was read there: their calls have an owner that stands for the root.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aimon_core::ids::DeviceId;
use aimon_core::name::Name;
use aimon_replica::{Commit, Mark, Replica};
use aimon_sources::scan::Owners;
use serde::{Deserialize, Serialize};

use crate::dates;
use crate::error::Result;
use crate::note::{self, Noted};
use crate::place::Machine;
use crate::workspace::carried::Former;

/// By owner, the folder: as people read it, and for nothing else.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Roots(BTreeMap<String, String>);

impl Noted for Roots {
    const KEY: &'static str = "roots";
}

impl Roots {
    /// The folder that an owner stands for, if it is one of this device.
    pub fn path(&self, owner: &str) -> Option<&str> {
        self.0.get(owner).map(String::as_str)
    }

    async fn owners(&self, replica: &mut Replica) -> Result<Owners> {
        let former: Former = note::read(replica).await?;
        let devices: Vec<DeviceId> = std::iter::once(replica.device()).chain(former.ids()).collect();
        Ok(Owners::new(devices, self.0.keys().map(|owner| Name::from(owner.as_str())).collect()))
    }
}

/// What knows whose calls a root's are. Logs that were made up, or are another machine's, lie in no folder of this device.
pub(super) async fn owners(replica: &mut Replica, machine: &Machine) -> Result<Option<Arc<Owners>>> {
    let roots: Roots = note::read(replica).await?;
    let is_said = machine.origin.is_none() && !roots.0.is_empty();
    if is_said { Ok(Some(Arc::new(roots.owners(replica).await?))) } else { Ok(None) }
}

/// The owner that stands for a root, whether or not anybody has said anything of it.
///
/// # Errors
/// The replica's.
pub async fn owner(replica: &mut Replica, source: &str, root: &Path) -> Result<Name> {
    let roots: Roots = note::read(replica).await?;
    let known = roots.owners(replica).await?.of(source, root);
    Ok(known.unwrap_or_else(|| Owners::name(replica.device(), source, root)))
}

/// Has the calls of a source's root known by the owner that stands for it, which is returned: those that are read from here on, and those of
/// all files that are still there, which the next scan reads from their beginning.
///
/// # Errors
/// The replica's.
pub async fn know(replica: &mut Replica, source: &str, root: &Path) -> Result<Name> {
    let owner = owner(replica, source, root).await?;
    let mut roots: Roots = note::read(replica).await?;
    if roots.path(&owner).is_none() {
        let real = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        let folders: [PathBuf; 2] = [root.to_owned(), real];
        let keys = replica.mark_keys(source).await?;
        let marks = keys.into_iter().filter(|key| folders.iter().any(|folder| is_below(key, folder)));
        let marks = marks.map(|key| without(source, key)).collect();
        // The note last: whoever dies between the two says it again.
        replica.record(Commit { events: Vec::new(), marks, now: dates::now() }).await?;
        roots.0.insert(owner.to_string(), root.display().to_string());
        note::write(replica, &roots).await?;
    }
    Ok(owner)
}

/// Whether a mark is of a file below a folder.
pub(super) fn is_below(key: &[u8], folder: &Path) -> bool {
    let rest = key.strip_prefix(folder.as_os_str().as_encoded_bytes());
    rest.is_some_and(|rest| rest.first().is_some_and(|b| matches!(b, b'/' | b'\\')))
}

/// What has a file's mark forgotten.
pub(super) fn without(source: &str, key: Vec<u8>) -> Mark {
    Mark { source: Name::from(source), key, digest: 0, stamp: 0, value: None }
}
