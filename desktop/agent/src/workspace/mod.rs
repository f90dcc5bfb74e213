//! Workspaces: what commands about them share.
//!
//! * [`begin`]: a new one's first statements.
//! * [`carried`]: what was said of a device, under the id that it gets where it joins.
//! * [`concerns`]: what keeps this device's figures from being everybody's.
//! * [`devices`]: which ones there are, and what each last said of itself.
//! * [`mailbox`]: where two devices that pair leave each other their posts.
//! * [`said`]: what a device says of itself.
//! * [`touch`]: being in touch with the relay, once or for long.
//! * [`waiting`]: what no relay has taken yet.

pub mod begin;
pub mod carried;
pub mod concerns;
pub mod devices;
pub mod mailbox;
pub mod said;
pub mod touch;
pub mod waiting;

use aimon_core::batch::Batch;
use aimon_core::crypto::Entropy;
use aimon_core::event::Event;
use aimon_core::ids::DeviceId;
use aimon_core::name::Name;
use aimon_core::settings::Settings;
use aimon_replica::link::LinkError;
use aimon_replica::{Commit, Replica};

use crate::dates;
use crate::error::{Error, Result};

/// 32 bytes from the operating system.
pub fn entropy() -> Result<Entropy> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| Error::System {
        what: "the operating system has no random bytes",
        source: std::io::Error::other(e.to_string()),
    })?;
    Ok(Entropy::new(bytes))
}

/// A new device's id.
pub fn new_device() -> Result<DeviceId> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|e| Error::System {
        what: "the operating system has no random bytes",
        source: std::io::Error::other(e.to_string()),
    })?;
    Ok(DeviceId::new(dates::now().0.max(0).unsigned_abs(), random))
}

/// What this machine calls itself.
pub fn machine_name() -> String {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    let name = name.split('.').next().unwrap_or_default().trim().to_owned();
    if name.is_empty() { "device".to_owned() } else { name }
}

/// That this device may say something for the workspace.
///
/// # Errors
/// `device-revoked` on one that was taken out, and has heard so.
pub async fn need_member(replica: &mut Replica) -> Result<()> {
    match replica.workspace().is_none() || replica.is_member().await? {
        true => Ok(()),
        false => Err(LinkError::Revoked.into()),
    }
}

/// The settings, as far as they can be read here.
pub async fn settings(replica: &mut Replica) -> Result<Settings> {
    let mut settings = Settings::default();
    for (hash, bytes) in replica.settings_batches().await? {
        // One that a newer version wrote says nothing to this one.
        if let Ok(batch) = Batch::decode(&bytes) {
            settings.add(hash, &batch);
        }
    }
    Ok(settings)
}

/// Sets some of them; `None` takes a value away.
pub async fn set<P: Into<Name>>(replica: &mut Replica, entries: Vec<(P, Option<String>)>) -> Result<()> {
    let settings = settings(replica).await?;
    let entry = |(path, value): (P, Option<String>)| Event::Setting(settings.entry(path, value.map(Name::from)));
    let events = entries.into_iter().map(entry).collect();
    replica.record(Commit { events, marks: Vec::new(), now: dates::now() }).await?;
    Ok(())
}
