"""What holds below Python: a success test stands once work began, and a fix is handed over only when it is whole."""

INSTALL = """
CREATE FUNCTION tasks_guard_plan() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF (NEW.id, NEW.organization_id, NEW.finding_id, NEW.cycle) IS DISTINCT FROM
     (OLD.id, OLD.organization_id, OLD.finding_id, OLD.cycle) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[P-01] a plan stays with its finding and cycle';
  END IF;
  IF OLD.work_started_at IS NOT NULL AND (NEW.success_test, NEW.work_started_at) IS DISTINCT FROM
     (OLD.success_test, OLD.work_started_at) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = '[P-02] the success test was written before the work and stays as it was';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION tasks_guard_task() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF (NEW.id, NEW.organization_id, NEW.ref, NEW.number, NEW.finding_id, NEW.plan_id, NEW.cycle) IS DISTINCT FROM
     (OLD.id, OLD.organization_id, OLD.ref, OLD.number, OLD.finding_id, OLD.plan_id, OLD.cycle) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = format('[P-03] the identity of %s never changes', OLD.ref);
  END IF;
  IF OLD.state <> NEW.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
      'todo>in_progress', 'in_progress>submitted', 'returned>in_progress', 'returned>submitted', 'submitted>returned',
      'submitted>done', 'done>returned']) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = format('[P-04] %s cannot go from %s to %s', OLD.ref, OLD.state, NEW.state);
  END IF;
  IF NEW.state = 'done' AND OLD.state <> 'done' AND EXISTS (
      SELECT FROM tasks_oweditem o WHERE o.task_id = OLD.id AND o.artifact_id IS NULL) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = format('[P-05] %s still owes evidence', OLD.ref);
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION tasks_guard_handover() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF OLD.state = 'in_remediation' AND NEW.state = 'ready_for_verification' THEN
    IF NOT EXISTS (SELECT FROM tasks_task t WHERE t.finding_id = OLD.id AND t.cycle = OLD.cycle)
       OR EXISTS (SELECT FROM tasks_task t WHERE t.finding_id = OLD.id AND t.cycle = OLD.cycle AND t.state <> 'done')
    THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = format('[P-06] the tasks of %s are not all done', OLD.ref);
    END IF;
    IF OLD.severity IN ('critical', 'high')
       AND NOT findings_granted(OLD.id, OLD.cycle, 'finding.approve_plan', OLD.severity_since) THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002',
        MESSAGE = format('[P-11] the approval of the plan of %s does not stand any more', OLD.ref);
    END IF;
    IF NOT EXISTS (
        SELECT FROM artifacts_artifactlink l
         WHERE (l.target_type = 'findings.finding' AND l.target_id = OLD.id)
            OR (l.target_type = 'tasks.task' AND l.target_id IN
                (SELECT t.id FROM tasks_task t WHERE t.finding_id = OLD.id AND t.cycle = OLD.cycle))) THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = format('[P-07] no evidence is attached to %s', OLD.ref);
    END IF;
  END IF;
  IF OLD.state = 'ready_for_verification' AND NEW.state = 'verified' AND NOT EXISTS (
      SELECT FROM tasks_verification v WHERE v.finding_id = OLD.id AND v.cycle = OLD.cycle AND v.result = 'passed') THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = format('[P-08] no verification of %s has passed', OLD.ref);
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION tasks_guard_verification() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM sod_hand h WHERE h.subject_type = 'findings.finding' AND h.subject_id = NEW.finding_id
                    AND h.cycle = NEW.cycle AND h.duty = 'verifier' AND h.person_id = NEW.verifier_id) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH003', MESSAGE = '[P-09] a verification is by a person who holds that duty';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION tasks_guard_removal() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = format('[P-10] rows of %s are never deleted', TG_TABLE_NAME);
END $$;

CREATE TRIGGER tasks_plan_change BEFORE UPDATE ON tasks_plan FOR EACH ROW EXECUTE FUNCTION tasks_guard_plan();
CREATE TRIGGER tasks_task_change BEFORE UPDATE ON tasks_task FOR EACH ROW EXECUTE FUNCTION tasks_guard_task();
CREATE TRIGGER tasks_handover BEFORE UPDATE OF state ON findings_finding FOR EACH ROW
  WHEN (NEW.state IN ('ready_for_verification', 'verified')) EXECUTE FUNCTION tasks_guard_handover();
CREATE TRIGGER tasks_verifier BEFORE INSERT ON tasks_verification FOR EACH ROW
  EXECUTE FUNCTION tasks_guard_verification();
CREATE TRIGGER tasks_plan_removal BEFORE DELETE ON tasks_plan FOR EACH ROW EXECUTE FUNCTION tasks_guard_removal();
CREATE TRIGGER tasks_task_removal BEFORE DELETE ON tasks_task FOR EACH ROW EXECUTE FUNCTION tasks_guard_removal();
ALTER TABLE tasks_plan ENABLE ALWAYS TRIGGER tasks_plan_change;
ALTER TABLE tasks_plan ENABLE ALWAYS TRIGGER tasks_plan_removal;
ALTER TABLE tasks_task ENABLE ALWAYS TRIGGER tasks_task_change;
ALTER TABLE tasks_task ENABLE ALWAYS TRIGGER tasks_task_removal;
ALTER TABLE tasks_verification ENABLE ALWAYS TRIGGER tasks_verifier;
ALTER TABLE findings_finding ENABLE ALWAYS TRIGGER tasks_handover;
"""

REMOVE = """
DROP TRIGGER tasks_handover ON findings_finding;
DROP TRIGGER tasks_verifier ON tasks_verification;
DROP TRIGGER tasks_task_removal ON tasks_task;
DROP TRIGGER tasks_plan_removal ON tasks_plan;
DROP TRIGGER tasks_task_change ON tasks_task;
DROP TRIGGER tasks_plan_change ON tasks_plan;
DROP FUNCTION tasks_guard_removal();
DROP FUNCTION tasks_guard_verification();
DROP FUNCTION tasks_guard_handover();
DROP FUNCTION tasks_guard_task();
DROP FUNCTION tasks_guard_plan();
"""
