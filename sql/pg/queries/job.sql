-- Live jobs and history. NULL in a number is its usual value; C reads NULL as 0.

-- name: row_columns
-- What the rules of a round need: struct row, in the order of store/pg/rows.c.
id, tenant, state, queue, kind, priority, run_at, due_at, flags, lease, coalesce(lease_ms, 30000), lease_until,
coalesce(timeout_ms, 300000), timeout_at, cancel_at, deadline_at, attempt, lost, coalesce(lost_max, 3), snoozes, waits,
coalesce(round, 1), reason, report_n, report_hash, report_verdict, last_seq, coalesce(progress, -1), started_at, retry,
unique_key

-- name: job_columns
-- What others see: struct job, in the order of store/pg/views.c.
id, tenant, state, queue, kind, priority, run_at, flags, lease, coalesce(lease_ms, 30000) AS lease_ms, lease_until,
coalesce(timeout_ms, 300000) AS timeout_ms, deadline_at, attempt, lost, coalesce(lost_max, 3) AS lost_max, snoozes, waits,
coalesce(round, 1) AS round, reason, last_seq, coalesce(progress, -1) AS progress, started_at, worker, progress_message,
retry, unique_key, tags, fair_group, limit_keys, error_class, error_code, error_message

-- name: long_columns
error_stack, checkpoint, args

-- name: job_lock
SELECT @row_columns@ FROM stint.job WHERE id = ANY ($1) ORDER BY id FOR UPDATE

-- name: history_lock
SELECT @row_columns@, finished_at, expires_at, drop_at FROM stint.history WHERE id = ANY ($1) ORDER BY id FOR UPDATE

-- name: job_error
SELECT error_class, error_code, error_message FROM stint.job WHERE id = $1
UNION ALL
SELECT error_class, error_code, error_message FROM stint.history WHERE id = $1

-- name: job_view
SELECT @job_columns@, @long_columns@ FROM stint.job WHERE id = $1

-- name: history_view
SELECT @job_columns@, @long_columns@, finished_at, expires_at, result, drop_at FROM stint.history WHERE id = $1

-- name: job_insert
INSERT INTO stint.job (id, tenant, queue, kind, state, priority, run_at, due_at, flags, lease, timeout_ms, deadline_at, lost_max,
  retry, unique_key, tags, fair_group, limit_keys, args)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
  $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::text[], $16::text[], $17::text[],
  $18::text[], $19::text[])

-- name: changes
-- One row for each changed job. An array that is empty leaves its column as it is. texts: bits of
-- store/pg/rows.h: which of the texts are new, NULL being one.
unnest(
  $1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
  $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[],
  $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[], $23::bigint[],
  $24::bigint[], $25::bigint[], $26::bigint[], $27::text[], $28::text[], $29::text[], $30::bigint[], $31::text[],
  $32::text[], $33::text[])
  AS u (
  id, state, queue, priority, run_at, due_at, flags, lease, lease_ms, lease_until, timeout_at, cancel_at, deadline_at,
  attempt, lost, snoozes, waits, round, reason, report_n, report_hash, report_verdict, last_seq, progress, started_at,
  texts, args, checkpoint, progress_message, error_class, error_code, error_message, error_stack)

-- name: all_columns
id, run_at, due_at, lease, lease_until, timeout_ms, timeout_at, cancel_at, deadline_at, report_n, report_hash,
report_verdict, last_seq, started_at, tenant, flags, lease_ms, attempt, lost, lost_max, snoozes, waits, round, state,
priority, reason, progress, error_class, queue, kind, worker, progress_message, retry, unique_key, tags, fair_group,
limit_keys, parent, root, batch, error_code, error_message, error_stack, checkpoint, args

