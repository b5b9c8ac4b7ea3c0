-- The first shape of the store. Append-only: a change of this file is refused at start (checksum); add a new number.
-- Times are unix milliseconds. A job's id is its ordinal (base/id.h) with the random bits beside it, so that the id needs
-- no second index; created_at is in it too.

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value
) WITHOUT ROWID;

CREATE TABLE migration (
  version INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  checksum INTEGER NOT NULL,
  applied_at INTEGER NOT NULL
);

CREATE TABLE tenant (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
);

CREATE TABLE api_key (
  public_id TEXT PRIMARY KEY,
  tenant INTEGER NOT NULL,
  hash BLOB NOT NULL,
  name TEXT NOT NULL,
  last4 TEXT NOT NULL,
  scopes INTEGER NOT NULL,
  queues TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Kinds, interned: a job's row holds a small number.
CREATE TABLE word (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
);

-- Settings (-1 = our default), the pause switch, and the maintained counts: nothing ever runs COUNT(*) over jobs.
CREATE TABLE queue (
  id INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL,
  name TEXT NOT NULL,
  is_paused INTEGER NOT NULL DEFAULT 0,
  is_deleted INTEGER NOT NULL DEFAULT 0,
  lease_ms INTEGER NOT NULL DEFAULT -1,
  timeout_ms INTEGER NOT NULL DEFAULT -1,
  max_attempts INTEGER NOT NULL DEFAULT -1,
  retry_base_ms INTEGER NOT NULL DEFAULT -1,
  priority INTEGER NOT NULL DEFAULT -1,
  retain_completed_ms INTEGER NOT NULL DEFAULT -1,
  retain_failed_ms INTEGER NOT NULL DEFAULT -1,
  retain_cancelled_ms INTEGER NOT NULL DEFAULT -1,
  max_queued INTEGER NOT NULL DEFAULT -1,
  blocked INTEGER NOT NULL DEFAULT 0,
  scheduled INTEGER NOT NULL DEFAULT 0,
  queued INTEGER NOT NULL DEFAULT 0,
  processing INTEGER NOT NULL DEFAULT 0,
  completed INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  cancelled INTEGER NOT NULL DEFAULT 0,
  skipped INTEGER NOT NULL DEFAULT 0,
  enqueued_total INTEGER NOT NULL DEFAULT 0,
  completed_total INTEGER NOT NULL DEFAULT 0,
  failed_total INTEGER NOT NULL DEFAULT 0,
  cancelled_total INTEGER NOT NULL DEFAULT 0,
  lost_total INTEGER NOT NULL DEFAULT 0,
  retried_total INTEGER NOT NULL DEFAULT 0,
  UNIQUE (tenant, name)
);

-- Queued jobs stand in lines; a claim looks at the open lines and their heads and never scans past other jobs.
CREATE TABLE line (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  queued INTEGER NOT NULL,
  UNIQUE (queue, kind, priority)
);

-- state, reason, error_class: the numbers of core/job.h. flags: sqlite/rows.h. due_at: the one timed index (job_due_at).
-- progress -1 = never said. expires_at NULL = live, or kept for ever. report_*: the last report under `lease`.
-- What changes when a job is handed out has its full width from the start (lease_until, timeout_at), so that the row
-- does not grow on its page.
CREATE TABLE job (
  id INTEGER PRIMARY KEY,
  random INTEGER NOT NULL,
  tenant INTEGER NOT NULL,
  state INTEGER NOT NULL,
  queue INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  line INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  run_at INTEGER NOT NULL,
  due_at INTEGER,
  flags INTEGER NOT NULL,
  lease INTEGER NOT NULL,
  lease_ms INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  timeout_ms INTEGER NOT NULL,
  timeout_at INTEGER NOT NULL,
  cancel_at INTEGER NOT NULL,
  deadline_at INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  lost_max INTEGER NOT NULL,
  snoozes INTEGER NOT NULL,
  waits INTEGER NOT NULL,
  round INTEGER NOT NULL,
  reason INTEGER NOT NULL,
  report_n INTEGER NOT NULL,
  report_hash INTEGER NOT NULL,
  report_verdict INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  progress INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  expires_at INTEGER,
  worker TEXT,
  progress_message TEXT,
  retry TEXT,
  unique_key TEXT,
  tags TEXT,
  fair_group TEXT,
  limit_keys TEXT,
  parent INTEGER,
  root INTEGER,
  batch INTEGER,
  error_class INTEGER,
  error_code TEXT,
  error_message TEXT,
  error_stack TEXT,
  checkpoint TEXT,
  result TEXT,
  args TEXT
);

CREATE INDEX job_ready ON job (line, run_at) WHERE state = 2;
CREATE INDEX job_due ON job (due_at) WHERE due_at > 0;
CREATE INDEX job_expiry ON job (expires_at) WHERE expires_at > 0;
CREATE INDEX job_dead ON job (tenant) WHERE state = 5;

-- Long args, results and checkpoints, out of the way of the row that every transition rewrites. part: sqlite/rows.h.
CREATE TABLE body (
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  part INTEGER NOT NULL,
  bytes TEXT NOT NULL,
  UNIQUE (job, part)
);

-- held_until: 0 = while the job is live; 9223372036854775807 = for ever.
CREATE TABLE unique_key (
  tenant INTEGER NOT NULL,
  scope INTEGER NOT NULL,
  key TEXT NOT NULL,
  job INTEGER NOT NULL,
  random INTEGER NOT NULL,
  held_until INTEGER NOT NULL,
  PRIMARY KEY (tenant, scope, key)
) WITHOUT ROWID;

CREATE INDEX unique_key_expiry ON unique_key (held_until) WHERE held_until > 0;

CREATE TABLE idempotency (
  tenant INTEGER NOT NULL,
  key TEXT NOT NULL,
  body_hash BLOB NOT NULL,
  verdicts BLOB NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, key)
) WITHOUT ROWID;

CREATE INDEX idempotency_expiry ON idempotency (expires_at);

CREATE TABLE event (
  job INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (job, seq)
) WITHOUT ROWID;

-- lease > 0: staged under that lease; 0: published. file: a name in the files folder, NULL = the bytes are here.
CREATE TABLE artifact (
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  job_random INTEGER NOT NULL,
  name TEXT NOT NULL,
  lease INTEGER NOT NULL,
  media_type TEXT NOT NULL,
  sha256 BLOB NOT NULL,
  size INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  file TEXT,
  bytes BLOB,
  UNIQUE (job, name, lease)
);

CREATE INDEX artifact_file ON artifact (file) WHERE file IS NOT NULL;

-- The newest n of a name live on outside their job's retention.
CREATE TABLE series_entry (
  id INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL,
  name TEXT NOT NULL,
  artifact INTEGER NOT NULL,
  published_at INTEGER NOT NULL,
  result TEXT NOT NULL
);

CREATE INDEX series_entry_name ON series_entry (tenant, name);
CREATE INDEX series_entry_artifact ON series_entry (artifact);
