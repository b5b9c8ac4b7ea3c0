-- Live jobs and history. NULL in a number is its usual value; C reads NULL as 0.

-- name: row_columns
-- What the rules of a round need: struct row, in the order of store/pg/rows.c.
id, tenant, state, queue, kind, priority, run_at, due_at, flags, lease, coalesce(lease_ms, 30000), lease_until,
coalesce(timeout_ms, 300000), timeout_at, cancel_at, deadline_at, attempt, lost, coalesce(lost_max, 3), snoozes, waits,
coalesce(round, 1), reason, report_n, report_hash, report_verdict, last_seq, coalesce(progress, -1), started_at, retry,
unique_key, parent, root, batch, fair_group, limit_keys

-- name: job_columns
-- What others see: struct job, in the order of store/pg/views.c.
id, tenant, state, queue, kind, priority, run_at, flags, lease, coalesce(lease_ms, 30000) AS lease_ms, lease_until,
coalesce(timeout_ms, 300000) AS timeout_ms, deadline_at, attempt, lost, coalesce(lost_max, 3) AS lost_max, snoozes, waits,
coalesce(round, 1) AS round, reason, last_seq, coalesce(progress, -1) AS progress, started_at, worker, progress_message,
retry, unique_key, tags, fair_group, limit_keys, error_class, error_code, error_message, parent, root, batch

-- name: long_columns
error_stack, checkpoint, args

-- name: job_lock
SELECT @row_columns@ FROM stint.job WHERE id = ANY ($1) ORDER BY id FOR UPDATE

-- name: job_lock_kin
-- $2: with their roots (1), with the batches (2) that take only so many of them: a flag of store/rules/row.h
SELECT @row_columns@ FROM stint.job
WHERE id = ANY ($1 || ARRAY(SELECT root FROM stint.job WHERE $2::bigint & 1 <> 0 AND id = ANY ($1) AND root IS NOT NULL)
  || ARRAY(SELECT batch FROM stint.job WHERE $2::bigint & 2 <> 0 AND id = ANY ($1) AND batch IS NOT NULL AND flags & 8388608 <> 0))
ORDER BY id FOR UPDATE

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

-- name: lease_find
-- $1 jobs. A row of each that is there: its number among these, and what its last lease was.
SELECT u.number, l.tenant, l.state, l.lease, l.lease_ms, l.lease_until, l.worker
FROM unnest($1::uuid[]) WITH ORDINALITY AS u (id, number) CROSS JOIN LATERAL (
  SELECT j.tenant, j.state, j.lease, coalesce(j.lease_ms, 30000) AS lease_ms, j.lease_until, j.worker FROM stint.job AS j
  WHERE j.id = u.id
  UNION ALL
  SELECT h.tenant, h.state, h.lease, coalesce(h.lease_ms, 30000), h.lease_until, h.worker FROM stint.history AS h
  WHERE h.id = u.id) AS l

-- name: job_insert
-- What is the same in all rows of a statement comes once, in the parameter behind its array, which then is empty.
INSERT INTO stint.job (id, tenant, queue, kind, state, priority, run_at, due_at, flags, lease, timeout_ms, deadline_at,
  lost_max, retry, unique_key, tags, fair_group, limit_keys, args, parent, root, batch, lane)
SELECT
  id, coalesce($3::bigint, tenant), coalesce($5::text, queue), coalesce($7::text, kind), coalesce($9::bigint, state),
  coalesce($11::bigint, priority), coalesce($13::bigint, run_at), coalesce($15::bigint, due_at),
  coalesce($17::bigint, flags), coalesce($19::bigint, lease), coalesce($21::bigint, timeout_ms),
  coalesce($23::bigint, deadline_at), coalesce($25::bigint, lost_max), retry, unique_key, tags, fair_group, limit_keys, args,
  parent, root, batch, stint.lane(coalesce($7::text, kind), fair_group, limit_keys)
FROM unnest(
  $1::uuid[], $2::bigint[], $4::text[], $6::text[], $8::bigint[], $10::bigint[], $12::bigint[], $14::bigint[],
  $16::bigint[], $18::bigint[], $20::bigint[], $22::bigint[], $24::bigint[], $26::text[], $27::text[], $28::text[],
  $29::text[], $30::text[], $31::text[], $32::uuid[], $33::uuid[], $34::uuid[])
  AS u (id, tenant, queue, kind, state, priority, run_at, due_at, flags, lease, timeout_ms, deadline_at, lost_max, retry,
  unique_key, tags, fair_group, limit_keys, args, parent, root, batch)

-- name: changed_columns
-- A number that is the same in all rows of a statement comes once, in the parameter behind its array, which then is empty.
  id, coalesce($3::bigint, state) AS state, queue, coalesce($6::bigint, priority) AS priority,
  coalesce($8::bigint, run_at) AS run_at, coalesce($10::bigint, due_at) AS due_at, coalesce($12::bigint, flags) AS flags,
  coalesce($14::bigint, lease) AS lease, coalesce($16::bigint, lease_ms) AS lease_ms,
  coalesce($18::bigint, lease_until) AS lease_until, coalesce($20::bigint, timeout_at) AS timeout_at,
  coalesce($22::bigint, cancel_at) AS cancel_at, coalesce($24::bigint, deadline_at) AS deadline_at,
  coalesce($26::bigint, attempt) AS attempt, coalesce($28::bigint, lost) AS lost, coalesce($30::bigint, snoozes) AS snoozes,
  coalesce($32::bigint, waits) AS waits, coalesce($34::bigint, round) AS round, coalesce($36::bigint, reason) AS reason,
  coalesce($38::bigint, report_n) AS report_n, coalesce($40::bigint, report_hash) AS report_hash,
  coalesce($42::bigint, report_verdict) AS report_verdict, coalesce($44::bigint, last_seq) AS last_seq,
  coalesce($46::bigint, progress) AS progress, coalesce($48::bigint, started_at) AS started_at, texts, args, checkpoint,
  progress_message, error_class, error_code, error_message, error_stack

