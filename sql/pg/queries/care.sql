-- What is past its time. Each statement takes a bounded chunk and leaves what others hold; any number of nodes may run them at
-- once, though the lease `care` has one do it.
--
-- A finished job is seen until its partition is dropped at drop_at, which may be a day behind its expires_at (a month, for
-- long retentions).

-- name: service_take
-- $1 name · $2 node · $3 now · $4 until. A row: the service is the node's until then. The youngest node takes it over at
-- once, so that a node that comes back need not wait for the end of its own lease; others when it has run out.
UPDATE stint.service SET node = $2, until = $4, term = term + CASE WHEN node = $2 THEN 0 ELSE 1 END
WHERE name = (SELECT name FROM stint.service WHERE name = $1 AND (node <= $2 OR until <= $3) FOR UPDATE SKIP LOCKED)
RETURNING term

-- name: service_until
SELECT until FROM stint.service WHERE name = $1

-- name: partition_expired
SELECT drop_at FROM (
  SELECT substr(relname, 9)::bigint AS drop_at FROM pg_catalog.pg_class
  WHERE relnamespace = 'stint'::regnamespace AND relispartition AND relkind = 'r' AND relname ~ '^history_[0-9]+$') AS p
WHERE drop_at <= $1 AND NOT EXISTS (SELECT 1 FROM stint.history_rest AS r WHERE r.drop_at = p.drop_at)
ORDER BY drop_at LIMIT 1

-- name: partition_drop
SELECT stint.drop_partition($1)

-- name: rest_expire
WITH gone AS (
  DELETE FROM stint.history_rest WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM stint.history_rest WHERE drop_at <= $1 ORDER BY drop_at LIMIT $2 FOR UPDATE SKIP LOCKED))
  RETURNING id, tenant, queue, state, drop_at, flags
), tallies AS (
  DELETE FROM stint.tally AS t USING gone WHERE t.owner = gone.id AND gone.flags & 4096 <> 0
), tally_deltas AS (
  DELETE FROM stint.tally_delta AS t USING gone WHERE t.owner = gone.id AND gone.flags & 4096 <> 0
), batches AS (
  DELETE FROM stint.batch AS b USING gone WHERE b.id = gone.id AND gone.flags & 1048576 <> 0
), events AS (
  DELETE FROM stint.event_history_rest AS e USING gone WHERE e.job = gone.id
), counted AS (
  INSERT INTO stint.count_delta (tenant, queue, kind, what, drop_at, n)
  SELECT tenant, queue, '', state, drop_at, -count(*) FROM gone GROUP BY tenant, queue, state, drop_at
)
SELECT count(*) FROM gone

-- name: artifact_expire
-- One that a series holds stays, with drop_at 0, until it leaves the series (series_trim).
WITH due AS MATERIALIZED (
  SELECT id FROM stint.artifact WHERE drop_at > 0 AND drop_at <= $1 ORDER BY drop_at LIMIT $2 FOR UPDATE SKIP LOCKED
), sorted AS MATERIALIZED (
  SELECT id, EXISTS (SELECT 1 FROM stint.series_entry AS e WHERE e.artifact = due.id) AS is_held FROM due
), held AS (
  UPDATE stint.artifact AS a SET drop_at = 0 FROM sorted WHERE a.id = sorted.id AND sorted.is_held
), gone AS (
  DELETE FROM stint.artifact AS a USING sorted WHERE a.id = sorted.id AND NOT sorted.is_held RETURNING 1
)
SELECT (SELECT count(*) FROM due), (SELECT count(*) FROM gone)

-- name: blob_check_next
SELECT tenant, sha256 FROM stint.blob_check WHERE check_at <= $1 ORDER BY check_at LIMIT 1 FOR UPDATE SKIP LOCKED

-- name: blob_try_lock
SELECT pg_try_advisory_xact_lock($1)

-- name: blob_expire
-- Behind the lock, with a snapshot of its own: whoever had the lock before has said by then that he needs the contents.
DELETE FROM stint.blob WHERE tenant = $1 AND sha256 = $2 AND part = ANY (ARRAY(
    SELECT part FROM stint.blob WHERE tenant = $1 AND sha256 = $2 ORDER BY part LIMIT $3))
  AND NOT EXISTS (SELECT 1 FROM stint.artifact WHERE tenant = $1 AND sha256 = $2 AND bytes IS NULL)

