"""SQL that refuses emergency access the B rules forbid, and what nobody does while theirs runs.

Two askings of one person take turns at an advisory lock; activation, end and review at the row.
"""

from remediation.sod.rulebook.b_break_glass import FAMILY

_PATH = "SET search_path = pg_catalog, public, pg_temp"
_refuse = FAMILY.refusal

ANSWERS = f"""
CREATE FUNCTION approvals_is_member(organization uuid, person uuid, roles text[]) RETURNS boolean
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT EXISTS (SELECT 1 FROM public.accounts_membership m
                  WHERE m.organization_id = $1 AND m.person_id = $2 AND (roles IS NULL OR m.role = ANY (roles))
                    AND m.starts_at <= clock_timestamp()
                    AND (m.ended_at IS NULL OR m.ended_at > clock_timestamp())) $$;

CREATE FUNCTION approvals_is_away(organization uuid, person uuid) RETURNS boolean LANGUAGE sql STABLE {_PATH} AS $$
  SELECT EXISTS (SELECT 1 FROM public.approvals_absence a
                  WHERE a.organization_id = $1 AND a.person_id = $2 AND a.cancelled_at IS NULL
                    AND a.starts_at <= clock_timestamp() AND a.ends_at > clock_timestamp()) $$;

-- Whether a person's emergency access runs now, through whichever of their accounts.
CREATE FUNCTION approvals_in_emergency(organization uuid, person uuid) RETURNS boolean
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT EXISTS (SELECT 1 FROM public.approvals_emergency e
                  WHERE e.organization_id = $1 AND e.activated_at IS NOT NULL AND e.ended_at IS NULL
                    AND e.ends_at > clock_timestamp() AND approvals_one_person(e.person_id, $2)) $$;

DROP FUNCTION approvals_standing(uuid, uuid);
-- What a person may do here beside their roles; asked once a request, in the statement that lets them in.
CREATE FUNCTION approvals_standing(organization uuid, person uuid, OUT deputises boolean, OUT emergency uuid,
  OUT emergency_role text, OUT emergency_ends_at timestamptz) LANGUAGE plpgsql STABLE {_PATH} AS $$
BEGIN
  deputises := EXISTS (SELECT 1 FROM public.approvals_delegation d
                        WHERE d.organization_id = $1 AND d.deputy_id = $2 AND d.ended_at IS NULL
                          AND d.accepted_at IS NOT NULL AND d.starts_at <= clock_timestamp()
                          AND d.ends_at > clock_timestamp());
  SELECT e.id, e.role, e.ends_at INTO emergency, emergency_role, emergency_ends_at
    FROM public.approvals_emergency e
   WHERE e.organization_id = $1 AND e.person_id = $2 AND e.activated_at IS NOT NULL AND e.ended_at IS NULL
     AND e.ends_at > clock_timestamp()
   ORDER BY e.ends_at DESC LIMIT 1;
END $$;
"""  # noqa: S608

