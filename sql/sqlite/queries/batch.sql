-- Batches, and the jobs that belong to them.

-- name: batch_insert
INSERT INTO batch (tenant, job, random, max_jobs, name, labels) VALUES (?1, ?2, ?3, ?4, ?5, ?6)

-- name: batch_max
SELECT max_jobs FROM batch WHERE tenant = ?1 AND job = ?2

-- name: batch_finally
SELECT finally FROM batch WHERE tenant = ?1 AND job = ?2

-- name: batch_set_finally
UPDATE batch SET finally = ?3 WHERE tenant = ?1 AND job = ?2

-- name: batch_delete
DELETE FROM batch WHERE tenant = ?1 AND job = ?2

-- name: batch_columns
b.job, b.random, b.max_jobs, b.name, b.labels, j.state, j.flags, j.round, j.finished_at, coalesce(t.open, 0),
coalesce(t.completed, 0), coalesce(t.failed, 0), coalesce(t.cancelled, 0), coalesce(t.skipped, 0), j.error_message

-- name: batch_list
-- ?1 tenant · ?2 below this one · ?3 from this one on · ?4 so many
SELECT @batch_columns@
FROM batch AS b CROSS JOIN job AS j ON j.id = b.job LEFT JOIN tally AS t ON t.owner = b.job
WHERE b.tenant = ?1 AND b.job < ?2 AND b.job >= ?3 ORDER BY b.job DESC LIMIT ?4

-- name: batch_list_named
-- As batch_list. ?5 of this name
SELECT @batch_columns@
FROM batch AS b CROSS JOIN job AS j ON j.id = b.job LEFT JOIN tally AS t ON t.owner = b.job
WHERE b.tenant = ?1 AND b.name = ?5 AND b.job < ?2 AND b.job >= ?3 ORDER BY b.job DESC LIMIT ?4

-- name: batch_list_labelled
-- As batch_list. ?5 with this label
SELECT @batch_columns@
FROM batch_label AS l CROSS JOIN batch AS b ON b.tenant = l.tenant AND b.job = l.job
CROSS JOIN job AS j ON j.id = b.job LEFT JOIN tally AS t ON t.owner = b.job
WHERE l.tenant = ?1 AND l.label = ?5 AND l.job < ?2 AND l.job >= ?3 ORDER BY l.job DESC LIMIT ?4

-- name: batch_fill_at
-- ?2: what is left of its filling
SELECT next_at FROM schedule WHERE tenant = ?1 AND name = ?2 AND fired = 0

-- name: member_insert
INSERT INTO member (job, batch, batch_random) VALUES (?1, ?2, ?3)

-- name: member_get
SELECT batch, batch_random FROM member WHERE job = ?1

-- name: member_hidden
-- ?2: the flag of a batch that is being filled
SELECT 1 FROM member AS m CROSS JOIN job AS b ON b.id = m.batch WHERE m.job = ?1 AND b.flags & ?2 <> 0

-- name: member_delete
DELETE FROM member WHERE job = ?1

-- name: member_open
-- As kin_open. 268435456: a finaliser, which does not belong to it.
SELECT m.job, j.random, j.state < 4 AND j.flags & 268468225 = 0 FROM member AS m CROSS JOIN job AS j ON j.id = m.job
WHERE m.batch = ?1 AND m.job > ?2 ORDER BY m.job LIMIT ?3

-- name: member_final
-- ?1, ?2 of this batch · ?3 behind this job · ?4 so many are looked at, final or not
SELECT m.job, j.state >= 4 AND j.flags & 268435456 = 0 FROM member AS m CROSS JOIN job AS j ON j.id = m.job
WHERE m.batch = ?1 AND m.batch_random = ?2 AND m.job > ?3 ORDER BY m.job LIMIT ?4
