-- Limits of keys, and the jobs that hold their slots.

-- name: limit_columns
tenant, key, is_set, concurrency, rate, period_ms, burst, full_at_us, paused_until, is_adaptive, cut_micro, cut_at

-- name: limit_all
SELECT @limit_columns@ FROM limit_key

-- name: limit_get
SELECT @limit_columns@ FROM limit_key WHERE tenant = ?1 AND key = ?2

-- name: limit_list
-- ?4 = now
SELECT @limit_columns@ FROM limit_key
WHERE tenant = ?1 AND key > ?2 AND (is_set OR paused_until > ?4) ORDER BY key LIMIT ?3

-- name: limit_put
INSERT INTO limit_key (tenant, key, is_set, concurrency, rate, period_ms, burst, full_at_us, paused_until, is_adaptive,
  cut_micro, cut_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
ON CONFLICT (tenant, key) DO UPDATE SET is_set = excluded.is_set, concurrency = excluded.concurrency, rate = excluded.rate,
  period_ms = excluded.period_ms, burst = excluded.burst, full_at_us = excluded.full_at_us,
  paused_until = excluded.paused_until, is_adaptive = excluded.is_adaptive, cut_micro = excluded.cut_micro,
  cut_at = excluded.cut_at

-- name: limit_delete
DELETE FROM limit_key WHERE tenant = ?1 AND key = ?2

-- name: limit_count
SELECT count(*) FROM limit_key WHERE tenant = ?1 AND is_set

-- name: limit_paused
SELECT count(*) FROM limit_key WHERE (?1 = 0 OR tenant = ?1) AND paused_until > ?2

-- name: limit_slots
SELECT tenant, limits FROM slot WHERE ?1 = 0 OR tenant = ?1

-- name: slot_insert
INSERT INTO slot (job, tenant, limits) VALUES (?1, ?2, ?3)

-- name: slot_delete
DELETE FROM slot WHERE job = ?1

-- name: limit_waiting
-- ?2 = the key as it stands in such lists
SELECT line.limits, line.queued FROM line JOIN queue ON queue.id = line.queue
WHERE line.queued > 0 AND instr(line.limits, ?2) > 0 AND (?1 = 0 OR queue.tenant = ?1)

-- name: job_lane
SELECT fair_group, limit_keys FROM job WHERE id = ?1
