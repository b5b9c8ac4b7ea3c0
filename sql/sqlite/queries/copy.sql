-- What a copy reads and writes (store/copy_rows.h): the columns of each table in its order; an id takes two, ordinal and random.
-- The parameters of a reading are the last key, an id by its ordinal alone, and how many rows at most.

-- name: copy_is_empty
SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM tenant) AND NOT EXISTS (SELECT 1 FROM api_key) AND NOT EXISTS (SELECT 1 FROM queue)
  AND NOT EXISTS (SELECT 1 FROM job) AND NOT EXISTS (SELECT 1 FROM unique_key) AND NOT EXISTS (SELECT 1 FROM idempotency)
  AND NOT EXISTS (SELECT 1 FROM event) AND NOT EXISTS (SELECT 1 FROM artifact) AND NOT EXISTS (SELECT 1 FROM series_entry)
  AND NOT EXISTS (SELECT 1 FROM schedule) AND NOT EXISTS (SELECT 1 FROM limit_key) AND NOT EXISTS (SELECT 1 FROM slot)
  AND NOT EXISTS (SELECT 1 FROM tally) AND NOT EXISTS (SELECT 1 FROM note)
  AND NOT EXISTS (SELECT 1 FROM link) AND NOT EXISTS (SELECT 1 FROM batch) AND NOT EXISTS (SELECT 1 FROM member)
  AND NOT EXISTS (SELECT 1 FROM batch_label)

-- name: meta_delete
DELETE FROM meta WHERE name = ?1

-- name: copy_read_tenant
SELECT id, name, created_at FROM tenant WHERE id > ?1 ORDER BY id LIMIT ?2

-- name: copy_read_api_key
SELECT public_id, tenant, hash, name, last4, scopes, queues, created_at, expires_at, revoked_at
FROM api_key WHERE public_id > ?1 ORDER BY public_id LIMIT ?2

-- name: copy_read_queue
SELECT tenant, name, is_paused, is_deleted, lease_ms, timeout_ms, max_attempts, retry_base_ms, priority,
  retain_completed_ms, retain_failed_ms, retain_cancelled_ms, max_queued, age_step_ms, enqueued_total, completed_total,
  failed_total, cancelled_total, lost_total, retried_total, group_weights
FROM queue WHERE (tenant, name) > (?1, ?2) ORDER BY tenant, name LIMIT ?3

-- name: copy_read_job
-- flags without those of sqlite/rows.h, which say what lies in table body.
SELECT id, random, tenant, (SELECT name FROM queue WHERE queue.id = job.queue), (SELECT text FROM word WHERE word.id = job.kind),
  state, priority, run_at, max(coalesce(due_at, 0), 0), flags & ~224, lease, lease_ms, lease_until, timeout_ms, timeout_at,
  cancel_at, deadline_at, attempt, lost, lost_max, snoozes, waits, round, reason, report_n, report_hash, report_verdict,
  last_seq, progress, max(started_at, 0), max(finished_at, 0), max(coalesce(expires_at, 0), 0), worker, progress_message,
  retry, unique_key, tags, fair_group, limit_keys, error_class, error_code, error_message, error_stack,
  CASE WHEN flags & 128 THEN (SELECT bytes FROM body WHERE body.job = job.id AND part = 3) ELSE checkpoint END,
  CASE WHEN flags & 64 THEN (SELECT bytes FROM body WHERE body.job = job.id AND part = 2) ELSE result END,
  CASE WHEN flags & 32 THEN (SELECT bytes FROM body WHERE body.job = job.id AND part = 1) ELSE args END,
  CASE WHEN flags & 2048 THEN (SELECT kin.parent FROM kin WHERE kin.job = job.id) END,
  CASE WHEN flags & 2048 THEN (SELECT parent_random FROM kin WHERE kin.job = job.id) END,
  CASE WHEN flags & 2048 THEN (SELECT kin.root FROM kin WHERE kin.job = job.id) END,
  CASE WHEN flags & 2048 THEN (SELECT root_random FROM kin WHERE kin.job = job.id) END,
  CASE WHEN flags & 272629760 THEN (SELECT member.batch FROM member WHERE member.job = job.id) END,
  CASE WHEN flags & 272629760 THEN (SELECT batch_random FROM member WHERE member.job = job.id) END
FROM job WHERE id > ?1 ORDER BY id LIMIT ?2

-- name: copy_read_event
SELECT event.job, job.random, seq, at, type, data FROM event CROSS JOIN job ON job.id = event.job
WHERE (event.job, seq) > (?1, ?2) ORDER BY event.job, seq LIMIT ?3

-- name: copy_read_unique_key
SELECT tenant, scope, key, job, random, held_until FROM unique_key
WHERE (tenant, scope, key) > (?1, ?2, ?3) ORDER BY tenant, scope, key LIMIT ?4

-- name: copy_read_idempotency
SELECT tenant, key, body_hash, verdicts, expires_at FROM idempotency
WHERE (tenant, key) > (?1, ?2) ORDER BY tenant, key LIMIT ?3

-- name: copy_read_artifact
-- The tenant is the job's, or that of a series which outlives it; the file follows behind.
SELECT job, job_random, name, lease, tenant, media_type, sha256, size, created_at, bytes, file FROM (
  SELECT *, coalesce((SELECT tenant FROM job WHERE job.id = artifact.job),
    (SELECT tenant FROM series_entry WHERE series_entry.artifact = artifact.id LIMIT 1)) AS tenant
  FROM artifact WHERE (job, name, lease) > (?1, ?2, ?3) ORDER BY job, name, lease)
