"""SQL that holds the line of giving roles: by whom, by how many, from when, and by which invitation (rules R-03 to R-09).

The operator of the installation works through the owner's login, which could take any trigger away; what that login
writes passes here. Everybody else's statements are judged, also those of the product itself.
"""

from portal.accounts.roles import ROLES
from portal.accounts.rulebook import m_signing_in, r_roles

_PATH = "SET search_path = pg_catalog, public, pg_temp"
_refuse = r_roles.FAMILY.refusal
_refuse_proof = m_signing_in.FAMILY.refusal
_PRIVILEGED = ", ".join(f"'{key}'" for key in sorted(ROLES) if ROLES[key].is_privileged)
# What two clocks may differ by, and how long a proof of identity counts.
_NOW = "BETWEEN clock_timestamp() - interval '5 minutes' AND clock_timestamp() + interval '1 minute'"

ANSWERS = f"""
CREATE FUNCTION accounts_privileged() RETURNS text[] LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT ARRAY[{_PRIVILEGED}] $$;

-- Whether the statement comes through the login that owns the tables, and not merely from a member who could become it.
CREATE FUNCTION accounts_by_operator() RETURNS boolean LANGUAGE sql STABLE {_PATH} AS $$
  SELECT pg_has_role(current_user, c.relowner, 'USAGE') FROM pg_class c
   WHERE c.oid = 'public.accounts_membership'::regclass $$;

-- The rule by which a proof of that moment is too weak for this person, or nothing.
CREATE FUNCTION accounts_weak_proof(person uuid, moment timestamptz) RETURNS text LANGUAGE sql STABLE {_PATH} AS $$
  SELECT CASE
    WHEN EXISTS (SELECT 1 FROM public.accounts_proof p JOIN public.accounts_account a ON a.id = p.account_id
                  WHERE a.person_id = $1 AND p.at = $2 AND is_strong_proof(p.kind)) THEN NULL
    WHEN second_factor_demanded($1) THEN 'M-03'
    WHEN EXISTS (SELECT 1 FROM public.mfa_authenticator f JOIN public.accounts_account a ON a.id = f.user_id
                  WHERE a.person_id = $1 AND f.type IN ('totp', 'webauthn')) THEN 'M-02' END $$;

-- Whether this person administers here, through an account of theirs that is switched on, and has just proved it.
CREATE FUNCTION accounts_administers_now(organization uuid, person uuid, through uuid, proved timestamptz)
RETURNS boolean LANGUAGE sql STABLE {_PATH} AS $$
  SELECT coalesce(accounts_holds($1, $2, 'administrator') AND $4 {_NOW} AND EXISTS (
    SELECT 1 FROM public.accounts_account a WHERE a.id = $3 AND a.person_id = $2 AND a.is_active), false) $$;

CREATE FUNCTION accounts_hand_on_request(request uuid, person uuid, duty text) RETURNS boolean
LANGUAGE sql STABLE {_PATH} AS $$
  SELECT EXISTS (SELECT 1 FROM public.sod_hand h WHERE h.subject_type = 'accounts.rolerequest' AND h.subject_id = $1
                    AND h.cycle = 1 AND h.person_id = $2 AND h.duty = $3) $$;
"""  # noqa: S608

