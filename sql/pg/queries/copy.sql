-- What a copy reads and writes (store/copy_rows.h): the columns of each table in its order. The parameters of a reading are the
-- last key, how many rows at most, and, where texts may be long, at how many bytes to end. Writings take an array of each
-- column. NULL in a number is its usual value here.

-- name: copy_lock_key
-- Waited for as long as lock_timeout says: the session of a copy that was cut may be there a moment longer.
SELECT pg_advisory_lock(495874305654)

-- name: copy_lock
-- All that is copied, and what says where it stands: nobody writes there until the transaction ends.
LOCK TABLE stint.meta, stint.tenant, stint.api_key, stint.queue, stint.job, stint.history, stint.event, stint.event_history,
  stint.unique_key, stint.idempotency, stint.artifact, stint.blob, stint.series_entry, stint.schedule, stint.tally,
  stint.tally_delta, stint.note, stint.link, stint.batch, stint.batch_label, stint.limit_key, stint.limit_mend, stint.slot,
  stint.count, stint.count_delta, stint.wish IN SHARE MODE

-- name: copy_nodes
SELECT count(*) FROM stint.node AS n WHERE @node_is_alive@

-- name: copy_is_quiet
SELECT NOT EXISTS (SELECT FROM stint.wish)

-- name: copy_is_empty
SELECT NOT EXISTS (SELECT FROM stint.tenant) AND NOT EXISTS (SELECT FROM stint.api_key) AND NOT EXISTS (SELECT FROM stint.queue)
  AND NOT EXISTS (SELECT FROM stint.job) AND NOT EXISTS (SELECT FROM stint.history) AND NOT EXISTS (SELECT FROM stint.event)
  AND NOT EXISTS (SELECT FROM stint.event_history) AND NOT EXISTS (SELECT FROM stint.unique_key)
  AND NOT EXISTS (SELECT FROM stint.idempotency) AND NOT EXISTS (SELECT FROM stint.artifact)
  AND NOT EXISTS (SELECT FROM stint.blob) AND NOT EXISTS (SELECT FROM stint.series_entry)
  AND NOT EXISTS (SELECT FROM stint.count WHERE n <> 0) AND NOT EXISTS (SELECT FROM stint.count_delta)
  AND NOT EXISTS (SELECT FROM stint.wish) AND NOT EXISTS (SELECT FROM stint.schedule)
  AND NOT EXISTS (SELECT FROM stint.tally) AND NOT EXISTS (SELECT FROM stint.tally_delta) AND NOT EXISTS (SELECT FROM stint.note)
  AND NOT EXISTS (SELECT FROM stint.link) AND NOT EXISTS (SELECT FROM stint.batch)
  AND NOT EXISTS (SELECT FROM stint.batch_label)
  AND NOT EXISTS (SELECT FROM stint.limit_key) AND NOT EXISTS (SELECT FROM stint.limit_mend)
  AND NOT EXISTS (SELECT FROM stint.slot)

