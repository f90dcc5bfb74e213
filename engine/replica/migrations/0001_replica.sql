-- What cannot be made again: who this replica is, its changes, and how far logs were read.
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- One row is one Automerge change (a batch), or a saved document of a finished segment.
-- AUTOINCREMENT: a number is never given twice, so that the derived tables know what is new.
CREATE TABLE changes (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    device BLOB NOT NULL,
    day    INTEGER NOT NULL,
    part   INTEGER NOT NULL,
    bytes  BLOB NOT NULL
);
CREATE INDEX changes_by_day ON changes (day);

-- Rows of changes that cannot be read, kept as they were found.
CREATE TABLE quarantine (
    seq    INTEGER PRIMARY KEY,
    device BLOB NOT NULL,
    day    INTEGER NOT NULL,
    part   INTEGER NOT NULL,
    bytes  BLOB NOT NULL,
    reason TEXT NOT NULL
);

-- Of each log file: whatever its collector needs to go on. Opaque here. `digest` tells keys apart, and
-- `stamp` whether a log has changed: both stand in an index of their own, so that a scan that finds
-- nothing new reads a few bytes a file.
CREATE TABLE marks (
    source TEXT NOT NULL,
    key    BLOB NOT NULL,
    digest INTEGER NOT NULL,
    stamp  INTEGER NOT NULL,
    value  BLOB NOT NULL,
    PRIMARY KEY (source, key)
) WITHOUT ROWID;
CREATE INDEX marks_stamps ON marks (source, digest, stamp);

-- Derived: can be thrown away and made again from the changes (`aimon doctor --rebuild`).
CREATE TABLE derived (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE cells (day INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
-- The same by hour, 32 days a row: a report of half a year reads a handful of rows.
CREATE TABLE hours (span INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE pages (page INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE crossing (message BLOB NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (message, day)) WITHOUT ROWID;
CREATE INDEX crossing_by_day ON crossing (day);

PRAGMA user_version = 1;
