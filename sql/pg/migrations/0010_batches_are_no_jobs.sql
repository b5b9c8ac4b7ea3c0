-- For applications, too, a batch (the flag 1048576) is no job: stint.job shows none, and stint.cancel knows none.
CREATE OR REPLACE FUNCTION stint.job(id uuid) RETURNS TABLE (
  job uuid, queue text, kind text, state text, attempt int, progress numeric, created_at timestamptz, run_at timestamptz,
  started_at timestamptz, finished_at timestamptz, unique_key text, error_code text, error_message text, args json, result json)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH caller AS MATERIALIZED (SELECT stint.caller_tenant() AS tenant)
  SELECT found.id, found.queue, found.kind, stint.state_name(found.state), coalesce(found.attempt, 0),
    CASE WHEN found.progress >= 0 THEN found.progress / 10.0 END,
    to_timestamp(('x' || substr(replace(found.id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0),
    to_timestamp(found.run_at / 1000.0), to_timestamp(nullif(found.started_at, 0) / 1000.0),
    to_timestamp(found.finished_at / 1000.0), found.unique_key, found.error_code, found.error_message, found.args::json,
    found.result::json
  FROM (
    SELECT j.tenant, j.id, j.queue, j.kind, j.state, j.attempt, j.progress, j.run_at, j.started_at,
      NULL::bigint AS finished_at, j.unique_key, j.error_code, j.error_message, j.args, NULL AS result
    FROM stint.job AS j WHERE j.id = $1 AND j.flags & 1048576 = 0
    UNION ALL
    SELECT h.tenant, h.id, h.queue, h.kind, h.state, h.attempt, h.progress, h.run_at, h.started_at, h.finished_at,
      h.unique_key, h.error_code, h.error_message, h.args, h.result
    FROM stint.history AS h WHERE h.id = $1 AND h.flags & 1048576 = 0 AND (h.expires_at = 0 OR h.expires_at > stint.now())) AS found, caller
  WHERE found.tenant = caller.tenant
  LIMIT 1
$$;

CREATE OR REPLACE FUNCTION stint.cancel(job uuid) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of_tenant int := stint.caller_tenant();
  live record;
  state_now smallint;
BEGIN
  SELECT j.state, j.queue, j.kind, j.xmin AS made_by,
    ('x' || left(replace(j.id::text, '-', ''), 12))::bit(48)::bigint AS made_at
  INTO live FROM stint.job AS j WHERE j.id = cancel.job AND j.tenant = of_tenant AND j.flags & 1048576 = 0;
  IF FOUND THEN
    state_now := live.state;
    INSERT INTO stint.wish (tenant, job, action) VALUES (of_tenant, cancel.job, 0);
    PERFORM pg_notify('stint', 'wish');
    IF state_now IN (1, 2) AND stint.is_own(live.made_by, live.made_at) THEN
      UPDATE stint.job AS j SET state = 1, due_at = NULL WHERE j.id = cancel.job;
      INSERT INTO stint.count_delta (tenant, queue, kind, what, drop_at, n)
      SELECT of_tenant, live.queue, c.kind, c.what, 0, c.n FROM (VALUES (live.kind, 2, -1), ('', 1, 1)) AS c (kind, what, n)
      WHERE state_now = 2;
    END IF;
  ELSE
    SELECT h.state INTO state_now FROM stint.history AS h WHERE h.id = cancel.job AND h.tenant = of_tenant
      AND h.flags & 1048576 = 0 LIMIT 1;
  END IF;
  RETURN stint.state_name(state_now);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA stint FROM PUBLIC;
