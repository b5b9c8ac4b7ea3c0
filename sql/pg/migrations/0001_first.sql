-- The first shape of the store on PostgreSQL. Append-only: a change of this file is refused at start (checksum); add a new
-- number, which may only expand: nodes of the release before it run on the same schema (docs/decisions/0009).
-- Times are unix milliseconds of the database's clock. NULL in a number is its usual value, so that new rows are small:
-- 0, and what sql/pg/queries/job.sql says in @job_columns@.

CREATE SCHEMA IF NOT EXISTS stint;

CREATE FUNCTION stint.now() RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

CREATE TABLE stint.migration (
  version int PRIMARY KEY,
  name text NOT NULL,
  checksum bigint NOT NULL,
  applied_at bigint NOT NULL,
  oldest_program int NOT NULL,
  shape text NOT NULL
);

-- number: epoch (the upper part of new lease numbers) · settings_version (raised by every change of table queue)
CREATE TABLE stint.meta (
  name text PRIMARY KEY,
  number bigint,
  bytes bytea
);

INSERT INTO stint.meta (name, number) VALUES ('epoch', 0), ('settings_version', 1);
INSERT INTO stint.meta (name, bytes) VALUES
  ('secret', uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

CREATE TABLE stint.tenant (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  created_at bigint NOT NULL
);

CREATE TABLE stint.api_key (
  public_id text COLLATE "C" PRIMARY KEY,
  tenant int NOT NULL,
  hash bytea NOT NULL,
  name text NOT NULL,
  last4 text NOT NULL,
  scopes int NOT NULL,
  queues text NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  revoked_at bigint NOT NULL
);

-- Settings (-1 = our default) and the pause switch. A queue needs no row here: it is there when it has counts, so that an
-- enqueue, perhaps in somebody's long transaction, never waits for another's first enqueue to the same queue. A deleted one
-- is back when more has come into it than deleted_total.
CREATE TABLE stint.queue (
  tenant int NOT NULL,
  name text COLLATE "C" NOT NULL,
  is_paused boolean NOT NULL DEFAULT false,
  deleted_total bigint,
  lease_ms bigint NOT NULL DEFAULT -1,
  timeout_ms bigint NOT NULL DEFAULT -1,
  max_attempts bigint NOT NULL DEFAULT -1,
  retry_base_ms bigint NOT NULL DEFAULT -1,
  priority bigint NOT NULL DEFAULT -1,
  retain_completed_ms bigint NOT NULL DEFAULT -1,
  retain_failed_ms bigint NOT NULL DEFAULT -1,
  retain_cancelled_ms bigint NOT NULL DEFAULT -1,
  max_queued bigint NOT NULL DEFAULT -1,
  PRIMARY KEY (tenant, name)
);

-- Said by a writer that knows the settings by heart: are they still of this version? ST001: no, and nothing was written.
CREATE FUNCTION stint.check_settings(known bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF known IS DISTINCT FROM (SELECT number FROM stint.meta WHERE name = 'settings_version') THEN
    RAISE EXCEPTION 'the settings of queues have changed' USING ERRCODE = 'ST001';
  END IF;
  RETURN true;
END $$;

-- Said by a writer that took jobs away without having read them: were all of them as it knew? ST002: no, nothing was written.
CREATE FUNCTION stint.check_jobs(gone bigint, known bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF gone IS DISTINCT FROM known THEN
    RAISE EXCEPTION '% of % jobs have changed', known - gone, known USING ERRCODE = 'ST002';
  END IF;
  RETURN true;
END $$;

-- Maintained counts: nothing ever runs count(*) over jobs. what: 0 … 7 a state of core/job.h, 8 … 13 a total of
-- store/rules/keeper.h, 14 jobs that entered the queue while it was deleted. kind: of queued jobs, else ''. drop_at: of final states, the partition they lie in, else 0.
-- Rounds append to count_delta, so that no row is hot; one node at a time folds it into count; readers add both.
CREATE TABLE stint.count (
  tenant int NOT NULL,
  queue text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  what smallint NOT NULL,
  drop_at bigint NOT NULL,
  n bigint NOT NULL,
  PRIMARY KEY (tenant, queue, what, kind, drop_at)
) WITH (fillfactor = 70);

CREATE TABLE stint.count_delta (
  tenant int NOT NULL,
  queue text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  what smallint NOT NULL,
  drop_at bigint NOT NULL,
  n bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000);

-- Live jobs only. state, reason, error_class: the numbers of core/job.h. flags: store/rules/row.h. kind is text, not a
-- number of a shared table: see queue. due_at: the one timed index (job_due). report_*: the last report under `lease`.
-- What is never NULL and stands in indexes comes first: that is found without walking through the rest.
CREATE TABLE stint.job (
  id uuid NOT NULL,
  run_at bigint NOT NULL,
  tenant int NOT NULL,
  flags int NOT NULL DEFAULT 0,
  state smallint NOT NULL,
  priority smallint NOT NULL,
  queue text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  due_at bigint,
  lease bigint,
  lease_until bigint,
  timeout_ms bigint,
  timeout_at bigint,
  cancel_at bigint,
  deadline_at bigint,
  report_n bigint,
  report_hash bigint,
  report_verdict bigint,
  last_seq bigint,
  started_at bigint,
  lease_ms int,
  attempt int,
  lost int,
  lost_max int,
  snoozes int,
  waits int,
  round int,
  reason smallint,
  progress smallint,
  error_class smallint,
  worker text,
  progress_message text,
  retry text,
  unique_key text,
  tags text,
  fair_group text,
  limit_keys text,
  parent uuid,
  root uuid,
  batch uuid,
  error_code text,
  error_message text,
  error_stack text,
  checkpoint text,
  args text,
  PRIMARY KEY (id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 1000000, toast.autovacuum_vacuum_scale_factor = 0,
  toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_cost_delay = 0);

CREATE INDEX job_ready ON stint.job (tenant, queue, kind, priority, run_at, id) WHERE state = 2;
CREATE INDEX job_due ON stint.job (due_at) WHERE due_at > 0;

-- What a claim that names no queue or no kind looks at: one step in the index for each, however many jobs they hold.
CREATE FUNCTION stint.ready_queues(of_tenant int) RETURNS SETOF text LANGUAGE sql STABLE AS $$
  WITH RECURSIVE q (name) AS (
    (SELECT queue FROM stint.job WHERE tenant = of_tenant AND state = 2 ORDER BY tenant, queue LIMIT 1)
    UNION ALL
    SELECT (SELECT queue FROM stint.job WHERE tenant = of_tenant AND state = 2 AND queue > q.name ORDER BY tenant, queue LIMIT 1)
    FROM q WHERE q.name IS NOT NULL)
  SELECT name FROM q WHERE name IS NOT NULL $$;

CREATE FUNCTION stint.ready_kinds(of_tenant int, of_queue text) RETURNS SETOF text LANGUAGE sql STABLE AS $$
  WITH RECURSIVE k (name) AS (
    (SELECT kind FROM stint.job WHERE tenant = of_tenant AND queue = of_queue COLLATE "C" AND state = 2
     ORDER BY tenant, queue, kind LIMIT 1)
    UNION ALL
    SELECT (SELECT kind FROM stint.job WHERE tenant = of_tenant AND queue = of_queue COLLATE "C" AND state = 2
      AND kind > k.name ORDER BY tenant, queue, kind LIMIT 1)
    FROM k WHERE k.name IS NOT NULL)
  SELECT name FROM k WHERE name IS NOT NULL $$;

-- Finished jobs, in partitions that are dropped whole. drop_at is when: the end of the day in which the job expires, for
-- long retentions of the month, 9223372036854775807 for ever (store/pg/partitions.c). The columns of job, in its order, first.
CREATE TABLE stint.history (
  LIKE stint.job,
  finished_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  drop_at bigint NOT NULL,
  result text
) PARTITION BY LIST (drop_at);

CREATE INDEX history_id ON stint.history (id);
CREATE INDEX history_dead ON stint.history (tenant, id) WHERE state = 5;

CREATE TABLE stint.history_rest PARTITION OF stint.history DEFAULT;
CREATE INDEX history_rest_drop ON stint.history_rest (drop_at);
CREATE TABLE stint.history_for_ever PARTITION OF stint.history FOR VALUES IN (9223372036854775807);

-- Events of live jobs; of finished ones beside their rows in history.
CREATE TABLE stint.event (
  job uuid NOT NULL,
  seq bigint NOT NULL,
  at bigint NOT NULL,
  type text NOT NULL,
  data text NOT NULL,
  PRIMARY KEY (job, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE stint.event_history (
  job uuid NOT NULL,
  seq bigint NOT NULL,
  at bigint NOT NULL,
  drop_at bigint NOT NULL,
  type text NOT NULL,
  data text NOT NULL
) PARTITION BY LIST (drop_at);

CREATE INDEX event_history_job ON stint.event_history (job, seq);

CREATE TABLE stint.event_history_rest PARTITION OF stint.event_history DEFAULT;
CREATE TABLE stint.event_history_for_ever PARTITION OF stint.event_history FOR VALUES IN (9223372036854775807);

-- Makes the partitions of a drop time, of both tables; false when they are there, or the rest holds such rows already: then the
-- rest keeps all of them. Several nodes may ask at once.
CREATE FUNCTION stint.make_partition(wanted bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(495874305653);
  IF to_regclass(format('stint.history_%s', wanted)) IS NOT NULL
    OR EXISTS (SELECT FROM stint.history_rest WHERE drop_at = wanted)
    OR EXISTS (SELECT FROM stint.event_history_rest WHERE drop_at = wanted) THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE stint.history_%s PARTITION OF stint.history FOR VALUES IN (%s)', wanted, wanted);
  EXECUTE format('CREATE TABLE stint.event_history_%s PARTITION OF stint.event_history FOR VALUES IN (%s)', wanted, wanted);
  RETURN true;
END $$;

-- Drops the partitions of a drop time, and what was counted of them; says how many jobs that were, NULL: somebody uses them, try
-- later. Nobody waits for this longer than for those whom it waits for, and that is 50 ms. First the tables, so that all who
-- have counted jobs of theirs are through; then what is not folded yet: its folding, if under way, has ended by then.
CREATE FUNCTION stint.drop_partition(wanted bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  jobs bigint;
BEGIN
  PERFORM set_config('lock_timeout', '50ms', true);
  EXECUTE format('DROP TABLE IF EXISTS stint.history_%s', wanted);
  EXECUTE format('DROP TABLE IF EXISTS stint.event_history_%s', wanted);
  WITH gone AS (DELETE FROM stint.count_delta WHERE drop_at = wanted RETURNING n) SELECT coalesce(sum(n), 0) INTO jobs FROM gone;
  WITH gone AS (DELETE FROM stint.count WHERE drop_at = wanted RETURNING n) SELECT jobs + coalesce(sum(n), 0) INTO jobs FROM gone;
  RETURN jobs;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
  RETURN NULL;
END $$;

-- held_until: 0 = while the job is live; 9223372036854775807 = for ever.
CREATE TABLE stint.unique_key (
  tenant int NOT NULL,
  scope int NOT NULL,
  key text COLLATE "C" NOT NULL,
  job uuid NOT NULL,
  held_until bigint NOT NULL,
  PRIMARY KEY (tenant, scope, key)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX unique_key_expiry ON stint.unique_key (held_until) WHERE held_until > 0 AND held_until < 9223372036854775807;

-- verdicts NULL: its enqueue has not ended.
CREATE TABLE stint.idempotency (
  tenant int NOT NULL,
  key text COLLATE "C" NOT NULL,
  body_hash bytea NOT NULL,
  verdicts bytea,
  expires_at bigint NOT NULL,
  PRIMARY KEY (tenant, key)
);

CREATE INDEX idempotency_expiry ON stint.idempotency (expires_at);

-- lease > 0: staged under that lease; 0: published. drop_at: when it goes unless a series holds it; 0: staged, or held by a
-- series alone. bytes: NULL when they are in blob.
CREATE TABLE stint.artifact (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job uuid NOT NULL,
  lease bigint NOT NULL,
  size bigint NOT NULL,
  created_at bigint NOT NULL,
  drop_at bigint NOT NULL DEFAULT 0,
  tenant int NOT NULL,
  name text COLLATE "C" NOT NULL,
  media_type text NOT NULL,
  sha256 bytea NOT NULL,
  bytes bytea,
  UNIQUE (job, name, lease)
);

ALTER TABLE stint.artifact ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE INDEX artifact_content ON stint.artifact (tenant, sha256) WHERE bytes IS NULL;
CREATE INDEX artifact_drop ON stint.artifact (drop_at) WHERE drop_at > 0;

-- The bytes of big artifacts, once for each tenant, in parts of 256 KiB.
CREATE TABLE stint.blob (
  tenant int NOT NULL,
  part int NOT NULL,
  sha256 bytea NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (tenant, sha256, part)
);

ALTER TABLE stint.blob ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Contents of which it is to be seen, from check_at on, whether an artifact still names them.
CREATE TABLE stint.blob_check (
  tenant int NOT NULL,
  sha256 bytea NOT NULL,
  check_at bigint NOT NULL
);

CREATE INDEX blob_check_at ON stint.blob_check (check_at);
CREATE INDEX blob_check_content ON stint.blob_check (tenant, sha256);

CREATE FUNCTION stint.artifact_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stint.blob_check (tenant, sha256, check_at) VALUES (OLD.tenant, OLD.sha256, 1);
  RETURN NULL;
END $$;

CREATE TRIGGER artifact_gone AFTER DELETE ON stint.artifact FOR EACH ROW WHEN (OLD.bytes IS NULL)
EXECUTE FUNCTION stint.artifact_gone();
CREATE TRIGGER artifact_replaced AFTER UPDATE OF sha256 ON stint.artifact FOR EACH ROW WHEN (OLD.bytes IS NULL)
EXECUTE FUNCTION stint.artifact_gone();

-- The newest n of a name live on outside their job's retention.
CREATE TABLE stint.series_entry (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  artifact bigint NOT NULL,
  published_at bigint NOT NULL,
  tenant int NOT NULL,
  name text COLLATE "C" NOT NULL,
  result text NOT NULL
);

CREATE INDEX series_entry_name ON stint.series_entry (tenant, name, id);
CREATE INDEX series_entry_artifact ON stint.series_entry (artifact);

-- The nodes that run, and the services that one of them does for all. term grows with every change of the holder.
CREATE TABLE stint.node (
  id uuid PRIMARY KEY,
  started_at bigint NOT NULL,
  seen_at bigint NOT NULL,
  version text NOT NULL,
  listens boolean NOT NULL,
  watches boolean NOT NULL
);

CREATE TABLE stint.service (
  name text PRIMARY KEY,
  node uuid NOT NULL,
  term bigint NOT NULL,
  until bigint NOT NULL
);

INSERT INTO stint.service (name, node, term, until) VALUES ('care', '00000000-0000-0000-0000-000000000000', 0, 0);
