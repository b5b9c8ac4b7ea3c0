-- Roles that own nothing. The owner of the schema runs `stint migrate`; a role that stint.allow_node names may run nodes: read and
-- write the tables, and make and drop partitions, which only the owner of a table can do, by the two functions that do it for
-- them. It can change neither the schema nor the list of who may call what.

-- Granted again after each migration, which may bring more tables.
CREATE TABLE stint.node_role (
  role name PRIMARY KEY
);

CREATE FUNCTION stint.allow_node(role name) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  tables text;
BEGIN
  SELECT string_agg(format('stint.%I', c.relname), ', ') INTO tables FROM pg_class AS c
  WHERE c.relnamespace = 'stint'::regnamespace AND c.relkind IN ('r', 'p')
    AND c.relname <> ALL ('{migration,application,node_role}');
  EXECUTE format('GRANT USAGE ON SCHEMA stint TO %I', role);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', tables, role);
  EXECUTE format('GRANT SELECT ON stint.migration TO %I', role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION stint.now(), stint.check_settings(bigint), stint.check_jobs(bigint, bigint), '
    'stint.ready_queues(int), stint.ready_kinds(int, text), stint.make_partition(bigint), stint.drop_partition(bigint) TO %I', role);
  INSERT INTO stint.node_role (role) VALUES (allow_node.role) ON CONFLICT DO NOTHING;
END $$;

-- What one node does at a time is guarded by a row here: an advisory lock could be held by anybody who may connect.
INSERT INTO stint.service (name, node, term, until) VALUES
  ('fold', '00000000-0000-0000-0000-000000000000', 0, 0),
  ('partition', '00000000-0000-0000-0000-000000000000', 0, 0);

CREATE OR REPLACE FUNCTION stint.make_partition(wanted bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM stint.service WHERE name = 'partition' FOR UPDATE;
  IF to_regclass(format('stint.history_%s', wanted)) IS NOT NULL
    OR EXISTS (SELECT FROM stint.history_rest WHERE drop_at = wanted)
    OR EXISTS (SELECT FROM stint.event_history_rest WHERE drop_at = wanted) THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE stint.history_%s PARTITION OF stint.history FOR VALUES IN (%s)', wanted, wanted);
  EXECUTE format('CREATE TABLE stint.event_history_%s PARTITION OF stint.event_history FOR VALUES IN (%s)', wanted, wanted);
  RETURN true;
END $$;

ALTER FUNCTION stint.drop_partition(bigint) SECURITY DEFINER SET search_path = pg_catalog, pg_temp;

-- The owner calls it, with whatever search_path there is; and a caller's settings must not change what our texts mean.
ALTER FUNCTION stint.allow(name, text) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION stint.enqueue(text, text, json, json) SET standard_conforming_strings = on;
ALTER FUNCTION stint.enqueue_many(json) SET standard_conforming_strings = on;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA stint FROM PUBLIC;
