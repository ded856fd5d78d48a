"""SQL that holds the line of signing in: who is let in without a second factor, and which proofs a decision may rest on."""

from portal.accounts.rulebook.m_signing_in import FAMILY

_refuse = FAMILY.refusal

# Inside the organization that the transaction entered: whether a live role of the person demands a second factor.
DEMANDS = """
CREATE FUNCTION access_policy() RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT p.body FROM organizations_policy p
   WHERE p.organization_id = (SELECT current_organization()) AND p.kind = 'access' ORDER BY p.version DESC LIMIT 1 $$;

CREATE FUNCTION second_factor_demanded(person uuid) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(bool_or((policy.body -> 'second_factor' ->> m.role::text)::boolean), false)
    FROM (SELECT access_policy() AS body) policy, accounts_membership m
   WHERE m.organization_id = (SELECT current_organization()) AND m.person_id = person
     AND m.ended_at IS NULL AND m.starts_at <= clock_timestamp() $$;

CREATE FUNCTION is_strong_proof(kind text) RETURNS boolean LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT coalesce(kind IN ('totp', 'passkey', 'recovery'), false) $$;
"""
REMOVE_DEMANDS = """
DROP FUNCTION is_strong_proof(text);
DROP FUNCTION second_factor_demanded(uuid);
DROP FUNCTION access_policy();
"""

# As before, and: whoever has to show a second factor and has not is refused, and with that has entered nothing (M-01).
ENTER = f"""
DROP FUNCTION enter_organization_by_token(text, text);
DROP FUNCTION enter_organization(text, uuid);
CREATE FUNCTION enter_organization(wanted text, caller uuid, proved text DEFAULT '')
RETURNS TABLE (organization_id uuid, name text, timezone text, is_sample boolean, account_id uuid, person_id uuid,
               person_name text, roles text[], departments text[], idle_minutes int, absolute_hours int)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE found_organization organizations_organization%ROWTYPE; found_account accounts_account%ROWTYPE;
        policy jsonb; needs boolean := false; role text;
BEGIN
  SELECT * INTO found_organization FROM organizations_organization o WHERE o.slug = wanted;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT * INTO found_account FROM accounts_account a WHERE a.id = caller AND a.is_active;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM set_config('app.organization', found_organization.id::text, true),
          set_config('app.person', found_account.person_id::text, true);
  policy := access_policy();
  SELECT p.id, p.name::text, array_agg(m.role::text ORDER BY m.role), array_agg(m.department::text ORDER BY m.role)
    INTO person_id, person_name, roles, departments
    FROM accounts_person p
    JOIN accounts_membership m ON m.person_id = p.id AND m.organization_id = found_organization.id
     AND m.ended_at IS NULL AND m.starts_at <= clock_timestamp()
   WHERE p.id = found_account.person_id
   GROUP BY p.id, p.name;
  IF NOT FOUND THEN RETURN; END IF;
  IF proved <> 'token' AND NOT is_strong_proof(proved) THEN
    FOREACH role IN ARRAY roles LOOP
      needs := needs OR coalesce((policy -> 'second_factor' ->> role)::boolean, false);
    END LOOP;
  END IF;
  IF needs THEN
    {_refuse("M-01")}
  END IF;
  organization_id := found_organization.id;
  name := found_organization.name;
  timezone := found_organization.timezone;
  is_sample := found_organization.is_sample;
  account_id := found_account.id;
  idle_minutes := least(coalesce((policy ->> 'idle_minutes')::int, 15), 15);
  absolute_hours := least(coalesce((policy ->> 'absolute_hours')::int, 8), 8);
  RETURN NEXT;
END $$;

CREATE FUNCTION enter_organization_by_token(wanted text, hash text)
RETURNS TABLE (organization_id uuid, name text, timezone text, is_sample boolean, account_id uuid, person_id uuid,
               person_name text, roles text[], departments text[], token_id uuid, scopes text[], last_used_on date)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE entered uuid; token accounts_apitoken%ROWTYPE;
BEGIN
  SELECT o.id INTO entered FROM organizations_organization o WHERE o.slug = wanted;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM set_config('app.organization', entered::text, true);
  SELECT * INTO token FROM accounts_apitoken t
   WHERE t.token_hash = hash AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp();
  IF NOT FOUND THEN RETURN; END IF;
  RETURN QUERY
    SELECT e.organization_id, e.name, e.timezone, e.is_sample, e.account_id, e.person_id, e.person_name, e.roles,
           e.departments, token.id, token.scopes::text[], token.last_used_on
      FROM enter_organization(wanted, token.account_id, 'token') e;
END $$;
"""  # noqa: S608