REQUESTS = f"""
CREATE FUNCTION accounts_guard_role_request() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE
  decision text[] := ARRAY['state', 'decided_by_id', 'decided_through_id', 'decided_at', 'decided_proved_at',
                           'decided_reason'];
  who uuid := coalesce(NEW.decided_by_id, NEW.asked_by_id);
  proved timestamptz := coalesce(NEW.decided_proved_at, NEW.asked_proved_at);
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'open' OR NEW.decided_by_id IS NOT NULL OR NEW.decided_at IS NOT NULL
       OR NOT NEW.asked_at {_NOW} OR NOT NEW.role = ANY (accounts_privileged()) THEN
      {_refuse("R-08")}
    END IF;
    IF NEW.starts_at < clock_timestamp() - interval '5 minutes' THEN
      {_refuse("R-04")}
    END IF;
    IF accounts_is_same(NEW.asked_by_id, NEW.person_id) THEN
      {_refuse("R-02")}
    END IF;
    IF NOT accounts_administers_now(NEW.organization_id, NEW.asked_by_id, NEW.asked_through_id, NEW.asked_proved_at)
    THEN
      {_refuse("R-03")}
    END IF;
  ELSE
    IF OLD.state <> 'open' OR NEW.state = 'open' OR to_jsonb(NEW) - decision <> to_jsonb(OLD) - decision
       OR NEW.decided_by_id IS NULL OR NEW.decided_at IS NULL OR NOT NEW.decided_at {_NOW}
       OR NEW.state <> 'withdrawn' AND OLD.asked_at < clock_timestamp() - interval '14 days' THEN
      {_refuse("R-08")}
    END IF;
    IF NEW.state = 'withdrawn' THEN RETURN NEW; END IF;
    IF accounts_is_same(NEW.decided_by_id, NEW.asked_by_id) OR accounts_is_same(NEW.decided_by_id, NEW.person_id)
       OR NOT accounts_hand_on_request(NEW.id, NEW.asked_by_id, 'granter')
       OR NOT accounts_hand_on_request(NEW.id, NEW.decided_by_id, 'confirmer')
       OR NOT accounts_holds(NEW.organization_id, NEW.asked_by_id, 'administrator')
       OR NOT accounts_administers_now(NEW.organization_id, NEW.decided_by_id, NEW.decided_through_id,
                                       NEW.decided_proved_at) THEN
      {_refuse("R-03")}
    END IF;
  END IF;
  CASE accounts_weak_proof(who, proved)
    WHEN 'M-03' THEN {_refuse_proof("M-03")}
    WHEN 'M-02' THEN {_refuse_proof("M-02")}
    ELSE NULL;
  END CASE;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_rolerequest_guard BEFORE INSERT OR UPDATE ON accounts_rolerequest
  FOR EACH ROW EXECUTE FUNCTION accounts_guard_role_request();
CREATE TRIGGER accounts_rolerequest_emergency_ask BEFORE INSERT ON accounts_rolerequest
  FOR EACH ROW EXECUTE FUNCTION approvals_bar_grant('asked_by_id');
CREATE TRIGGER accounts_rolerequest_emergency_decide BEFORE UPDATE ON accounts_rolerequest
  FOR EACH ROW WHEN (NEW.state <> 'withdrawn') EXECUTE FUNCTION approvals_bar_grant('decided_by_id');
CREATE TRIGGER accounts_rolerequest_kept BEFORE DELETE ON accounts_rolerequest
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();
CREATE TRIGGER accounts_rolerequest_no_truncate BEFORE TRUNCATE ON accounts_rolerequest
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
""" + "".join(
    f"ALTER TABLE accounts_rolerequest ENABLE ALWAYS TRIGGER accounts_rolerequest_{name};\n"
    for name in ("guard", "emergency_ask", "emergency_decide", "kept", "no_truncate")
)  # fmt: skip

INVITATIONS = f"""
CREATE FUNCTION accounts_guard_invitation() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE
  asked accounts_rolerequest%ROWTYPE;
BEGIN
  IF accounts_by_operator() THEN RETURN NEW; END IF;
  IF TG_OP = 'UPDATE' THEN
    IF OLD.accepted_at IS NOT NULL OR OLD.withdrawn_at IS NOT NULL
       OR to_jsonb(NEW) - ARRAY['accepted_at', 'accepted_by_id', 'withdrawn_at']
          <> to_jsonb(OLD) - ARRAY['accepted_at', 'accepted_by_id', 'withdrawn_at']
       OR NEW.accepted_at IS NOT NULL AND (NEW.expires_at <= clock_timestamp() OR NOT NEW.accepted_at {_NOW}
          OR NOT EXISTS (SELECT 1 FROM accounts_account a
                          WHERE lower(a.email) = lower(NEW.email) AND a.person_id = NEW.accepted_by_id)) THEN
      {_refuse("R-09")}
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.accepted_at IS NOT NULL OR NEW.accepted_by_id IS NOT NULL THEN
    {_refuse("R-09")}
  END IF;
  IF NEW.invited_by_id IS NULL THEN
    -- The first people of an organization: nobody is there yet who could invite them.
    IF EXISTS (SELECT 1 FROM accounts_membership m WHERE m.organization_id = NEW.organization_id) THEN
      {_refuse("R-07")}
    END IF;
    RETURN NEW;
  END IF;
  IF NOT accounts_holds(NEW.organization_id, NEW.invited_by_id, 'administrator') THEN
    {_refuse("R-07")}
  END IF;
  IF NEW.role = ANY (accounts_privileged()) THEN
    SELECT * INTO asked FROM accounts_rolerequest r
     WHERE r.id = NEW.request_id AND r.organization_id = NEW.organization_id;
    IF NOT FOUND OR asked.state <> 'granted' OR NOT asked.decided_at {_NOW} OR asked.role <> NEW.role
       OR asked.person_id IS NOT NULL OR lower(asked.email) <> lower(NEW.email)
       OR asked.asked_by_id <> NEW.invited_by_id THEN
      {_refuse("R-03")}
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER granted_by_invitation BEFORE INSERT OR UPDATE ON accounts_invitation
  FOR EACH ROW EXECUTE FUNCTION accounts_guard_invitation();
ALTER TABLE accounts_invitation ENABLE ALWAYS TRIGGER granted_by_invitation;
"""  # noqa: S608