-- name: new_values
-- of all_columns
j.id, coalesce(u.run_at, j.run_at), coalesce(u.due_at, j.due_at), coalesce(u.lease, j.lease), coalesce(u.lease_until,
j.lease_until), j.timeout_ms, coalesce(u.timeout_at, j.timeout_at), coalesce(u.cancel_at, j.cancel_at),
coalesce(u.deadline_at, j.deadline_at), coalesce(u.report_n, j.report_n), coalesce(u.report_hash, j.report_hash),
coalesce(u.report_verdict, j.report_verdict), coalesce(u.last_seq, j.last_seq), coalesce(u.started_at, j.started_at),
j.tenant, coalesce(u.flags, j.flags), coalesce(u.lease_ms, j.lease_ms), coalesce(u.attempt, j.attempt), coalesce(u.lost,
j.lost), j.lost_max, coalesce(u.snoozes, j.snoozes), coalesce(u.waits, j.waits), coalesce(u.round, j.round),
coalesce(u.state, j.state), coalesce(u.priority, j.priority), coalesce(u.reason, j.reason), coalesce(u.progress,
j.progress), CASE WHEN u.texts & 8 <> 0 THEN u.error_class ELSE j.error_class END, coalesce(u.queue, j.queue), j.kind,
j.worker, CASE WHEN u.texts & 4 <> 0 THEN u.progress_message ELSE j.progress_message END, j.retry, j.unique_key, j.tags,
j.fair_group, j.limit_keys, j.parent, j.root, j.batch, CASE WHEN u.texts & 8 <> 0 THEN u.error_code ELSE j.error_code
END, CASE WHEN u.texts & 8 <> 0 THEN u.error_message ELSE j.error_message END, CASE WHEN u.texts & 8 <> 0 THEN
u.error_stack ELSE j.error_stack END, CASE WHEN u.texts & 2 <> 0 THEN u.checkpoint ELSE j.checkpoint END, CASE WHEN
u.texts & 1 <> 0 THEN u.args ELSE j.args END

-- name: job_save
UPDATE stint.job AS j SET
  state = coalesce(u.state, j.state), queue = coalesce(u.queue, j.queue), priority = coalesce(u.priority, j.priority),
  run_at = coalesce(u.run_at, j.run_at), due_at = coalesce(u.due_at, j.due_at), flags = coalesce(u.flags, j.flags),
  lease = coalesce(u.lease, j.lease), lease_ms = coalesce(u.lease_ms, j.lease_ms), lease_until = coalesce(u.lease_until,
  j.lease_until), timeout_at = coalesce(u.timeout_at, j.timeout_at), cancel_at = coalesce(u.cancel_at, j.cancel_at),
  deadline_at = coalesce(u.deadline_at, j.deadline_at), attempt = coalesce(u.attempt, j.attempt), lost =
  coalesce(u.lost, j.lost), snoozes = coalesce(u.snoozes, j.snoozes), waits = coalesce(u.waits, j.waits), round =
  coalesce(u.round, j.round), reason = coalesce(u.reason, j.reason), report_n = coalesce(u.report_n, j.report_n),
  report_hash = coalesce(u.report_hash, j.report_hash), report_verdict = coalesce(u.report_verdict, j.report_verdict),
  last_seq = coalesce(u.last_seq, j.last_seq), progress = coalesce(u.progress, j.progress), started_at =
  coalesce(u.started_at, j.started_at), args = CASE WHEN u.texts & 1 <> 0 THEN u.args ELSE j.args END, checkpoint = CASE
  WHEN u.texts & 2 <> 0 THEN u.checkpoint ELSE j.checkpoint END, progress_message = CASE WHEN u.texts & 4 <> 0 THEN
  u.progress_message ELSE j.progress_message END, error_class = CASE WHEN u.texts & 8 <> 0 THEN u.error_class ELSE
  j.error_class END, error_code = CASE WHEN u.texts & 8 <> 0 THEN u.error_code ELSE j.error_code END, error_message =
  CASE WHEN u.texts & 8 <> 0 THEN u.error_message ELSE j.error_message END, error_stack = CASE WHEN u.texts & 8 <> 0
  THEN u.error_stack ELSE j.error_stack END
FROM @changes@
WHERE j.id = u.id