MOVE = f"""
CREATE OR REPLACE FUNCTION approvals_emergency_move() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE
  activation text[] := ARRAY['activated_at', 'activated_by_id', 'activated_through_id', 'activator_proved_at',
                             'alarmed', 'ends_at', 'review_due_at'];
  ending text[] := ARRAY['ended_at', 'ended_by_id'];
  reviewing text[] := ARRAY['reviewed_at', 'reviewed_by_id', 'reviewed_through_id', 'verdict', 'review'];
  moving text[] := activation || ending || reviewing || ARRAY['finding_ref'];
BEGIN
  IF to_jsonb(NEW) - moving <> to_jsonb(OLD) - moving
     OR OLD.activated_at IS NOT NULL
        AND to_jsonb(NEW) - ending - reviewing - 'finding_ref' <> to_jsonb(OLD) - ending - reviewing - 'finding_ref'
     OR OLD.ended_at IS NOT NULL AND ROW(NEW.ended_at, NEW.ended_by_id) IS DISTINCT FROM ROW(OLD.ended_at, OLD.ended_by_id)
     OR NEW.ended_at IS DISTINCT FROM OLD.ended_at
        AND (NEW.ended_at < clock_timestamp() - interval '5 minutes' OR NEW.ended_at > clock_timestamp() + interval '1 minute')
     OR OLD.finding_ref <> '' AND NEW.finding_ref <> OLD.finding_ref THEN
    {_refuse("B-08")}
  END IF;
  IF OLD.activated_at IS NULL AND NEW.activated_at IS NULL
     AND (NEW.ends_at IS NOT NULL OR NEW.activated_by_id IS NOT NULL OR NEW.reviewed_at IS NOT NULL) THEN
    {_refuse("B-14")}
  END IF;
  IF OLD.activated_at IS NULL AND NEW.activated_at IS NOT NULL THEN
    IF OLD.ended_at IS NOT NULL OR OLD.asked_at < clock_timestamp() - interval '1 day'
       OR NEW.activated_at < clock_timestamp() - interval '5 minutes'
       OR NEW.activated_at > clock_timestamp() + interval '1 minute'
       OR NEW.activator_proved_at IS NULL OR NEW.activator_proved_at < clock_timestamp() - interval '5 minutes'
       OR NEW.activator_proved_at > clock_timestamp() + interval '1 minute'
       OR NOT EXISTS (SELECT 1 FROM public.accounts_account a WHERE a.id = NEW.activated_through_id
                         AND a.person_id = NEW.activated_by_id AND a.is_active) THEN
      {_refuse("B-05")}
    END IF;
    IF NEW.ends_at IS NULL OR NEW.ends_at > NEW.activated_at + make_interval(hours => NEW.hours::int)
       OR NEW.ends_at <= NEW.activated_at OR NEW.review_due_at IS NULL
       OR NEW.review_due_at > NEW.ends_at + interval '30 days' THEN
      {_refuse("B-04")}
    END IF;
    IF approvals_one_person(NEW.activated_by_id, NEW.person_id) THEN
      IF EXISTS (SELECT 1 FROM public.accounts_membership m
                  WHERE m.organization_id = NEW.organization_id AND m.role IN ('administrator', 'executive', 'manager')
                    AND m.starts_at <= clock_timestamp() AND (m.ended_at IS NULL OR m.ended_at > clock_timestamp())
                    AND NOT approvals_one_person(m.person_id, NEW.person_id)
                    AND NOT approvals_is_away(NEW.organization_id, m.person_id))
         OR (SELECT count(DISTINCT m.person_id) FROM public.accounts_membership m
              WHERE m.organization_id = NEW.organization_id AND NEW.alarmed ? m.person_id::text
                AND m.ended_at IS NULL AND NOT approvals_one_person(m.person_id, NEW.person_id)) < 2 THEN
        {_refuse("B-06")}
      END IF;
    ELSIF NOT approvals_is_member(NEW.organization_id, NEW.activated_by_id,
                                  ARRAY['administrator', 'executive', 'manager'])
          OR approvals_in_emergency(NEW.organization_id, NEW.activated_by_id) THEN
      {_refuse("B-05")}
    END IF;
  END IF;
  IF ROW(NEW.reviewed_at, NEW.reviewed_by_id, NEW.verdict, NEW.review)
     IS DISTINCT FROM ROW(OLD.reviewed_at, OLD.reviewed_by_id, OLD.verdict, OLD.review) THEN
    IF OLD.reviewed_at IS NOT NULL OR NEW.reviewed_at IS NULL OR NEW.activated_at IS NULL
       OR coalesce(NEW.ended_at, NEW.ends_at) > clock_timestamp()
       OR NEW.reviewed_at < clock_timestamp() - interval '5 minutes'
       OR NEW.reviewed_at > clock_timestamp() + interval '1 minute'
       OR approvals_one_person(NEW.reviewed_by_id, NEW.person_id)
       OR approvals_one_person(NEW.reviewed_by_id, NEW.activated_by_id)
       OR approvals_in_emergency(NEW.organization_id, NEW.reviewed_by_id)
       OR NOT EXISTS (SELECT 1 FROM public.accounts_account a WHERE a.id = NEW.reviewed_through_id
                         AND a.person_id = NEW.reviewed_by_id AND a.is_active)
       OR NOT approvals_is_member(NEW.organization_id, NEW.reviewed_by_id, ARRAY['manager', 'executive', 'approver'])
       OR NEW.verdict NOT IN ('fitting', 'objection') OR length(btrim(NEW.review)) < 8
       OR cardinality(regexp_split_to_array(btrim(NEW.review), '\\s+')) < 3 THEN
      {_refuse("B-13")}
    END IF;
  END IF;
  RETURN NEW;
END $$;
"""  # noqa: S608
BAR_DECISION = f"""
CREATE OR REPLACE FUNCTION approvals_bar_decision() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  -- A vote for another is theirs as well.
  IF approvals_in_emergency(NEW.organization_id, NEW.person_id)
     OR approvals_in_emergency(NEW.organization_id, NEW.for_person_id) THEN
    {_refuse("B-09")}
  END IF;
  RETURN NEW;
END $$;
"""

