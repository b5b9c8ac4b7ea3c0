-- As before, and the owner is told what to do while there is no tenant: before the first key is made, behind `stint migrate` alone.
CREATE OR REPLACE FUNCTION stint.caller_tenant() RETURNS int LANGUAGE plpgsql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_tenant int;
  is_owner boolean := pg_has_role(session_user, current_user, 'MEMBER');
BEGIN
  SELECT a.tenant INTO found_tenant FROM stint.application AS a WHERE a.role = session_user;
  IF found_tenant IS NULL AND is_owner THEN
    SELECT t.id INTO found_tenant FROM stint.tenant AS t WHERE t.name = 'default';
  END IF;
  IF found_tenant IS NULL AND is_owner THEN
    RAISE EXCEPTION 'stint: there is no tenant "default" yet, for which role "%" would act', session_user USING
      ERRCODE = 'object_not_in_prerequisite_state',
      HINT = format('The first key makes it: stint keys create. Or: SELECT stint.allow(%L, %L)', session_user, 'default');
  END IF;
  IF found_tenant IS NULL THEN
    RAISE EXCEPTION 'stint: role "%" belongs to no tenant', session_user USING ERRCODE = 'insufficient_privilege',
      HINT = format('As the owner of the schema: SELECT stint.allow(%L, %L)', session_user, 'the name of the tenant');
  END IF;
  RETURN found_tenant;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA stint FROM PUBLIC;
