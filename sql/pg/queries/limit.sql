-- Limits and lanes: 0012_limits.sql, store/pg/lanes.h.

-- name: lane_look
-- Lanes that have something, and where their first job stands, NULL: all are too late. $1 tenant · $2, $3 behind this queue and lane ·
-- $4 so many · $5 now or NULL. Beside it, the microseconds that it has taken so far; there is always
-- a row.
WITH RECURSIVE clock AS MATERIALIZED (
  SELECT coalesce($5::bigint, stint.now()) AS now, clock_timestamp() AS began
), lane (n, queue, lane) AS (
  (SELECT 1::bigint, queue, lane FROM stint.job
   WHERE tenant = $1::bigint::int AND state = 2 AND lane IS NOT NULL AND (queue, lane) > ($2::text COLLATE "C", $3::bigint)
   ORDER BY tenant, queue, lane LIMIT 1)
  UNION ALL
  SELECT n.* FROM lane CROSS JOIN LATERAL (
    SELECT lane.n + 1, j.queue, j.lane FROM stint.job AS j
    WHERE j.tenant = $1::bigint::int AND j.state = 2 AND j.lane IS NOT NULL AND (j.queue, j.lane) > (lane.queue, lane.lane)
    ORDER BY j.tenant, j.queue, j.lane LIMIT 1) AS n
  WHERE lane.n < $4::bigint
)
SELECT lane.queue, lane.lane, h.kind, h.fair_group, h.limit_keys, h.priority, h.run_at, coalesce(s.is_paused, false),
  (extract(epoch FROM clock_timestamp() - clock.began) * 1000000)::bigint, h.id
FROM clock LEFT JOIN lane ON true
LEFT JOIN stint.queue AS s ON s.tenant = $1::bigint::int AND s.name = lane.queue
LEFT JOIN LATERAL (
  SELECT j.kind, j.fair_group, j.limit_keys, j.priority, j.run_at, j.id FROM stint.job AS j
  WHERE j.tenant = $1::bigint::int AND j.queue = lane.queue AND j.lane = lane.lane AND j.state = 2 AND j.lane IS NOT NULL
    AND (j.deadline_at IS NULL OR j.deadline_at = 0 OR j.deadline_at > clock.now)
  ORDER BY j.priority, j.run_at, j.id LIMIT 1) AS h ON true

-- name: lane_line
WITH clock AS MATERIALIZED (SELECT coalesce($1::bigint, stint.now()) AS now), l AS MATERIALIZED (
  SELECT u.*, stint.lane(u.kind, u.fair_group, u.limit_keys) AS lane,
    CASE WHEN $8::bigint > 0 THEN $8::bigint WHEN s.lease_ms > 0 THEN s.lease_ms ELSE 30000 END AS lease_ms
  FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY
    AS u (queue, kind, fair_group, limit_keys, number)
  LEFT JOIN stint.queue AS s ON s.tenant = $2::bigint::int AND s.name = u.queue COLLATE "C"
  WHERE s.is_paused IS NOT TRUE

-- name: lane_ready
j.tenant = $2::bigint::int AND j.queue = l.queue COLLATE "C" AND j.lane = l.lane AND j.state = 2 AND j.lane IS NOT NULL
AND j.kind = l.kind COLLATE "C" AND j.fair_group IS NOT DISTINCT FROM l.fair_group
AND j.limit_keys IS NOT DISTINCT FROM l.limit_keys
AND (j.deadline_at IS NULL OR j.deadline_at = 0 OR j.deadline_at > clock.now)

-- name: lane_pick
-- The first jobs of lanes, locked; what others have locked is passed over. $1 now or NULL · $2 tenant · $3 … $6 queue, kind, group and
-- keys of each lane · $7 how many of each at most · $8 lease in ms, 0: the queue's
@lane_line@ AND @claim_unaged@
)
SELECT l.number, h.at, h.priority, h.run_at, h.id, h.bytes, least(l.lease_ms, 43200000)
FROM clock, l CROSS JOIN LATERAL (
  SELECT j.ctid AS at, j.priority, j.run_at, j.id, coalesce(octet_length(j.args), 0) AS bytes FROM stint.job AS j
  WHERE @lane_ready@
  ORDER BY j.priority, j.run_at, j.id LIMIT $7::bigint FOR UPDATE SKIP LOCKED) AS h