EMERGENCIES = f"""
CREATE FUNCTION approvals_emergency_begin() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('emergency:' || NEW.person_id::text, 0));
  IF NOT EXISTS (SELECT 1 FROM public.accounts_account a WHERE a.id = NEW.account_id
                    AND a.person_id = NEW.person_id AND a.is_active)
     OR NEW.authenticated_at < clock_timestamp() - interval '5 minutes'
     OR NEW.authenticated_at > clock_timestamp() + interval '1 minute' THEN
    {_refuse("B-01")}
  END IF;
  IF NEW.asked_at < clock_timestamp() - interval '5 minutes' OR NEW.asked_at > clock_timestamp() + interval '1 minute'
     OR NEW.activated_at IS NOT NULL OR NEW.activated_by_id IS NOT NULL OR NEW.ends_at IS NOT NULL
     OR NEW.ended_at IS NOT NULL OR NEW.reviewed_at IS NOT NULL OR NEW.finding_ref <> '' THEN
    {_refuse("B-14")}
  END IF;
  IF length(btrim(NEW.reason)) < 8 OR cardinality(regexp_split_to_array(btrim(NEW.reason), '\\s+')) < 3
     OR btrim(NEW.ticket) = '' THEN
    {_refuse("B-02")}
  END IF;
  IF NEW.role NOT IN ('manager', 'engineer', 'reviewer', 'approver', 'executive', 'administrator')
     OR approvals_is_member(NEW.organization_id, NEW.person_id, ARRAY[NEW.role::text, 'auditor'])
     OR NOT approvals_is_member(NEW.organization_id, NEW.person_id, NULL) THEN
    {_refuse("B-03")}
  END IF;
  IF NEW.hours NOT BETWEEN 1 AND 4 THEN
    {_refuse("B-04")}
  END IF;
  IF EXISTS (SELECT 1 FROM public.approvals_emergency e
              WHERE e.organization_id = NEW.organization_id AND approvals_one_person(e.person_id, NEW.person_id)
                AND (e.ended_at IS NULL AND (e.activated_at IS NULL AND e.asked_at > clock_timestamp() - interval '1 day'
                                             OR e.ends_at > clock_timestamp())
                     OR e.reviewed_at IS NULL AND e.review_due_at < clock_timestamp())) THEN
    {_refuse("B-07")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_emergency_begin BEFORE INSERT ON approvals_emergency
  FOR EACH ROW EXECUTE FUNCTION approvals_emergency_begin();
ALTER TABLE approvals_emergency ENABLE ALWAYS TRIGGER approvals_emergency_begin;

{MOVE}CREATE TRIGGER approvals_emergency_move BEFORE UPDATE ON approvals_emergency
  FOR EACH ROW EXECUTE FUNCTION approvals_emergency_move();
ALTER TABLE approvals_emergency ENABLE ALWAYS TRIGGER approvals_emergency_move;
CREATE TRIGGER approvals_emergency_kept BEFORE DELETE ON approvals_emergency
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE approvals_emergency ENABLE ALWAYS TRIGGER approvals_emergency_kept;
CREATE TRIGGER approvals_emergency_no_truncate BEFORE TRUNCATE ON approvals_emergency
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE approvals_emergency ENABLE ALWAYS TRIGGER approvals_emergency_no_truncate;
"""  # noqa: S608

