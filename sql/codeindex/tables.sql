-- The code index: one file per repository, ref and commit; written once, then only read. Words (kinds, states) are texts,
-- so that the file explains itself to whoever opens it. A symbol's id is file_id * 2^20 + its place in the file, and files
-- are numbered in order of path: the same input gives the same rows, whoever wrote them and in which order.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value
) WITHOUT ROWID;

CREATE TABLE file (
    id           INTEGER PRIMARY KEY,
    path         TEXT NOT NULL,
    blob         BLOB,             -- git's id of the content
    lang         TEXT,
    bytes        INTEGER NOT NULL,
    lines        INTEGER NOT NULL,
    status       TEXT NOT NULL,    -- ok, partial, skipped, failed
    reason       TEXT,             -- why it was skipped or failed
    is_test      INTEGER NOT NULL,
    is_latin1    INTEGER NOT NULL,
    is_cut       INTEGER NOT NULL, -- over a limit: something at its end is missing
    symbol_count INTEGER NOT NULL,
    error_count  INTEGER NOT NULL
);

CREATE TABLE symbol (
    id        INTEGER PRIMARY KEY,
    file_id   INTEGER NOT NULL,
    parent_id INTEGER,
    kind      TEXT NOT NULL,
    flags     INTEGER NOT NULL,    -- code.h: exported 1, default 2, async 4, static 8, abstract 16, overload 32, ...
    line      INTEGER NOT NULL,
    col       INTEGER NOT NULL,
    end_line  INTEGER NOT NULL,
    name      TEXT NOT NULL,
    scope     TEXT,                -- qualified name of the parent
    initials  TEXT,                -- of a name of several words: getUserName = gun
    signature TEXT,
    doc       TEXT
);

CREATE TABLE ref (
    id         INTEGER PRIMARY KEY,
    file_id    INTEGER NOT NULL,
    line       INTEGER NOT NULL,
    col        INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    symbol_id  INTEGER,
    confidence TEXT NOT NULL       -- exact, scoped, name
);

CREATE TABLE import (
    file_id   INTEGER NOT NULL,
    n         INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    specifier TEXT NOT NULL,
    names     TEXT,
    line      INTEGER NOT NULL,
    col       INTEGER NOT NULL,
    class     TEXT NOT NULL,       -- internal, asset, external, unresolved, computed
    target_id INTEGER,             -- the file, when internal or asset
    package   TEXT,                -- when external
    PRIMARY KEY (file_id, n)
) WITHOUT ROWID;

CREATE TABLE cycle (
    cycle_id INTEGER NOT NULL,
    file_id  INTEGER NOT NULL,
    PRIMARY KEY (cycle_id, file_id)
) WITHOUT ROWID;

CREATE TABLE file_error (
    file_id  INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    line     INTEGER NOT NULL,
    end_line INTEGER NOT NULL,
    PRIMARY KEY (file_id, n)
) WITHOUT ROWID;