-- name: blob_check_done
DELETE FROM stint.blob_check WHERE tenant = $1 AND sha256 = $2 AND check_at <= $3

-- name: unique_expire
WITH due AS MATERIALIZED (
  SELECT tenant, scope, key FROM stint.unique_key
  WHERE held_until > 0 AND held_until < 9223372036854775807 AND held_until <= $1
  ORDER BY held_until LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM stint.unique_key AS k USING due WHERE k.tenant = due.tenant AND k.scope = due.scope AND k.key = due.key

-- name: idempotency_expire
WITH due AS MATERIALIZED (
  SELECT tenant, key FROM stint.idempotency WHERE expires_at > 0 AND expires_at <= $1
  ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM stint.idempotency AS i USING due WHERE i.tenant = due.tenant AND i.key = due.key

-- name: expire_next
-- When is there something to do again? $1 now: what was left because somebody holds it is for later.
SELECT min(at) FROM (
  SELECT drop_at AS at FROM (
    SELECT drop_at, n FROM stint.count UNION ALL SELECT drop_at, n FROM stint.count_delta) AS c
  WHERE drop_at > 0 AND drop_at < 9223372036854775807 GROUP BY drop_at HAVING sum(n) > 0
  UNION ALL
  (SELECT drop_at FROM stint.artifact WHERE drop_at > 0 AND drop_at < 9223372036854775807 ORDER BY drop_at LIMIT 1)
  UNION ALL
  (SELECT check_at FROM stint.blob_check ORDER BY check_at LIMIT 1)
  UNION ALL
  (SELECT held_until FROM stint.unique_key WHERE held_until > 0 AND held_until < 9223372036854775807
   ORDER BY held_until LIMIT 1)
  UNION ALL
  (SELECT expires_at FROM stint.idempotency WHERE expires_at > 0 ORDER BY expires_at LIMIT 1)) AS n

-- name: count_try_lock
-- One node folds at a time: two would wait for each other's rows of count.
WITH taken AS MATERIALIZED (SELECT 1 FROM stint.service WHERE name = 'fold' FOR UPDATE SKIP LOCKED)
SELECT count(*) > 0 FROM taken

-- name: count_fold
-- $1: at most so many deltas
WITH gone AS (
  DELETE FROM stint.count_delta WHERE ctid = ANY (ARRAY(SELECT ctid FROM stint.count_delta LIMIT $1 FOR UPDATE SKIP LOCKED))
  RETURNING tenant, queue, kind, what, drop_at, n
), folded AS (
  INSERT INTO stint.count AS c (tenant, queue, kind, what, drop_at, n)
  SELECT tenant, queue, kind, what, drop_at, sum(n) FROM gone GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
  ON CONFLICT (tenant, queue, what, kind, drop_at) DO UPDATE SET n = c.n + excluded.n
)
SELECT count(*) FROM gone

-- name: count_tidy
DELETE FROM stint.count WHERE n = 0 AND drop_at > 0 AND drop_at <= $1

-- name: queue_delete
-- All settings are back to default; the queue is gone until more is enqueued than has been.
INSERT INTO stint.queue (tenant, name, deleted_total)
SELECT $1::bigint, $2::text, coalesce(sum(n), 0) FROM (@counts@) AS c WHERE tenant = $1::bigint AND queue = $2::text AND what IN (8, 14)
ON CONFLICT (tenant, name) DO UPDATE SET is_paused = false, deleted_total = excluded.deleted_total, lease_ms = -1,
  timeout_ms = -1, max_attempts = -1, retry_base_ms = -1, priority = -1, retain_completed_ms = -1, retain_failed_ms = -1,
  retain_cancelled_ms = -1, max_queued = -1, age_step_ms = -1, group_weights = ''

-- name: queue_lines
-- The kinds of which jobs are queued there.
SELECT kind FROM (@counts@) AS c WHERE tenant = $1::bigint AND queue = $2::text AND what = 2 GROUP BY kind HAVING sum(n) > 0
