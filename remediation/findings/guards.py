"""The life of a finding held below Python: what transitions.py does not allow, PostgreSQL refuses too.

Legal moves and gated moves are generated from transitions.py; a test compares them with what the database has.
"""

from collections.abc import Iterable

from remediation.findings.states import RANK
from remediation.findings.transitions import BIRTHS, MOVES, approvals_by_pair, legal_pairs

SUBJECT = "findings.finding"


def _array(values: Iterable[str]) -> str:
    return "ARRAY[" + ", ".join(f"'{value}'" for value in sorted(values)) + "]::text[]"


def _pair(source: str, target: str) -> str:
    return f"{source}>{target}"


PAIRS = frozenset(_pair(source, target) for source, target in legal_pairs())
REOPENINGS = frozenset(
    _pair(source, target) for move in MOVES if move.new_cycle for source in move.sources for target in move.targets
)
BACKS = frozenset(
    _pair(source, target) for move in MOVES if move.back for source in move.sources for target in move.targets
)
ASIDES = frozenset(
    _pair(source, target) for move in MOVES if move.aside for source in move.sources for target in move.targets
)


def _gates() -> str:
    lines = []
    for (source, target), (action, severities) in sorted(approvals_by_pair().items()):
        only = f" AND severity = ANY ({_array(severities)})" if severities else ""
        lines.append(f"    WHEN pair = '{_pair(source, target)}'{only} THEN '{action}'")
    return "\n".join(lines)


