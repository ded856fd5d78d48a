"""SQL that holds the line of access reviews: nobody judges themselves, each line once, and nothing after the end."""

from portal.accounts.rulebook.r_roles import FAMILY

_refuse = FAMILY.refusal

LINES = f"""
CREATE FUNCTION keep_access_review() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.decided_by_id = NEW.person_id OR EXISTS (
       SELECT 1 FROM accounts_sameperson s WHERE s.person_id = NEW.person_id AND s.other_id = NEW.decided_by_id
          AND s.organization_id = NEW.organization_id) THEN
    {_refuse("R-05")}
  END IF;
  IF TG_OP = 'UPDATE' AND (OLD.verdict <> '' OR to_jsonb(OLD) - ARRAY['verdict', 'reason', 'decided_by_id', 'decided_at']
       IS DISTINCT FROM to_jsonb(NEW) - ARRAY['verdict', 'reason', 'decided_by_id', 'decided_at']) OR EXISTS (
       SELECT 1 FROM accounts_accessreview r WHERE r.id = NEW.review_id AND r.finished_at IS NOT NULL) THEN
    {_refuse("R-06")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_accessreviewline_kept BEFORE INSERT OR UPDATE ON accounts_accessreviewline
  FOR EACH ROW EXECUTE FUNCTION keep_access_review();
ALTER TABLE accounts_accessreviewline ENABLE ALWAYS TRIGGER accounts_accessreviewline_kept;

CREATE FUNCTION keep_finished_review() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF OLD.finished_at IS NOT NULL OR (NEW.finished_at IS NOT NULL AND EXISTS (
       SELECT 1 FROM accounts_accessreviewline l WHERE l.review_id = NEW.id AND l.verdict = '')) THEN
    {_refuse("R-06")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_accessreview_kept BEFORE UPDATE ON accounts_accessreview
  FOR EACH ROW EXECUTE FUNCTION keep_finished_review();
ALTER TABLE accounts_accessreview ENABLE ALWAYS TRIGGER accounts_accessreview_kept;
"""  # noqa: S608
REMOVE = """
DROP TRIGGER accounts_accessreview_kept ON accounts_accessreview;
DROP FUNCTION keep_finished_review();
DROP TRIGGER accounts_accessreviewline_kept ON accounts_accessreviewline;
DROP FUNCTION keep_access_review();
"""
