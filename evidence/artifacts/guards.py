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

# What is kept back: an original of which a copy was made, until somebody found that none was needed, and a copy until
# somebody approved it. The auditors' role cannot even read the wrapped key of such bytes.
REDACTION = """
CREATE FUNCTION artifacts_is_kept_back(version uuid) RETURNS boolean LANGUAGE sql STABLE
  SET search_path = pg_catalog, public AS $$
  SELECT EXISTS (SELECT 1 FROM artifacts_redaction r
                   LEFT JOIN artifacts_redactiondecision d ON d.redaction_id = r.id
                  WHERE (r.original_id = $1 AND d.verdict IS DISTINCT FROM 'unneeded')
                     OR (r.redacted_id = $1 AND d.verdict IS DISTINCT FROM 'approved')) $$;

CREATE POLICY kept_back_from_auditors ON vault_blob AS RESTRICTIVE FOR SELECT TO clearhold_auditor USING (
  NOT EXISTS (SELECT 1 FROM artifacts_artifactversion v WHERE v.blob_id = vault_blob.id AND artifacts_is_kept_back(v.id)));

CREATE FUNCTION artifacts_redaction_of_its_own() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM artifacts_artifactversion o JOIN artifacts_artifactversion c
                   ON c.artifact_id = o.artifact_id AND c.number > o.number
                 WHERE o.id = NEW.original_id AND c.id = NEW.redacted_id AND o.artifact_id = NEW.artifact_id
                   AND c.uploaded_by_id = NEW.redacted_by_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH004',
      MESSAGE = '[X-01] a redacted copy is a later version of the same evidence, brought by whoever redacted it';
  END IF;
  IF btrim(NEW.reason) = '' THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[X-02] a redaction says why it was made';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER artifacts_redaction_of_its_own BEFORE INSERT ON artifacts_redaction
  FOR EACH ROW EXECUTE FUNCTION artifacts_redaction_of_its_own();

CREATE FUNCTION artifacts_redaction_by_another() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM artifacts_redaction r
               JOIN artifacts_artifactversion v ON v.id IN (r.original_id, r.redacted_id)
             WHERE r.id = NEW.redaction_id
               AND NEW.person_id IN (r.redacted_by_id, v.uploaded_by_id, v.collector_id)) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003',
      MESSAGE = '[X-03] a redaction is decided by someone who neither made it nor brought the original';
  END IF;
  IF NEW.verdict NOT IN ('approved', 'refused', 'unneeded') OR (NEW.verdict <> 'approved' AND btrim(NEW.reason) = '') THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[X-04] what is not approved is answered with a reason';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER artifacts_redaction_by_another BEFORE INSERT ON artifacts_redactiondecision
  FOR EACH ROW EXECUTE FUNCTION artifacts_redaction_by_another();

CREATE FUNCTION artifacts_redaction_stands() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public AS $$
BEGIN
  IF NEW.state = 'accepted' AND NEW.state IS DISTINCT FROM OLD.state AND artifacts_is_kept_back(NEW.latest_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = '[X-05] a redacted copy is accepted as evidence only after its redaction was approved';
  END IF;
  IF NEW.latest_id IS DISTINCT FROM OLD.latest_id AND EXISTS (
       SELECT 1 FROM artifacts_redaction r LEFT JOIN artifacts_redactiondecision d ON d.redaction_id = r.id
       WHERE r.original_id = NEW.latest_id AND d.verdict IS DISTINCT FROM 'unneeded') THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[X-06] an original that was redacted does not come back';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER artifacts_redaction_stands BEFORE UPDATE ON artifacts_artifact
  FOR EACH ROW EXECUTE FUNCTION artifacts_redaction_stands();
ALTER TABLE artifacts_redaction ENABLE ALWAYS TRIGGER artifacts_redaction_of_its_own;
ALTER TABLE artifacts_redactiondecision ENABLE ALWAYS TRIGGER artifacts_redaction_by_another;
ALTER TABLE artifacts_artifact ENABLE ALWAYS TRIGGER artifacts_redaction_stands;
"""
REMOVE_REDACTION = """
DROP TRIGGER artifacts_redaction_stands ON artifacts_artifact;
DROP FUNCTION artifacts_redaction_stands();
DROP TRIGGER artifacts_redaction_by_another ON artifacts_redactiondecision;
DROP FUNCTION artifacts_redaction_by_another();
DROP TRIGGER artifacts_redaction_of_its_own ON artifacts_redaction;
DROP FUNCTION artifacts_redaction_of_its_own();
DROP POLICY kept_back_from_auditors ON vault_blob;
DROP FUNCTION artifacts_is_kept_back(uuid);
"""

