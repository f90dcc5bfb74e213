-- Derived: what counts of the answers of a UTC day, as core's DayReadings encodes it.
CREATE TABLE readings (day INTEGER PRIMARY KEY, bytes BLOB NOT NULL);

PRAGMA user_version = 3;