REMOVE_ENTER = """
DROP FUNCTION enter_organization_by_token(text, text);
DROP FUNCTION enter_organization(text, uuid, text);
"""

# M-02, M-03: which proof a decision rests on is looked up by its moment, so that no caller can claim a better one.
PROOFS = f"""
CREATE FUNCTION require_strong_proof() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF NEW.authenticated_at IS NULL OR EXISTS (
       SELECT 1 FROM accounts_proof p JOIN accounts_account a ON a.id = p.account_id
        WHERE a.person_id = NEW.person_id AND p.at = NEW.authenticated_at AND is_strong_proof(p.kind)) THEN
    RETURN NEW;
  END IF;
  IF second_factor_demanded(NEW.person_id) THEN
    {_refuse("M-03")}
  END IF;
  IF EXISTS (SELECT 1 FROM mfa_authenticator f JOIN accounts_account a ON a.id = f.user_id
              WHERE a.person_id = NEW.person_id AND f.type IN ('totp', 'webauthn')) THEN
    {_refuse("M-02")}
  END IF;
  RETURN NEW;
END $$;
""" + "".join(  # noqa: S608
    f"CREATE TRIGGER {table}_strong_proof BEFORE INSERT ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION require_strong_proof();"
    f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_strong_proof;"
    for table in ("approvals_decision", "retention_disposaldecision", "retention_holdrelease")
)
REMOVE_PROOFS = (
    "".join(
        f"DROP TRIGGER {table}_strong_proof ON {table};"
        for table in ("approvals_decision", "retention_disposaldecision", "retention_holdrelease")
    )
    + "DROP FUNCTION require_strong_proof();"
)

# M-04: asked of every organization of the person in turn, since each sees its own policy alone.
LAST_FACTOR = f"""
CREATE FUNCTION keep_last_factor() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE person uuid; place uuid; demanded boolean := false;
        before_organization text := coalesce(current_setting('app.organization', true), '');
        before_person text := coalesce(current_setting('app.person', true), '');
BEGIN
  IF OLD.type NOT IN ('totp', 'webauthn') OR EXISTS (SELECT 1 FROM mfa_authenticator f WHERE f.user_id = OLD.user_id
        AND f.id <> OLD.id AND f.type IN ('totp', 'webauthn')) THEN
    RETURN OLD;
  END IF;
  SELECT a.person_id INTO person FROM accounts_account a WHERE a.id = OLD.user_id;
  PERFORM set_config('app.person', coalesce(person::text, ''), true);
  FOR place IN SELECT DISTINCT m.organization_id FROM accounts_membership m
                WHERE m.person_id = person AND m.ended_at IS NULL LOOP
    PERFORM set_config('app.organization', place::text, true);
    demanded := demanded OR second_factor_demanded(person);
  END LOOP;
  PERFORM set_config('app.organization', before_organization, true), set_config('app.person', before_person, true);
  IF demanded THEN
    {_refuse("M-04")}
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER mfa_authenticator_last BEFORE DELETE ON mfa_authenticator
  FOR EACH ROW EXECUTE FUNCTION keep_last_factor();
ALTER TABLE mfa_authenticator ENABLE ALWAYS TRIGGER mfa_authenticator_last;
"""  # noqa: S608
REMOVE_LAST_FACTOR = """
DROP TRIGGER mfa_authenticator_last ON mfa_authenticator;
DROP FUNCTION keep_last_factor();
"""
