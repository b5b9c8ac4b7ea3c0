-- Claims: one statement picks, hands out, counts and returns. SKIP LOCKED: nobody waits for another's claim, and no two get
-- the same job. What is due to end (its deadline has passed) is left to the tick.
-- $1 now or NULL · $2 tenant · $3 queues, in turn · $4 kinds · $5 at most · $6 lease in ms, 0: the queue's · $7 leases are above
-- $8 worker · $9 bytes of args at most · $17 whether to fail if any lane of the tenant has something: those are not
-- for these
-- Each queue that has something gives its share first; what is left comes from the first in turn. Answered are the jobs in
-- order and, beside each or alone, how many lines were looked at, the time, the microseconds that the picking took, how many jobs
-- it locked, and the lines
-- where the statement has looked for them itself.
--
-- A line (queue and kind) is looked at from where its last head was found, because entries of jobs that are gone stay in the index
-- as long as any transaction in the database is older than they (store/pg/heads.h).

-- name: claim_line
WITH clock AS MATERIALIZED (
  SELECT coalesce($1::bigint, stint.now()) AS now, clock_timestamp() AS began
), line AS MATERIALIZED (
  SELECT l.number, l.turn, l.queue, l.kind, l.first, l.last, CASE WHEN $6::bigint > 0 THEN $6::bigint WHEN s.lease_ms > 0
    THEN s.lease_ms ELSE 30000 END AS lease_ms
  FROM unnest($10::bigint[], $3::text[], $4::text[], $11::bigint[], $12::bigint[]) WITH ORDINALITY
    AS l (turn, queue, kind, first, last, number)
  LEFT JOIN stint.queue AS s ON s.tenant = $2::bigint::int AND s.name = l.queue COLLATE "C"
  WHERE s.is_paused IS NOT TRUE

-- name: claim_unaged
-- Where waiting betters priorities the committer has to know it: else it reads the settings again.
CASE WHEN s.age_step_ms > 0 THEN stint.check_settings(-s.age_step_ms) ELSE true END

-- name: claim_named
-- $3, $4, $10: queue, kind and turn of each line · $11 … $12: its first and last stretch · $13 … $16: least priority, run_at and id,
-- and greatest priority, of each stretch: they stand in order, and none is between those of a line
@claim_line@ AND @claim_unaged@
), picked AS MATERIALIZED (
  SELECT line.number AS line, line.turn, line.lease_ms, h.* FROM clock, line CROSS JOIN LATERAL (
    SELECT found.* FROM generate_series(line.first, line.last) AS s (at) CROSS JOIN LATERAL (
      SELECT j.ctid AS at, j.priority, j.run_at, j.id, octet_length(j.args) AS bytes FROM stint.job AS j
      WHERE @claim_ready@ AND @claim_stretch@
      ORDER BY j.priority, j.run_at, j.id LIMIT $5::bigint FOR UPDATE SKIP LOCKED) AS found
    LIMIT $5::bigint) AS h

-- name: claim
@claim_named@
@claim_shares@

-- name: claim_one_queue
-- One queue needs no shares.
@claim_named@
), ordered AS MATERIALIZED (
  SELECT at, line, least(lease_ms, 43200000) AS new_lease_ms, row_number() OVER w AS number,
    sum(coalesce(bytes, 0)) OVER w - coalesce(bytes, 0) AS bytes_before
  FROM picked WINDOW w AS (ORDER BY priority, run_at, id ROWS UNBOUNDED PRECEDING)
@claim_ordered@

-- name: claim_any_kind
WITH clock AS MATERIALIZED (
  SELECT coalesce($1::bigint, stint.now()) AS now, clock_timestamp() AS began
), line AS MATERIALIZED (
  SELECT 0::bigint AS number, q.turn, q.name AS queue, k.kind, CASE WHEN $6::bigint > 0 THEN $6::bigint WHEN s.lease_ms > 0
    THEN s.lease_ms ELSE 30000 END AS lease_ms
  FROM unnest($3::text[]) WITH ORDINALITY AS q (name, turn)
  LEFT JOIN stint.queue AS s ON s.tenant = $2::bigint::int AND s.name = q.name COLLATE "C"
  CROSS JOIN LATERAL stint.ready_kinds($2::bigint::int, q.name) AS k (kind)
  WHERE s.is_paused IS NOT TRUE AND cardinality($4::text[]) = 0 AND @claim_unaged@
@claim_lines@

-- name: claim_any_queue
-- $3 here: a number that mixes the queues
WITH clock AS MATERIALIZED (
  SELECT coalesce($1::bigint, stint.now()) AS now, clock_timestamp() AS began
), line AS MATERIALIZED (
  SELECT 0::bigint AS number, hashtextextended(q.name, $3::bigint) AS turn, q.name AS queue, k.kind,
    CASE WHEN $6::bigint > 0 THEN $6::bigint WHEN s.lease_ms > 0 THEN s.lease_ms ELSE 30000 END AS lease_ms
  FROM stint.ready_queues($2::bigint::int) AS q (name)
  LEFT JOIN stint.queue AS s ON s.tenant = $2::bigint::int AND s.name = q.name COLLATE "C"
  CROSS JOIN LATERAL unnest(CASE WHEN cardinality($4::text[]) > 0 THEN $4::text[]
    ELSE ARRAY(SELECT stint.ready_kinds($2::bigint::int, q.name)) END) AS k (kind)
  WHERE s.is_paused IS NOT TRUE AND @claim_unaged@
@claim_lines@

-- name: claim_pick
-- What claim_named has locked, for a claim that chooses among it and lanes (limit.sql); $7 … $9 are not for it.
@claim_named@
@claim_picked@

-- name: claim_picked
)
SELECT p.line, p.at, p.priority, p.run_at, p.id, coalesce(p.bytes, 0), least(p.lease_ms, 43200000), look.lines, look.now,
  look.picking_us, look.picked
FROM (SELECT (SELECT count(*) FROM line) AS lines, clock.now,
  (extract(epoch FROM clock_timestamp() - clock.began) * 1000000)::bigint AS picking_us, picking.n AS picked
  FROM clock, (SELECT count(*) AS n FROM picked) AS picking) AS look
LEFT JOIN picked AS p ON true
ORDER BY p.line, p.priority, p.run_at, p.id

-- name: claim_pick_aged
-- The same where waiting betters priorities: the first of each priority.
@claim_line@
), picked AS MATERIALIZED (
  SELECT line.number AS line, line.turn, line.lease_ms, h.* FROM clock, line
  CROSS JOIN LATERAL generate_series(line.first, line.last) AS s (at)
  CROSS JOIN LATERAL (
    WITH RECURSIVE level (priority) AS (
      (SELECT j.priority FROM stint.job AS j WHERE @claim_ready@ AND @claim_stretch@ ORDER BY j.priority, j.run_at, j.id LIMIT 1)
      UNION ALL
      SELECT n.priority FROM level CROSS JOIN LATERAL (
        SELECT j.priority FROM stint.job AS j
        WHERE @claim_ready@ AND j.priority > level.priority AND j.priority <= ($16::bigint[])[s.at]::smallint
        ORDER BY j.priority, j.run_at, j.id LIMIT 1) AS n
    ) SELECT level.priority FROM level OFFSET 0) AS level
  CROSS JOIN LATERAL (
    SELECT j.ctid AS at, j.priority, j.run_at, j.id, octet_length(j.args) AS bytes FROM stint.job AS j
    WHERE @claim_ready@ AND j.priority = level.priority AND @claim_stretch@
    ORDER BY j.priority, j.run_at, j.id LIMIT $5::bigint FOR UPDATE SKIP LOCKED) AS h
@claim_picked@

-- name: claim_chosen
-- The jobs that it has chosen, in order: $3 their places (locked) · $4 line of each, 0: a lane · $6 lease of each.
WITH clock AS MATERIALIZED (
  SELECT coalesce($1::bigint, stint.now()) AS now, clock_timestamp() AS began
), line AS MATERIALIZED (
  SELECT NULL::bigint AS number, NULL::text AS queue, NULL::text AS kind WHERE false
), picked AS MATERIALIZED (
  SELECT 1 WHERE false
), ordered AS MATERIALIZED (
  SELECT at, line, lease_ms AS new_lease_ms, number, 0::bigint AS bytes_before
  FROM unnest($3::tid[], $4::bigint[], $6::bigint[]) WITH ORDINALITY AS u (at, line, lease_ms, number)
@claim_ordered@

-- name: claim_lines
), picked AS MATERIALIZED (
  SELECT line.number AS line, line.turn, line.lease_ms, h.* FROM clock, line CROSS JOIN LATERAL (
    SELECT j.ctid AS at, j.priority, j.run_at, j.id, octet_length(j.args) AS bytes FROM stint.job AS j
    WHERE @claim_ready@
    ORDER BY j.priority, j.run_at, j.id LIMIT $5::bigint FOR UPDATE SKIP LOCKED) AS h
@claim_shares@

-- name: claim_ready
j.tenant = $2::bigint::int AND j.queue = line.queue COLLATE "C" AND j.kind = line.kind COLLATE "C" AND j.state = 2 AND j.lane IS NULL
AND (j.deadline_at IS NULL OR j.deadline_at = 0 OR j.deadline_at > clock.now)

-- name: claim_stretch
(j.priority, j.run_at, j.id) >= (($13::bigint[])[s.at]::smallint, ($14::bigint[])[s.at], ($15::uuid[])[s.at])
AND j.priority <= ($16::bigint[])[s.at]::smallint

-- name: claim_shares
), share AS MATERIALIZED (
  SELECT ($5::bigint + n - 1) / greatest(n, 1) AS each FROM (SELECT count(DISTINCT turn) AS n FROM picked) AS p
), placed AS (
  SELECT *, row_number() OVER (PARTITION BY turn ORDER BY priority, run_at, id) AS place FROM picked
), ordered AS MATERIALIZED (
  SELECT at, line, least(lease_ms, 43200000) AS new_lease_ms, row_number() OVER w AS number,
    sum(coalesce(bytes, 0)) OVER w - coalesce(bytes, 0) AS bytes_before
  FROM placed, share WINDOW w AS (ORDER BY place > share.each, turn, place ROWS UNBOUNDED PRECEDING)
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
  RETURNING @job_columns@, @long_columns@, o.number, due_at, timeout_at, j.ctid AS at, j.xmin AS version, o.line
), counted AS (
  INSERT INTO stint.count_delta (tenant, queue, kind, what, drop_at, n)
  SELECT $2::bigint, queue, CASE what WHEN 2 THEN kind ELSE '' END, what, 0, sign * n
  FROM (SELECT queue, kind, count(*) AS n FROM updated GROUP BY queue, kind) AS u, (VALUES (2, -1), (3, 1)) AS c (what, sign)
)
SELECT updated.*, CASE WHEN updated.flags & 4096 <> 0 THEN (@children_of@) END AS children, look.lines, look.now, look.picking_us, look.picked, look.found,
  CASE WHEN $17::boolean THEN (SELECT stint.check_jobs(count(*), 0) FROM (
    SELECT FROM stint.job AS j WHERE j.tenant = $2::bigint::int AND j.state = 2 AND j.lane IS NOT NULL LIMIT 1) AS l) END
FROM (SELECT (SELECT count(*) FROM line) AS lines, clock.now,
  (extract(epoch FROM picking.ended - clock.began) * 1000000)::bigint AS picking_us, picking.picked,
  (SELECT string_agg(queue || ' ' || kind, E'\n') FROM line WHERE number = 0) AS found
  FROM clock, (SELECT clock_timestamp() AS ended, n AS picked FROM (SELECT count(*) AS n FROM picked) AS p) AS picking) AS look
LEFT JOIN updated ON true

-- name: line_look
-- For claims that wait: which lines have anything, of all that somebody waits for. A row of each that is not paused: its number, or
-- that of a queue whose kinds are to be found, its kinds that have something, the time, the microseconds that this took.
-- $1 now or NULL · $2 … $4: tenant, queue and kind of each line · $5 … $10: as $11 … $16 of a claim · $11, $12: tenant and queue of
-- those whose kinds are to be found. Each sub-select waits for the one before it: so the clock is read between them.
WITH clock AS MATERIALIZED (SELECT coalesce($1::bigint, stint.now()) AS now)
SELECT line.number, NULL::bigint, found.kinds, clock.now,
  (extract(epoch FROM clock_timestamp() - look.began) * 1000000)::bigint
FROM clock, unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[]) WITH ORDINALITY
  AS line (tenant, queue, kind, first, last, number)
LEFT JOIN stint.queue AS s ON s.tenant = line.tenant::int AND s.name = line.queue COLLATE "C"
CROSS JOIN LATERAL (SELECT clock_timestamp() AS began WHERE line.number > 0) AS look
CROSS JOIN LATERAL (
  SELECT (SELECT line.kind FROM generate_series(line.first, line.last) AS s (at) CROSS JOIN LATERAL (
      SELECT 1 FROM stint.job AS j
      WHERE j.tenant = line.tenant::int AND j.queue = line.queue COLLATE "C" AND j.kind = line.kind COLLATE "C" AND j.state = 2
        AND j.lane IS NULL AND (j.deadline_at IS NULL OR j.deadline_at = 0 OR j.deadline_at > clock.now)
        AND (j.priority, j.run_at, j.id) >= (($7::bigint[])[s.at]::smallint, ($8::bigint[])[s.at], ($9::uuid[])[s.at])
        AND j.priority <= ($10::bigint[])[s.at]::smallint
      ORDER BY j.priority, j.run_at, j.id LIMIT 1) AS job LIMIT 1) AS kinds
  WHERE look.began IS NOT NULL OFFSET 0) AS found
WHERE s.is_paused IS NOT TRUE
UNION ALL
SELECT NULL, queue.number, found.kinds, clock.now,
  (extract(epoch FROM clock_timestamp() - look.began) * 1000000)::bigint
FROM clock, unnest($11::bigint[], $12::text[]) WITH ORDINALITY AS queue (tenant, name, number)
LEFT JOIN stint.queue AS s ON s.tenant = queue.tenant::int AND s.name = queue.name COLLATE "C"
CROSS JOIN LATERAL (SELECT clock_timestamp() AS began WHERE queue.number > 0) AS look
CROSS JOIN LATERAL (
  SELECT (SELECT string_agg(k.kind, ' ') FROM stint.ready_kinds(queue.tenant::int, queue.name) AS k (kind)
    WHERE EXISTS (SELECT 1 FROM stint.job AS j WHERE j.tenant = queue.tenant::int AND j.queue = queue.name COLLATE "C"
      AND j.kind = k.kind COLLATE "C" AND j.state = 2 AND j.lane IS NULL AND (j.deadline_at IS NULL OR j.deadline_at = 0 OR j.deadline_at > clock.now)
      ORDER BY j.priority, j.run_at, j.id LIMIT 1)) AS kinds
  WHERE look.began IS NOT NULL OFFSET 0) AS found
WHERE s.is_paused IS NOT TRUE

-- name: ready_tenants
-- Whoever has something queued, found by skipping from one to the next in the indexes of what stands in lines and in lanes.
WITH RECURSIVE alone (tenant) AS (
  (SELECT tenant FROM stint.job WHERE state = 2 AND lane IS NULL ORDER BY tenant, queue LIMIT 1)
  UNION ALL
  SELECT (SELECT j.tenant FROM stint.job AS j WHERE j.state = 2 AND j.lane IS NULL AND j.tenant > alone.tenant
    ORDER BY j.tenant, j.queue LIMIT 1)
  FROM alone WHERE alone.tenant IS NOT NULL
), laned (tenant) AS (
  (SELECT tenant FROM stint.job WHERE state = 2 AND lane IS NOT NULL ORDER BY tenant, queue LIMIT 1)
  UNION ALL
  SELECT (SELECT j.tenant FROM stint.job AS j WHERE j.state = 2 AND j.lane IS NOT NULL AND j.tenant > laned.tenant
    ORDER BY j.tenant, j.queue LIMIT 1)
  FROM laned WHERE laned.tenant IS NOT NULL
)
SELECT tenant FROM alone WHERE tenant IS NOT NULL UNION SELECT tenant FROM laned WHERE tenant IS NOT NULL ORDER BY 1

-- name: ready_first
-- The time, then the first job of each priority. $1 … $3 line · $4 now or NULL
WITH RECURSIVE head (priority, run_at, id) AS (
  (SELECT j.priority, j.run_at, j.id FROM stint.job AS j
   WHERE j.tenant = $1::bigint::int AND j.queue = $2::text COLLATE "C" AND j.kind = $3::text COLLATE "C" AND j.state = 2
   AND j.lane IS NULL
   ORDER BY j.priority, j.run_at, j.id LIMIT 1)
  UNION ALL
  SELECT n.* FROM head CROSS JOIN LATERAL (
    SELECT j.priority, j.run_at, j.id FROM stint.job AS j
    WHERE j.tenant = $1::bigint::int AND j.queue = $2::text COLLATE "C" AND j.kind = $3::text COLLATE "C" AND j.state = 2
   AND j.lane IS NULL
      AND j.priority > head.priority
    ORDER BY j.priority, j.run_at, j.id LIMIT 1) AS n
)
SELECT coalesce($4::bigint, stint.now()), NULL::smallint, NULL::bigint, NULL::uuid
UNION ALL SELECT NULL, head.* FROM head

-- name: ready_known
-- Lines that have ever had anything.
SELECT DISTINCT tenant, queue, kind FROM (@counts@) AS c WHERE what = 2 LIMIT $1

-- name: ready_lines
-- $1 tenant · $2 queues, none: all
SELECT q.name, k.kind FROM unnest(CASE WHEN cardinality($2::text[]) > 0 THEN $2::text[]
  ELSE ARRAY(SELECT stint.ready_queues($1::bigint::int)) END) AS q (name)
CROSS JOIN LATERAL stint.ready_kinds($1::bigint::int, q.name) AS k (kind)
