-- Jobs that hang under another, and the notes that ticks take.

-- name: tally_add
INSERT INTO stint.tally_delta (owner, what, n) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[])

-- name: tally_sums
-- Folded and not, of one owner: not final, completed, failed, cancelled, skipped.
SELECT coalesce(sum(n) FILTER (WHERE what = 0), 0)::bigint, coalesce(sum(n) FILTER (WHERE what = 4), 0)::bigint,
  coalesce(sum(n) FILTER (WHERE what = 5), 0)::bigint, coalesce(sum(n) FILTER (WHERE what = 6), 0)::bigint,
  coalesce(sum(n) FILTER (WHERE what = 7), 0)::bigint
FROM (
  SELECT what, n FROM stint.tally WHERE owner = $1
  UNION ALL
  SELECT what, n FROM stint.tally_delta WHERE owner = $1) AS t

-- name: tally_delete
WITH folded AS (
  DELETE FROM stint.tally WHERE owner = ANY ($1)
)
DELETE FROM stint.tally_delta WHERE owner = ANY ($1)

-- name: tally_fold
-- $1: at most so many deltas
WITH gone AS (
  DELETE FROM stint.tally_delta WHERE ctid = ANY (ARRAY(SELECT ctid FROM stint.tally_delta LIMIT $1 FOR UPDATE SKIP LOCKED))
  RETURNING owner, what, n
), folded AS (
  INSERT INTO stint.tally AS t (owner, what, n) SELECT owner, what, sum(n) FROM gone GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (owner, what) DO UPDATE SET n = t.n + excluded.n
)
SELECT count(*) FROM gone

-- name: children_open
-- Not cancelled yet, and not on its last turn: flags of store/rules/row.h.
SELECT id FROM stint.job WHERE parent = $1 AND flags & 32769 = 0 ORDER BY id LIMIT $2

-- name: children_list
-- $1 parent · $2 behind this child · $3 so many
SELECT * FROM (
  SELECT @live_list_columns@ FROM stint.job WHERE parent = $1 AND id > $2
  UNION ALL
  SELECT @list_columns@ FROM stint.history WHERE parent = $1 AND id > $2) AS j
ORDER BY id LIMIT $3

-- name: note_insert
-- Whether its children are final ($3 = 1) matters only to a job that is live.
INSERT INTO stint.note (tenant, job, what, round)
SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[]) AS u (tenant, job, what, round)
WHERE what <> 1 OR EXISTS (SELECT 1 FROM stint.job AS j WHERE j.id = u.job)

-- name: note_any
-- Of which kind are there some, behind $1? The cancels come first, the parents last; what a job missed in one life before what it did in
-- the next.
SELECT CASE WHEN EXISTS (SELECT 1 FROM stint.note WHERE what = 2 AND id > $1) THEN 2
  WHEN EXISTS (SELECT 1 FROM stint.note WHERE what = 4 AND id > $1) THEN 4
  WHEN EXISTS (SELECT 1 FROM stint.note WHERE what = 3 AND id > $1) THEN 3
  WHEN EXISTS (SELECT 1 FROM stint.note WHERE what = 1 AND id > $1) THEN 1 ELSE 0 END

-- name: note_take
-- $1 what · $2 behind this one · $3 so many
DELETE FROM stint.note WHERE what = $1 AND id = ANY (ARRAY(
  SELECT id FROM stint.note WHERE what = $1 AND id > $2 ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING id, tenant, job, what, round

-- name: children_of
-- What a claim tells of the jobs that hung under one that it hands out (updated.id): the five numbers of tally_sums, then id,
-- kind, code and message of the oldest hundred that failed, each as its bytes' number, a colon, and the bytes.
SELECT string_agg(octet_length(t) || ':' || t, '' ORDER BY place, part) FROM (
  SELECT 0::bigint AS place, w.part, coalesce(sum(s.n), 0)::text AS t
  FROM unnest(ARRAY[0, 4, 5, 6, 7]) WITH ORDINALITY AS w (what, part) LEFT JOIN (
    SELECT what, n FROM stint.tally WHERE owner = updated.id
    UNION ALL
    SELECT what, n FROM stint.tally_delta WHERE owner = updated.id) AS s ON s.what = w.what
  GROUP BY w.part
  UNION ALL
  SELECT f.place, p.part, p.t
  FROM (
    SELECT row_number() OVER (ORDER BY id) AS place, id, kind, error_code, error_message FROM (
      SELECT h.id, h.kind, h.error_code, h.error_message FROM stint.history AS h
      WHERE h.parent = updated.id AND h.parent IS NOT NULL AND h.state = 5 ORDER BY h.id LIMIT 100) AS h) AS f
  CROSS JOIN LATERAL (VALUES (1, f.id::text), (2, f.kind), (3, coalesce(f.error_code, '')),
    (4, coalesce(f.error_message, ''))) AS p (part, t)) AS parts
