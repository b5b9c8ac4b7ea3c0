-- Schedules.

-- name: schedule_columns
s.tenant, s.name, s.definition, s.is_paused, s.version, s.next_at, s.last_tick, s.last_job, s.fired, s.dropped, s.created_at, s.updated_at

-- name: schedule_next_due
-- Whoever reads the next due time of jobs reads this too: what it does not find, the node forgets.
(SELECT due_at FROM stint.schedule WHERE due_at > 0 ORDER BY due_at LIMIT 1)

-- name: schedule_lock
-- In one order, so that rounds of several nodes wait for each other and never in a circle.
SELECT @schedule_columns@ FROM (
  SELECT u.tenant, u.name FROM unnest($1::bigint[], $2::text[]) AS u (tenant, name) ORDER BY u.tenant, u.name COLLATE "C"
) AS u CROSS JOIN LATERAL (
  SELECT * FROM stint.schedule AS s WHERE s.tenant = u.tenant::int AND s.name = u.name COLLATE "C" FOR UPDATE
) AS s

-- name: schedule_lock_idle
SELECT @schedule_columns@ FROM stint.schedule AS s WHERE s.tenant = $1 AND s.name = $2 COLLATE "C" FOR UPDATE SKIP LOCKED

-- name: schedule_count
SELECT count(*) FROM stint.schedule WHERE tenant = $1

-- name: schedule_put
INSERT INTO stint.schedule AS s (tenant, name, definition, is_paused, version, next_at, last_tick, last_job, fired, dropped,
  created_at, updated_at, due_at)
SELECT u.*, CASE WHEN u.is_paused THEN 0 ELSE u.next_at END
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[], $5::bigint[], $6::bigint[], $7::bigint[], $8::uuid[],
  $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[]) AS u (tenant, name, definition, is_paused, version, next_at,
  last_tick, last_job, fired, dropped, created_at, updated_at)
ON CONFLICT (tenant, name) DO UPDATE SET definition = excluded.definition, is_paused = excluded.is_paused,
  version = excluded.version, next_at = excluded.next_at, due_at = excluded.due_at, last_tick = excluded.last_tick,
  last_job = excluded.last_job, fired = excluded.fired, dropped = excluded.dropped, updated_at = excluded.updated_at

-- name: schedule_delete
DELETE FROM stint.schedule WHERE tenant = $1 AND name = $2

-- name: schedule_take
UPDATE stint.schedule AS s SET due_at = $2
WHERE (s.tenant, s.name) IN (SELECT f.tenant, f.name FROM (
  SELECT d.tenant, d.name, sum(octet_length(d.definition))
    OVER (ORDER BY d.due_at, d.tenant, d.name ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM (SELECT l.tenant, l.name, l.due_at, l.definition FROM stint.schedule AS l
    WHERE l.due_at > 0 AND l.due_at <= $1 ORDER BY l.due_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS d
) AS f WHERE coalesce(f.before, 0) < $4)
RETURNING @schedule_columns@, EXISTS (SELECT FROM stint.job AS j WHERE j.id = s.last_job)

-- name: schedule_list
SELECT @schedule_columns@, EXISTS (SELECT FROM stint.job AS j WHERE j.id = s.last_job) FROM (
  SELECT t.*, sum(octet_length(t.definition)) OVER (ORDER BY t.name ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM (SELECT * FROM stint.schedule AS l
    WHERE l.tenant = $1 AND ($2 = '' OR l.name = $2) AND l.name > $3 ORDER BY l.name LIMIT $4) AS t
) AS s WHERE coalesce(s.before, 0) < $5 ORDER BY s.name
