"""The line below Python: no one judges evidence they brought, nothing is accepted without such a judgement, and an
artifact's identity and versions stay."""

INSTALL = """
CREATE FUNCTION artifacts_review_by_another() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM artifacts_artifactversion v
                 WHERE v.id = NEW.reviewed_id AND v.artifact_id = NEW.artifact_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH004', MESSAGE = '[E-01] a review judges a version of its own artifact';
  END IF;
  IF EXISTS (SELECT 1 FROM artifacts_artifactversion v
             WHERE v.artifact_id = NEW.artifact_id AND NEW.person_id IN (v.uploaded_by_id, v.collector_id)) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003',
      MESSAGE = '[E-02] evidence is judged by someone who neither uploaded nor collected any version of it';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER artifacts_review_by_another BEFORE INSERT ON artifacts_artifactreview
  FOR EACH ROW EXECUTE FUNCTION artifacts_review_by_another();

CREATE FUNCTION artifacts_artifact_keeps_identity() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state NOT IN ('received', 'quarantined') THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[E-03] evidence starts as received or quarantined';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.id, NEW.organization_id, NEW.ref, NEW.number, NEW.created_at) IS DISTINCT FROM
     (OLD.id, OLD.organization_id, OLD.ref, OLD.number, OLD.created_at) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: the identity of an artifact never changes';
  END IF;
  IF NEW.state IS DISTINCT FROM OLD.state AND NEW.state = 'accepted' AND NOT EXISTS (
       SELECT 1 FROM artifacts_artifactreview r
       WHERE r.reviewed_id = NEW.latest_id AND r.verdict = 'accepted') THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = '[E-04] evidence is accepted only by a review of its latest version';
  END IF;
  IF OLD.state = 'accepted' AND NEW.state = 'accepted' AND NEW.latest_id IS DISTINCT FROM OLD.latest_id THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[E-05] a new version has to be judged anew';
  END IF;
  IF OLD.state = 'quarantined' AND NEW.state <> 'quarantined' AND NEW.latest_id IS NOT DISTINCT FROM OLD.latest_id
     AND NOT EXISTS (SELECT 1 FROM artifacts_artifactreview r
                     WHERE r.reviewed_id = NEW.latest_id AND r.verdict IN ('released', 'returned')) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[E-06] evidence leaves quarantine only by a review';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER artifacts_artifact_keeps_identity BEFORE INSERT OR UPDATE ON artifacts_artifact
  FOR EACH ROW EXECUTE FUNCTION artifacts_artifact_keeps_identity();
ALTER TABLE artifacts_artifactreview ENABLE ALWAYS TRIGGER artifacts_review_by_another;
ALTER TABLE artifacts_artifact ENABLE ALWAYS TRIGGER artifacts_artifact_keeps_identity;
"""

REMOVE = """
DROP TRIGGER artifacts_artifact_keeps_identity ON artifacts_artifact;
DROP FUNCTION artifacts_artifact_keeps_identity();
DROP TRIGGER artifacts_review_by_another ON artifacts_artifactreview;
DROP FUNCTION artifacts_review_by_another();
"""