-- name: changed_arrays
  $1::uuid[], $2::bigint[], $4::text[], $5::bigint[], $7::bigint[], $9::bigint[], $11::bigint[], $13::bigint[],
  $15::bigint[], $17::bigint[], $19::bigint[], $21::bigint[], $23::bigint[], $25::bigint[], $27::bigint[], $29::bigint[],
  $31::bigint[], $33::bigint[], $35::bigint[], $37::bigint[], $39::bigint[], $41::bigint[], $43::bigint[], $45::bigint[],
  $47::bigint[], $49::bigint[], $50::text[], $51::text[], $52::text[], $53::bigint[], $54::text[], $55::text[], $56::text[]

-- name: changed_names
  id, state, queue, priority, run_at, due_at, flags, lease, lease_ms, lease_until, timeout_at, cancel_at, deadline_at,
  attempt, lost, snoozes, waits, round, reason, report_n, report_hash, report_verdict, last_seq, progress, started_at,
  texts, args, checkpoint, progress_message, error_class, error_code, error_message, error_stack

-- name: changes
-- One row for each changed job. An array that is empty leaves its column as it is. texts: bits of
-- store/pg/rows.h: which of the texts are new, NULL being one.
(SELECT @changed_columns@
FROM unnest(@changed_arrays@) AS a (
  @changed_names@)) AS u

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

-- name: finish_head
-- $57 … $62: finished_at, expires_at, drop_at · $63: result
INSERT INTO stint.history (@all_columns@, finished_at, expires_at, drop_at, result)
SELECT @new_values@, u.finished_at, u.expires_at, u.drop_at, u.result

-- name: finish_columns
-- Of what the rows of the statement become.
@changed_columns@, coalesce($58::bigint, finished_at) AS finished_at, coalesce($60::bigint, expires_at) AS expires_at,
  coalesce($62::bigint, drop_at) AS drop_at, result

-- name: finish_arrays
@changed_arrays@, $57::bigint[], $59::bigint[], $61::bigint[], $63::text[]

-- name: finish_names
@changed_names@, finished_at, expires_at, drop_at, result

-- name: job_finish
-- The copy of rows that are locked; job_delete then takes them away: they do not pass through a third place.
@finish_head@
FROM (SELECT @finish_columns@ FROM unnest(@finish_arrays@) AS a (@finish_names@)) AS u, stint.job AS j
WHERE j.id = u.id

-- name: job_finish_known
-- The same for rows that were not read; $64: where they lie, if they are as known. job_delete_known says whether they were.
@finish_head@
FROM (SELECT @finish_columns@, at FROM unnest(@finish_arrays@, $64::tid[]) AS a (@finish_names@, at)) AS u, stint.job AS j
WHERE j.ctid = u.at AND j.id = u.id

-- name: job_delete_known
-- The lease is compared although a version has only one: a standby that was promoted may give a number of a transaction again.
WITH gone AS (
  DELETE FROM stint.job AS j USING unnest($1::uuid[], $2::tid[], $3::bigint[], $4::bigint[]) AS u (id, at, version, lease)
  WHERE j.ctid = u.at AND j.id = u.id AND j.xmin = u.version::int AND j.lease = u.lease RETURNING 1
)
SELECT stint.check_jobs(count(*), $5) FROM gone

-- name: job_restore
-- Back from history; $57, $58: the drop_at it has there.
WITH gone AS (
  DELETE FROM stint.history AS j USING (SELECT @changed_columns@, coalesce($58::bigint, drop_at) AS drop_at
  FROM unnest(@changed_arrays@, $57::bigint[]) AS a (@changed_names@, drop_at)) AS u
  WHERE j.id = u.id AND j.drop_at = u.drop_at RETURNING @new_values@
)
INSERT INTO stint.job (@all_columns@, lane)
SELECT *, stint.lane(kind, fair_group, limit_keys) FROM gone

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
-- $3: none is due before it (store/pg/due.h). With the grace that another node may have given meanwhile.
SELECT @row_columns@, (SELECT number FROM stint.meta WHERE name = 'grace_at') FROM stint.job WHERE due_at > 0 AND due_at >= $3 AND due_at <= $1 ORDER BY due_at LIMIT $2
FOR UPDATE SKIP LOCKED

-- name: job_next_due
-- When a tick has work: of a job, or of a schedule. $1: no job is due before it (store/pg/due.h).
SELECT least((SELECT due_at FROM stint.job WHERE due_at > 0 AND due_at >= $1 ORDER BY due_at LIMIT 1),
  @schedule_next_due@)

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
