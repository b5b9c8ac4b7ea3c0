-- Limits of keys that jobs name, and lines by group and limits.
-- is_set: the rule is the key's own (0: the row keeps what was spent, or a pause). A key that ends in * is the rule of all that begin
-- so. 0 in concurrency or rate: no bound. full_at_us: unix microseconds.
CREATE TABLE limit_key (
  tenant INTEGER NOT NULL,
  key TEXT NOT NULL,
  is_set INTEGER NOT NULL,
  concurrency INTEGER NOT NULL,
  rate INTEGER NOT NULL,
  period_ms INTEGER NOT NULL,
  burst INTEGER NOT NULL,
  full_at_us INTEGER NOT NULL,
  paused_until INTEGER NOT NULL,
  PRIMARY KEY (tenant, key)
) WITHOUT ROWID;

-- The slots: one for each lease of a job that names limits. It comes and goes with the lease, in one transaction.
CREATE TABLE slot (
  job INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL,
  limits TEXT NOT NULL
);

-- The lines of jobs that name a group or limits go when they are empty. '' = none.
ALTER TABLE line RENAME TO old_line;

CREATE TABLE line (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  fair_group TEXT NOT NULL,
  limits TEXT NOT NULL,
  queued INTEGER NOT NULL,
  UNIQUE (queue, kind, priority, fair_group, limits)
);

INSERT INTO line (id, queue, kind, priority, fair_group, limits, queued)
SELECT id, queue, kind, priority, '', '', queued FROM old_line;
DROP TABLE old_line;