# What scans and the search for personal data found stands above every judgement.
INSTALL_LOOKS = """
CREATE FUNCTION artifacts_artifact_was_looked_at() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public AS $$
DECLARE
  scan artifacts_scan; search artifacts_personalcheck;
BEGIN
  IF NEW.state NOT IN ('received', 'accepted')
     OR (NEW.state = OLD.state AND NEW.latest_id IS NOT DISTINCT FROM OLD.latest_id) THEN
    RETURN NEW;
  END IF;
  IF EXISTS (SELECT 1 FROM artifacts_scan s WHERE s.scanned_id = NEW.latest_id AND s.outcome = 'infected') THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[E-07] infected evidence stays in quarantine';
  END IF;
  IF NEW.state <> 'accepted' THEN
    RETURN NEW;
  END IF;
  SELECT * INTO scan FROM artifacts_scan s WHERE s.scanned_id = NEW.latest_id ORDER BY s.number DESC LIMIT 1;
  IF scan.outcome = 'waiting' THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[E-08] evidence is accepted only after its scan has ended';
  END IF;
  IF scan.outcome = 'unscannable' AND NOT EXISTS (
       SELECT 1 FROM artifacts_artifactreview r
       WHERE r.reviewed_id = NEW.latest_id AND r.verdict = 'released' AND r.at >= scan.at) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = '[E-09] what could not be scanned needs a reviewer''s release before it is accepted';
  END IF;
  SELECT * INTO search FROM artifacts_personalcheck c WHERE c.checked_id = NEW.latest_id ORDER BY c.number DESC LIMIT 1;
  IF search.outcome = 'pending' OR (search.outcome = 'found' AND NOT EXISTS (
       SELECT 1 FROM artifacts_personaldecision d WHERE d.check_of_id = search.id)) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[E-10] held evidence is accepted only after a decision about it';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER artifacts_artifact_was_looked_at BEFORE UPDATE ON artifacts_artifact
  FOR EACH ROW EXECUTE FUNCTION artifacts_artifact_was_looked_at();

CREATE FUNCTION artifacts_scan_stands() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM artifacts_scan s WHERE s.scanned_id = NEW.scanned_id AND s.outcome = 'infected') THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[E-11] malware once found is not found away by another scan';
  END IF;
  IF NEW.outcome = 'infected' AND EXISTS (
       SELECT 1 FROM artifacts_artifact a
       WHERE a.latest_id = NEW.scanned_id AND a.state IN ('received', 'accepted')) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[E-07] infected evidence stays in quarantine';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER artifacts_scan_stands BEFORE INSERT ON artifacts_scan
  FOR EACH ROW EXECUTE FUNCTION artifacts_scan_stands();

CREATE FUNCTION artifacts_personal_decision_fits() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog, public AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM artifacts_personalcheck c WHERE c.id = NEW.check_of_id AND c.outcome = 'found') THEN
    RAISE EXCEPTION USING ERRCODE = 'CH004', MESSAGE = '[E-12] there is nothing found to decide about';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER artifacts_personal_decision_fits BEFORE INSERT ON artifacts_personaldecision
  FOR EACH ROW EXECUTE FUNCTION artifacts_personal_decision_fits();
ALTER TABLE artifacts_artifact ENABLE ALWAYS TRIGGER artifacts_artifact_was_looked_at;
ALTER TABLE artifacts_scan ENABLE ALWAYS TRIGGER artifacts_scan_stands;
ALTER TABLE artifacts_personaldecision ENABLE ALWAYS TRIGGER artifacts_personal_decision_fits;
"""

REMOVE_LOOKS = """
DROP TRIGGER artifacts_personal_decision_fits ON artifacts_personaldecision;
DROP FUNCTION artifacts_personal_decision_fits();
DROP TRIGGER artifacts_scan_stands ON artifacts_scan;
DROP FUNCTION artifacts_scan_stands();
DROP TRIGGER artifacts_artifact_was_looked_at ON artifacts_artifact;
DROP FUNCTION artifacts_artifact_was_looked_at();
"""