WHERE tenant IS NOT NULL ORDER BY job, name, lease LIMIT ?4

-- name: copy_read_series_entry
SELECT series_entry.id, tenant, series_entry.name, job, job_random, artifact.name, lease, published_at, result
FROM series_entry CROSS JOIN artifact ON artifact.id = series_entry.artifact
WHERE series_entry.id > ?1 ORDER BY series_entry.id LIMIT ?2

-- name: copy_write_tenant
INSERT INTO tenant (id, name, created_at) VALUES (?1, ?2, ?3)

-- name: copy_write_api_key
INSERT INTO api_key (public_id, tenant, hash, name, last4, scopes, queues, created_at, expires_at, revoked_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- name: copy_write_job
-- queue and kind by their numbers; ?47 … ?52, the kin and the batch, are other rows'; ?53: the line.
INSERT INTO job (id, random, tenant, queue, kind, state, priority, run_at, due_at, flags, lease, lease_ms, lease_until, timeout_ms,
  timeout_at, cancel_at, deadline_at, attempt, lost, lost_max, snoozes, waits, round, reason, report_n, report_hash,
  report_verdict, last_seq, progress, started_at, finished_at, expires_at, worker, progress_message, retry, unique_key, tags,
  fair_group, limit_keys, error_class, error_code, error_message, error_stack, checkpoint, result, args, line)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25,
  ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42, ?43, ?44, ?45, ?46, ?53)

-- name: copy_write_event
INSERT INTO event (job, seq, at, type, data) SELECT ?1, ?3, ?4, ?5, ?6 WHERE ?2 NOTNULL

-- name: copy_write_unique_key
INSERT INTO unique_key (tenant, scope, key, job, random, held_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)

-- name: copy_write_idempotency
INSERT INTO idempotency (tenant, key, body_hash, verdicts, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)

-- name: copy_write_artifact
-- ?5, the tenant, is its job's; ?11: the file.
INSERT INTO artifact (job, job_random, name, lease, media_type, sha256, size, created_at, bytes, file)
SELECT ?1, ?2, ?3, ?4, ?6, ?7, ?8, ?9, ?10, ?11 WHERE ?5 NOTNULL

-- name: copy_write_series_entry
INSERT INTO series_entry (id, tenant, name, artifact, published_at, result)
SELECT ?1, ?2, ?3, artifact.id, ?8, ?9 FROM artifact
WHERE job = ?4 AND job_random = ?5 AND artifact.name = ?6 AND lease = ?7

-- name: copy_read_limit
SELECT tenant, key, is_set, concurrency, rate, period_ms, burst, full_at_us, paused_until, is_adaptive, cut_micro, cut_at
FROM limit_key WHERE (tenant, key) > (?1, ?2) AND (is_set OR full_at_us <> 0 OR paused_until <> 0 OR cut_micro <> 0)
ORDER BY tenant, key LIMIT ?3

-- name: copy_write_limit
INSERT INTO limit_key (tenant, key, is_set, concurrency, rate, period_ms, burst, full_at_us, paused_until, is_adaptive,
  cut_micro, cut_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)

-- name: copy_read_schedule
SELECT tenant, name, definition, is_paused, version, next_at, last_tick, last_job, last_random, fired, dropped, created_at,
  updated_at
FROM schedule WHERE (tenant, name) > (?1, ?2) ORDER BY tenant, name LIMIT ?3

-- name: copy_write_schedule
INSERT INTO schedule (tenant, name, definition, is_paused, version, next_at, last_tick, last_job, last_random, fired, dropped,
  created_at, updated_at, due_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, iif(?4, 0, ?6))

-- name: copy_write_kin
INSERT INTO kin (job, parent, parent_random, root, root_random, failed) SELECT ?1, ?3, ?4, ?5, ?6, ?7 WHERE ?2 NOTNULL

-- name: copy_read_tally
SELECT owner, job.random, open, completed, failed, cancelled, skipped FROM tally CROSS JOIN job ON job.id = tally.owner
WHERE owner > ?1 AND (open <> 0 OR completed <> 0 OR failed <> 0 OR cancelled <> 0 OR skipped <> 0) ORDER BY owner LIMIT ?2

-- name: copy_write_tally
INSERT INTO tally (owner, open, completed, failed, cancelled, skipped) SELECT ?1, ?3, ?4, ?5, ?6, ?7 WHERE ?2 NOTNULL

-- name: copy_read_note
-- A cancel begins again with the first child.
SELECT what, id, tenant, job, random, iif(what > 2, since, 0) FROM note WHERE (what, id) > (?1, ?2) ORDER BY what, id LIMIT ?3

-- name: copy_write_note
INSERT INTO note (what, id, tenant, job, random, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6)

-- name: copy_read_link
SELECT link.job, job.random, on_job, on_random, link.round FROM link CROSS JOIN job ON job.id = link.job
WHERE (link.job, on_job) > (?1, ?2) ORDER BY link.job, on_job LIMIT ?3

-- name: copy_write_link
INSERT INTO link (job, on_job, on_random, round) SELECT ?1, ?3, ?4, ?5 WHERE ?2 NOTNULL

-- name: copy_write_member
INSERT INTO member (job, batch, batch_random) SELECT ?1, ?3, ?4 WHERE ?2 NOTNULL

-- name: copy_read_batch
SELECT job, random, tenant, max_jobs, name, labels, finally FROM batch WHERE job > ?1 ORDER BY job LIMIT ?2

-- name: copy_write_batch
INSERT INTO batch (job, random, tenant, max_jobs, name, labels, finally) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
