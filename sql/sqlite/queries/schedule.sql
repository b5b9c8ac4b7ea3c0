-- Schedules.

-- name: schedule_columns
tenant, name, definition, is_paused, version, next_at, last_tick, last_job, last_random, fired, dropped, created_at, updated_at

-- name: schedule_is_live
EXISTS (SELECT 1 FROM job WHERE job.id = schedule.last_job AND job.random = schedule.last_random AND job.state < 4)

-- name: schedule_get
SELECT @schedule_columns@ FROM schedule WHERE tenant = ?1 AND name = ?2

-- name: schedule_count
SELECT count(*) FROM schedule WHERE tenant = ?1

-- name: schedule_put
INSERT INTO schedule (@schedule_columns@, due_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, iif(?4, 0, ?6))
ON CONFLICT (tenant, name) DO UPDATE SET definition = excluded.definition, is_paused = excluded.is_paused,
  version = excluded.version, next_at = excluded.next_at, due_at = excluded.due_at, last_tick = excluded.last_tick,
  last_job = excluded.last_job, last_random = excluded.last_random, fired = excluded.fired, dropped = excluded.dropped,
  updated_at = excluded.updated_at

-- name: schedule_delete
DELETE FROM schedule WHERE tenant = ?1 AND name = ?2

-- name: schedule_take
UPDATE schedule SET due_at = ?2
WHERE id IN (SELECT id FROM (
  SELECT id, sum(octet_length(definition)) OVER (ORDER BY due_at, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM (SELECT id, due_at, definition FROM schedule WHERE due_at > 0 AND due_at <= ?1 ORDER BY due_at LIMIT ?3)
) WHERE coalesce(before, 0) < ?4)
RETURNING @schedule_columns@, @schedule_is_live@

-- name: schedule_release
-- A batch that was being filled goes on at once.
UPDATE schedule SET due_at = iif(name < '!', 1, next_at) WHERE due_at > 0 AND due_at <> next_at OR name < '!' AND fired > 0

-- name: schedule_half_filled
SELECT count(*) FROM schedule WHERE name < '!' AND fired > 0

-- name: schedule_list
SELECT @schedule_columns@, @schedule_is_live@ FROM (
  SELECT *, sum(octet_length(definition)) OVER (ORDER BY name ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM (SELECT * FROM schedule WHERE tenant = ?1 AND (?2 = '' OR name = ?2) AND name > ?3 ORDER BY name LIMIT ?4)
) AS schedule WHERE coalesce(before, 0) < ?5 ORDER BY name
