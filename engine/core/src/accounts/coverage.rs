//! Coverage: who pays for what a source's logs tell of, from a day on. A covered call explains its account's figure, and is not added
//! to it. What is said of one device's calls, or of one owner's, goes before what is said of all.
//!
//! ```text
//! coverage/claude-code/2026-11-01                                                   subscription
//! coverage/codex/2026-09-14                                                         openai/org-4fT…
//! coverage/codex/device/018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4e/2026-09-14              subscription
//! coverage/claude-code/owner/7d5c…/2026-11-01                                        subscription     of whom the log says so
//! coverage/claude-code/owner/-/2026-11-01                                            anthropic/org…   of whom it says nothing
//! coverage/claude-code/owner/root:9f0c…/2026-11-01                                   anthropic/org…   the same, and read in this folder
//! ```

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::civil::Date;

use super::AccountId;
use crate::ids::DeviceId;
use crate::name::Name;
use crate::settings::Settings;
use crate::time::UtcDay;

const PREFIX: &str = "coverage/";
const SUBSCRIPTION: &str = "subscription";

/// From such a day on nobody says who pays.
const NOBODY: &str = "nobody";

/// An owner where the log states none.
const UNSTATED: &str = "-";

/// How an owner begins that stands for a root.
const ROOT: &str = "root:";

/// The owner of calls that a device has read in one root of a source and whose log states none: eight bytes of BLAKE3, so that the
/// folder's name stays on the device. `path` is the folder's, as the system has it.
pub fn owner_of_root(device: DeviceId, source: &str, path: &[u8]) -> Name {
    let mut hasher = blake3::Hasher::new_derive_key("aimon/v1/owner of a root");
    for part in [&device.0[..], source.as_bytes(), path] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut hash = [0; 8];
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    format!("{ROOT}{:016x}", u64::from_be_bytes(hash)).into()
}

/// An owner, if it is one that a log states and not one that stands for a root.
pub fn stated(owner: Option<&Name>) -> Option<&Name> {
    owner.filter(|owner| !owner.starts_with(ROOT))
}

/// Who pays.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Payer {
    /// An account, whose own figures count where they are settled.
    Account(AccountId),
    /// A subscription: no account has the calls.
    Subscription,
}

impl Payer {
    /// As the settings have it.
    pub fn text(&self) -> &str {
        match self {
            Self::Account(id) => id.name(),
            Self::Subscription => SUBSCRIPTION,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            SUBSCRIPTION => Some(Self::Subscription),
            _ => AccountId::parse(text).map(Self::Account),
        }
    }
}

/// Which calls: a source's, and of these one device's, or one owner's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Covered {
    /// The source.
    pub source: Name,
    /// Who observed them.
    pub device: Option<DeviceId>,
    /// Whose they are as the log states it, or in which root they were read; empty where nothing is known.
    pub owner: Option<Name>,
}

impl Covered {
    /// All of a source's.
    pub fn all_of(source: &str) -> Self {
        Self { source: source.into(), device: None, owner: None }
    }

    fn text(&self) -> String {
        let mut text = self.source.to_string();
        if let Some(device) = self.device {
            text.push_str(&format!("/device/{device}"));
        }
        if let Some(owner) = &self.owner {
            text.push_str(&format!("/owner/{}", if owner.is_empty() { UNSTATED } else { owner }));
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let (source, mut rest) = text.split_once('/').unwrap_or((text, ""));
        let mut covered = Self::all_of(source);
        if let Some(of_device) = rest.strip_prefix("device/") {
            let (device, behind) = of_device.split_once('/').unwrap_or((of_device, ""));
            covered.device = Some(DeviceId::parse(device)?);
            rest = behind;
        }
        match rest.strip_prefix("owner/") {
            Some(UNSTATED) => covered.owner = Some(Name::default()),
            Some(owner) if !owner.is_empty() => covered.owner = Some(owner.into()),
            None if rest.is_empty() => {}
            _ => return None,
        }
        Some(covered)
    }
}

/// Who pays for which calls, from which UTC day on.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Coverage {
    /// `None`: from that day on it is not said any more.
    from: BTreeMap<Covered, BTreeMap<UtcDay, Option<Payer>>>,
}

impl Coverage {
    /// Nothing was said.
    pub const NONE: Self = Self { from: BTreeMap::new() };

    /// Of the settings.
    pub fn of(settings: &Settings) -> Self {
        let mut from: BTreeMap<Covered, BTreeMap<UtcDay, Option<Payer>>> = BTreeMap::new();
        for (path, value) in settings.all() {
            let Some((which, day)) = path.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('/')) else { continue };
            let (Some(covered), Ok(day)) = (Covered::parse(which), Date::from_str(day)) else { continue };
            let payer = Payer::parse(value);
            if payer.is_none() && value.as_str() != NOBODY {
                continue;
            }
            from.entry(covered).or_default().insert(UtcDay::of(day), payer);
        }
        Self { from }
    }

    /// The path that says who pays for calls from a day on.
    pub fn path(covered: &Covered, from: UtcDay) -> Name {
        format!("{PREFIX}{}/{from}", covered.text()).into()
    }

    /// Who pays for a source's calls of a day, as far as anybody has said: what is said of their owner goes before what is said of
    /// their device, and both before what is said of all. Calls of a root have no stated owner: what is said of such calls is said of them,
    /// too, after what is said of the root.
    pub fn payer(&self, source: &Name, device: DeviceId, owner: Option<&Name>, day: UtcDay) -> Option<&Payer> {
        self.decides(source, device, owner, day).map(|(.., payer)| payer)
    }

    /// What decides it: of which calls it was said, from which day on, and who pays.
    pub fn decides(
        &self,
        source: &Name,
        device: DeviceId,
        owner: Option<&Name>,
        day: UtcDay,
    ) -> Option<(&Covered, UtcDay, &Payer)> {
        if self.from.is_empty() {
            return None;
        }
        let unstated = stated(owner).is_none().then(Name::default);
        let owners = owner.cloned().map(Some).into_iter().chain(unstated.map(Some)).chain([None]);
        let mut narrower = owners.flat_map(|owner| [(Some(device), owner.clone()), (None, owner)]);
        narrower.find_map(|(device, owner)| {
            let (covered, days) = self.from.get_key_value(&Covered { source: source.clone(), device, owner })?;
            let (day, payer) = days.range(..=day).next_back()?;
            Some((covered, *day, payer.as_ref()?))
        })
    }

    /// All that was said: of which calls, from which day on, who pays; `None` where that is not said any more.
    pub fn all(&self) -> impl Iterator<Item = (&Covered, UtcDay, Option<&Payer>)> {
        self.from
            .iter()
            .flat_map(|(covered, days)| days.iter().map(move |(day, payer)| (covered, *day, payer.as_ref())))
    }

    /// How the settings have it that somebody pays; `None`: that it is not said any more.
    pub fn value(payer: Option<&Payer>) -> &str {
        payer.map_or(NOBODY, Payer::text)
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.from.is_empty()
    }
}