# The name puts it behind the triggers that ask whether the person may hold the role at all.
MEMBERSHIPS = f"""
CREATE FUNCTION accounts_guard_grant() RETURNS trigger LANGUAGE plpgsql {_PATH} AS $$
DECLARE
  asked accounts_rolerequest%ROWTYPE;
  invited accounts_invitation%ROWTYPE;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF ROW(NEW.request_id, NEW.invitation_id, NEW.department)
       IS DISTINCT FROM ROW(OLD.request_id, OLD.invitation_id, OLD.department) THEN
      RAISE EXCEPTION USING ERRCODE = 'CH001',
        MESSAGE = 'append-only: a membership can only be ended; grant a new one instead';
    END IF;
    RETURN NEW;
  END IF;
  IF accounts_by_operator() THEN RETURN NEW; END IF;
  IF NEW.starts_at < clock_timestamp() - interval '5 minutes' THEN
    {_refuse("R-04")}
  END IF;
  IF NEW.invitation_id IS NOT NULL THEN
    SELECT * INTO invited FROM accounts_invitation i
     WHERE i.id = NEW.invitation_id AND i.organization_id = NEW.organization_id;
    IF NOT FOUND OR invited.role <> NEW.role OR invited.accepted_by_id IS DISTINCT FROM NEW.person_id
       OR NOT coalesce(invited.accepted_at {_NOW}, false) OR invited.withdrawn_at IS NOT NULL
       OR NEW.granted_by_id IS DISTINCT FROM invited.invited_by_id
       OR NEW.request_id IS DISTINCT FROM invited.request_id THEN
      {_refuse("R-09")}
    END IF;
    IF invited.invited_by_id IS NULL THEN RETURN NEW; END IF;
  ELSIF NEW.granted_by_id IS NULL OR NOT accounts_holds(NEW.organization_id, NEW.granted_by_id, 'administrator') THEN
    {_refuse("R-07")}
  END IF;
  IF NEW.role = ANY (accounts_privileged()) THEN
    SELECT * INTO asked FROM accounts_rolerequest r
     WHERE r.id = NEW.request_id AND r.organization_id = NEW.organization_id;
    IF NOT FOUND OR asked.state <> 'granted' OR asked.role <> NEW.role OR asked.asked_by_id <> NEW.granted_by_id
       OR asked.starts_at > NEW.starts_at
       OR accounts_is_same(asked.asked_by_id, NEW.person_id) OR accounts_is_same(asked.decided_by_id, NEW.person_id)
       OR NEW.invitation_id IS NULL
          AND (asked.person_id IS DISTINCT FROM NEW.person_id OR NOT asked.decided_at {_NOW}) THEN
      {_refuse("R-03")}
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER granted_by_two BEFORE INSERT OR UPDATE ON accounts_membership
  FOR EACH ROW EXECUTE FUNCTION accounts_guard_grant();
ALTER TABLE accounts_membership ENABLE ALWAYS TRIGGER granted_by_two;
"""  # noqa: S608

INSTALL = ANSWERS + REQUESTS + INVITATIONS + MEMBERSHIPS
REMOVE = """
DROP TRIGGER granted_by_two ON accounts_membership;
DROP FUNCTION accounts_guard_grant();
DROP TRIGGER granted_by_invitation ON accounts_invitation;
DROP FUNCTION accounts_guard_invitation();
DROP TRIGGER accounts_rolerequest_no_truncate ON accounts_rolerequest;
DROP TRIGGER accounts_rolerequest_kept ON accounts_rolerequest;
DROP TRIGGER accounts_rolerequest_emergency_decide ON accounts_rolerequest;
DROP TRIGGER accounts_rolerequest_emergency_ask ON accounts_rolerequest;
DROP TRIGGER accounts_rolerequest_guard ON accounts_rolerequest;
DROP FUNCTION accounts_guard_role_request();
DROP FUNCTION accounts_hand_on_request(uuid, uuid, text);
DROP FUNCTION accounts_administers_now(uuid, uuid, uuid, timestamptz);
DROP FUNCTION accounts_weak_proof(uuid, timestamptz);
DROP FUNCTION accounts_by_operator();
DROP FUNCTION accounts_privileged();
"""
