-- Batches, and the jobs that belong to them.

-- name: batch_insert
INSERT INTO stint.batch (id, tenant, max_jobs, name, labels) VALUES ($1, $2, $3, $4, $5)

-- name: batch_max
SELECT max_jobs FROM stint.batch WHERE id = $1

-- name: batch_flags
SELECT flags FROM stint.job WHERE id = $1

-- name: batch_finally
SELECT finally FROM stint.batch WHERE id = $1

-- name: batch_set_finally
UPDATE stint.batch SET finally = $2 WHERE id = $1

-- name: batch_rows
-- Of the batches b. 67108864: it is being filled.
SELECT b.id, b.max_jobs, b.name, b.labels, j.state, j.flags, coalesce(j.round, 1), j.finished_at, j.error_message, s.*,
  CASE WHEN j.flags & 67108864 <> 0 THEN (
    SELECT next_at FROM stint.schedule AS f WHERE f.tenant = b.tenant AND f.name = ' ' || b.id AND f.fired = 0) END
FROM b
CROSS JOIN LATERAL (
  SELECT state, flags, round, NULL::bigint AS finished_at, error_message FROM stint.job WHERE id = b.id
  UNION ALL
  SELECT state, flags, round, finished_at, error_message FROM stint.history WHERE id = b.id LIMIT 1) AS j
CROSS JOIN LATERAL (
  SELECT coalesce(sum(n) FILTER (WHERE what = 0), 0)::bigint, coalesce(sum(n) FILTER (WHERE what = 4), 0)::bigint,
    coalesce(sum(n) FILTER (WHERE what = 5), 0)::bigint, coalesce(sum(n) FILTER (WHERE what = 6), 0)::bigint,
    coalesce(sum(n) FILTER (WHERE what = 7), 0)::bigint
  FROM (
    SELECT what, n FROM stint.tally WHERE owner = b.id
    UNION ALL
    SELECT what, n FROM stint.tally_delta WHERE owner = b.id) AS t) AS s (open, completed, failed, cancelled, skipped)
ORDER BY b.id DESC

-- name: batch_list
-- $1 tenant · $2 below this one · $3 from this one on · $4 so many
WITH b AS NOT MATERIALIZED (
  SELECT * FROM stint.batch WHERE tenant = $1::bigint::int AND id < $2 AND id >= $3 ORDER BY id DESC LIMIT $4
)
@batch_rows@

-- name: batch_list_named
-- As batch_list. $5 of this name
WITH b AS NOT MATERIALIZED (
  SELECT * FROM stint.batch WHERE tenant = $1::bigint::int AND name = $5 COLLATE "C" AND id < $2 AND id >= $3
  ORDER BY id DESC LIMIT $4
)
@batch_rows@

-- name: batch_list_labelled
-- As batch_list. $5 with this label
WITH b AS NOT MATERIALIZED (
  SELECT b.* FROM (
    SELECT batch FROM stint.batch_label WHERE tenant = $1::bigint::int AND label = $5 COLLATE "C" AND batch < $2 AND batch >= $3
    ORDER BY batch DESC LIMIT $4) AS l
  JOIN stint.batch AS b ON b.id = l.batch
)
@batch_rows@

-- name: members_open
-- As children_open. 268435456: a finaliser, which does not belong to it.
SELECT id FROM stint.job WHERE batch = $1 AND flags & 268468225 = 0 ORDER BY id LIMIT $2

-- name: members_final
-- $1 tenant · $2 batch · $3 behind this job · $4 so many · $5 until their results have so many bytes
SELECT * FROM (
  SELECT *, sum(coalesce(octet_length(result), 0)::bigint) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING)
    - coalesce(octet_length(result), 0) AS bytes_before
  FROM (
    SELECT @job_columns@, finished_at, expires_at, result, error_stack FROM stint.history
    WHERE batch = $2 AND tenant = $1::bigint::int AND id > $3 AND flags & 268435456 = 0 ORDER BY id LIMIT $4) AS j) AS j
WHERE bytes_before <= $5::bigint ORDER BY id
