"""The line below Python for organizations themselves."""

# The sample alone may be removed with its history. Were the mark open to change, any history could be removed.
SAMPLE_MARK = """
CREATE FUNCTION keep_sample_mark() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.is_sample IS DISTINCT FROM OLD.is_sample OR NEW.id <> OLD.id THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001',
      MESSAGE = 'append-only: an organization is a sample from its first moment, or never';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER organizations_organization_mark BEFORE UPDATE ON organizations_organization
  FOR EACH ROW EXECUTE FUNCTION keep_sample_mark();
ALTER TABLE organizations_organization ENABLE ALWAYS TRIGGER organizations_organization_mark;
"""
REMOVE_SAMPLE_MARK = """
DROP TRIGGER organizations_organization_mark ON organizations_organization;
DROP FUNCTION keep_sample_mark();
"""

# What the reader of this transaction is not let in to, asked by every policy `need_to_know` (evidence/tenancy.py).
# Nothing is restricted on this floor; the floors above replace the answer.
HIDDEN = """
CREATE FUNCTION hidden_objects() RETURNS uuid[] LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT '{}'::uuid[] $$;
"""
REMOVE_HIDDEN = "DROP FUNCTION hidden_objects();"
