-- Jobs that hang under another. What nearly all jobs do not have stands beside them: flags of the row (store/rules/row.h) say
-- whether there is anything to look up here.

-- failed: 1 while the job is in state failed, so that those are found among many.
CREATE TABLE kin (
  job INTEGER PRIMARY KEY,
  parent INTEGER NOT NULL,
  parent_random INTEGER NOT NULL,
  root INTEGER NOT NULL,
  root_random INTEGER NOT NULL,
  failed INTEGER NOT NULL
);

CREATE INDEX kin_parent ON kin (parent, job);
CREATE INDEX kin_failed ON kin (parent, job) WHERE failed = 1;

-- Of the jobs that hang, or hung, under a job: how many are not final, and how many ended how. Maintained, never counted.
CREATE TABLE tally (
  owner INTEGER PRIMARY KEY,
  open INTEGER NOT NULL,
  completed INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  cancelled INTEGER NOT NULL,
  skipped INTEGER NOT NULL
);

-- What the next tick has to see to: store/rules/keeper.h. since: of a cancel, the last child that it has seen.
CREATE TABLE note (
  id INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL,
  job INTEGER NOT NULL,
  random INTEGER NOT NULL,
  what INTEGER NOT NULL,
  since INTEGER NOT NULL
);

CREATE INDEX note_what ON note (what, id);
