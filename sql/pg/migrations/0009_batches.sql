-- Batches. To the tables job and history each is a job in a queue without a name, with a flag (store/rules/batch.c); here stands
-- what it was made from. max_jobs: 0 = any number. labels: a JSON object. Its jobs name it in job.batch.
CREATE TABLE stint.batch (
  id uuid PRIMARY KEY,
  tenant int NOT NULL,
  max_jobs bigint NOT NULL,
  name text NOT NULL,
  labels text NOT NULL
);

CREATE INDEX batch_tenant ON stint.batch (tenant, id);
CREATE INDEX job_members ON stint.job (batch, id) WHERE batch IS NOT NULL;
CREATE INDEX history_members ON stint.history (batch, id) WHERE batch IS NOT NULL;

-- As before, and the batches that go.
CREATE OR REPLACE FUNCTION stint.drop_partition(wanted bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  jobs bigint;
BEGIN
  PERFORM set_config('lock_timeout', '50ms', true);
  IF to_regclass(format('stint.history_%s', wanted)) IS NOT NULL THEN
    EXECUTE format('WITH gone AS MATERIALIZED (SELECT id FROM stint.history_%s WHERE flags & 4096 <> 0), '
      'folded AS (DELETE FROM stint.tally AS t USING gone WHERE t.owner = gone.id), '
      'batches AS (DELETE FROM stint.batch AS b USING gone WHERE b.id = gone.id) '
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
