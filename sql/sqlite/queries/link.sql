-- Jobs that depend on others.

-- name: link_insert
INSERT INTO link (job, on_job, on_random, round) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET round = max(round, excluded.round)

-- name: link_jobs
-- ?1 on this one · ?2 in this round, or an earlier one · ?3 so many
SELECT job FROM link WHERE on_job = ?1 AND round <= ?2 LIMIT ?3

-- name: link_list
-- ?1 the job · ?2 so many
SELECT on_job, on_random FROM link WHERE job = ?1 ORDER BY on_job LIMIT ?2

-- name: link_delete
DELETE FROM link WHERE job = ?1 AND on_job = ?2

-- name: link_any
SELECT 1 FROM link WHERE job = ?1 LIMIT 1

-- name: link_delete_all
DELETE FROM link WHERE job = ?1
