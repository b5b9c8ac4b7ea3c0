-- A transaction that enqueues a job and cancels it has nobody run it: until a node grants the wish, the job stands where no claim and
-- no tick looks, as a scheduled one without a due time. What others may see already is left to the node alone.

-- Has the transaction that asks, or a part of it (a savepoint), made this row? What is seen though it is not committed is one's own.
-- xmin has 32 bits; the row is new, so that it is the number near the current one. made_at, of its id, says that it is.
CREATE FUNCTION stint.is_own(made_by xid, made_at bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  ours bigint := pg_current_xact_id()::text::bigint;
BEGIN
  IF made_at < floor(extract(epoch FROM transaction_timestamp()) * 1000) THEN
    RETURN false;
  END IF;
  RETURN pg_xact_status((ours - 2147483648
    + (made_by::text::bigint - ours % 4294967296 + 6442450944) % 4294967296)::text::xid8) = 'in progress';
END $$;

CREATE OR REPLACE FUNCTION stint.cancel(job uuid) RETURNS text LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of_tenant int := stint.caller_tenant();
  live record;
  state_now smallint;
BEGIN
  SELECT j.state, j.queue, j.kind, j.xmin AS made_by,
    ('x' || left(replace(j.id::text, '-', ''), 12))::bit(48)::bigint AS made_at
  INTO live FROM stint.job AS j WHERE j.id = cancel.job AND j.tenant = of_tenant;
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
    SELECT h.state INTO state_now FROM stint.history AS h WHERE h.id = cancel.job AND h.tenant = of_tenant LIMIT 1;
  END IF;
  RETURN stint.state_name(state_now);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA stint FROM PUBLIC;