# What nobody does meanwhile, whoever sends the statement.
BARS = f"""
{BAR_DECISION}CREATE TRIGGER approvals_decision_emergency BEFORE INSERT ON approvals_decision
  FOR EACH ROW EXECUTE FUNCTION approvals_bar_decision();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER approvals_decision_emergency;

-- Once a statement: an import lays 100,000 hands, and almost always nobody's emergency access runs.
CREATE FUNCTION approvals_bar_hand() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM public.approvals_emergency e
              WHERE e.activated_at IS NOT NULL AND e.ended_at IS NULL AND e.ends_at > clock_timestamp())
     AND EXISTS (SELECT 1 FROM fresh f JOIN public.approvals_bar b ON b.duty = f.duty
                  WHERE approvals_in_emergency(f.organization_id, f.person_id)) THEN
    {_refuse("B-10")}
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER approvals_hand_emergency AFTER INSERT ON sod_hand REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION approvals_bar_hand();
ALTER TABLE sod_hand ENABLE ALWAYS TRIGGER approvals_hand_emergency;

CREATE FUNCTION approvals_bar_grant() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  IF approvals_in_emergency(NEW.organization_id, (to_jsonb(NEW) ->> TG_ARGV[0])::uuid) THEN
    {_refuse("B-11")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_grant_emergency BEFORE INSERT ON accounts_membership
  FOR EACH ROW EXECUTE FUNCTION approvals_bar_grant('granted_by_id');
ALTER TABLE accounts_membership ENABLE ALWAYS TRIGGER approvals_grant_emergency;
CREATE TRIGGER approvals_invitation_emergency BEFORE INSERT ON accounts_invitation
  FOR EACH ROW EXECUTE FUNCTION approvals_bar_grant('invited_by_id');
ALTER TABLE accounts_invitation ENABLE ALWAYS TRIGGER approvals_invitation_emergency;

CREATE FUNCTION approvals_bar_release() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
BEGIN
  IF approvals_in_emergency(NEW.organization_id, NEW.person_id) THEN
    {_refuse("B-12")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approvals_release_emergency BEFORE INSERT ON retention_holdrelease
  FOR EACH ROW EXECUTE FUNCTION approvals_bar_release();
ALTER TABLE retention_holdrelease ENABLE ALWAYS TRIGGER approvals_release_emergency;
"""  # noqa: S608

INSTALL = ANSWERS + EMERGENCIES + BARS
# What a later migration runs: these functions as they are now, under triggers that stand already.
REPLACE = MOVE + BAR_DECISION
REMOVE = """
DROP TRIGGER approvals_release_emergency ON retention_holdrelease;
DROP FUNCTION approvals_bar_release();
DROP TRIGGER approvals_invitation_emergency ON accounts_invitation;
DROP TRIGGER approvals_grant_emergency ON accounts_membership;
DROP FUNCTION approvals_bar_grant();
DROP TRIGGER approvals_hand_emergency ON sod_hand;
DROP FUNCTION approvals_bar_hand();
DROP TRIGGER approvals_decision_emergency ON approvals_decision;
DROP FUNCTION approvals_bar_decision();
DROP TRIGGER approvals_emergency_no_truncate ON approvals_emergency;
DROP TRIGGER approvals_emergency_kept ON approvals_emergency;
DROP TRIGGER approvals_emergency_move ON approvals_emergency;
DROP FUNCTION approvals_emergency_move();
DROP TRIGGER approvals_emergency_begin ON approvals_emergency;
DROP FUNCTION approvals_emergency_begin();
DROP FUNCTION approvals_in_emergency(uuid, uuid);
DROP FUNCTION approvals_is_away(uuid, uuid);
DROP FUNCTION approvals_is_member(uuid, uuid, text[]);
"""
