-- Claims: one statement picks, hands out, counts and returns. SKIP LOCKED: nobody waits for another's claim, and no two get
-- the same job. What is due to end (its deadline has passed) is left to the tick.
-- $1 now or NULL · $2 tenant · $3 queues, in turn · $4 kinds · $5 at most · $6 lease in ms, 0: the queue's · $7 epoch << 32
-- $8 worker · $9 bytes of args at most
-- Each queue that has something gives its share first; what is left comes from the first in turn.

-- name: claim_named
WITH clock AS MATERIALIZED (
  SELECT coalesce($1::bigint, stint.now()) AS now
), line AS MATERIALIZED (
  SELECT q.turn, q.name AS queue, k.kind, CASE WHEN $6::bigint > 0 THEN $6::bigint WHEN s.lease_ms > 0 THEN s.lease_ms
    ELSE 30000 END AS lease_ms
  FROM unnest($3::text[]) WITH ORDINALITY AS q (name, turn)
  LEFT JOIN stint.queue AS s ON s.tenant = $2::bigint::int AND s.name = q.name COLLATE "C"
  CROSS JOIN LATERAL unnest($4::text[]) AS k (kind)
  WHERE s.is_paused IS NOT TRUE

-- name: claim
@claim_named@
@claim_lines@

-- name: claim_one_queue
@claim_named@
@claim_line@

-- name: claim_any_kind
WITH clock AS MATERIALIZED (
  SELECT coalesce($1::bigint, stint.now()) AS now
), line AS MATERIALIZED (
  SELECT q.turn, q.name AS queue, k.kind, CASE WHEN $6::bigint > 0 THEN $6::bigint WHEN s.lease_ms > 0 THEN s.lease_ms
    ELSE 30000 END AS lease_ms
  FROM unnest($3::text[]) WITH ORDINALITY AS q (name, turn)
  LEFT JOIN stint.queue AS s ON s.tenant = $2::bigint::int AND s.name = q.name COLLATE "C"
  CROSS JOIN LATERAL stint.ready_kinds($2::bigint::int, q.name) AS k (kind)
  WHERE s.is_paused IS NOT TRUE AND cardinality($4::text[]) = 0
@claim_lines@

-- name: claim_any_queue
-- $3 here: a number that mixes the queues
WITH clock AS MATERIALIZED (
  SELECT coalesce($1::bigint, stint.now()) AS now
), line AS MATERIALIZED (
  SELECT hashtextextended(q.name, $3::bigint) AS turn, q.name AS queue, k.kind,
    CASE WHEN $6::bigint > 0 THEN $6::bigint WHEN s.lease_ms > 0 THEN s.lease_ms ELSE 30000 END AS lease_ms
  FROM stint.ready_queues($2::bigint::int) AS q (name)
  LEFT JOIN stint.queue AS s ON s.tenant = $2::bigint::int AND s.name = q.name COLLATE "C"
  CROSS JOIN LATERAL unnest(CASE WHEN cardinality($4::text[]) > 0 THEN $4::text[]
    ELSE ARRAY(SELECT stint.ready_kinds($2::bigint::int, q.name)) END) AS k (kind)
  WHERE s.is_paused IS NOT TRUE
@claim_lines@

-- name: claim_picked
), picked AS MATERIALIZED (
  SELECT line.turn, line.lease_ms, h.* FROM clock, line CROSS JOIN LATERAL (
    SELECT j.ctid AS at, j.priority, j.run_at, j.id, octet_length(j.args) AS bytes FROM stint.job AS j
    WHERE j.tenant = $2::bigint::int AND j.queue = line.queue COLLATE "C" AND j.kind = line.kind COLLATE "C" AND j.state = 2
      AND (j.deadline_at IS NULL OR j.deadline_at = 0 OR j.deadline_at > clock.now)
    ORDER BY j.priority, j.run_at, j.id LIMIT $5::bigint FOR UPDATE SKIP LOCKED) AS h

-- name: claim_lines
@claim_picked@
), share AS MATERIALIZED (
  SELECT ($5::bigint + n - 1) / greatest(n, 1) AS each FROM (SELECT count(DISTINCT turn) AS n FROM picked) AS p
), placed AS (
  SELECT *, row_number() OVER (PARTITION BY turn ORDER BY priority, run_at, id) AS place FROM picked
), ordered AS MATERIALIZED (
  SELECT at, least(lease_ms, 43200000) AS new_lease_ms, row_number() OVER w AS number,
    sum(coalesce(bytes, 0)) OVER w - coalesce(bytes, 0) AS bytes_before
  FROM placed, share WINDOW w AS (ORDER BY place > share.each, turn, place ROWS UNBOUNDED PRECEDING)
@claim_ordered@

-- name: claim_line
-- One queue needs no shares.
@claim_picked@
), ordered AS MATERIALIZED (
  SELECT at, least(lease_ms, 43200000) AS new_lease_ms, row_number() OVER w AS number,
    sum(coalesce(bytes, 0)) OVER w - coalesce(bytes, 0) AS bytes_before
  FROM picked WINDOW w AS (ORDER BY priority, run_at, id ROWS UNBOUNDED PRECEDING)
@claim_ordered@

-- name: claim_ordered
-- The order of the answer is the caller's affair: a sort of whole rows costs.
), updated AS (
  UPDATE stint.job AS j SET state = 3, lease = greatest(j.lease, $7::bigint) + 1, lease_ms = o.new_lease_ms,
    lease_until = clock.now + o.new_lease_ms, timeout_at = clock.now + coalesce(j.timeout_ms, 300000), cancel_at = NULL,
    due_at = least(clock.now + o.new_lease_ms, clock.now + coalesce(j.timeout_ms, 300000), nullif(j.deadline_at, 0)),
    started_at = clock.now, attempt = coalesce(j.attempt, 0) + 1, report_n = NULL, report_hash = NULL,
    report_verdict = NULL, flags = j.flags & ~3, worker = $8
  FROM ordered AS o, clock
  WHERE j.ctid = o.at AND o.number <= $5::bigint AND o.bytes_before < $9::bigint
  RETURNING @job_columns@, @long_columns@, o.number, due_at, timeout_at, j.ctid AS at, j.xmin AS version
), counted AS (
  INSERT INTO stint.count_delta (tenant, queue, kind, what, drop_at, n)
  SELECT $2::bigint, queue, CASE what WHEN 2 THEN kind ELSE '' END, what, 0, sign * n
  FROM (SELECT queue, kind, count(*) AS n FROM updated GROUP BY queue, kind) AS u, (VALUES (2, -1), (3, 1)) AS c (what, sign)
)
SELECT * FROM updated