-- name: copy_fingerprint
-- Every write changes a row's xmin, or how many there are; what becomes of finished jobs shows in the counts.
SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
  SELECT format('job %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.job AS t
  UNION ALL SELECT format('tenant %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.tenant AS t
  UNION ALL SELECT format('api_key %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.api_key AS t
  UNION ALL SELECT format('queue %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.queue AS t
  UNION ALL SELECT format('unique_key %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.unique_key AS t
  UNION ALL SELECT format('idempotency %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.idempotency AS t
  UNION ALL SELECT format('artifact %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.artifact AS t
  UNION ALL SELECT format('series_entry %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.series_entry AS t
  UNION ALL SELECT format('schedule %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.schedule AS t
  UNION ALL SELECT format('tally %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.tally AS t
  UNION ALL SELECT format('tally_delta %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.tally_delta AS t
  UNION ALL SELECT format('note %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.note AS t
  UNION ALL SELECT format('link %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.link AS t
  UNION ALL SELECT format('batch %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.batch AS t
  UNION ALL SELECT format('batch_label %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.batch_label AS t
  UNION ALL SELECT format('limit_key %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.limit_key AS t
  UNION ALL SELECT format('limit_mend %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.limit_mend AS t
  UNION ALL SELECT format('slot %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.slot AS t
  UNION ALL SELECT format('count %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.count AS t
  UNION ALL SELECT format('count_delta %s %s', count(*), sum(t.xmin::text::bigint)) FROM stint.count_delta AS t) AS lines (line)

-- name: copy_put_meta
INSERT INTO stint.meta (name, number, bytes) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET number = excluded.number, bytes = excluded.bytes

-- name: copy_delete_meta
DELETE FROM stint.meta WHERE name = $1

-- name: copy_set_sequences
SELECT setval(pg_get_serial_sequence('stint.tenant', 'id'), (SELECT max(id) FROM stint.tenant)),
  setval(pg_get_serial_sequence('stint.series_entry', 'id'), (SELECT max(id) FROM stint.series_entry)),
  setval(pg_get_serial_sequence('stint.note', 'id'), (SELECT max(id) FROM stint.note))

-- name: copy_read_tenant
SELECT id, name, created_at FROM stint.tenant WHERE id > $1 ORDER BY id LIMIT $2

-- name: copy_read_api_key
SELECT public_id, tenant, hash, name, last4, scopes, queues, created_at, expires_at, revoked_at
FROM stint.api_key WHERE public_id > $1 ORDER BY public_id LIMIT $2

-- name: copy_read_queue
-- A queue without a row of its own is there by what was counted of it.
WITH counted AS MATERIALIZED (
  SELECT tenant, queue, what, sum(n)::bigint AS n FROM (@counts@) AS c GROUP BY 1, 2, 3
), total AS MATERIALIZED (
  SELECT tenant, name, sum(n) FILTER (WHERE what = 8) AS enqueued, sum(n) FILTER (WHERE what = 9) AS completed,
    sum(n) FILTER (WHERE what = 10) AS failed, sum(n) FILTER (WHERE what = 11) AS cancelled,
    sum(n) FILTER (WHERE what = 12) AS lost, sum(n) FILTER (WHERE what = 13) AS retried,
    coalesce(sum(n) FILTER (WHERE what IN (8, 14)), 0) AS came
  FROM (SELECT tenant, queue AS name, what, n FROM counted UNION ALL SELECT tenant, name, -1, 0 FROM stint.queue) AS c
  GROUP BY 1, 2
)
SELECT t.tenant, t.name, coalesce(q.is_paused, false), coalesce(t.came <= q.deleted_total, false), coalesce(q.lease_ms, -1),
  coalesce(q.timeout_ms, -1), coalesce(q.max_attempts, -1), coalesce(q.retry_base_ms, -1), coalesce(q.priority, -1),
  coalesce(q.retain_completed_ms, -1), coalesce(q.retain_failed_ms, -1), coalesce(q.retain_cancelled_ms, -1),
  coalesce(q.max_queued, -1), coalesce(q.age_step_ms, -1), coalesce(t.enqueued, 0)::bigint, coalesce(t.completed, 0)::bigint,
  coalesce(t.failed, 0)::bigint, coalesce(t.cancelled, 0)::bigint, coalesce(t.lost, 0)::bigint, coalesce(t.retried, 0)::bigint,
  coalesce(q.group_weights, '')
FROM total AS t LEFT JOIN stint.queue AS q ON q.tenant = t.tenant AND q.name = t.name
WHERE (t.tenant, t.name) > ($1, $2 COLLATE "C") ORDER BY t.tenant, t.name COLLATE "C" LIMIT $3

-- name: copy_live
id, tenant, queue, kind, state, priority, run_at, coalesce(due_at, 0) AS due_at, flags, coalesce(lease, 0) AS lease,
coalesce(lease_ms, 30000) AS lease_ms, coalesce(lease_until, 0) AS lease_until,
coalesce(timeout_ms, 300000) AS timeout_ms, coalesce(timeout_at, 0) AS timeout_at, coalesce(cancel_at, 0) AS cancel_at,
coalesce(deadline_at, 0) AS deadline_at, coalesce(attempt, 0) AS attempt, coalesce(lost, 0) AS lost,
coalesce(lost_max, 3) AS lost_max, coalesce(snoozes, 0) AS snoozes, coalesce(waits, 0) AS waits,
coalesce(round, 1) AS round, coalesce(reason, 0) AS reason, coalesce(report_n, 0) AS report_n,
coalesce(report_hash, 0) AS report_hash, coalesce(report_verdict, 0) AS report_verdict,
coalesce(last_seq, 0) AS last_seq, coalesce(progress, -1) AS progress, coalesce(started_at, 0) AS started_at,
0::bigint AS finished_at, 0::bigint AS expires_at, worker, progress_message, retry, unique_key, tags, fair_group,
limit_keys, error_class, error_code, error_message, error_stack, checkpoint, NULL::text AS result, args, parent, root, batch,
coalesce(octet_length(args), 0)::bigint + 0 + coalesce(octet_length(checkpoint), 0) AS bytes

-- name: copy_finished
id, tenant, queue, kind, state, priority, run_at, coalesce(due_at, 0) AS due_at, flags, coalesce(lease, 0) AS lease,
coalesce(lease_ms, 30000) AS lease_ms, coalesce(lease_until, 0) AS lease_until,
coalesce(timeout_ms, 300000) AS timeout_ms, coalesce(timeout_at, 0) AS timeout_at, coalesce(cancel_at, 0) AS cancel_at,
coalesce(deadline_at, 0) AS deadline_at, coalesce(attempt, 0) AS attempt, coalesce(lost, 0) AS lost,
coalesce(lost_max, 3) AS lost_max, coalesce(snoozes, 0) AS snoozes, coalesce(waits, 0) AS waits,
coalesce(round, 1) AS round, coalesce(reason, 0) AS reason, coalesce(report_n, 0) AS report_n,
coalesce(report_hash, 0) AS report_hash, coalesce(report_verdict, 0) AS report_verdict,
coalesce(last_seq, 0) AS last_seq, coalesce(progress, -1) AS progress, coalesce(started_at, 0) AS started_at,
finished_at, expires_at, worker, progress_message, retry, unique_key, tags, fair_group, limit_keys, error_class,
error_code, error_message, error_stack, checkpoint, result, args, parent, root, batch,
coalesce(octet_length(args), 0)::bigint + coalesce(octet_length(result), 0) + coalesce(octet_length(checkpoint), 0) AS bytes

-- name: copy_read_job
SELECT
  id, tenant, queue, kind, state, priority, run_at, due_at, flags, lease, lease_ms, lease_until, timeout_ms,
  timeout_at, cancel_at, deadline_at, attempt, lost, lost_max, snoozes, waits, round, reason, report_n, report_hash,
  report_verdict, last_seq, progress, started_at, finished_at, expires_at, worker, progress_message, retry, unique_key,
  tags, fair_group, limit_keys, error_class, error_code, error_message, error_stack, checkpoint, result, args, parent, root, batch
FROM (
  SELECT *, sum(bytes) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - bytes AS bytes_before FROM (
    SELECT * FROM (SELECT @copy_live@ FROM stint.job UNION ALL SELECT @copy_finished@ FROM stint.history) AS j
    WHERE id > $1 ORDER BY id LIMIT $2::bigint) AS j) AS j
WHERE bytes_before < $3::bigint ORDER BY id

-- name: copy_read_event
SELECT job, seq, at, type, data FROM (
  SELECT *, sum(octet_length(data)::bigint) OVER (ORDER BY job, seq ROWS UNBOUNDED PRECEDING) - octet_length(data) AS bytes_before
  FROM (
    SELECT * FROM (
      SELECT job, seq, at, type, data FROM stint.event
      UNION ALL SELECT job, seq, at, type, data FROM stint.event_history) AS e
    WHERE (job, seq) > ($1, $2::bigint) ORDER BY job, seq LIMIT $3::bigint) AS e) AS e
WHERE bytes_before < $4::bigint ORDER BY job, seq

-- name: copy_read_unique_key
SELECT tenant, scope, key, job, held_until FROM stint.unique_key
WHERE (tenant, scope, key) > ($1, $2, $3 COLLATE "C") ORDER BY tenant, scope, key LIMIT $4

-- name: copy_read_idempotency
-- Without verdicts its enqueue never ended.
SELECT tenant, key, body_hash, verdicts, expires_at FROM (
  SELECT *, sum(octet_length(verdicts)::bigint) OVER (ORDER BY tenant, key ROWS UNBOUNDED PRECEDING) - octet_length(verdicts)
    AS bytes_before
  FROM (
    SELECT tenant, key, body_hash, verdicts, expires_at FROM stint.idempotency
    WHERE (tenant, key) > ($1, $2 COLLATE "C") AND verdicts IS NOT NULL ORDER BY tenant, key LIMIT $3::bigint) AS i) AS i
WHERE bytes_before < $4::bigint ORDER BY tenant, key

-- name: copy_read_artifact
-- Those of jobs and series that are there; small contents with them, wherever they lie.
SELECT job, name, lease, tenant, media_type, sha256, size, created_at, CASE WHEN size <= 262144 THEN
  coalesce(bytes, (SELECT string_agg(b.bytes, '' ORDER BY b.part) FROM stint.blob AS b
    WHERE b.tenant = a.tenant AND b.sha256 = a.sha256), '') END
FROM (
  SELECT *, sum(least(size, 262144)) OVER (ORDER BY job, name, lease ROWS UNBOUNDED PRECEDING) - least(size, 262144) AS bytes_before
  FROM (
    SELECT * FROM stint.artifact AS a
    WHERE (job, name, lease) > ($1, $2 COLLATE "C", $3::bigint) AND coalesce((SELECT 1 FROM stint.job AS j WHERE j.id = a.job),
      (SELECT 1 FROM stint.history AS h WHERE h.id = a.job LIMIT 1),
      (SELECT 1 FROM stint.series_entry AS e WHERE e.artifact = a.id LIMIT 1)) = 1
    ORDER BY job, name, lease LIMIT $4::bigint) AS a) AS a
WHERE bytes_before < $5::bigint ORDER BY job, name, lease

-- name: copy_read_series_entry
SELECT id, tenant, name, job, artifact_name, lease, published_at, result FROM (
  SELECT *, sum(octet_length(result)::bigint) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - octet_length(result) AS bytes_before
  FROM (
    SELECT e.id, e.tenant, e.name, a.job, a.name AS artifact_name, a.lease, e.published_at, e.result
    FROM stint.series_entry AS e CROSS JOIN LATERAL (SELECT job, name, lease FROM stint.artifact AS a WHERE a.id = e.artifact) AS a
    WHERE e.id > $1 ORDER BY e.id LIMIT $2::bigint) AS e) AS e
WHERE bytes_before < $3::bigint ORDER BY id

-- name: copy_write_tenant
INSERT INTO stint.tenant (id, name, created_at) OVERRIDING SYSTEM VALUE
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])

-- name: copy_write_api_key
INSERT INTO stint.api_key (public_id, tenant, hash, name, last4, scopes, queues, created_at, expires_at, revoked_at)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[],
  $9::bigint[], $10::bigint[])

-- name: copy_write_queue
-- A deleted queue is so while no more has come than had come by then.
WITH u AS MATERIALIZED (
  SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[],
    $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::text[]) AS u (tenant, name, is_paused, is_deleted, lease_ms,
    timeout_ms, max_attempts, retry_base_ms, priority, retain_completed_ms, retain_failed_ms, retain_cancelled_ms, max_queued,
    age_step_ms, enqueued, completed, failed, cancelled, lost, retried, group_weights)
), totals AS (
  INSERT INTO stint.count_delta (tenant, queue, kind, what, drop_at, n)
  SELECT u.tenant, u.name, '', t.what, 0, t.n FROM u CROSS JOIN LATERAL (VALUES (8, enqueued), (9, completed), (10, failed),
    (11, cancelled), (12, lost), (13, retried)) AS t (what, n) WHERE t.n <> 0
)
INSERT INTO stint.queue (tenant, name, is_paused, deleted_total, lease_ms, timeout_ms, max_attempts, retry_base_ms, priority,
  retain_completed_ms, retain_failed_ms, retain_cancelled_ms, max_queued, age_step_ms, group_weights)
SELECT tenant, name, is_paused <> 0, CASE WHEN is_deleted <> 0 THEN enqueued END, lease_ms, timeout_ms, max_attempts,
  retry_base_ms, priority, retain_completed_ms, retain_failed_ms, retain_cancelled_ms, max_queued, age_step_ms,
  coalesce(group_weights, '') FROM u

-- name: copy_job_values
id, tenant, queue, kind, state, priority, run_at, nullif(due_at, 0), flags, nullif(lease, 0), nullif(lease_ms, 30000),
nullif(lease_until, 0), nullif(timeout_ms, 300000), nullif(timeout_at, 0), nullif(cancel_at, 0),
nullif(deadline_at, 0), nullif(attempt, 0), nullif(lost, 0), nullif(lost_max, 3), nullif(snoozes, 0), nullif(waits, 0),
nullif(round, 1), nullif(reason, 0), nullif(report_n, 0), nullif(report_hash, 0), nullif(report_verdict, 0),
nullif(last_seq, 0), nullif(progress, -1), nullif(started_at, 0), worker, progress_message, retry, unique_key, tags,
fair_group, limit_keys, error_class, error_code, error_message, error_stack, checkpoint, args, parent, root, batch

-- name: copy_job_targets
id, tenant, queue, kind, state, priority, run_at, due_at, flags, lease, lease_ms, lease_until, timeout_ms, timeout_at,
cancel_at, deadline_at, attempt, lost, lost_max, snoozes, waits, round, reason, report_n, report_hash, report_verdict,
last_seq, progress, started_at, worker, progress_message, retry, unique_key, tags, fair_group, limit_keys, error_class,
error_code, error_message, error_stack, checkpoint, args, parent, root, batch

-- name: copy_write_job
-- Live ones.
WITH u AS MATERIALIZED (
  SELECT * FROM unnest(
    $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],
    $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[],
    $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[], $28::bigint[], $29::bigint[],
    $30::bigint[], $31::bigint[], $32::text[], $33::text[], $34::text[], $35::text[], $36::text[], $37::text[],
    $38::text[], $39::bigint[], $40::text[], $41::text[], $42::text[], $43::text[], $44::text[], $45::text[],
    $46::uuid[], $47::uuid[], $48::uuid[])
    AS u (
    id, tenant, queue, kind, state, priority, run_at, due_at, flags, lease, lease_ms, lease_until, timeout_ms,
    timeout_at, cancel_at, deadline_at, attempt, lost, lost_max, snoozes, waits, round, reason, report_n, report_hash,
    report_verdict, last_seq, progress, started_at, finished_at, expires_at, worker, progress_message, retry,
    unique_key, tags, fair_group, limit_keys, error_class, error_code, error_message, error_stack, checkpoint, result,
    args, parent, root, batch)
), slots AS (
  INSERT INTO stint.slot (job, weight, tenant, key)
  SELECT u.id, coalesce((l.item ->> 'weight')::bigint, 1), CASE WHEN starts_with(k.key, 'server:') THEN 0 ELSE u.tenant END, k.key
  FROM u CROSS JOIN LATERAL jsonb_array_elements(u.limit_keys::jsonb) AS l (item)
  CROSS JOIN LATERAL (SELECT CASE jsonb_typeof(l.item) WHEN 'string' THEN l.item #>> '{}' ELSE l.item ->> 'key' END) AS k (key)
  WHERE u.state = 3 AND u.limit_keys IS NOT NULL
), put AS (
  INSERT INTO stint.job (@copy_job_targets@, lane)
  SELECT @copy_job_values@, stint.lane(kind, fair_group, limit_keys) FROM u
)
INSERT INTO stint.count_delta (tenant, queue, kind, what, drop_at, n)
SELECT tenant, queue, CASE WHEN state = 2 THEN kind ELSE '' END, state, 0, count(*) FROM u GROUP BY 1, 2, 3, 4

-- name: copy_write_history
-- Finished ones; $49: the drop_at of each.
WITH u AS MATERIALIZED (
  SELECT * FROM unnest(
    $1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],
    $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[],
    $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[], $27::bigint[], $28::bigint[], $29::bigint[],
    $30::bigint[], $31::bigint[], $32::text[], $33::text[], $34::text[], $35::text[], $36::text[], $37::text[],
    $38::text[], $39::bigint[], $40::text[], $41::text[], $42::text[], $43::text[], $44::text[], $45::text[],
    $46::uuid[], $47::uuid[], $48::uuid[], $49::bigint[])
    AS u (
    id, tenant, queue, kind, state, priority, run_at, due_at, flags, lease, lease_ms, lease_until, timeout_ms,
    timeout_at, cancel_at, deadline_at, attempt, lost, lost_max, snoozes, waits, round, reason, report_n, report_hash,
    report_verdict, last_seq, progress, started_at, finished_at, expires_at, worker, progress_message, retry,
    unique_key, tags, fair_group, limit_keys, error_class, error_code, error_message, error_stack, checkpoint, result,
    args, parent, root, batch, drop_at)
), put AS (
  INSERT INTO stint.history (@copy_job_targets@, finished_at, expires_at, drop_at, result)
  SELECT @copy_job_values@, finished_at, expires_at, drop_at, result FROM u
)
INSERT INTO stint.count_delta (tenant, queue, kind, what, drop_at, n)
SELECT tenant, queue, '', state, drop_at, count(*) FROM u GROUP BY 1, 2, 4, 5

-- name: copy_write_event
-- Beside their jobs, which are there already.
WITH u AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[]) AS u (job, seq, at, type, data)
), h AS MATERIALIZED (
  SELECT d.job, (SELECT h.drop_at FROM stint.history AS h WHERE h.id = d.job LIMIT 1) AS drop_at
  FROM (SELECT DISTINCT job FROM u) AS d
), live AS (
  INSERT INTO stint.event (job, seq, at, type, data)
  SELECT u.job, u.seq, u.at, u.type, u.data FROM u JOIN h ON h.job = u.job WHERE h.drop_at IS NULL
)
INSERT INTO stint.event_history (job, seq, at, drop_at, type, data)
SELECT u.job, u.seq, u.at, h.drop_at, u.type, u.data FROM u JOIN h ON h.job = u.job WHERE h.drop_at IS NOT NULL

-- name: copy_write_unique_key
INSERT INTO stint.unique_key (tenant, scope, key, job, held_until)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::uuid[], $5::bigint[])

-- name: copy_write_idempotency
INSERT INTO stint.idempotency (tenant, key, body_hash, verdicts, expires_at)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::bytea[], $5::bigint[])

-- name: copy_write_artifact
-- A published one goes with its job, unless a series holds it alone.
INSERT INTO stint.artifact (job, name, lease, tenant, media_type, sha256, size, created_at, bytes, drop_at)
SELECT u.*, CASE WHEN u.lease > 0 THEN 0 ELSE
  coalesce((SELECT h.drop_at FROM stint.history AS h WHERE h.id = u.job LIMIT 1), 0) END
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::bytea[], $7::bigint[], $8::bigint[], $9::bytea[])
  AS u (job, name, lease, tenant, media_type, sha256, size, created_at, bytes)

-- name: copy_write_series_entry
INSERT INTO stint.series_entry (id, tenant, name, artifact, published_at, result) OVERRIDING SYSTEM VALUE
SELECT u.id, u.tenant, u.name, a.id, u.published_at, u.result
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[], $8::text[])
  AS u (id, tenant, name, job, artifact, lease, published_at, result)
CROSS JOIN LATERAL (
  SELECT id FROM stint.artifact AS a WHERE a.job = u.job AND a.name = u.artifact COLLATE "C" AND a.lease = u.lease) AS a

-- name: copy_read_schedule
SELECT tenant, name, definition, is_paused, version, next_at, last_tick, last_job, fired, dropped, created_at, updated_at
FROM (
  SELECT *, sum(octet_length(definition)::bigint) OVER (ORDER BY tenant, name ROWS UNBOUNDED PRECEDING)
    - octet_length(definition) AS bytes_before
  FROM (
    SELECT * FROM stint.schedule WHERE (tenant, name) > ($1, $2 COLLATE "C") ORDER BY tenant, name LIMIT $3::bigint) AS s) AS s
WHERE bytes_before < $4::bigint ORDER BY tenant, name

-- name: copy_write_schedule
INSERT INTO stint.schedule (tenant, name, definition, is_paused, version, next_at, last_tick, last_job, fired, dropped,
  created_at, updated_at, due_at)
SELECT tenant, name, definition, is_paused <> 0, version, next_at, last_tick, last_job, fired, dropped, created_at, updated_at,
  CASE WHEN is_paused <> 0 THEN 0 ELSE next_at END
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::uuid[],
  $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[]) AS u (tenant, name, definition, is_paused, version, next_at,
  last_tick, last_job, fired, dropped, created_at, updated_at)

-- name: copy_read_tally
-- Folded and not, of jobs that are there.
SELECT * FROM (
  SELECT owner, coalesce(sum(n) FILTER (WHERE what = 0), 0)::bigint AS open, coalesce(sum(n) FILTER (WHERE what = 4), 0)::bigint,
    coalesce(sum(n) FILTER (WHERE what = 5), 0)::bigint, coalesce(sum(n) FILTER (WHERE what = 6), 0)::bigint,
    coalesce(sum(n) FILTER (WHERE what = 7), 0)::bigint
  FROM (
    SELECT owner, what, n FROM stint.tally WHERE owner > $1
    UNION ALL SELECT owner, what, n FROM stint.tally_delta WHERE owner > $1) AS t
  GROUP BY owner) AS t (owner, open, completed, failed, cancelled, skipped)
WHERE (open <> 0 OR completed <> 0 OR failed <> 0 OR cancelled <> 0 OR skipped <> 0) AND coalesce(
  (SELECT 1 FROM stint.job AS j WHERE j.id = owner), (SELECT 1 FROM stint.history AS h WHERE h.id = owner LIMIT 1)) = 1
ORDER BY owner LIMIT $2

-- name: copy_write_tally
INSERT INTO stint.tally (owner, what, n)
SELECT u.owner, t.what, t.n FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
  AS u (owner, open, completed, failed, cancelled, skipped)
CROSS JOIN LATERAL (VALUES (0, open), (4, completed), (5, failed), (6, cancelled), (7, skipped)) AS t (what, n) WHERE t.n <> 0

-- name: copy_read_note
SELECT what, id, tenant, job, round FROM stint.note WHERE (what, id) > ($1, $2) ORDER BY what, id LIMIT $3

-- name: copy_write_note
INSERT INTO stint.note (what, id, tenant, job, round) OVERRIDING SYSTEM VALUE
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::bigint[])

-- name: copy_read_link
SELECT job, on_job, round FROM stint.link WHERE (job, on_job) > ($1, $2) ORDER BY job, on_job LIMIT $3

-- name: copy_write_link
INSERT INTO stint.link (job, on_job, round) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[])

-- name: copy_read_batch
SELECT id, tenant, max_jobs, name, labels, finally FROM stint.batch WHERE id > $1 ORDER BY id LIMIT $2

-- name: copy_write_batch
INSERT INTO stint.batch (id, tenant, max_jobs, name, labels, finally)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])

-- name: copy_read_limit
-- Those that say something: nodes make rows only to lock them. Behind its columns what mends it: how many jobs have completed since
-- somebody locked it, and the rule that holds for it.
SELECT k.tenant, k.key, k.is_set::int, k.concurrency, k.rate, k.period_ms, k.burst, k.full_at_us, k.paused_until, k.is_adaptive::int,
  k.cut_micro, k.cut_at,
  (SELECT coalesce(sum(m.n), 0)::bigint FROM stint.limit_mend AS m WHERE m.tenant = k.tenant AND m.key = k.key),
  CASE WHEN k.is_set THEN k.concurrency ELSE coalesce(p.concurrency, 0) END,
  CASE WHEN k.is_set THEN k.is_adaptive ELSE coalesce(p.is_adaptive, false) END
FROM (
  SELECT * FROM stint.limit_key AS l
  WHERE (l.tenant, l.key) > ($1, $2 COLLATE "C") AND (l.is_set OR l.full_at_us <> 0 OR l.paused_until <> 0 OR l.cut_micro <> 0)
  ORDER BY l.tenant, l.key LIMIT $3) AS k
@limit_pattern@
ORDER BY k.tenant, k.key

-- name: copy_write_limit
INSERT INTO stint.limit_key (tenant, key, is_set, concurrency, rate, period_ms, burst, full_at_us, paused_until, is_adaptive,
  cut_micro, cut_at)
SELECT tenant, key, is_set <> 0, concurrency, rate, period_ms, burst, full_at_us, paused_until, is_adaptive <> 0, cut_micro, cut_at
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
  $10::bigint[], $11::bigint[], $12::bigint[])
  AS u (tenant, key, is_set, concurrency, rate, period_ms, burst, full_at_us, paused_until, is_adaptive, cut_micro, cut_at)