ORDER BY l.number, h.priority, h.run_at, h.id

-- name: lane_pick_aged
-- The same where waiting betters priorities: so many of each priority.
@lane_line@
)
SELECT l.number, h.at, h.priority, h.run_at, h.id, h.bytes, least(l.lease_ms, 43200000)
FROM clock, l CROSS JOIN LATERAL (
  WITH RECURSIVE level (priority) AS (
    (SELECT j.priority FROM stint.job AS j WHERE @lane_ready@ ORDER BY j.priority, j.run_at, j.id LIMIT 1)
    UNION ALL
    SELECT n.priority FROM level CROSS JOIN LATERAL (
      SELECT j.priority FROM stint.job AS j WHERE @lane_ready@ AND j.priority > level.priority
      ORDER BY j.priority, j.run_at, j.id LIMIT 1) AS n
  ) SELECT level.priority FROM level OFFSET 0) AS level
CROSS JOIN LATERAL (
  SELECT j.ctid AS at, j.priority, j.run_at, j.id, coalesce(octet_length(j.args), 0) AS bytes FROM stint.job AS j
  WHERE @lane_ready@ AND j.priority = level.priority
  ORDER BY j.priority, j.run_at, j.id LIMIT $7::bigint FOR UPDATE SKIP LOCKED) AS h
ORDER BY l.number, h.priority, h.run_at, h.id

-- name: lane_orders
-- What the queues say of the order of their jobs: $1 tenant · $2 queues
SELECT name, age_step_ms, group_weights FROM stint.queue
WHERE tenant = $1::bigint::int AND name = ANY ($2::text[] COLLATE "C") AND (age_step_ms > 0 OR group_weights <> '')

-- name: limit_make
-- A row for each key, so that there is something to lock.
INSERT INTO stint.limit_key (tenant, is_set, concurrency, rate, period_ms, burst, full_at_us, paused_until, key)
SELECT u.tenant, false, 0, 0, 0, 0, 0, 0, u.key FROM unnest($1::bigint[], $2::text[]) AS u (tenant, key)
ORDER BY u.tenant, u.key COLLATE "C" ON CONFLICT (tenant, key) DO NOTHING

-- name: limit_lock
-- In one order.
SELECT 1 FROM (
  SELECT u.tenant, u.key FROM unnest($1::bigint[], $2::text[]) AS u (tenant, key) ORDER BY u.tenant, u.key COLLATE "C"
) AS u CROSS JOIN LATERAL (
  SELECT 1 FROM stint.limit_key AS k WHERE k.tenant = u.tenant::int AND k.key = u.key COLLATE "C" FOR UPDATE) AS k

-- name: limit_take_mends
-- What has completed of keys that were cut: behind their locks, so that nobody else takes it.
DELETE FROM stint.limit_mend AS m USING unnest($1::bigint[], $2::text[]) AS u (tenant, key)
WHERE m.tenant = u.tenant::int AND m.key = u.key COLLATE "C" RETURNING m.tenant, m.key, m.n

-- name: limit_columns
-- Of k, a row of limit_key, with the rule that holds for it.
k.tenant, k.key, k.is_set, p.key AS pattern, CASE WHEN k.is_set THEN k.concurrency ELSE coalesce(p.concurrency, 0) END,
CASE WHEN k.is_set THEN k.rate ELSE coalesce(p.rate, 0) END, CASE WHEN k.is_set THEN k.period_ms ELSE coalesce(p.period_ms, 0) END,
CASE WHEN k.is_set THEN k.burst ELSE coalesce(p.burst, 0) END, k.full_at_us, k.paused_until,
CASE WHEN k.is_set THEN k.is_adaptive ELSE coalesce(p.is_adaptive, false) END, k.cut_micro, k.cut_at,
(SELECT coalesce(sum(s.weight), 0)::bigint FROM stint.slot AS s WHERE s.tenant = k.tenant AND s.key = k.key),
(SELECT coalesce(sum(m.n), 0)::bigint FROM stint.limit_mend AS m WHERE m.tenant = k.tenant AND m.key = k.key)

