"""SQL by which the check on duties reads the rules of a moment: a cell under a policy, and exceptions that were used."""

_PATH = "SET search_path = pg_catalog, public, pg_temp"

INSTALL = f"""
-- Whether one cell of the matrix forbade, given all that the person held and the policy of then. Policies know single
-- rules to allow or forbid, and in older versions one switch for all conditional cells.
CREATE FUNCTION watch_forbids(verdict text, condition text, number text, holds text[], has text[], severity text,
                              policy jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE {_PATH} AS $$
  SELECT CASE $1
    WHEN 'Y' THEN coalesce($7 -> 'forbid' ? $3, false)
    WHEN 'N' THEN NOT ($2 = 'second_role'
                       AND EXISTS (SELECT 1 FROM unnest($5) AS role (name)
                                    WHERE role.name NOT IN ('administrator', 'auditor')))
    ELSE NOT (sod_severity_rank($6) <= 2
              AND (coalesce($7 -> 'allow' ? $3, false) OR coalesce(($7 ->> 'allow_conditional')::boolean, false)))
         OR $2 = 'other_cycle'
         OR ($2 = 'never_worked' AND $4 && ARRAY['implementer', 'owner', 'uploader', 'triager'])
  END $$;

-- Whether an exception carried it. Exceptions are kept with the act that they carried.
CREATE FUNCTION watch_was_excepted(type text, id uuid, cycle int, people uuid[], number text) RETURNS boolean
LANGUAGE plpgsql STABLE {_PATH} AS $$
DECLARE found boolean := false;
BEGIN
  IF to_regclass('public.sod_waiveruse') IS NOT NULL THEN
    EXECUTE 'SELECT EXISTS (SELECT 1 FROM public.sod_waiveruse u WHERE u.subject_type = $1 AND u.subject_id = $2
                              AND u.cycle = $3 AND u.person_id = ANY ($4) AND u.rule = $5)'
      INTO found USING $1, $2, $3, $4, $5;
  END IF;
  RETURN found;
END $$;
"""  # noqa: S608
REMOVE = """
DROP FUNCTION watch_was_excepted(text, uuid, int, uuid[], text);
DROP FUNCTION watch_forbids(text, text, text, text[], text[], text, jsonb);
"""
