-- Jobs that hang under another, and the notes that ticks take.

-- name: kin_insert
INSERT INTO kin (job, parent, parent_random, root, root_random, failed) VALUES (?1, ?2, ?3, ?4, ?5, 0)

-- name: kin_get
SELECT parent, parent_random, root, root_random FROM kin WHERE job = ?1

-- name: kin_set_failed
UPDATE kin SET failed = ?2 WHERE job = ?1

-- name: kin_delete
DELETE FROM kin WHERE job = ?1

-- name: kin_open
-- ?1 parent · ?2 behind this child · ?3 so many are looked at. Also those that need nothing: they say how far it has come.
SELECT k.job, j.random, j.state < 4 AND j.flags & 32769 = 0 FROM kin AS k CROSS JOIN job AS j ON j.id = k.job
WHERE k.parent = ?1 AND k.job > ?2 ORDER BY k.job LIMIT ?3

-- name: kin_list
SELECT @job_columns@ FROM kin AS k CROSS JOIN job AS j ON j.id = k.job
WHERE k.parent = ?1 AND k.job > ?2 ORDER BY k.job LIMIT ?3

-- name: kin_failures
SELECT j.id, j.random, j.kind, j.error_code, j.error_message FROM kin AS k CROSS JOIN job AS j ON j.id = k.job
WHERE k.parent = ?1 AND k.failed = 1 ORDER BY k.job LIMIT ?2

-- name: tally_add
INSERT INTO tally (owner, open, completed, failed, cancelled, skipped) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (owner) DO UPDATE SET open = open + excluded.open, completed = completed + excluded.completed,
  failed = failed + excluded.failed, cancelled = cancelled + excluded.cancelled, skipped = skipped + excluded.skipped

-- name: tally_change
-- Of a parent that is still there.
UPDATE tally SET open = open + ?2, completed = completed + ?3, failed = failed + ?4, cancelled = cancelled + ?5,
  skipped = skipped + ?6 WHERE owner = ?1

-- name: tally_get
SELECT open, completed, failed, cancelled, skipped FROM tally WHERE owner = ?1

-- name: tally_delete
DELETE FROM tally WHERE owner = ?1

-- name: note_insert
INSERT INTO note (tenant, job, random, what, since) VALUES (?1, ?2, ?3, ?4, ?5)

-- name: note_list
SELECT id, tenant, job, random, what, since FROM note WHERE what = ?1 ORDER BY id LIMIT ?2

-- name: note_any
SELECT 1 FROM note LIMIT 1

-- name: note_delete
DELETE FROM note WHERE id = ?1
