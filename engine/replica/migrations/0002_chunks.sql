-- A row is a change or a saved document, as plaintext until there is a workspace, or it is a chunk as it travels: header,
-- ciphertext and signature, in that order, so that what stands before the ciphertext is read without its overflow pages.
CREATE TABLE changes_2 (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    id        BLOB,                             -- a chunk's; without one the row is plaintext
    device    BLOB NOT NULL,
    day       INTEGER,                          -- settings have none
    part      INTEGER NOT NULL,
    kind      INTEGER,                          -- a chunk's
    counts    INTEGER NOT NULL DEFAULT 1,       -- 0: set aside, a revoked device's that nobody has listed
    broken    TEXT,                             -- why nobody can read what its author wrote
    header    BLOB,
    bytes     BLOB NOT NULL,                    -- plaintext, or a chunk's ciphertext
    signature BLOB
);
INSERT INTO changes_2 (seq, device, day, part, bytes) SELECT seq, device, day, part, bytes FROM changes ORDER BY seq;
-- Numbers that were given are never given again, also those of rows that have gone.
DELETE FROM sqlite_sequence WHERE name = 'changes_2';
INSERT INTO sqlite_sequence (name, seq) SELECT 'changes_2', seq FROM sqlite_sequence WHERE name = 'changes';
DROP TABLE changes;
ALTER TABLE changes_2 RENAME TO changes;
CREATE UNIQUE INDEX changes_by_id ON changes (id) WHERE id IS NOT NULL;
CREATE INDEX changes_by_day ON changes (day, counts);

-- What is not what was written, as it was found.
CREATE TABLE quarantine_2 (
    seq       INTEGER PRIMARY KEY,
    id        BLOB,
    device    BLOB NOT NULL,
    day       INTEGER,
    part      INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    header    BLOB,
    bytes     BLOB NOT NULL,
    signature BLOB
);
INSERT INTO quarantine_2 (seq, device, day, part, reason, bytes) SELECT seq, device, day, part, reason, bytes FROM quarantine;
DROP TABLE quarantine;
ALTER TABLE quarantine_2 RENAME TO quarantine;

-- The membership set, each statement behind those that it follows.
CREATE TABLE statements (n INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL);

-- Chunks that no relay has acknowledged, oldest first, since when (ms since 1970), and why one was refused, and when.
CREATE TABLE queue (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    id         BLOB NOT NULL UNIQUE,
    since      INTEGER NOT NULL,
    refused    TEXT,
    refused_at INTEGER
);

-- Derived: rows that the derived tables have gone past and do not hold: those whose key is not held, and those without a key
-- that are to be taken in next.
CREATE TABLE waiting (seq INTEGER PRIMARY KEY, key BLOB);

PRAGMA user_version = 2;
