-- Queries over live and finished jobs. `-- name: x` begins a query; @x@ is replaced by the query of that name.
-- Times that are not set are stored negative where the row must keep its width (due_at, started_at, finished_at, expires_at).

-- name: job_columns
id, random, tenant, state, queue, kind, priority, run_at, flags, lease, lease_ms, lease_until, timeout_ms, deadline_at,
attempt, lost, lost_max, snoozes, waits, round, reason, last_seq, progress, started_at, finished_at, expires_at, worker,
progress_message, retry, unique_key, tags, fair_group, limit_keys, error_class, error_code, error_message

-- name: job_insert
-- ?1 = now. Every column, in the table's order: then SQLite makes the record of what it has read, without a copy.
INSERT INTO job (id, random, tenant, state, queue, kind, line, priority, run_at, due_at, flags, lease, lease_ms, lease_until,
  timeout_ms, timeout_at, cancel_at, deadline_at, attempt, lost, lost_max, snoozes, waits, round, reason, report_n,
  report_hash, report_verdict, last_seq, progress, started_at, finished_at, expires_at, worker, progress_message, retry,
  unique_key, tags, fair_group, limit_keys, parent, root, batch, error_class, error_code, error_message, error_stack,
  checkpoint, result, args)
SELECT id, random, tenant, state, queue, kind, line, priority, run_at, due_at, flags, lease, lease_ms, ?1,
  timeout_ms, ?1, 0, deadline_at, 0, 0, lost_max, 0, 0, 1, 0, 0,
  random, 0, 0, -1, -?1, -?1, -?1, NULL, NULL, retry,
  unique_key, tags, fair_group, limit_keys, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL, args
FROM new_job

-- name: job_load
SELECT random, tenant, state, queue, kind, line, priority, run_at, due_at, flags, lease, lease_ms, lease_until, timeout_ms,
  timeout_at, cancel_at, deadline_at, attempt, lost, lost_max, snoozes, waits, round, reason, report_n, report_hash,
  report_verdict, last_seq, progress, started_at, finished_at, expires_at, retry, unique_key
FROM job WHERE id = ?1

-- name: job_save
UPDATE job SET state = ?2, line = ?3, priority = ?4, run_at = ?5, due_at = ?6, flags = ?7, lease = ?8, lease_ms = ?9,
  lease_until = ?10, timeout_at = ?11, cancel_at = ?12, attempt = ?13, lost = ?14, snoozes = ?15, waits = ?16, round = ?17,
  reason = ?18, report_n = ?19, report_hash = ?20, report_verdict = ?21, last_seq = ?22, progress = ?23, started_at = ?24,
  finished_at = ?25, expires_at = ?26, deadline_at = ?27
WHERE id = ?1 AND state = ?28

-- name: job_finish
UPDATE job SET state = ?2, due_at = ?3, flags = ?4, reason = ?5, report_n = ?6, report_hash = ?7, report_verdict = ?8,
  last_seq = ?9, progress = ?10, finished_at = ?11, expires_at = ?12, result = ?13
WHERE id = ?1 AND state = ?14

-- name: job_touch
UPDATE job SET due_at = ?2, lease_ms = ?3, lease_until = ?4, report_n = ?5, report_hash = ?6, report_verdict = ?7,
  last_seq = ?8, progress = ?9, flags = ?10
WHERE id = ?1 AND state = 3

-- name: job_claim
UPDATE job SET state = 3, due_at = ?2, flags = ?3, lease = ?4, lease_ms = ?5, lease_until = ?6, timeout_at = ?7,
  cancel_at = 0, attempt = ?8, report_n = 0, started_at = ?9, worker = ?10
WHERE id = ?1 AND state = 2

-- name: job_set_error
UPDATE job SET error_class = ?2, error_code = ?3, error_message = ?4, error_stack = ?5 WHERE id = ?1

-- name: job_set_checkpoint
UPDATE job SET checkpoint = ?2 WHERE id = ?1

-- name: job_set_progress_message
UPDATE job SET progress_message = ?2 WHERE id = ?1

-- name: job_set_result
UPDATE job SET result = ?2 WHERE id = ?1

-- name: job_set_args
UPDATE job SET args = ?2 WHERE id = ?1

-- name: job_set_place
UPDATE job SET queue = ?2, line = ?3, priority = ?4 WHERE id = ?1

-- name: job_erase
UPDATE job SET args = NULL, result = NULL, checkpoint = NULL, progress_message = NULL, error_code = NULL,
  error_message = NULL, error_stack = NULL, flags = ?2 WHERE id = ?1

-- name: job_heads
SELECT id, run_at FROM job WHERE line = ?1 AND state = 2 ORDER BY run_at, id LIMIT ?2

-- name: job_view
SELECT @job_columns@, error_stack, checkpoint, result, args FROM job WHERE id = ?1

-- name: job_lease
SELECT random, tenant, state, lease, lease_ms, lease_until, worker FROM job WHERE id = ?1

-- name: job_list
SELECT @job_columns@ FROM job WHERE id < ?1 AND id >= ?2 ORDER BY id DESC

-- name: job_list_dead
SELECT @job_columns@ FROM job WHERE tenant = ?3 AND state = 5 AND id < ?1 AND id >= ?2 ORDER BY id DESC

-- name: job_list_batch
-- ?3, ?4: those of this batch, and none of its finalisers (268435456)
SELECT @job_columns@ FROM member AS m CROSS JOIN job ON job.id = m.job
WHERE m.batch = ?3 AND m.batch_random = ?4 AND m.job < ?1 AND m.job >= ?2 AND job.flags & 268435456 = 0
ORDER BY m.job DESC

-- name: job_due
SELECT id FROM job WHERE due_at > 0 AND due_at <= ?1 ORDER BY due_at LIMIT ?2

-- name: job_next_due
-- When a tick has work: of a job, or of a schedule.
SELECT min(due_at) FROM (
  SELECT * FROM (SELECT due_at FROM job WHERE due_at > 0 ORDER BY due_at LIMIT 1)
  UNION ALL
  SELECT * FROM (SELECT due_at FROM schedule WHERE due_at > 0 ORDER BY due_at LIMIT 1))

-- name: job_expired
SELECT id FROM job WHERE expires_at > 0 AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2

-- name: job_next_expiry
SELECT expires_at FROM job WHERE expires_at > 0 ORDER BY expires_at LIMIT 1

-- name: job_delete
DELETE FROM job WHERE id = ?1

-- name: job_last_id
SELECT max(id) FROM job

-- name: body_put
INSERT INTO body (job, part, bytes) VALUES (?1, ?2, ?3) ON CONFLICT (job, part) DO UPDATE SET bytes = excluded.bytes

-- name: body_get
SELECT bytes FROM body WHERE job = ?1 AND part = ?2

-- name: body_delete
DELETE FROM body WHERE job = ?1 AND part = ?2

-- name: body_delete_all
DELETE FROM body WHERE job = ?1

-- name: event_insert
INSERT INTO event (job, seq, at, type, data) VALUES (?1, ?2, ?3, ?4, ?5)

-- name: event_read
SELECT seq, at, type, data FROM event WHERE job = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3

-- name: event_first
SELECT seq FROM event WHERE job = ?1 ORDER BY seq LIMIT 1

-- name: event_delete_some
DELETE FROM event WHERE job = ?1 AND seq < ?2

-- name: event_delete_all
DELETE FROM event WHERE job = ?1
