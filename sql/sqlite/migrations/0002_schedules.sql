-- Schedules. definition: JSON as it came, read by those who know what it means. next_at: the first tick that is not decided, 0 = none.
-- due_at: when a tick of the store gives it out; 0 = never, because it is paused or over.
CREATE TABLE schedule (
  id INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL,
  name TEXT NOT NULL,
  is_paused INTEGER NOT NULL,
  version INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  last_tick INTEGER NOT NULL,
  last_job INTEGER NOT NULL,
  last_random INTEGER NOT NULL,
  fired INTEGER NOT NULL,
  dropped INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  definition TEXT NOT NULL,
  UNIQUE (tenant, name)
);

CREATE INDEX schedule_due ON schedule (due_at) WHERE due_at > 0;