# A request counts once: the trigger itself keeps the requests that a finding has passed by, whatever SQL says.
INSTALL = f"""
CREATE FUNCTION findings_legal_pairs() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
  SET search_path = pg_catalog AS $$ SELECT {_array(PAIRS)} $$;

CREATE FUNCTION findings_gate(pair text, severity text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
  SET search_path = pg_catalog AS $$ SELECT CASE
{_gates()}
  END $$;

CREATE FUNCTION findings_rank(severity text) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
  SET search_path = pg_catalog AS $$ SELECT CASE severity
    {" ".join(f"WHEN '{word}' THEN {rank}" for word, rank in RANK.items())} ELSE 0 END $$;

CREATE FUNCTION findings_granted(finding uuid, its_cycle int, wanted text, since timestamptz)
RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM approvals_request r
     WHERE r.subject_type = '{SUBJECT}' AND r.subject_id = finding AND r.cycle = its_cycle AND r.action = wanted
       AND r.state = 'granted' AND r.ended_at >= since
  );
END $$;

CREATE FUNCTION findings_pass(finding uuid, its_cycle int, wanted text, used uuid[], what jsonb DEFAULT NULL)
RETURNS uuid LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public AS $$
BEGIN
  RETURN (
    SELECT r.id FROM approvals_request r
     WHERE r.subject_type = '{SUBJECT}' AND r.subject_id = finding AND r.cycle = its_cycle AND r.action = wanted
       AND r.state = 'granted' AND NOT r.id = ANY (used)
       AND (what IS NULL OR (convert_from(r.content, 'UTF8')::jsonb -> 'content' -> 'change') @> what)
     ORDER BY r.id LIMIT 1
  );
END $$;

CREATE FUNCTION findings_guard_birth() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = format(
    '[F-01] a finding begins as a draft or reported, in its first cycle; %s was not saved', NEW.ref);
END $$;

CREATE FUNCTION findings_guard_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  pair text := OLD.state || '>' || NEW.state;
  moved boolean := OLD.state <> NEW.state;
  settled boolean := OLD.state NOT IN ('draft', 'reported');
  reopens boolean := false;
  gate text;
  passed uuid;
BEGIN
  NEW.passes := OLD.passes;
  IF (NEW.id, NEW.organization_id, NEW.ref, NEW.number, NEW.created_at, NEW.original_severity, NEW.imported_at)
     IS DISTINCT FROM
     (OLD.id, OLD.organization_id, OLD.ref, OLD.number, OLD.created_at, OLD.original_severity, OLD.imported_at)
     AND NOT (OLD.state = 'draft' AND (NEW.id, NEW.organization_id, NEW.ref, NEW.number, NEW.created_at)
              = (OLD.id, OLD.organization_id, OLD.ref, OLD.number, OLD.created_at)) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = format('[F-02] the identity of %s never changes', OLD.ref);
  END IF;
  IF NEW.version < OLD.version OR (moved AND NEW.version = OLD.version) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = format('[F-03] the version of %s only rises', OLD.ref);
  END IF;
  IF settled AND NEW.detected_at IS DISTINCT FROM OLD.detected_at THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = format('[F-04] the detection of %s is not edited after triage', OLD.ref);
  END IF;

  IF moved THEN
    IF NOT pair = ANY (findings_legal_pairs()) THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002',
        MESSAGE = format('[F-05] %s cannot go from %s to %s', OLD.ref, OLD.state, NEW.state);
    END IF;
    reopens := pair = ANY ({_array(REOPENINGS)});
    gate := findings_gate(pair, OLD.severity);
    -- Coming back from aside passes the gate that was passed before leaving.
    IF pair = ANY ({_array(BACKS)}) THEN
      IF NEW.state <> OLD.returns_to THEN
        RAISE EXCEPTION USING ERRCODE = 'CH002',
          MESSAGE = format('[F-06] %s goes back to %s, where it came from', OLD.ref, OLD.returns_to);
      END IF;
      gate := NULL;
    END IF;
    IF gate IS NOT NULL THEN
      passed := findings_pass(OLD.id, OLD.cycle, gate, NEW.passes);
      IF passed IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'CH002',
          MESSAGE = format('[F-07] %s becomes %s only by a granted request (%s)', OLD.ref, NEW.state, gate);
      END IF;
      NEW.passes := NEW.passes || passed;
    END IF;
    IF NEW.state = 'verified' AND NOT EXISTS (
      SELECT FROM sod_hand h WHERE h.subject_type = '{SUBJECT}' AND h.subject_id = OLD.id AND h.cycle = OLD.cycle
         AND h.duty = 'verifier') THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002',
        MESSAGE = format('[F-08] nobody laid a verifier''s hand on %s in this cycle', OLD.ref);
    END IF;
    IF NEW.returns_to <> (CASE WHEN pair = ANY ({_array(ASIDES)}) THEN OLD.state
                               WHEN NEW.state IN ('risk_accepted', 'deferred') THEN OLD.returns_to ELSE '' END) THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002',
        MESSAGE = format('[F-06] %s would forget where it came from', OLD.ref);
    END IF;
  ELSIF (NEW.returns_to, NEW.state_since) IS DISTINCT FROM (OLD.returns_to, OLD.state_since) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = format('[F-09] these fields of %s change with its state only', OLD.ref);
  END IF;

  IF NEW.cycle <> OLD.cycle + (CASE WHEN reopens THEN 1 ELSE 0 END) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = format('[F-10] a cycle of %s begins by reopening, and only then', OLD.ref);
  END IF;

  IF NEW.severity <> OLD.severity THEN
    IF settled AND findings_rank(NEW.severity) < findings_rank(OLD.severity) THEN
      passed := findings_pass(OLD.id, OLD.cycle, 'finding.change_severity', NEW.passes,
                              jsonb_build_object('severity', NEW.severity));
      IF passed IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'CH002',
          MESSAGE = format('[F-11] the severity of %s is cut only by a granted request', OLD.ref);
      END IF;
      NEW.passes := NEW.passes || passed;
    END IF;
  ELSIF NEW.severity_since <> OLD.severity_since THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = format('[F-09] these fields of %s change with its severity only', OLD.ref);
  END IF;

  IF settled AND NOT reopens AND NEW.severity = OLD.severity AND NEW.current_due_at > OLD.current_due_at
     AND NOT (pair = 'deferral_pending>deferred') THEN
    passed := findings_pass(OLD.id, OLD.cycle, 'finding.move_due', NEW.passes,
                            jsonb_build_object('current_due_at', to_char(
                              NEW.current_due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')));
    IF passed IS NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002',
        MESSAGE = format('[F-12] the due date of %s moves only by a granted request', OLD.ref);
    END IF;
    NEW.passes := NEW.passes || passed;
  END IF;
  IF settled AND NOT reopens AND NEW.severity = OLD.severity
     AND (NEW.due_at, NEW.clock_started_at) IS DISTINCT FROM (OLD.due_at, OLD.clock_started_at) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = format('[F-12] the original due date of %s stays', OLD.ref);
  END IF;

  IF OLD.state IN ('ready_for_verification', 'verified')
     AND (NEW.owner_id, NEW.assignee_id) IS DISTINCT FROM (OLD.owner_id, OLD.assignee_id) THEN
    passed := findings_pass(OLD.id, OLD.cycle, 'finding.reassign', NEW.passes,
                            jsonb_build_object('owner', NEW.owner_id, 'assignee', NEW.assignee_id));
    IF passed IS NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'CH002',
        MESSAGE = format('[F-13] %s is reassigned at this stage only by a granted request', OLD.ref);
    END IF;
    NEW.passes := NEW.passes || passed;
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION findings_guard_removal() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[F-14] findings are never deleted; reject one that is none';
END $$;

CREATE FUNCTION findings_guard_scope() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  its record;
  gone jsonb;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002', MESSAGE = '[F-15] what a finding touches is added or removed, not edited';
  END IF;
  SELECT f.ref, f.state, f.cycle, f.passes INTO its FROM findings_finding f WHERE f.id = OLD.finding_id;
  IF its.state IN ('draft', 'reported') THEN
    RETURN OLD;
  END IF;
  IF TG_TABLE_NAME = 'findings_findingcriterion' THEN
    gone := jsonb_build_object('criteria', jsonb_build_array(OLD.criterion_id));
  ELSE
    gone := jsonb_build_object('controls', jsonb_build_array(
      (SELECT c.ref FROM controls_control c WHERE c.id = OLD.control_id)));
  END IF;
  IF findings_pass(OLD.finding_id, its.cycle, 'finding.narrow_scope', its.passes, gone) IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = format('[F-15] the scope of %s narrows only by a granted request', its.ref);
  END IF;
  RETURN OLD;
END $$;

CREATE TRIGGER findings_birth BEFORE INSERT ON findings_finding FOR EACH ROW
  WHEN (NOT NEW.state = ANY ({_array(BIRTHS)}) OR NEW.cycle <> 1 OR NEW.returns_to <> '')
  EXECUTE FUNCTION findings_guard_birth();
CREATE TRIGGER findings_change BEFORE UPDATE ON findings_finding FOR EACH ROW
  EXECUTE FUNCTION findings_guard_change();
CREATE TRIGGER findings_removal BEFORE DELETE ON findings_finding FOR EACH ROW
  EXECUTE FUNCTION findings_guard_removal();
CREATE TRIGGER findings_truncation BEFORE TRUNCATE ON findings_finding FOR EACH STATEMENT
  EXECUTE FUNCTION findings_guard_removal();
CREATE TRIGGER findings_criterion_scope BEFORE UPDATE OR DELETE ON findings_findingcriterion FOR EACH ROW
  EXECUTE FUNCTION findings_guard_scope();
CREATE TRIGGER findings_control_scope BEFORE UPDATE OR DELETE ON findings_findingcontrol FOR EACH ROW
  EXECUTE FUNCTION findings_guard_scope();
ALTER TABLE findings_finding ENABLE ALWAYS TRIGGER findings_birth;
ALTER TABLE findings_finding ENABLE ALWAYS TRIGGER findings_change;
ALTER TABLE findings_finding ENABLE ALWAYS TRIGGER findings_removal;
ALTER TABLE findings_finding ENABLE ALWAYS TRIGGER findings_truncation;
ALTER TABLE findings_findingcriterion ENABLE ALWAYS TRIGGER findings_criterion_scope;
ALTER TABLE findings_findingcontrol ENABLE ALWAYS TRIGGER findings_control_scope;
"""  # noqa: S608

