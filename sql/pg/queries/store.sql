-- The round's clock, queues' settings, counts, keys of tenants, unique and idempotency keys, partitions.

-- name: meta_all
SELECT name, number, bytes FROM stint.meta

-- name: meta_raise_ordinal
-- last_ordinal: of the greatest id that a node had given when jobs were removed, so that none comes again.
INSERT INTO stint.meta (name, number)
SELECT 'last_ordinal', $1 WHERE NOT EXISTS (SELECT FROM stint.meta WHERE name = 'last_ordinal' AND number >= $1)
ON CONFLICT (name) DO UPDATE SET number = greatest(meta.number, excluded.number)

-- name: round_clock
SELECT coalesce($1::bigint, stint.now()), (SELECT number FROM stint.meta WHERE name = 'settings_version')

-- name: round_flushes
-- Behind COMMIT: what may have let it answer before it was flushed, 1 … 3 as server_lossy says; 0: nothing.
SELECT CASE 'off' WHEN pg_catalog.current_setting('fsync') THEN 1 WHEN pg_catalog.current_setting('full_page_writes') THEN 2
  WHEN pg_catalog.current_setting('synchronous_commit') THEN 3 ELSE 0 END

-- name: commit_waits
-- For a standby, and for longer than one that is there needs; of our role: others' sessions are not ours to see.
SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE usename = current_user AND wait_event = 'SyncRep'
  AND state_change < clock_timestamp() - interval '2 s'), current_setting('synchronous_standby_names')

-- name: commit_try
-- Alone it is a transaction whose end has something to flush, which a standby waits for too. Nobody reads it.
SELECT pg_catalog.pg_logical_emit_message(true, 'stint', '')

-- name: settings_all
SELECT tenant, name, is_paused, deleted_total, lease_ms, timeout_ms, max_attempts, retry_base_ms, priority,
  retain_completed_ms, retain_failed_ms, retain_cancelled_ms, max_queued, age_step_ms
FROM stint.queue

-- name: settings_raise
-- Also the lock under which settings are changed.
UPDATE stint.meta SET number = number + 1 WHERE name = 'settings_version'

-- name: queue_put
INSERT INTO stint.queue (tenant, name, is_paused, deleted_total, lease_ms, timeout_ms, max_attempts, retry_base_ms, priority,
  retain_completed_ms, retain_failed_ms, retain_cancelled_ms, max_queued, age_step_ms, group_weights)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (tenant, name) DO UPDATE SET is_paused = excluded.is_paused, deleted_total = excluded.deleted_total,
  lease_ms = excluded.lease_ms, timeout_ms = excluded.timeout_ms, max_attempts = excluded.max_attempts,
  retry_base_ms = excluded.retry_base_ms, priority = excluded.priority, retain_completed_ms = excluded.retain_completed_ms,
  retain_failed_ms = excluded.retain_failed_ms, retain_cancelled_ms = excluded.retain_cancelled_ms,
  max_queued = excluded.max_queued, age_step_ms = excluded.age_step_ms, group_weights = excluded.group_weights

-- name: queue_waiting
-- Jobs that wait in a queue: blocked, scheduled, queued.
SELECT coalesce(sum(n), 0)::bigint FROM (
  SELECT n FROM stint.count WHERE tenant = $1 AND queue = $2 AND what <= 2
  UNION ALL
  SELECT n FROM stint.count_delta WHERE tenant = $1 AND queue = $2 AND what <= 2) AS c

-- name: count_add
-- $7: the version of the settings that the round went by; NULL: it has asked.
INSERT INTO stint.count_delta (tenant, queue, kind, what, drop_at, n)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
WHERE $7::bigint IS NULL OR stint.check_settings($7::bigint)

-- name: partition_make
SELECT stint.make_partition($1)

-- name: partition_all
SELECT substr(relname, 9) FROM pg_catalog.pg_class
WHERE relnamespace = 'stint'::regnamespace AND relispartition AND relkind = 'r' AND relname ~ '^history_[0-9]+$'

