-- Reads. What has one row, or none, is looked for in the live table first and in history then; lists take both by age.

-- name: job_brief
-- As job_view, without what is big.
SELECT @job_columns@, error_stack, NULL::text, NULL::text FROM stint.job WHERE id = $1

-- name: history_brief
SELECT @job_columns@, error_stack, NULL::text, NULL::text, finished_at, expires_at, NULL::text, drop_at
FROM stint.history WHERE id = $1

-- name: event_read
SELECT seq, at, type, data FROM stint.event WHERE job = $1 AND seq > $2 ORDER BY seq LIMIT $3

-- name: event_first
SELECT seq FROM stint.event WHERE job = $1 ORDER BY seq LIMIT 1

-- name: event_history_read
-- By the job's drop_at, so that one partition is looked at.
SELECT seq, at, type, data FROM stint.event_history
WHERE job = $1 AND seq > $2 AND drop_at = (SELECT drop_at FROM stint.history WHERE id = $1 LIMIT 1) ORDER BY seq LIMIT $3

-- name: event_history_first
SELECT seq FROM stint.event_history
WHERE job = $1 AND drop_at = (SELECT drop_at FROM stint.history WHERE id = $1 LIMIT 1) ORDER BY seq LIMIT 1

-- name: list_columns
@job_columns@, finished_at, expires_at, NULL::text AS result

-- name: live_list_columns
@job_columns@, NULL::bigint AS finished_at, NULL::bigint AS expires_at, NULL::text AS result

-- name: list_rows
-- Those that pass, and the last one that was looked at. A tag with an escaped NUL is none that anybody can ask for, and jsonb
-- does not take it.
SELECT * FROM (
  SELECT *, tenant = $2::bigint AND queue <> '' AND 1::bigint << state & $1::bigint <> 0 AND ($5::text IS NULL OR queue = $5::text COLLATE "C")
      AND ($6::text IS NULL OR kind = $6::text COLLATE "C") AND CASE WHEN $7::text IS NULL THEN true
      WHEN tags IS NULL OR strpos(tags, '\u0000') > 0 THEN false ELSE jsonb_exists(tags::jsonb, $7::text) END AS passes,
    row_number() OVER (ORDER BY id DESC) = $8::bigint AS is_last
  FROM looked) AS j
WHERE passes OR is_last ORDER BY id DESC LIMIT $9

-- name: job_list
-- $1 states, as bits · $2 tenant · $3 ids below · $4 ids from · $5 queue · $6 kind · $7 tag · $8 rows that are looked at
-- $9 rows that are wanted. The walk ends when it has these.
WITH looked AS NOT MATERIALIZED (
  SELECT * FROM (
    SELECT @live_list_columns@ FROM stint.job UNION ALL SELECT @list_columns@ FROM stint.history) AS j
  WHERE id < $3 AND id >= $4 ORDER BY id DESC LIMIT $8::bigint
)
@list_rows@

-- name: job_list_live
WITH looked AS NOT MATERIALIZED (
  SELECT @live_list_columns@ FROM stint.job WHERE id < $3 AND id >= $4 ORDER BY id DESC LIMIT $8::bigint
)
@list_rows@

-- name: job_list_dead
WITH looked AS NOT MATERIALIZED (
  SELECT @list_columns@ FROM stint.history WHERE tenant = $2::bigint::int AND state = 5 AND id < $3 AND id >= $4
  ORDER BY id DESC LIMIT $8::bigint
)
@list_rows@

-- name: job_list_batch
-- $10: of this batch, and none of its finalisers (268435456)
WITH looked AS NOT MATERIALIZED (
  SELECT * FROM (
    SELECT @live_list_columns@ FROM stint.job WHERE batch = $10 UNION ALL SELECT @list_columns@ FROM stint.history WHERE batch = $10) AS j
  WHERE id < $3 AND id >= $4 AND flags & 268435456 = 0 ORDER BY id DESC LIMIT $8::bigint
)
@list_rows@

