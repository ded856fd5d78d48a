"""SQL that holds the line of people and roles: who is let in, and which roles never meet in one person."""

# PRACTICE.md section 4, toxic roles and notes (2), (3), (5): an administrator holds no workflow duty in the same
# organization, and an auditor holds no other role there at all.
TOXIC_ROLES = """
CREATE FUNCTION refuse_toxic_roles() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE other text;
BEGIN
  IF NEW.ended_at IS NOT NULL THEN RETURN NEW; END IF;
  -- Two grants to one person at the same moment must see each other.
  PERFORM pg_advisory_xact_lock(hashtextextended('membership:' || NEW.person_id::text, 0));
  SELECT m.role INTO other FROM accounts_membership m
   WHERE m.organization_id = NEW.organization_id AND m.person_id = NEW.person_id AND m.id <> NEW.id
     AND m.ended_at IS NULL AND m.role <> NEW.role
     AND (m.role IN ('administrator', 'auditor') OR NEW.role IN ('administrator', 'auditor'))
   LIMIT 1;
  IF other IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'CH005',
      MESSAGE = format('[R-01] the roles %s and %s may not meet in one person', other, NEW.role);
  END IF;
  IF NEW.granted_by_id = NEW.person_id THEN
    RAISE EXCEPTION USING ERRCODE = 'CH005', MESSAGE = '[R-02] nobody grants a role to themselves';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_membership_toxic BEFORE INSERT OR UPDATE ON accounts_membership
  FOR EACH ROW EXECUTE FUNCTION refuse_toxic_roles();
ALTER TABLE accounts_membership ENABLE ALWAYS TRIGGER accounts_membership_toxic;

CREATE FUNCTION keep_membership_facts() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF ROW(NEW.id, NEW.organization_id, NEW.person_id, NEW.role, NEW.starts_at, NEW.granted_by_id)
     IS DISTINCT FROM ROW(OLD.id, OLD.organization_id, OLD.person_id, OLD.role, OLD.starts_at, OLD.granted_by_id)
     OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001',
      MESSAGE = 'append-only: a membership can only be ended; grant a new one instead';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_membership_facts BEFORE UPDATE ON accounts_membership
  FOR EACH ROW EXECUTE FUNCTION keep_membership_facts();
ALTER TABLE accounts_membership ENABLE ALWAYS TRIGGER accounts_membership_facts;
"""

# A person sees the memberships of the organization entered, and their own everywhere (the account switcher).
MEMBERSHIP_POLICY = """
ALTER TABLE accounts_membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts_membership FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON accounts_membership
  USING (organization_id = (SELECT current_organization()) OR person_id = (SELECT current_person()))
  WITH CHECK (organization_id = (SELECT current_organization()));
GRANT SELECT, INSERT, UPDATE ON accounts_membership TO clearhold_app;
GRANT SELECT ON accounts_membership TO clearhold_auditor;
"""

# One round trip identifies the caller and enters the organization: (organization, account, person, roles).
ENTER = """
CREATE FUNCTION enter_organization(wanted text, caller uuid)
RETURNS TABLE (organization_id uuid, name text, timezone text, is_sample boolean, account_id uuid, person_id uuid,
               person_name text, roles text[], departments text[])
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public AS $$
DECLARE found_organization organizations_organization%ROWTYPE; found_account accounts_account%ROWTYPE;
BEGIN
  SELECT * INTO found_organization FROM organizations_organization o WHERE o.slug = wanted;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT * INTO found_account FROM accounts_account a WHERE a.id = caller AND a.is_active;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM set_config('app.organization', found_organization.id::text, true),
          set_config('app.person', found_account.person_id::text, true);
  RETURN QUERY
    SELECT found_organization.id, found_organization.name::text, found_organization.timezone::text,
           found_organization.is_sample, found_account.id, p.id, p.name::text,
           array_agg(m.role::text ORDER BY m.role), array_agg(m.department::text ORDER BY m.role)
      FROM accounts_person p
      JOIN accounts_membership m ON m.person_id = p.id AND m.organization_id = found_organization.id
       AND m.ended_at IS NULL AND m.starts_at <= clock_timestamp()
     WHERE p.id = found_account.person_id
     GROUP BY p.id, p.name;
END $$;

CREATE FUNCTION enter_organization_by_token(wanted text, hash text)
RETURNS TABLE (organization_id uuid, name text, timezone text, is_sample boolean, account_id uuid, person_id uuid,
               person_name text, roles text[], departments text[], token_id uuid, scopes text[], last_used_on date)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public AS $$
DECLARE entered uuid; token accounts_apitoken%ROWTYPE;
BEGIN
  SELECT o.id INTO entered FROM organizations_organization o WHERE o.slug = wanted;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM set_config('app.organization', entered::text, true);
  SELECT * INTO token FROM accounts_apitoken t
   WHERE t.token_hash = hash AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp();
  IF NOT FOUND THEN RETURN; END IF;
  RETURN QUERY
    SELECT e.*, token.id, token.scopes::text[], token.last_used_on FROM enter_organization(wanted, token.account_id) e;
END $$;
"""

INSTALL = TOXIC_ROLES + MEMBERSHIP_POLICY + ENTER
REMOVE = """
DROP FUNCTION enter_organization_by_token(text, text);
DROP FUNCTION enter_organization(text, uuid);
DROP POLICY own_organization ON accounts_membership;
DROP TRIGGER accounts_membership_facts ON accounts_membership;
DROP FUNCTION keep_membership_facts();
DROP TRIGGER accounts_membership_toxic ON accounts_membership;
DROP FUNCTION refuse_toxic_roles();
"""

# Separation of duties compares persons: an account that could change hands would be a way round it.
ACCOUNT_PERSON = """
CREATE FUNCTION keep_account_person() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF NEW.person_id IS DISTINCT FROM OLD.person_id OR NEW.id <> OLD.id THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: an account belongs to one person for ever';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_account_person BEFORE UPDATE ON accounts_account
  FOR EACH ROW EXECUTE FUNCTION keep_account_person();
ALTER TABLE accounts_account ENABLE ALWAYS TRIGGER accounts_account_person;
"""
REMOVE_ACCOUNT_PERSON = """
DROP TRIGGER accounts_account_person ON accounts_account;
DROP FUNCTION keep_account_person();
"""