-- name: tenant_add
INSERT INTO stint.tenant (name, created_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING

-- name: tenant_get
SELECT id FROM stint.tenant WHERE name = $1

-- name: tenant_list
SELECT id, name FROM stint.tenant ORDER BY id

-- name: key_add
INSERT INTO stint.api_key (public_id, tenant, hash, name, last4, scopes, queues, created_at, expires_at, revoked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0) ON CONFLICT (public_id) DO NOTHING

-- name: key_get
SELECT tenant, revoked_at FROM stint.api_key WHERE public_id = $1 FOR UPDATE

-- name: key_revoke
UPDATE stint.api_key SET revoked_at = $2 WHERE public_id = $1

-- name: key_list
SELECT k.public_id, k.hash, k.tenant, t.name, k.name, k.last4, k.scopes, k.queues, k.created_at, k.expires_at, k.revoked_at
FROM stint.api_key AS k LEFT JOIN stint.tenant AS t ON t.id = k.tenant
WHERE $1::bigint = 0 OR k.tenant = $1::bigint ORDER BY k.created_at, k.public_id

-- name: unique_reserve
-- Takes the keys that nobody has, in one order, for the zero id: the round says for whom, or frees them.
INSERT INTO stint.unique_key (tenant, scope, key, job, held_until)
SELECT tenant, 0, key, '00000000-0000-0000-0000-000000000000', 0
FROM unnest($1::bigint[], $2::text[]) AS u (tenant, key) ORDER BY tenant, key COLLATE "C"
ON CONFLICT (tenant, scope, key) DO NOTHING

-- name: unique_take
-- Those that nobody has, for these jobs.
INSERT INTO stint.unique_key (tenant, scope, key, job, held_until)
SELECT tenant, 0, key, job, held_until
FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::bigint[]) AS u (tenant, key, job, held_until) ORDER BY tenant, key COLLATE "C"
ON CONFLICT (tenant, scope, key) DO NOTHING

-- name: unique_lock
SELECT k.tenant, k.key, k.job, k.held_until, coalesce((SELECT j.state FROM stint.job AS j WHERE j.id = k.job),
  (SELECT h.state FROM stint.history AS h WHERE h.id = k.job LIMIT 1)) AS state
FROM (
  SELECT u.tenant, u.key FROM unnest($1::bigint[], $2::text[]) AS u (tenant, key) ORDER BY u.tenant, u.key COLLATE "C"
) AS u CROSS JOIN LATERAL (
  SELECT * FROM stint.unique_key AS k WHERE k.tenant = u.tenant::int AND k.scope = 0 AND k.key = u.key COLLATE "C"
  FOR UPDATE
) AS k

-- name: unique_put
-- The scope is joined, behind OFFSET: as a constant it lets a plan that was made on an empty table walk through all keys.
UPDATE stint.unique_key AS k SET job = u.job, held_until = u.held_until
FROM (SELECT u.*, 0 AS scope FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::bigint[])
  AS u (tenant, key, job, held_until) OFFSET 0) AS u
WHERE k.tenant = u.tenant::int AND k.scope = u.scope AND k.key = u.key COLLATE "C"

-- name: unique_free
DELETE FROM stint.unique_key AS k
USING (SELECT u.*, 0 AS scope FROM unnest($1::bigint[], $2::text[]) AS u (tenant, key) OFFSET 0) AS u
WHERE k.tenant = u.tenant::int AND k.scope = u.scope AND k.key = u.key COLLATE "C"

-- name: unique_release
DELETE FROM stint.unique_key AS k
USING (SELECT u.*, 0 AS scope FROM unnest($1::bigint[], $2::text[], $3::uuid[]) AS u (tenant, key, job) OFFSET 0) AS u
WHERE k.tenant = u.tenant::int AND k.scope = u.scope AND k.key = u.key COLLATE "C" AND k.job = u.job AND k.held_until = 0

-- name: idempotency_reserve
INSERT INTO stint.idempotency (tenant, key, body_hash, expires_at) VALUES ($1, $2, '', 0) ON CONFLICT (tenant, key) DO NOTHING

-- name: idempotency_lock
SELECT body_hash, verdicts, expires_at FROM stint.idempotency WHERE tenant = $1 AND key = $2 FOR UPDATE

-- name: idempotency_put
UPDATE stint.idempotency SET body_hash = $3, verdicts = $4, expires_at = $5 WHERE tenant = $1 AND key = $2

-- name: idempotency_free
DELETE FROM stint.idempotency WHERE tenant = $1 AND key = $2