-- name: counts
-- Folded and not: what of them is of interest stands behind.
SELECT tenant, queue, kind, what, n FROM stint.count UNION ALL SELECT tenant, queue, kind, what, n FROM stint.count_delta

-- name: state_sums
coalesce(sum(n) FILTER (WHERE what = 0), 0)::bigint, coalesce(sum(n) FILTER (WHERE what = 1), 0)::bigint,
coalesce(sum(n) FILTER (WHERE what = 2), 0)::bigint, coalesce(sum(n) FILTER (WHERE what = 3), 0)::bigint,
coalesce(sum(n) FILTER (WHERE what = 4), 0)::bigint, coalesce(sum(n) FILTER (WHERE what = 5), 0)::bigint,
coalesce(sum(n) FILTER (WHERE what = 6), 0)::bigint, coalesce(sum(n) FILTER (WHERE what = 7), 0)::bigint,
coalesce(sum(n) FILTER (WHERE what = 8), 0)::bigint

-- name: queue_list
-- $1 tenant · $2 … $3 names, both ends included · $4 … $7 queue, kind, first and last stretch of lines in which much is gone ·
-- $8 … $11 least priority, run_at and id, greatest priority of each stretch (store/pg/heads.h)
WITH sums (name, blocked, scheduled, queued, processing, completed, failed, cancelled, skipped, enqueued_total,
  revivals) AS (
  SELECT queue, @state_sums@, coalesce(sum(n) FILTER (WHERE what = 14), 0)::bigint
  FROM (@counts@ UNION ALL SELECT tenant, name, '', 0, 0 FROM stint.queue) AS c
  WHERE tenant = $1::bigint::int AND queue >= $2::text COLLATE "C" AND queue <= $3::text COLLATE "C" AND queue <> ''
  GROUP BY queue
)
SELECT s.name, coalesce(q.is_paused, false), coalesce(q.lease_ms, -1), coalesce(q.timeout_ms, -1),
  coalesce(q.max_attempts, -1), coalesce(q.retry_base_ms, -1), coalesce(q.priority, -1),
  coalesce(q.retain_completed_ms, -1), coalesce(q.retain_failed_ms, -1), coalesce(q.retain_cancelled_ms, -1),
  coalesce(q.max_queued, -1), coalesce(q.age_step_ms, -1), s.blocked, s.scheduled, s.queued, s.processing, s.completed, s.failed,
  s.cancelled, s.skipped,
  CASE WHEN s.queued = 0 THEN NULL WHEN s.name = ANY ($4::text[]) THEN (@queue_oldest_crowded@) ELSE (@queue_oldest@) END,
  coalesce(q.group_weights, '')
FROM sums AS s LEFT JOIN stint.queue AS q ON q.tenant = $1::bigint::int AND q.name = s.name
WHERE q.deleted_total IS NULL OR s.enqueued_total + s.revivals > q.deleted_total
ORDER BY s.name

-- name: queue_oldest
-- One step in the index for each kind and priority that has jobs.
WITH RECURSIVE head (kind, priority, run_at) AS (
  (SELECT kind, priority, run_at FROM stint.job WHERE tenant = $1::bigint::int AND queue = s.name AND state = 2
     AND lane IS NULL ORDER BY kind, priority, run_at LIMIT 1)
  UNION ALL
  SELECT n.* FROM head CROSS JOIN LATERAL (
    SELECT kind, priority, run_at FROM stint.job WHERE tenant = $1::bigint::int AND queue = s.name AND state = 2
      AND lane IS NULL AND (kind, priority) > (head.kind, head.priority)
    ORDER BY kind, priority, run_at LIMIT 1) AS n
)
SELECT least(min(run_at), (@queue_oldest_in_lanes@)) FROM head

