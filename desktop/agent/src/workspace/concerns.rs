//! What keeps this device's figures from being everybody's: chunks that are missing here, chunks that are here and don't count, and that
//! it was revoked.

use std::collections::BTreeMap;

use aimon_core::accounts::Accounts;
use aimon_core::ids::DeviceId;
use aimon_replica::Replica;
use aimon_replica::link::LinkError;

use crate::accounts::past::Past;
use crate::error::Result;
use crate::render::labels::{Labels, short};
use crate::render::number::count;
use crate::render::text::name;
use crate::{note, output};

/// As far as this process can know.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Concerns {
    /// Whether this device is in a workspace that it was taken out of, and has heard so.
    pub is_revoked: bool,
    /// How many chunks of each device are withheld; `None` where that can't be known.
    pub withheld: Option<BTreeMap<DeviceId, u64>>,
    /// How many chunks of each revoked device are here, and don't count; `None` where that can't be known.
    pub aside: Option<BTreeMap<DeviceId, u64>>,
    /// Accounts that this device asks for, whose past is not all fetched yet.
    pub past: Past,
    /// How many files of the shared folder are damaged that hold what is lacking here, and that nothing else tells of.
    pub damaged_files: u64,
}

impl Concerns {
    /// Those of a replica; without a workspace it has no others to differ from.
    ///
    /// # Errors
    /// The replica's own.
    pub async fn of(replica: &mut Replica) -> Result<Self> {
        let past = unfetched(replica).await?;
        if replica.workspace().is_none() {
            return Ok(Self { past, ..Self::default() });
        }
        Ok(Self {
            past,
            is_revoked: !replica.is_member().await?,
            withheld: replica.withheld().await?,
            aside: replica.chunks_aside().await?,
            damaged_files: replica.damaged_files().await?,
        })
    }

    /// What is missing here, and of whom: `3 chunks of desktop and 1 damaged file of the shared folder are missing here`. `None` where
    /// nothing is, as far as is known.
    pub fn missing(&self, labels: &Labels) -> Option<String> {
        let withheld = self.withheld.iter().flatten();
        let mut parts: Vec<String> = withheld
            .clone()
            .map(|(device, chunks)| format!("{} of {}", count(*chunks, "chunk"), of(*device, labels)))
            .collect();
        if self.damaged_files > 0 {
            let files = if self.damaged_files == 1 { "file" } else { "files" };
            parts.push(format!("what {} damaged {files} of the shared folder should hold", self.damaged_files));
        }
        let last = parts.pop()?;
        let is_one =
            parts.is_empty() && (withheld.map(|(_, chunks)| *chunks).sum::<u64>() == 1 || self.damaged_files > 0);
        let all = if parts.is_empty() { last } else { format!("{} and {last}", parts.join(", ")) };
        Some(format!("{all} {} missing here", if is_one { "is" } else { "are" }))
    }

    /// What is set aside, a line for each device: `4 chunks of desktop are set aside: …`.
    pub fn set_aside(&self, labels: &Labels) -> Vec<String> {
        let line = |(device, chunks): (&DeviceId, &u64)| {
            let (are, them) = if *chunks == 1 { ("is", "it count") } else { ("are", "them count") };
            format!(
                "{} of {} {are} set aside: `aimon device vouch {}` lets {them}",
                count(*chunks, "chunk"),
                of(*device, labels),
                word(*device, labels)
            )
        };
        self.aside.iter().flatten().map(line).collect()
    }

    /// Says all of it beside figures, which may be without what it is about.
    pub fn tell(&self, labels: &Labels) {
        if self.is_revoked {
            output::note(&revoked());
        }
        if let Some(missing) = self.missing(labels) {
            output::note(&format!("{missing}; see `aimon doctor`"));
        }
        self.set_aside(labels).iter().chain(&self.past.lines()).for_each(|line| output::note(line));
    }
}

/// What is not fetched yet of the accounts that this device asks for.
async fn unfetched(replica: &mut Replica) -> Result<Past> {
    let past = note::read::<Past>(replica).await?;
    if past == Past::default() {
        return Ok(past);
    }
    let (accounts, device) = (Accounts::of(&super::settings(replica).await?), replica.device());
    let is_asked = |id: &str| accounts.all().any(|one| one.id.name().as_str() == id && one.keys.contains_key(&device));
    Ok(past.among(is_asked))
}

/// What is said where somebody looks, on a device that was taken out.
pub fn revoked() -> String {
    let why = LinkError::Revoked;
    format!("{why} ({}): what it records stays here; {}", why.code(), why.help())
}

/// A device in a sentence.
fn of(device: DeviceId, labels: &Labels) -> String {
    name(&labels.named(&device.to_string()))
}

/// A device as a command takes it: its name, or its tag where that would have to be quoted, or is another one's too.
fn word(device: DeviceId, labels: &Labels) -> String {
    let id = device.to_string();
    let is_plain = |name: &&String| {
        !labels.alike.contains(&id)
            && !name.starts_with('-')
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    labels.devices.get(&id).filter(is_plain).cloned().unwrap_or_else(|| short(&id).to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_missing_is_said_by_whose_it_is() {
        let (a, b) = (DeviceId([1; 16]), DeviceId([2; 16]));
        let mut labels = Labels::default();
        labels.devices.insert(a.to_string(), "desktop".to_owned());
        let said = |withheld: &[(DeviceId, u64)], damaged_files| {
            let withheld = Some(withheld.iter().copied().collect());
            Concerns { withheld, damaged_files, ..Concerns::default() }.missing(&labels)
        };
        assert_eq!(said(&[], 0), None);
        assert_eq!(said(&[(a, 1)], 0).unwrap(), "1 chunk of desktop is missing here");
        assert_eq!(
            said(&[(a, 3), (b, 1)], 1).unwrap(),
            "3 chunks of desktop, 1 chunk of device 02020202 and what 1 damaged file of the shared folder should hold are missing here"
        );
        assert_eq!(said(&[], 2).unwrap(), "what 2 damaged files of the shared folder should hold is missing here");
    }

    #[test]
    fn the_command_that_lets_chunks_count_can_be_typed() {
        let (a, b) = (DeviceId([1; 16]), DeviceId([2; 16]));
        let mut labels = Labels::default();
        labels.devices.insert(a.to_string(), "desktop".to_owned());
        labels.devices.insert(b.to_string(), "my desk".to_owned());
        let concerns = Concerns { aside: Some([(a, 4), (b, 1)].into()), ..Concerns::default() };
        assert_eq!(
            concerns.set_aside(&labels),
            [
                "4 chunks of desktop are set aside: `aimon device vouch desktop` lets them count",
                "1 chunk of my desk is set aside: `aimon device vouch 02020202` lets it count"
            ]
        );
    }
}
