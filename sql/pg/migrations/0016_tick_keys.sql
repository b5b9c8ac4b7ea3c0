-- The unique keys of schedules' ticks are nobody else's: who held one kept the tick from its job.
CREATE OR REPLACE FUNCTION stint.take_key(of_tenant int, wanted text, for_job uuid, until bigint, at bigint) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
  holder stint.unique_key;
BEGIN
  IF starts_with(wanted, 'schedule:') THEN
    PERFORM stint.refuse('unique_key', 'must not begin with schedule:');
  END IF;
  FOR i IN 1 .. 100 LOOP
    INSERT INTO stint.unique_key (tenant, scope, key, job, held_until) VALUES (of_tenant, 0, wanted, for_job, until)
      ON CONFLICT (tenant, scope, key) DO NOTHING;
    IF FOUND THEN
      RETURN NULL;
    END IF;
    SELECT * INTO holder FROM stint.unique_key WHERE tenant = of_tenant AND scope = 0 AND key = wanted;
    CONTINUE WHEN NOT FOUND; -- it was given back meanwhile
    IF holder.held_until = 0 OR holder.held_until > at THEN
      RETURN holder.job;
    END IF;
    UPDATE stint.unique_key SET job = for_job, held_until = until
      WHERE tenant = of_tenant AND scope = 0 AND key = wanted AND job = holder.job AND held_until = holder.held_until;
    IF FOUND THEN
      RETURN NULL;
    END IF;
  END LOOP;
  RAISE EXCEPTION 'stint: the unique key changes hands too often' USING ERRCODE = 'serialization_failure';
END $$;
