-- Jobs that depend on others.

-- name: link_insert
INSERT INTO stint.link AS l (job, on_job, round)
SELECT job, on_job, max(round) FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS u (job, on_job, round) GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (job, on_job) DO UPDATE SET round = excluded.round WHERE l.round < excluded.round

-- name: link_jobs
-- $1, $2 on one of these, in this round of its life or an earlier one · $3 so many · $4 and, if these were not completed, on who ends with them
-- (131072: others depend on it; 524288: it runs anyway), and so on
WITH RECURSIVE told (job) AS (
  SELECT l.job FROM unnest($1::uuid[], $2::bigint[]) AS u (on_job, round)
  CROSS JOIN LATERAL (SELECT l.job FROM stint.link AS l WHERE l.on_job = u.on_job AND l.round <= u.round OFFSET 0) AS l
  UNION
  SELECT l.job FROM told
  CROSS JOIN LATERAL (
    SELECT id, coalesce(round, 1) AS round FROM stint.job WHERE id = told.job AND state = 0 AND flags & 655360 = 131072 AND $4::boolean OFFSET 0) AS j
  CROSS JOIN LATERAL (SELECT l.job FROM stint.link AS l WHERE l.on_job = j.id AND l.round <= j.round OFFSET 0) AS l
)
SELECT job FROM told LIMIT $3

-- name: link_among
-- Of these jobs, which are locked ($1), on those ($2). On how many does each depend in all?
SELECT job, on_job, round, n FROM (
  SELECT job, on_job, round, count(*) OVER (PARTITION BY job) AS n FROM stint.link WHERE job = ANY ($1)) AS l
WHERE on_job = ANY ($2)

-- name: link_cut
DELETE FROM stint.link AS l USING unnest($1::uuid[], $2::uuid[]) AS u (job, on_job) WHERE l.job = u.job AND l.on_job = u.on_job

-- name: link_left
-- $1, $2 as link_jobs: those on which somebody depends still
SELECT u.on_job FROM unnest($1::uuid[], $2::bigint[]) AS u (on_job, round)
WHERE EXISTS (SELECT FROM stint.link AS l WHERE l.on_job = u.on_job AND l.round <= u.round)

-- name: link_list
-- $1 the job · $2 so many
SELECT on_job FROM stint.link WHERE job = $1 ORDER BY on_job LIMIT $2

-- name: link_delete
DELETE FROM stint.link WHERE job = ANY ($1)
