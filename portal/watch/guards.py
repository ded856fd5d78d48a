"""SQL by which the check on duties reads the exceptions of a moment; whether a cell forbade is sod_forbids' answer."""

INSTALL = """
-- Whether an exception carried it. Exceptions are kept with the act that they carried.
CREATE FUNCTION watch_was_excepted(type text, id uuid, cycle int, people uuid[], number text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM public.sod_waiveruse u WHERE u.subject_type = $1 AND u.subject_id = $2
                    AND u.cycle = $3 AND u.person_id = ANY ($4) AND u.rule = $5) $$;
"""
REMOVE = """
DROP FUNCTION watch_was_excepted(text, uuid, int, uuid[], text);
"""
