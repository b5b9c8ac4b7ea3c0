-- Transactions, meta, queues, lines, keys.

-- name: round_begin
BEGIN IMMEDIATE

-- name: read_begin
BEGIN

-- name: round_commit
COMMIT

-- name: round_rollback
ROLLBACK

-- name: meta_get
SELECT value FROM meta WHERE name = ?1

-- name: meta_put
INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: word_insert
INSERT INTO word (id, text) VALUES (?1, ?2)

-- name: word_all
SELECT id, text FROM word ORDER BY id

-- name: queue_insert
INSERT INTO queue (id, tenant, name) VALUES (?1, ?2, ?3)

-- name: queue_all
SELECT id, tenant, name, is_paused, is_deleted, lease_ms, timeout_ms, max_attempts, retry_base_ms, priority,
  retain_completed_ms, retain_failed_ms, retain_cancelled_ms, max_queued, age_step_ms, blocked, scheduled, queued,
  processing, completed, failed, cancelled, skipped, enqueued_total, completed_total, failed_total, cancelled_total,
  lost_total, retried_total, group_weights
FROM queue ORDER BY id

-- name: queue_set_counts
UPDATE queue SET is_deleted = ?2, blocked = ?3, scheduled = ?4, queued = ?5, processing = ?6, completed = ?7, failed = ?8,
  cancelled = ?9, skipped = ?10, enqueued_total = ?11, completed_total = ?12, failed_total = ?13, cancelled_total = ?14,
  lost_total = ?15, retried_total = ?16
WHERE id = ?1

-- name: queue_set_settings
UPDATE queue SET is_paused = ?2, lease_ms = ?3, timeout_ms = ?4, max_attempts = ?5, retry_base_ms = ?6, priority = ?7,
  retain_completed_ms = ?8, retain_failed_ms = ?9, retain_cancelled_ms = ?10, max_queued = ?11, age_step_ms = ?12,
  group_weights = ?13
WHERE id = ?1

-- name: queue_list
SELECT id, name, is_paused, lease_ms, timeout_ms, max_attempts, retry_base_ms, priority, retain_completed_ms,
  retain_failed_ms, retain_cancelled_ms, max_queued, age_step_ms, blocked, scheduled, queued, processing, completed,
  failed, cancelled, skipped, group_weights
FROM queue WHERE tenant = ?1 AND NOT is_deleted AND (?2 = '' OR name = ?2) AND name <> '' ORDER BY name

-- name: queue_oldest
SELECT min((SELECT min(run_at) FROM job WHERE job.line = line.id AND job.state = 2))
FROM line WHERE line.queue = ?1 AND line.queued > 0

-- name: queue_sums
SELECT sum(blocked), sum(scheduled), sum(queued), sum(processing), sum(completed), sum(failed), sum(cancelled),
  sum(skipped), sum(enqueued_total), sum(completed_total), sum(failed_total), sum(cancelled_total), sum(lost_total),
  sum(retried_total)
FROM queue WHERE (?1 = 0 OR tenant = ?1) AND name <> ''

-- name: queue_kinds
SELECT queue.id, line.kind, sum(line.queued)
FROM queue JOIN line ON line.queue = queue.id
WHERE (?1 = 0 OR queue.tenant = ?1) AND line.queued > 0
GROUP BY queue.id, line.kind ORDER BY queue.id, line.kind

-- name: line_insert
INSERT INTO line (id, queue, kind, priority, fair_group, limits, queued) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)

-- name: line_all
SELECT id, queue, kind, priority, queued, fair_group, limits FROM line ORDER BY id

-- name: line_set
UPDATE line SET queued = ?2 WHERE id = ?1

-- name: line_delete
DELETE FROM line WHERE id = ?1

-- name: line_ready
SELECT DISTINCT line.kind FROM queue JOIN line ON line.queue = queue.id
WHERE queue.tenant = ?1 AND queue.name = ?2 AND NOT queue.is_paused AND line.queued > 0
  AND EXISTS (SELECT 1 FROM job WHERE job.line = line.id AND job.state = 2 AND (job.deadline_at = 0 OR job.deadline_at > ?3))

-- name: line_ready_all
-- Of queues of that name, whosever they are.
SELECT DISTINCT queue.tenant, line.kind FROM queue JOIN line ON line.queue = queue.id
WHERE queue.name = ?1 AND NOT queue.is_paused AND line.queued > 0
  AND EXISTS (SELECT 1 FROM job WHERE job.line = line.id AND job.state = 2 AND (job.deadline_at = 0 OR job.deadline_at > ?2))

-- name: unique_get
SELECT job, random, held_until FROM unique_key WHERE tenant = ?1 AND scope = 0 AND key = ?2

-- name: unique_put
INSERT INTO unique_key (tenant, scope, key, job, random, held_until) VALUES (?1, 0, ?2, ?3, ?4, ?5)
ON CONFLICT (tenant, scope, key) DO UPDATE SET job = excluded.job, random = excluded.random, held_until = excluded.held_until

-- name: unique_release
DELETE FROM unique_key WHERE tenant = ?1 AND scope = 0 AND key = ?2 AND job = ?3 AND held_until = 0

-- name: idempotency_get
SELECT body_hash, verdicts, expires_at FROM idempotency WHERE tenant = ?1 AND key = ?2

-- name: idempotency_put
INSERT INTO idempotency (tenant, key, body_hash, verdicts, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (tenant, key) DO UPDATE
SET body_hash = excluded.body_hash, verdicts = excluded.verdicts, expires_at = excluded.expires_at

-- name: tenant_get
SELECT id FROM tenant WHERE name = ?1

-- name: tenant_insert
INSERT INTO tenant (name, created_at) VALUES (?1, ?2)

-- name: tenant_count
SELECT count(*) FROM tenant

-- name: tenant_list
SELECT id, name FROM tenant ORDER BY id

-- name: key_insert
INSERT INTO api_key (public_id, tenant, hash, name, last4, scopes, queues, created_at, expires_at, revoked_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)

-- name: key_get
SELECT tenant, revoked_at FROM api_key WHERE public_id = ?1

-- name: key_revoke
UPDATE api_key SET revoked_at = ?2 WHERE public_id = ?1

-- name: key_list
SELECT public_id, hash, tenant, (SELECT name FROM tenant WHERE tenant.id = api_key.tenant), name, last4, scopes, queues,
  created_at, expires_at, revoked_at
FROM api_key WHERE ?1 = 0 OR tenant = ?1 ORDER BY created_at, public_id

-- name: prune_unique
DELETE FROM unique_key WHERE (tenant, scope, key) IN
  (SELECT tenant, scope, key FROM unique_key WHERE held_until > 0 AND held_until <= ?1 LIMIT ?2)

-- name: prune_idempotency
DELETE FROM idempotency WHERE (tenant, key) IN (SELECT tenant, key FROM idempotency WHERE expires_at <= ?1 LIMIT ?2)

-- name: next_unique_expiry
SELECT held_until FROM unique_key WHERE held_until > 0 AND held_until < 9223372036854775807 ORDER BY held_until LIMIT 1

-- name: next_idempotency_expiry
SELECT expires_at FROM idempotency ORDER BY expires_at LIMIT 1
