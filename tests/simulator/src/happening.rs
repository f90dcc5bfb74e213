//! What is really seen to happen in a world: a theme that a plan has and that never comes about proves nothing.

/// Something that worlds are there for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Happening {
    /// A device misses a chunk that the relay hides from it, and knows.
    ChunkWithheld,
    /// The same of a folder.
    ChunkWithheldInFolder,
    /// A revoke was kept from a device that others have heard.
    RevokeHidden,
    /// A rotate.
    RotateHidden,
    /// An admit.
    AdmitHidden,
    /// A purge.
    PurgeHidden,
    /// Any statement, in a folder.
    StatementHiddenInFolder,
    /// A call is held in copies of several sizes.
    CallGrown,
    /// A note has raised an answer.
    NoteRaises,
    /// A note's answer is not held.
    NoteAlone,
    /// A note came before its answer.
    NoteFirst,
    /// A note is out of its answer's reach.
    NoteLate,
    /// A call in the first or the last millisecond of a day, recorded within one of midnight.
    RecordedAtMidnight,
    /// A segment was sealed within a millisecond of its day's end.
    SealedAtMidnight,
    /// A call was recorded on the first day that is kept.
    FirstKeptDay,
    /// A call of the 180th day has expired.
    LastDayExpired,
    /// A device was away for a month, and came back to a purge of what it holds.
    PurgedWhileAway,
    /// The same in a folder.
    PurgedWhileAwayInFolder,
    /// Two purges of one day, neither of which follows the other.
    TwoPurges,
    /// A snapshot was written by who had not heard of a purge of it.
    PurgeBesideSeal,
    /// Both of two clones have set one path, with one counter.
    SetByTwoClones,
    /// A device has joined with what a third one had told it.
    ThirdPast,
    /// A revoke lists a snapshot, and another one its parts.
    ListedApart,
    /// A snapshot covers what it does not contain, and somebody has written that anew.
    LieRescued,
    /// A device whose clock is years ahead has come to talk.
    YearsAhead,
    /// A device whose clock is a day off has.
    DayOff,
    /// Settings were sealed.
    SettingsSealed,
}

impl Happening {
    /// All of it.
    pub const ALL: [Self; 27] = [
        Self::ChunkWithheld,
        Self::ChunkWithheldInFolder,
        Self::RevokeHidden,
        Self::RotateHidden,
        Self::AdmitHidden,
        Self::PurgeHidden,
        Self::StatementHiddenInFolder,
        Self::CallGrown,
        Self::NoteRaises,
        Self::NoteAlone,
        Self::NoteFirst,
        Self::NoteLate,
        Self::RecordedAtMidnight,
        Self::SealedAtMidnight,
        Self::FirstKeptDay,
        Self::LastDayExpired,
        Self::PurgedWhileAway,
        Self::PurgedWhileAwayInFolder,
        Self::TwoPurges,
        Self::PurgeBesideSeal,
        Self::SetByTwoClones,
        Self::ThirdPast,
        Self::ListedApart,
        Self::LieRescued,
        Self::YearsAhead,
        Self::DayOff,
        Self::SettingsSealed,
    ];
}
