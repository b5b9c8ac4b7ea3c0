-- Jobs that hang under another (job.parent, job.root), and what ticks have to see to.

CREATE INDEX job_children ON stint.job (parent, id) WHERE parent IS NOT NULL;
CREATE INDEX history_children ON stint.history (parent, id) WHERE parent IS NOT NULL;
CREATE INDEX history_failed_children ON stint.history (parent, id) WHERE parent IS NOT NULL AND state = 5;
-- The flag: jobs hang, or hung, under it (store/rules/row.h). For those that are dropped with their partition.
CREATE INDEX history_parents ON stint.history (id) WHERE flags & 4096 <> 0;

-- Of the jobs that hang, or hung, under a job: how many are in a final state (what: 4 … 7, core/job.h), and how many in none (0).
-- Rounds append to tally_delta; what of it is folded stands in tally; readers add both. As count and count_delta.
CREATE TABLE stint.tally (
  owner uuid NOT NULL,
  what smallint NOT NULL,
  n bigint NOT NULL,
  PRIMARY KEY (owner, what)
) WITH (fillfactor = 70);

CREATE TABLE stint.tally_delta (
  owner uuid NOT NULL,
  what smallint NOT NULL,
  n bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000);

CREATE INDEX tally_delta_owner ON stint.tally_delta (owner);

-- What a tick has to see to, left by the transaction after which it has to: what is one of store/rules/keeper.h. A row is
-- written once and deleted once: nobody waits for another's.
CREATE TABLE stint.note (
  id bigint GENERATED ALWAYS AS IDENTITY,
  tenant int NOT NULL,
  job uuid NOT NULL,
  what smallint NOT NULL,
  PRIMARY KEY (what, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- As before, and the tallies of the jobs that go.
CREATE OR REPLACE FUNCTION stint.drop_partition(wanted bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  jobs bigint;
BEGIN
  PERFORM set_config('lock_timeout', '50ms', true);
  IF to_regclass(format('stint.history_%s', wanted)) IS NOT NULL THEN
    EXECUTE format('WITH gone AS MATERIALIZED (SELECT id FROM stint.history_%s WHERE flags & 4096 <> 0), '
      'folded AS (DELETE FROM stint.tally AS t USING gone WHERE t.owner = gone.id) '
      'DELETE FROM stint.tally_delta AS t USING gone WHERE t.owner = gone.id', wanted);
  END IF;
  EXECUTE format('DROP TABLE IF EXISTS stint.history_%s', wanted);
  EXECUTE format('DROP TABLE IF EXISTS stint.event_history_%s', wanted);
  WITH gone AS (DELETE FROM stint.count_delta WHERE drop_at = wanted RETURNING n) SELECT coalesce(sum(n), 0) INTO jobs FROM gone;
  WITH gone AS (DELETE FROM stint.count WHERE drop_at = wanted RETURNING n) SELECT jobs + coalesce(sum(n), 0) INTO jobs FROM gone;
  RETURN jobs;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
  RETURN NULL;
END $$;