REMOVE = """
DROP TRIGGER findings_control_scope ON findings_findingcontrol;
DROP TRIGGER findings_criterion_scope ON findings_findingcriterion;
DROP TRIGGER findings_truncation ON findings_finding;
DROP TRIGGER findings_removal ON findings_finding;
DROP TRIGGER findings_change ON findings_finding;
DROP TRIGGER findings_birth ON findings_finding;
DROP FUNCTION findings_guard_scope();
DROP FUNCTION findings_guard_removal();
DROP FUNCTION findings_guard_change();
DROP FUNCTION findings_guard_birth();
DROP FUNCTION findings_pass(uuid, int, text, uuid[], jsonb);
DROP FUNCTION findings_granted(uuid, int, text, timestamptz);
DROP FUNCTION findings_rank(text);
DROP FUNCTION findings_gate(text, text);
DROP FUNCTION findings_legal_pairs();
"""

# Need to know. The mark on the finding and the open restriction say the same: policies read the one, people the other.
RESTRICTION = """
CREATE FUNCTION findings_mark_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.is_restricted IS DISTINCT FROM EXISTS (
    SELECT FROM findings_restriction r WHERE r.finding_id = NEW.id AND r.lifted_at IS NULL) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH002',
      MESSAGE = format('[F-16] %s is restricted exactly while a restriction of it is open', NEW.ref);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER findings_mark_follows BEFORE UPDATE ON findings_finding FOR EACH ROW
  WHEN (NEW.is_restricted IS DISTINCT FROM OLD.is_restricted) EXECUTE FUNCTION findings_mark_follows();
CREATE TRIGGER findings_born_open BEFORE INSERT ON findings_finding FOR EACH ROW
  WHEN (NEW.is_restricted) EXECUTE FUNCTION findings_mark_follows();
ALTER TABLE findings_finding ENABLE ALWAYS TRIGGER findings_mark_follows;
ALTER TABLE findings_finding ENABLE ALWAYS TRIGGER findings_born_open;

CREATE FUNCTION findings_restriction_stays() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.lifted_at IS NULL AND NEW.lifted_at IS NOT NULL
     AND to_jsonb(OLD) - ARRAY['lifted_at', 'lifted_by_id', 'lift_reason']
       = to_jsonb(NEW) - ARRAY['lifted_at', 'lifted_by_id', 'lift_reason'] THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: a restriction is lifted, never edited or deleted';
END $$;
CREATE TRIGGER findings_restriction_stays BEFORE UPDATE OR DELETE ON findings_restriction
  FOR EACH ROW EXECUTE FUNCTION findings_restriction_stays();
CREATE TRIGGER findings_restriction_no_truncate BEFORE TRUNCATE ON findings_restriction
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE findings_restriction ENABLE ALWAYS TRIGGER findings_restriction_stays;
ALTER TABLE findings_restriction ENABLE ALWAYS TRIGGER findings_restriction_no_truncate;

-- The mark is written here and nowhere else, in the same statement as what it stands for.
CREATE FUNCTION findings_mark() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE findings_finding f SET is_restricted = (NEW.lifted_at IS NULL)
   WHERE f.id = NEW.finding_id AND f.is_restricted IS DISTINCT FROM (NEW.lifted_at IS NULL);
  RETURN NULL;
END $$;
CREATE TRIGGER findings_mark AFTER INSERT OR UPDATE ON findings_restriction
  FOR EACH ROW EXECUTE FUNCTION findings_mark();
ALTER TABLE findings_restriction ENABLE ALWAYS TRIGGER findings_mark;
"""
REMOVE_RESTRICTION = """
DROP TRIGGER findings_mark ON findings_restriction;
DROP FUNCTION findings_mark();
DROP TRIGGER findings_restriction_no_truncate ON findings_restriction;
DROP TRIGGER findings_restriction_stays ON findings_restriction;
DROP FUNCTION findings_restriction_stays();
DROP TRIGGER findings_born_open ON findings_finding;
DROP TRIGGER findings_mark_follows ON findings_finding;
DROP FUNCTION findings_mark_follows();
"""