-- name: job_finish
-- $34 … $37: finished_at, expires_at, drop_at, result
WITH u AS MATERIALIZED (
  SELECT * FROM unnest(
  $1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
  $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[],
  $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[], $23::bigint[],
  $24::bigint[], $25::bigint[], $26::bigint[], $27::text[], $28::text[], $29::text[], $30::bigint[], $31::text[],
  $32::text[], $33::text[], $34::bigint[], $35::bigint[], $36::bigint[], $37::text[])
    AS u (
  id, state, queue, priority, run_at, due_at, flags, lease, lease_ms, lease_until, timeout_at, cancel_at, deadline_at,
  attempt, lost, snoozes, waits, round, reason, report_n, report_hash, report_verdict, last_seq, progress, started_at,
  texts, args, checkpoint, progress_message, error_class, error_code, error_message, error_stack, finished_at,
  expires_at, drop_at, result)
), gone AS (
  DELETE FROM stint.job AS j USING u WHERE j.id = u.id RETURNING
    @new_values@, u.finished_at, u.expires_at, u.drop_at, u.result
)
INSERT INTO stint.history (@all_columns@, finished_at, expires_at, drop_at, result)
SELECT * FROM gone

-- name: job_restore
-- Back from history; $34: the drop_at it has there.
WITH u AS MATERIALIZED (
  SELECT * FROM unnest(
  $1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
  $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[],
  $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[], $23::bigint[],
  $24::bigint[], $25::bigint[], $26::bigint[], $27::text[], $28::text[], $29::text[], $30::bigint[], $31::text[],
  $32::text[], $33::text[], $34::bigint[])
    AS u (
  id, state, queue, priority, run_at, due_at, flags, lease, lease_ms, lease_until, timeout_at, cancel_at, deadline_at,
  attempt, lost, snoozes, waits, round, reason, report_n, report_hash, report_verdict, last_seq, progress, started_at,
  texts, args, checkpoint, progress_message, error_class, error_code, error_message, error_stack, drop_at)
), gone AS (
  DELETE FROM stint.history AS j USING u WHERE j.id = u.id AND j.drop_at = u.drop_at RETURNING
    @new_values@
)
INSERT INTO stint.job (@all_columns@)
SELECT * FROM gone

-- name: job_delete
DELETE FROM stint.job WHERE id = ANY ($1)

-- name: history_delete
DELETE FROM stint.history WHERE id = ANY ($1) AND drop_at = ANY ($2)

-- name: history_erase
UPDATE stint.history SET flags = u.flags, args = NULL, result = NULL, checkpoint = NULL, progress_message = NULL,
  error_code = NULL, error_message = NULL, error_stack = NULL
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS u (id, drop_at, flags)
WHERE history.id = u.id AND history.drop_at = u.drop_at

-- name: job_last_id
(SELECT id FROM stint.job ORDER BY id DESC LIMIT 1) UNION ALL (SELECT id FROM stint.history ORDER BY id DESC LIMIT 1)

-- name: job_due
SELECT @row_columns@ FROM stint.job WHERE due_at > 0 AND due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED

-- name: job_next_due
SELECT due_at FROM stint.job WHERE due_at > 0 ORDER BY due_at LIMIT 1

-- name: event_insert
INSERT INTO stint.event (job, seq, at, type, data)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])

-- name: event_finish
WITH gone AS (
  DELETE FROM stint.event AS e USING unnest($1::uuid[], $2::bigint[]) AS u (id, drop_at) WHERE e.job = u.id
  RETURNING e.job, e.seq, e.at, u.drop_at, e.type, e.data
)
INSERT INTO stint.event_history (job, seq, at, drop_at, type, data) SELECT * FROM gone

-- name: event_restore
WITH gone AS (
  DELETE FROM stint.event_history AS e USING unnest($1::uuid[], $2::bigint[]) AS u (id, drop_at)
  WHERE e.job = u.id AND e.drop_at = u.drop_at RETURNING e.job, e.seq, e.at, e.type, e.data
)
INSERT INTO stint.event (job, seq, at, type, data) SELECT * FROM gone

-- name: event_delete
DELETE FROM stint.event WHERE job = ANY ($1)

-- name: event_history_delete
DELETE FROM stint.event_history WHERE job = ANY ($1) AND drop_at = ANY ($2)
