"""Below Python: a run's result can get worse, never better, and no run is deleted."""

INSTALL = """
CREATE FUNCTION monitoring_guard_run() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF (NEW.id, NEW.organization_id, NEW.control_id, NEW.due_on, NEW.week) IS DISTINCT FROM
     (OLD.id, OLD.organization_id, OLD.control_id, OLD.due_on, OLD.week) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[C-01] a run stays with its control and its due date';
  END IF;
  IF OLD.state <> NEW.state AND NOT (OLD.state || '>' || NEW.state) = ANY (ARRAY[
      'scheduled>pending', 'scheduled>operated', 'scheduled>partial', 'scheduled>missed', 'pending>operated',
      'pending>partial', 'pending>missed', 'operated>partial', 'operated>missed', 'partial>missed']) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = format('[C-02] a run that is %s does not become %s later; explain it instead', OLD.state, NEW.state);
  END IF;
  IF OLD.explanation <> '' AND NEW.explanation <> OLD.explanation THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[C-03] an explanation is kept as it was given';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION monitoring_guard_removal() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[C-04] runs are never deleted';
END $$;
CREATE TRIGGER monitoring_run_change BEFORE UPDATE ON monitoring_run FOR EACH ROW
  EXECUTE FUNCTION monitoring_guard_run();
CREATE TRIGGER monitoring_run_removal BEFORE DELETE ON monitoring_run FOR EACH ROW
  EXECUTE FUNCTION monitoring_guard_removal();
ALTER TABLE monitoring_run ENABLE ALWAYS TRIGGER monitoring_run_change;
ALTER TABLE monitoring_run ENABLE ALWAYS TRIGGER monitoring_run_removal;
"""

REMOVE = """
DROP TRIGGER monitoring_run_removal ON monitoring_run;
DROP TRIGGER monitoring_run_change ON monitoring_run;
DROP FUNCTION monitoring_guard_removal();
DROP FUNCTION monitoring_guard_run();
"""
