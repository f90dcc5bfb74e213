//! Faults that a test plants, each of which the simulator has to find: a simulator that finds none proves nothing.

/// What a device does wrong, on purpose.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fault {
    /// Never compares sums: what the cursor has passed is taken to be held.
    TrustTheCursor,
    /// Drops what a snapshot covers without looking whether it is contained.
    CoverUnseen,
    /// Goes on as the same writer after it has met its clone.
    KeepTheWriter,
    /// Takes chunks of whoever signs them.
    SkipMembership,
    /// Lets a revoked device's unlisted chunks count.
    CountUnlisted,
    /// Drops what is set aside.
    ForgetSetAside,
    /// Takes chunks of purged or expired days in again.
    Resurrect,
    /// Lets days expire by its own clock alone.
    ExpireByClock,
    /// Forgets what was refused.
    ForgetRefused,
    /// Offers chunks that it then forgets to write.
    SendBeforeDurable,
    /// Gives a new device the newest key only, and never another.
    LoseARotation,
    /// Leaves the queue when a relay says `covered`, without the snapshot.
    BelieveCovered,
}
