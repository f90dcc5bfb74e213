use crate::name::Name;

/// What the workspace's devices agree on: a value at a path, such as a device's name. Of one path the entry with the
/// greatest (counter, batch hash) stands: [`crate::settings`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// What it is about: words with slashes between them, `device/018f6a54-7b0e-7c3e-9d2e-3f8a6b1c2d4e/name`.
    pub path: Name,
    /// What it says; `None` where the value was removed.
    pub value: Option<Name>,
    /// One more than the greatest that its writer had seen; 0 for what a device brings when it joins.
    pub counter: u64,
}
