//! What was said of this device by its id, under the id that it has from now on: whoever joins a workspace becomes another device there.

use std::collections::BTreeSet;

use aimon_core::ids::DeviceId;
use aimon_core::name::Name;
use aimon_core::settings::Settings;
use aimon_replica::Replica;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::note::{self, Noted};

/// What a device says of itself begins with this: its name is given anew.
const OF_ITSELF: &str = "device/";

/// The ids that this device had before.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Former(BTreeSet<String>);

impl Noted for Former {
    const KEY: &'static str = "former";
}

impl Former {
    /// They.
    pub fn ids(&self) -> impl Iterator<Item = DeviceId> {
        self.0.iter().filter_map(|id| DeviceId::parse(id))
    }
}

/// Carries what was said of a device over to the id that it has now: the accounts that it asks for, and who pays for its calls.
///
/// # Errors
/// The replica's.
pub async fn carry(replica: &mut Replica, before: DeviceId) -> Result<()> {
    let mut former: Former = note::read(replica).await?;
    former.0.insert(before.to_string());
    note::write(replica, &former).await?;
    let entries = carried(&super::settings(replica).await?, before, replica.device());
    if entries.is_empty() { Ok(()) } else { super::set(replica, entries).await }
}

fn carried(settings: &Settings, before: DeviceId, now: DeviceId) -> Vec<(Name, Option<String>)> {
    let (before, now) = (before.to_string(), now.to_string());
    let is_of_it = |path: &&Name| !path.starts_with(OF_ITSELF) && path.split('/').any(|part| part == before);
    let all = settings.all().filter(|(path, _)| is_of_it(path));
    let entry = |(path, value): (&Name, &Name)| {
        let part = |part| if part == before { now.as_str() } else { part };
        let new: String = path.split('/').map(part).collect::<Vec<_>>().join("/");
        [(Name::from(new), Some(value.to_string())), (path.clone(), None)]
    };
    all.flat_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use aimon_core::batch::{Batch, BatchHash};
    use aimon_core::event::Event;

    use super::*;

    #[test]
    fn what_is_said_of_a_device_goes_with_it() {
        let [old, new, other] = [1, 2, 3].map(|n| DeviceId([n; 16]));
        let mut settings = Settings::default();
        let of = |device: DeviceId| {
            [
                (format!("account/openai/org/key/{device}"), "print"),
                (format!("coverage/codex/device/{device}/2026-11-01"), "openai/org"),
                (format!("device/{device}/name"), "laptop"),
            ]
        };
        for (path, value) in of(old).into_iter().chain(of(other)) {
            let batch = Batch::new([Event::Setting(settings.entry(path, Some(value.into())))]);
            settings.add(BatchHash::of(&batch.encode()), &batch);
        }
        let expected = of(old).into_iter().zip(of(new)).take(2).flat_map(|((gone, _), (path, value))| {
            [(Name::from(path), Some(value.to_owned())), (Name::from(gone), None)]
        });
        assert_eq!(carried(&settings, old, new), expected.collect::<Vec<_>>());
        assert_eq!(carried(&settings, new, old), []);
    }
}
