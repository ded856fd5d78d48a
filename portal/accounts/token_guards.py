"""SQL that holds the line of access tokens: from which networks, for how long, and what never changes."""

from portal.accounts.rulebook.t_tokens import FAMILY

_refuse = FAMILY.refusal

ENTER = f"""
DROP FUNCTION enter_organization_by_token(text, text);
CREATE FUNCTION enter_organization_by_token(wanted text, hash text, address text DEFAULT NULL)
RETURNS TABLE (organization_id uuid, name text, timezone text, is_sample boolean, account_id uuid, person_id uuid,
               person_name text, roles text[], departments text[], token_id uuid, scopes text[], last_used_on date,
               last_address text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE entered uuid; token accounts_apitoken%ROWTYPE;
BEGIN
  SELECT o.id INTO entered FROM organizations_organization o WHERE o.slug = wanted;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM set_config('app.organization', entered::text, true);
  SELECT * INTO token FROM accounts_apitoken t
   WHERE t.token_hash = hash AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp();
  IF NOT FOUND THEN RETURN; END IF;
  IF cardinality(token.networks) > 0 AND NOT coalesce(
       (SELECT bool_or(address::inet <<= n::inet) FROM unnest(token.networks) AS n), false) THEN
    {_refuse("T-01")}
  END IF;
  RETURN QUERY
    SELECT e.organization_id, e.name, e.timezone, e.is_sample, e.account_id, e.person_id, e.person_name, e.roles,
           e.departments, token.id, token.scopes::text[], token.last_used_on, host(token.last_address)
      FROM enter_organization(wanted, token.account_id, 'token') e;
END $$;
"""  # noqa: S608

FACTS = f"""
CREATE FUNCTION keep_token_facts() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NEW.expires_at > NEW.created_at + interval '366 days' THEN
    {_refuse("T-02")}
  END IF;
  IF TG_OP = 'UPDATE' AND (
       ROW(NEW.id, NEW.organization_id, NEW.account_id, NEW.token_hash, NEW.created_at, NEW.networks)
       IS DISTINCT FROM ROW(OLD.id, OLD.organization_id, OLD.account_id, OLD.token_hash, OLD.created_at, OLD.networks)
       OR NOT NEW.scopes <@ OLD.scopes OR NEW.expires_at > OLD.expires_at
       OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)) THEN
    {_refuse("T-03")}
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER accounts_apitoken_facts BEFORE INSERT OR UPDATE ON accounts_apitoken
  FOR EACH ROW EXECUTE FUNCTION keep_token_facts();
ALTER TABLE accounts_apitoken ENABLE ALWAYS TRIGGER accounts_apitoken_facts;
"""
REMOVE = """
DROP TRIGGER accounts_apitoken_facts ON accounts_apitoken;
DROP FUNCTION keep_token_facts();
DROP FUNCTION enter_organization_by_token(text, text, text);
"""
