"""Below Python: an acceptance or deferral becomes active by its granted request only, and its end never moves."""

INSTALL = """
CREATE FUNCTION risk_guard_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  wanted text := CASE TG_TABLE_NAME WHEN 'risk_acceptance' THEN 'risk.accept' ELSE 'finding.defer' END;
  old_row jsonb := to_jsonb(OLD) - ARRAY['state', 'version', 'request_id', 'accepted_by_id', 'accepted_at',
                                         'deferred_at', 'ended_at', 'end_reason'];
  new_row jsonb := to_jsonb(NEW) - ARRAY['state', 'version', 'request_id', 'accepted_by_id', 'accepted_at',
                                         'deferred_at', 'ended_at', 'end_reason'];
BEGIN
  IF old_row <> new_row OR (OLD.request_id IS NOT NULL AND NEW.request_id IS DISTINCT FROM OLD.request_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[K-01] what was decided about a risk is not edited; ask anew';
  END IF;
  IF OLD.state <> NEW.state THEN
    IF OLD.state NOT IN ('pending', 'active') OR (OLD.state = 'active' AND NEW.state = 'pending') THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[K-02] a decision about a risk that ended stays ended';
    END IF;
    IF NEW.state = 'active' AND NOT EXISTS (
        SELECT FROM approvals_request r WHERE r.id = NEW.request_id AND r.state = 'granted' AND r.action = wanted
           AND r.subject_id = NEW.finding_id AND r.cycle = NEW.cycle) THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002',
        MESSAGE = format('[K-03] this becomes active only by its granted request (%s)', wanted);
    END IF;
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION risk_guard_birth() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[K-04] a decision about a risk begins as a question';
END $$;

CREATE FUNCTION risk_guard_removal() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[K-05] decisions about risks are never deleted';
END $$;

CREATE TRIGGER risk_acceptance_birth BEFORE INSERT ON risk_acceptance FOR EACH ROW
  WHEN (NEW.state <> 'pending') EXECUTE FUNCTION risk_guard_birth();
CREATE TRIGGER risk_deferral_birth BEFORE INSERT ON risk_deferral FOR EACH ROW
  WHEN (NEW.state <> 'pending') EXECUTE FUNCTION risk_guard_birth();
CREATE TRIGGER risk_acceptance_change BEFORE UPDATE ON risk_acceptance FOR EACH ROW
  EXECUTE FUNCTION risk_guard_change();
CREATE TRIGGER risk_deferral_change BEFORE UPDATE ON risk_deferral FOR EACH ROW EXECUTE FUNCTION risk_guard_change();
CREATE TRIGGER risk_acceptance_removal BEFORE DELETE ON risk_acceptance FOR EACH ROW
  EXECUTE FUNCTION risk_guard_removal();
CREATE TRIGGER risk_deferral_removal BEFORE DELETE ON risk_deferral FOR EACH ROW EXECUTE FUNCTION risk_guard_removal();
ALTER TABLE risk_acceptance ENABLE ALWAYS TRIGGER risk_acceptance_birth;
ALTER TABLE risk_acceptance ENABLE ALWAYS TRIGGER risk_acceptance_change;
ALTER TABLE risk_acceptance ENABLE ALWAYS TRIGGER risk_acceptance_removal;
ALTER TABLE risk_deferral ENABLE ALWAYS TRIGGER risk_deferral_birth;
ALTER TABLE risk_deferral ENABLE ALWAYS TRIGGER risk_deferral_change;
ALTER TABLE risk_deferral ENABLE ALWAYS TRIGGER risk_deferral_removal;
"""

REMOVE = """
DROP TRIGGER risk_deferral_removal ON risk_deferral;
DROP TRIGGER risk_acceptance_removal ON risk_acceptance;
DROP TRIGGER risk_deferral_change ON risk_deferral;
DROP TRIGGER risk_acceptance_change ON risk_acceptance;
DROP TRIGGER risk_deferral_birth ON risk_deferral;
DROP TRIGGER risk_acceptance_birth ON risk_acceptance;
DROP FUNCTION risk_guard_removal();
DROP FUNCTION risk_guard_birth();
DROP FUNCTION risk_guard_change();
"""
