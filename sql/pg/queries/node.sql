-- The nodes that run on this database: who they are, and what they tell each other.

-- name: node_lock
-- Held by the session of a node that listens: gone with it, whatever ends it. Shared, because a session that was lost may be
-- there a little longer than its node's next one.
1937009006, hashtext($1::uuid::text)

-- name: node_is_alive
-- Of n, a row of table node: seen within two beats, and if it listens its session is there.
n.seen_at > stint.now() - 60000 AND (NOT n.listens OR EXISTS (
  SELECT 1 FROM pg_catalog.pg_locks AS l WHERE l.locktype = 'advisory' AND l.classid = 1937009006
    AND l.objid::bigint = (hashtext(n.id::text)::bigint & 4294967295) AND l.granted
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())))

-- name: node_join
SELECT pg_advisory_lock_shared(@node_lock@)

-- name: keys_are
(SELECT count(*) + coalesce(sum(revoked_at / 1000), 0) FROM stint.api_key)::bigint

-- name: node_beat
-- $1 node · $2 version · $3 listens · $4 watches · $5 no due time is before it. About the others: how many, do some listen, do some watch; then whatever this
-- node may have missed: grace_at, what the keys are, the next due time, wishes of applications, the oldest program that may run.
WITH me AS (
  INSERT INTO stint.node AS n (id, started_at, seen_at, version, listens, watches)
  VALUES ($1, stint.now(), stint.now(), $2, $3, $4)
  ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, listens = excluded.listens, watches = excluded.watches
), swept AS (
  DELETE FROM stint.node WHERE id = ANY (ARRAY(
    SELECT id FROM stint.node WHERE id <> $1 AND seen_at < stint.now() - 120000 FOR UPDATE SKIP LOCKED))
)
SELECT count(*), coalesce(bool_or(n.listens), false), coalesce(bool_or(n.listens AND n.watches), false),
  (SELECT number FROM stint.meta WHERE name = 'grace_at'),
  @keys_are@,
  least((SELECT due_at FROM stint.job WHERE due_at > 0 AND due_at >= $5 ORDER BY due_at LIMIT 1), @schedule_next_due@),
  EXISTS (SELECT 1 FROM stint.wish) OR EXISTS (SELECT 1 FROM stint.note),
  (@migration_oldest@)
FROM stint.node AS n WHERE n.id <> $1 AND @node_is_alive@

-- name: node_look
-- What may have come though nobody could tell. $1: no job is due before it. When a tick has work, what the keys are, wishes.
SELECT least((SELECT due_at FROM stint.job WHERE due_at > 0 AND due_at >= $1 ORDER BY due_at LIMIT 1), @schedule_next_due@),
  @keys_are@,
  EXISTS (SELECT 1 FROM stint.wish) OR EXISTS (SELECT 1 FROM stint.note)

-- name: node_store
-- Which store this is, also among copies of its database.
SELECT concat_ws(' ', encode(m.bytes, 'hex'), (SELECT system_identifier FROM pg_catalog.pg_control_system()),
  (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
FROM stint.meta AS m WHERE m.name = 'secret'

-- name: node_leave
DELETE FROM stint.node WHERE id = $1

-- name: node_notify
SELECT pg_notify('stint', payload) FROM unnest($1::text[]) AS payload

-- name: node_grace
-- Leases get their grace (J6) unless a node was there all the while: since $2, by the session that it has kept, or, when $2 is 0
-- because we start, by being alive. $1 now or NULL · $3 node. All nodes go by the time that is kept.
WITH was_away AS MATERIALIZED (
  SELECT 1 WHERE NOT EXISTS (
    SELECT 1 FROM stint.node AS n WHERE n.id <> $3 AND @node_is_alive@ AND ($2::bigint = 0 OR EXISTS (
      SELECT 1 FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
      WHERE l.locktype = 'advisory' AND l.classid = 1937009006
        AND l.objid::bigint = (hashtext(n.id::text)::bigint & 4294967295)
        AND a.backend_start < to_timestamp($2::bigint / 1000.0))))
), kept AS (
  INSERT INTO stint.meta AS m (name, number) SELECT 'grace_at', coalesce($1::bigint, stint.now()) FROM was_away
  ON CONFLICT (name) DO UPDATE SET number = greatest(m.number, excluded.number) RETURNING number
)
SELECT greatest((SELECT number FROM kept), (SELECT number FROM stint.meta WHERE name = 'grace_at'))

-- name: wish_take
DELETE FROM stint.wish WHERE id = ANY (ARRAY(SELECT id FROM stint.wish ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING tenant, job, action
