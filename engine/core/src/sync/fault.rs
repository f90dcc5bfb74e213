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
    /// Drops what was refused.
    DropRefused,
    /// Offers chunks that it then forgets to write.
    SendBeforeDurable,
    /// Gives a new device the newest key only, and never another.
    LoseARotation,
    /// Leaves the queue when a relay says `covered`, without the snapshot.
    BelieveCovered,
    /// Does not notice that a chunk is withheld.
    OverlookWithheld,
    /// Writes under a purge that it can't read.
    ObeyUnread,
    /// Writes anew, of a call that was recorded again with more tokens, the copy that it meets first.
    KeepTheFirst,
    /// Lets be what a relay refuses of what repair has offered.
    OfferOnce,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::TrustTheCursor,
        Self::CoverUnseen,
        Self::KeepTheWriter,
        Self::SkipMembership,
        Self::CountUnlisted,
        Self::ForgetSetAside,
        Self::Resurrect,
        Self::ExpireByClock,
        Self::DropRefused,
        Self::SendBeforeDurable,
        Self::LoseARotation,
        Self::BelieveCovered,
        Self::OverlookWithheld,
        Self::ObeyUnread,
        Self::KeepTheFirst,
        Self::OfferOnce,
    ];
}
