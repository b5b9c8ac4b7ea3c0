-- Jobs that depend on others.

-- name: link_insert
INSERT INTO stint.link AS l (job, on_job, round)
SELECT job, on_job, max(round) FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS u (job, on_job, round) GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (job, on_job) DO UPDATE SET round = excluded.round WHERE l.round < excluded.round

-- name: link_jobs
-- $1, $2 on one of these, in this round of its life or an earlier one · $3 so many
SELECT DISTINCT l.job FROM unnest($1::uuid[], $2::bigint[]) AS u (on_job, round)
JOIN stint.link AS l ON l.on_job = u.on_job AND l.round <= u.round ORDER BY l.job LIMIT $3

-- name: link_take
-- $1, $2 as link_jobs · $3 of these jobs, which are locked. On how many others does each depend still?
WITH gone AS (
  DELETE FROM stint.link AS l USING unnest($1::uuid[], $2::bigint[]) AS u (on_job, round)
  WHERE l.job = ANY ($3) AND l.on_job = u.on_job AND l.round <= u.round RETURNING l.job, l.on_job
)
SELECT job, on_job,
  (SELECT count(*) FROM stint.link AS l WHERE l.job = gone.job) - count(*) OVER (PARTITION BY job)
FROM gone ORDER BY array_position($1::uuid[], on_job), job

-- name: link_list
-- $1 the job · $2 so many
SELECT on_job FROM stint.link WHERE job = $1 ORDER BY on_job LIMIT $2

-- name: link_delete
DELETE FROM stint.link WHERE job = ANY ($1)