-- name: queue_oldest_in_lanes
WITH RECURSIVE head (lane, priority, run_at) AS (
  (SELECT lane, priority, run_at FROM stint.job WHERE tenant = $1::bigint::int AND queue = s.name AND state = 2
     AND lane IS NOT NULL ORDER BY lane, priority, run_at LIMIT 1)
  UNION ALL
  SELECT n.* FROM head CROSS JOIN LATERAL (
    SELECT lane, priority, run_at FROM stint.job WHERE tenant = $1::bigint::int AND queue = s.name AND state = 2
      AND lane IS NOT NULL AND (lane, priority) > (head.lane, head.priority)
    ORDER BY lane, priority, run_at LIMIT 1) AS n
)
SELECT min(run_at) FROM head

-- name: queue_oldest_crowded
-- The same of a queue in which much is gone: kind by kind, from where claims begin.
SELECT least(min(first.run_at), (@queue_oldest_in_lanes@)) FROM (
  SELECT k.kind, coalesce(l.first, 0) AS first, coalesce(l.last, 0) AS last FROM (
    SELECT kind FROM (@counts@) AS c WHERE tenant = $1::bigint::int AND queue = s.name AND what = 2
    GROUP BY kind HAVING sum(n) > 0) AS k
  LEFT JOIN unnest($4::text[], $5::text[], $6::bigint[], $7::bigint[]) AS l (queue, kind, first, last)
    ON l.queue = s.name AND l.kind = k.kind) AS line
CROSS JOIN LATERAL generate_series(line.first, line.last) AS r (at)
CROSS JOIN LATERAL (
  SELECT coalesce(($8::bigint[])[r.at], -32768)::smallint AS priority, coalesce(($9::bigint[])[r.at], 0) AS run_at,
    coalesce(($10::uuid[])[r.at], '00000000-0000-0000-0000-000000000000') AS id,
    coalesce(($11::bigint[])[r.at], 32767)::smallint AS up_to) AS stretch
CROSS JOIN LATERAL (
  WITH RECURSIVE head (priority, run_at) AS (
    (SELECT j.priority, j.run_at FROM stint.job AS j
     WHERE j.tenant = $1::bigint::int AND j.queue = s.name AND j.kind = line.kind AND j.state = 2 AND j.lane IS NULL
       AND (j.priority, j.run_at, j.id) >= (stretch.priority, stretch.run_at, stretch.id) AND j.priority <= stretch.up_to
     ORDER BY j.priority, j.run_at, j.id LIMIT 1)
    UNION ALL
    SELECT n.* FROM head CROSS JOIN LATERAL (
      SELECT j.priority, j.run_at FROM stint.job AS j
      WHERE j.tenant = $1::bigint::int AND j.queue = s.name AND j.kind = line.kind AND j.state = 2 AND j.lane IS NULL
        AND j.priority > head.priority AND j.priority <= stretch.up_to
      ORDER BY j.priority, j.run_at, j.id LIMIT 1) AS n
  )
  SELECT min(head.run_at) AS run_at FROM head) AS first

-- name: queue_sums
-- $1: tenant, 0 = all
SELECT @state_sums@, coalesce(sum(n) FILTER (WHERE what = 9), 0)::bigint,
  coalesce(sum(n) FILTER (WHERE what = 10), 0)::bigint, coalesce(sum(n) FILTER (WHERE what = 11), 0)::bigint,
  coalesce(sum(n) FILTER (WHERE what = 12), 0)::bigint, coalesce(sum(n) FILTER (WHERE what = 13), 0)::bigint
FROM (@counts@) AS c WHERE ($1::bigint = 0 OR tenant = $1::bigint) AND queue <> ''

-- name: queue_kinds
SELECT queue, kind, sum(n)::bigint FROM (@counts@) AS c
WHERE what = 2 AND ($1::bigint = 0 OR tenant = $1::bigint)
GROUP BY tenant, queue, kind HAVING sum(n) > 0 ORDER BY tenant, queue, kind LIMIT $2

-- name: store_size
SELECT (SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_catalog.pg_class
  WHERE relnamespace = 'stint'::regnamespace AND relkind = 'r'), (SELECT count(*) FROM stint.tenant)
