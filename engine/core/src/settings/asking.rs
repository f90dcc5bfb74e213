//! Which devices ask for the windows of a source's subscription. None does unless somebody has said so of it.
//!
//! ```text
//! ask/claude-code/018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4e    on
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::Settings;
use crate::ids::DeviceId;
use crate::name::Name;

const PREFIX: &str = "ask/";

/// What says that it is so; any other value is a newer version's, and says nothing.
const ON: &str = "on";

/// The devices that ask, by source.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Asking(BTreeMap<Name, BTreeSet<DeviceId>>);

impl Asking {
    /// Of the settings.
    pub fn of(settings: &Settings) -> Self {
        let mut all: BTreeMap<Name, BTreeSet<DeviceId>> = BTreeMap::new();
        for (path, _) in settings.all().filter(|(_, value)| value.as_str() == ON) {
            let Some((source, device)) = path.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/')) else {
                continue;
            };
            let Some(device) = DeviceId::parse(device) else { continue };
            all.entry(source.into()).or_default().insert(device);
        }
        Self(all)
    }

    /// The entry that says of a device whether it asks: a path, and its value.
    pub fn entry(source: &str, device: DeviceId, does: bool) -> (Name, Option<String>) {
        (format!("{PREFIX}{source}/{device}").into(), does.then(|| ON.to_owned()))
    }

    /// The devices that ask for a source's.
    pub fn devices(&self, source: &str) -> impl Iterator<Item = DeviceId> {
        self.0.get(source).into_iter().flatten().copied()
    }

    /// Whether a device does.
    pub fn does(&self, source: &str, device: DeviceId) -> bool {
        self.devices(source).any(|one| one == device)
    }

    /// Whether a device asks for any.
    pub fn does_any(&self, device: DeviceId) -> bool {
        self.0.values().any(|devices| devices.contains(&device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, BatchHash};
    use crate::event::{Event, Setting};

    const A: DeviceId = DeviceId([1; 16]);
    const B: DeviceId = DeviceId([2; 16]);

    fn of(entries: &[(Name, Option<String>)]) -> Asking {
        let mut settings = Settings::default();
        for (n, (path, value)) in (1..).zip(entries) {
            let entry = Setting { path: path.clone(), value: value.as_deref().map(Name::from), counter: n };
            let batch = Batch::new([Event::Setting(entry)]);
            settings.add(BatchHash::of(&batch.encode()), &batch);
        }
        Asking::of(&settings)
    }

    #[test]
    fn nobody_asks_unless_it_was_said_of_that_device() {
        let on = |device| Asking::entry("codex", device, true);
        assert!(!of(&[]).does_any(A));
        let asking = of(&[on(A)]);
        assert!(asking.does("codex", A) && asking.does_any(A));
        assert!(!asking.does("codex", B) && !asking.does("claude-code", A) && !asking.does_any(B));
        assert!(!of(&[on(A), Asking::entry("codex", A, false)]).does_any(A), "it was taken back");
        let odd = [
            ("ask/codex", "on"),
            ("ask/codex/nobody", "on"),
            ("ask/codex/018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4e", "off"),
        ];
        assert_eq!(of(&odd.map(|(path, value)| (path.into(), Some(value.to_owned())))), Asking::default());
    }
}
