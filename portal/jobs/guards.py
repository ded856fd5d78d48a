"""SQL by which the scheduler and a worker find unfinished jobs without entering each organization first."""

# Row-level security hides every job from a session that has entered nothing. These two functions belong to a role
# that sees only keys, never content, and a worker enters the job's organization before it reads the rest.
INSTALL = """
ALTER TABLE jobs_job ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs_job FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON jobs_job USING (organization_id = (SELECT current_organization()))
  WITH CHECK (organization_id = (SELECT current_organization()));
CREATE POLICY owner_finds ON jobs_job FOR SELECT TO clearhold_owner USING (true);
GRANT SELECT, INSERT, UPDATE ON jobs_job TO clearhold_app;
GRANT SELECT ON jobs_job TO clearhold_auditor;

CREATE FUNCTION unfinished_jobs(most integer) RETURNS TABLE (id uuid, organization_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT j.id, j.organization_id FROM jobs_job j
   WHERE (j.state = 'queued' AND (j.lease_until IS NULL OR j.lease_until < now()))
      OR (j.state = 'running' AND j.lease_until < now())
   ORDER BY j.created_at LIMIT most
$$;
CREATE FUNCTION organization_of_job(wanted uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT j.organization_id FROM jobs_job j WHERE j.id = wanted
$$;
REVOKE ALL ON FUNCTION unfinished_jobs(integer), organization_of_job(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION unfinished_jobs(integer), organization_of_job(uuid) TO clearhold_app;
"""
REMOVE = """
DROP FUNCTION organization_of_job(uuid);
DROP FUNCTION unfinished_jobs(integer);
DROP POLICY owner_finds ON jobs_job;
DROP POLICY own_organization ON jobs_job;
"""

# What is done in an emergency is reviewed, and a job does it later: it is tagged whoever inserts it, and stays so.
EMERGENCY = """
CREATE FUNCTION jobs_tag_emergency() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.emergency_id IS NULL AND NEW.created_by_id IS NOT NULL THEN
    SELECT e.id INTO NEW.emergency_id FROM public.approvals_emergency e
     WHERE e.organization_id = NEW.organization_id AND e.person_id = ANY (accounts_same_people(NEW.created_by_id))
       AND e.activated_at IS NOT NULL AND e.ended_at IS NULL AND e.ends_at > clock_timestamp()
     ORDER BY e.ends_at DESC LIMIT 1;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER jobs_job_emergency BEFORE INSERT ON jobs_job
  FOR EACH ROW EXECUTE FUNCTION jobs_tag_emergency();
ALTER TABLE jobs_job ENABLE ALWAYS TRIGGER jobs_job_emergency;
CREATE TRIGGER jobs_job_emergency_stays BEFORE UPDATE ON jobs_job
  FOR EACH ROW WHEN (NEW.emergency_id IS DISTINCT FROM OLD.emergency_id OR NEW.created_by_id IS DISTINCT FROM OLD.created_by_id)
  EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE jobs_job ENABLE ALWAYS TRIGGER jobs_job_emergency_stays;
"""
REMOVE_EMERGENCY = """
DROP TRIGGER jobs_job_emergency_stays ON jobs_job;
DROP TRIGGER jobs_job_emergency ON jobs_job;
DROP FUNCTION jobs_tag_emergency();
"""

# The clock that went back (services.LONGEST_LEASE): a lease that ends later than any can is none, or a job would wait
# for years.
LEASES = """
CREATE OR REPLACE FUNCTION unfinished_jobs(most integer) RETURNS TABLE (id uuid, organization_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT j.id, j.organization_id FROM jobs_job j
   WHERE (j.state = 'queued' AND j.lease_until IS NULL)
      OR (j.state IN ('queued', 'running')
          AND (j.lease_until < now() OR j.lease_until > now() + interval '120 seconds'))
   ORDER BY j.created_at LIMIT most
$$;
"""
REMOVE_LEASES = """
CREATE OR REPLACE FUNCTION unfinished_jobs(most integer) RETURNS TABLE (id uuid, organization_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT j.id, j.organization_id FROM jobs_job j
   WHERE (j.state = 'queued' AND (j.lease_until IS NULL OR j.lease_until < now()))
      OR (j.state = 'running' AND j.lease_until < now())
   ORDER BY j.created_at LIMIT most
$$;
"""