-- name: limit_pattern
LEFT JOIN LATERAL (
  SELECT * FROM stint.limit_key AS p
  WHERE p.tenant = k.tenant AND p.is_set AND right(p.key, 1) = '*' AND NOT k.is_set AND right(k.key, 1) <> '*'
    AND starts_with(k.key, left(p.key, -1))
  ORDER BY length(p.key) DESC LIMIT 1) AS p ON true

-- name: limit_read
-- By a snapshot of its own, once they are locked: what others have given out before is among it. A key without a row has what its
-- pattern says.
SELECT @limit_columns@
FROM unnest($1::bigint[], $2::text[]) AS u (tenant, key)
LEFT JOIN stint.limit_key AS r ON r.tenant = u.tenant::int AND r.key = u.key COLLATE "C"
CROSS JOIN LATERAL (SELECT u.tenant::int AS tenant, u.key COLLATE "C" AS key, coalesce(r.is_set, false) AS is_set, r.concurrency, r.rate,
  r.period_ms, r.burst, coalesce(r.full_at_us, 0) AS full_at_us, coalesce(r.paused_until, 0) AS paused_until, r.is_adaptive,
  coalesce(r.cut_micro, 0) AS cut_micro, coalesce(r.cut_at, 0) AS cut_at) AS k
@limit_pattern@

-- name: limit_owing
-- Keys without a rule of their own that owe tokens, or are cut: $1 tenant · $2 they begin so · $3 now · $4 so many
SELECT key FROM stint.limit_key
WHERE tenant = $1::bigint::int AND starts_with(key, $2::text COLLATE "C") AND NOT is_set
  AND (full_at_us > $3::bigint * 1000 OR cut_micro > 0)
ORDER BY full_at_us DESC LIMIT $4::bigint

-- name: limit_patterns
-- Patterns that speak of a key which is $2, or begins so: $1 tenant
SELECT tenant, key, is_set, NULL::text, concurrency, rate, period_ms, burst, full_at_us, paused_until, is_adaptive, cut_micro,
  cut_at, 0::bigint, 0::bigint FROM stint.limit_key
WHERE tenant = $1::bigint::int AND is_set AND right(key, 1) = '*'
  AND (starts_with($2::text COLLATE "C", left(key, -1)) OR starts_with(key, $2::text COLLATE "C"))

-- name: limit_put
INSERT INTO stint.limit_key AS k (tenant, key, is_set, concurrency, rate, period_ms, burst, full_at_us, paused_until, cut_micro, cut_at,
  is_adaptive)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
  $9::bigint[], $10::bigint[], $11::bigint[], $12::boolean[])
ON CONFLICT (tenant, key) DO UPDATE SET is_set = excluded.is_set, concurrency = excluded.concurrency, rate = excluded.rate,
  period_ms = excluded.period_ms, burst = excluded.burst, full_at_us = excluded.full_at_us, paused_until = excluded.paused_until,
  cut_micro = excluded.cut_micro, cut_at = excluded.cut_at, is_adaptive = excluded.is_adaptive

-- name: limit_expire
-- Rows that say nothing any more, and that nobody holds, with what has completed of their keys: $1 now · $2 so many. Who needs one
-- makes it again.
WITH u AS (
  SELECT l.tenant, l.key FROM stint.limit_key AS l
  WHERE NOT l.is_set AND l.paused_until <= $1::bigint AND l.full_at_us <= $1::bigint * 1000
    AND (l.cut_micro = 0 OR l.cut_at <= $1::bigint - 86400000)
    AND NOT EXISTS (SELECT FROM stint.slot AS s WHERE s.tenant = l.tenant AND s.key = l.key)
  ORDER BY l.tenant, l.key LIMIT $2 FOR UPDATE SKIP LOCKED
), mends AS (
  DELETE FROM stint.limit_mend AS m USING u WHERE m.tenant = u.tenant AND m.key = u.key
)
DELETE FROM stint.limit_key AS k USING u WHERE k.tenant = u.tenant AND k.key = u.key

-- name: limit_count
SELECT count(*) FROM stint.limit_key WHERE tenant = $1::bigint::int AND is_set

-- name: limit_list
-- $1 tenant · $2 behind this key · $3 so many · $4 now
SELECT @limit_columns@, NULL::bigint FROM (
  SELECT * FROM stint.limit_key AS l WHERE l.tenant = $1::bigint::int AND l.key > $2::text COLLATE "C"
    AND (l.is_set OR l.paused_until > 0) AND (l.is_set OR l.paused_until > $4::bigint) ORDER BY l.tenant, l.key LIMIT $3::bigint) AS k
@limit_pattern@
ORDER BY k.key

-- name: limit_paused
-- $1 tenant, 0 = of all · $2 now
SELECT count(*) FROM stint.limit_key
WHERE ($1::bigint = 0 OR tenant = $1::bigint::int) AND (is_set OR paused_until > 0) AND paused_until > $2::bigint

-- name: limit_waiting
-- How many queued jobs name the key: $1 its tenant, 0 = of all · $2 key. Lanes are few where jobs are many.
WITH RECURSIVE lane (tenant, queue, lane) AS (
  (SELECT tenant, queue, lane FROM stint.job WHERE tenant >= $1::bigint::int AND ($1::bigint = 0 OR tenant = $1::bigint)
     AND state = 2 AND lane IS NOT NULL ORDER BY tenant, queue, lane LIMIT 1)
  UNION ALL
  SELECT n.* FROM lane CROSS JOIN LATERAL (
    SELECT j.tenant, j.queue, j.lane FROM stint.job AS j
    WHERE (j.tenant, j.queue, j.lane) > (lane.tenant, lane.queue, lane.lane) AND ($1::bigint = 0 OR j.tenant = $1::bigint)
      AND j.state = 2 AND j.lane IS NOT NULL
    ORDER BY j.tenant, j.queue, j.lane LIMIT 1) AS n
)
SELECT coalesce(sum(c.n), 0)::bigint FROM lane CROSS JOIN LATERAL (
  SELECT j.limit_keys FROM stint.job AS j
  WHERE j.tenant = lane.tenant AND j.queue = lane.queue AND j.lane = lane.lane AND j.state = 2 AND j.lane IS NOT NULL LIMIT 1) AS h
CROSS JOIN LATERAL (
  SELECT count(*) AS n FROM (
    SELECT 1 FROM stint.job AS j
    WHERE j.tenant = lane.tenant AND j.queue = lane.queue AND j.lane = lane.lane AND j.state = 2 AND j.lane IS NOT NULL
    LIMIT 100000) AS j) AS c
WHERE EXISTS (SELECT FROM json_array_elements(h.limit_keys::json) AS i (item)
  WHERE CASE json_typeof(i.item) WHEN 'string' THEN i.item #>> '{}' ELSE i.item ->> 'key' END = $2::text)

-- name: slot_insert
INSERT INTO stint.slot AS s (job, weight, tenant, key)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[])
ON CONFLICT (tenant, key, job) DO UPDATE SET weight = excluded.weight

-- name: slot_free
-- Of jobs $1, and of keys $2, $3 so many $4 have completed: told of those that are cut.
WITH mended AS (
  INSERT INTO stint.limit_mend (tenant, key, n)
  SELECT k.tenant, k.key, u.n FROM unnest($2::bigint[], $3::text[], $4::bigint[]) AS u (tenant, key, n)
  JOIN stint.limit_key AS k ON k.tenant = u.tenant::int AND k.key = u.key COLLATE "C" WHERE k.cut_micro > 0
)
DELETE FROM stint.slot WHERE job = ANY ($1) RETURNING tenant, key, weight
