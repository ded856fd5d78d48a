"""The line below Python: what the database itself refuses to write into the history, whoever asks.

All checks of an insert run once per statement over its new rows, so that an import of 100,000 events pays for them
about as little as a single event does.
"""

from django.db import migrations

# The text before and after the facts of a body, from the event's columns. Python writes the same (body.py); the
# trigger and `verify_ledger` compare, so no column can say anything else than what was hashed. The three parts are
# plain expressions, which PostgreSQL puts straight into the query that calls them.
FRAME = """
CREATE FUNCTION ledger_body_head(person uuid, account uuid, system text, via text, at timestamptz)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT '{"actor":{"account":' || coalesce('"' || account || '"', 'null')
    || ',"person":' || coalesce('"' || person || '"', 'null')
    || ',"system":' || to_json(system) || ',"via":' || to_json(via)
    || '},"at":"' || to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '","facts":{'
$$;
CREATE FUNCTION ledger_body_middle(id uuid, kind text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT '},"id":"' || id || '","kind":' || to_json(kind) || ',"nonce":"'
$$;
CREATE FUNCTION ledger_body_tail(
  object_type text, object_id uuid, object_ref text, object_version integer, organization_id uuid
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT '","object":{"id":"' || object_id || '","ref":' || to_json(object_ref)
    || ',"type":' || to_json(object_type) || ',"version":' || object_version
    || '},"organization":"' || organization_id || '","v":1}'
$$;
CREATE FUNCTION ledger_body_fits(
  body bytea, id uuid, organization_id uuid, kind text, object_type text, object_id uuid, object_ref text,
  object_version integer, actor_person_id uuid, actor_account_id uuid, actor_system text, via text, at timestamptz
) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, public AS $$
DECLARE
  head bytea := convert_to(ledger_body_head(actor_person_id, actor_account_id, actor_system, via, at), 'UTF8');
  middle bytea := convert_to(ledger_body_middle(id, kind), 'UTF8');
  tail bytea := convert_to(
    ledger_body_tail(object_type, object_id, object_ref, object_version, organization_id), 'UTF8');
  before_tail integer := length(body) - length(tail);
BEGIN
  RETURN substring(body FROM 1 FOR length(head)) = head
    AND substring(body FROM before_tail + 1) = tail
    AND substring(body FROM before_tail - 31 - length(middle) FOR length(middle)) = middle
    AND convert_from(substring(body FROM before_tail - 31 FOR 32), 'UTF8') ~ '^[0-9a-f]{32}$';
END $$;
"""

# Look-ups in these triggers are ordered scalar sub-selects on purpose. EXISTS may become a hash over the whole table,
# and a look-up by equality alone may take any index that begins with the organization; a session keeps the plan that
# an empty table, or an import of 50,000 rows, suggested to it. The order leaves one index to take.
EVENT = """
CREATE FUNCTION ledger_event_check() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public AS $$
DECLARE
  wrong text;
BEGIN
  SELECT CASE
      WHEN a.leaf IS DISTINCT FROM sha256('\\x00'::bytea || a.body) THEN 'the leaf is not the hash of the body'
      WHEN NOT ledger_body_fits(a.body, a.id, a.organization_id, a.kind, a.object_type, a.object_id, a.object_ref,
        a.object_version, a.actor_person_id, a.actor_account_id, a.actor_system, a.via, a.at)
        THEN 'the body does not say what the columns say'
      WHEN convert_from(a.body, 'UTF8') IS NOT JSON OBJECT WITH UNIQUE KEYS THEN 'the body is not one JSON object'
      WHEN a.object_version > 1 AND (
        SELECT CASE WHEN p.organization_id = a.organization_id THEN p.object_version END
        FROM ledger_event p WHERE p.object_type = a.object_type AND p.object_id = a.object_id
          AND p.object_version < a.object_version ORDER BY p.object_version DESC LIMIT 1
      ) IS DISTINCT FROM a.object_version - 1 THEN 'the version before it does not exist'
    END INTO wrong
    FROM added a
    ORDER BY 1 NULLS LAST LIMIT 1;
  IF wrong IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: this event cannot be recorded: ' || wrong;
  END IF;
  INSERT INTO ledger_queue (organization_id, event_id, leaf) SELECT organization_id, id, leaf FROM added;
  RETURN NULL;
END $$;
CREATE TRIGGER ledger_event_check AFTER INSERT ON ledger_event REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_event_check();
ALTER TABLE ledger_event ENABLE ALWAYS TRIGGER ledger_event_check;
"""

# One statement appends any number of events about objects of one type. A line is: id, object id, public id as JSON,
# and the body from its facts to just before the version. The unique index is the lock: a version that another
# transaction took first is waited for, then left out of what is returned.
APPEND = """
CREATE FUNCTION ledger_append(
  p_organization uuid, p_kind text, p_object_type text, p_person uuid, p_account uuid, p_system text, p_via text,
  p_at timestamptz, p_head text, p_tail text, p_lines text
) RETURNS TABLE (event_id uuid, version integer, hash bytea) LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  RETURN QUERY
  WITH given AS (
    SELECT n, split_part(line, E'\\t', 1)::uuid AS id, split_part(line, E'\\t', 2)::uuid AS object_id,
      split_part(line, E'\\t', 3)::json #>> '{}' AS ref, split_part(line, E'\\t', 4) AS middle
    FROM string_to_table(p_lines, E'\\n') WITH ORDINALITY AS l(line, n)
  ), versioned AS (
    SELECT g.*, coalesce((
        SELECT e.object_version FROM ledger_event e
        WHERE e.object_type = p_object_type AND e.object_id = g.object_id ORDER BY e.object_version DESC LIMIT 1
      ), 0) + row_number() OVER (PARTITION BY g.object_id ORDER BY n) AS next
    FROM given g
  ), built AS (
    SELECT v.*, convert_to(p_head || middle || next || p_tail, 'UTF8') AS body FROM versioned v
  )
  INSERT INTO ledger_event AS e (id, organization_id, kind, object_type, object_id, object_ref, object_version,
    actor_person_id, actor_account_id, actor_system, via, at, body, leaf)
  SELECT b.id, p_organization, p_kind, p_object_type, b.object_id, b.ref, b.next,
    p_person, p_account, p_system, p_via, p_at, b.body, sha256('\\x00'::bytea || b.body)
  FROM built b ORDER BY b.n
  ON CONFLICT (object_type, object_id, object_version) DO NOTHING
  RETURNING e.id, e.object_version, e.leaf;
END $$;
"""

TEXT = """
CREATE FUNCTION ledger_text_check() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF EXISTS (
    SELECT FROM added a
    WHERE a.salt IS NULL OR a.text IS NULL OR a.erased_at IS NOT NULL OR length(a.salt) <> 16
      OR encode(sha256(a.salt || convert_to(a.text, 'UTF8')), 'hex') IS DISTINCT FROM (
        SELECT CASE WHEN e.id = a.event_id AND e.organization_id = a.organization_id
          THEN convert_from(e.body, 'UTF8')::json #>> ARRAY['facts', 'texts', a.field] END
        FROM ledger_event e WHERE e.id >= a.event_id ORDER BY e.id LIMIT 1)
  ) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: this text is not what its event commits to';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER ledger_text_check AFTER INSERT ON ledger_eventtext REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_text_check();
ALTER TABLE ledger_eventtext ENABLE ALWAYS TRIGGER ledger_text_check;

CREATE FUNCTION ledger_text_erase_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.event_id = OLD.event_id AND NEW.field = OLD.field
    AND NEW.organization_id = OLD.organization_id AND OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL
    AND NEW.salt IS NULL AND NEW.text IS NULL
  THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'CH001',
    MESSAGE = format('append-only: %s keeps history, so %s is refused', TG_TABLE_NAME, TG_OP);
END $$;
CREATE TRIGGER ledger_eventtext_append_only BEFORE UPDATE OR DELETE ON ledger_eventtext
  FOR EACH ROW EXECUTE FUNCTION ledger_text_erase_only();
CREATE TRIGGER ledger_eventtext_no_truncate BEFORE TRUNCATE ON ledger_eventtext
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE ledger_eventtext ENABLE ALWAYS TRIGGER ledger_eventtext_append_only;
ALTER TABLE ledger_eventtext ENABLE ALWAYS TRIGGER ledger_eventtext_no_truncate;
"""

TREE = """
CREATE FUNCTION ledger_entry_check() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF EXISTS (
    SELECT FROM added a WHERE a.index < 0
      OR (a.index > 0 AND (SELECT true FROM ledger_entry p
        WHERE p.organization_id = a.organization_id AND p.index = a.index - 1 LIMIT 1) IS NULL)
      OR (SELECT e.id = a.event_id AND e.organization_id = a.organization_id
        FROM ledger_event e WHERE e.id >= a.event_id ORDER BY e.id LIMIT 1) IS NOT TRUE
  ) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: this entry would leave a gap or has no event';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER ledger_entry_check AFTER INSERT ON ledger_entry REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_check();
ALTER TABLE ledger_entry ENABLE ALWAYS TRIGGER ledger_entry_check;

CREATE FUNCTION ledger_tile_grows() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.organization_id = OLD.organization_id AND NEW.level = OLD.level
    AND NEW.index = OLD.index AND NEW.width > OLD.width
    AND substring(NEW.hashes FROM 1 FOR length(OLD.hashes)) = OLD.hashes
  THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'CH001',
    MESSAGE = format('append-only: %s keeps history, so %s is refused', TG_TABLE_NAME, TG_OP);
END $$;
CREATE TRIGGER ledger_tile_append_only BEFORE UPDATE OR DELETE ON ledger_tile
  FOR EACH ROW EXECUTE FUNCTION ledger_tile_grows();
CREATE TRIGGER ledger_tile_no_truncate BEFORE TRUNCATE ON ledger_tile
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE ledger_tile ENABLE ALWAYS TRIGGER ledger_tile_append_only;
ALTER TABLE ledger_tile ENABLE ALWAYS TRIGGER ledger_tile_no_truncate;
ALTER TABLE ledger_tile ADD CONSTRAINT tile_hashes_whole CHECK (length(hashes) = 32 * width);
ALTER TABLE ledger_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
"""

# The sequencer finds out which organizations wait without entering each.
QUEUE = """
CREATE POLICY sequencer_sees_all ON ledger_queue FOR SELECT TO clearhold_sequencer USING (true);
"""

INSTALL = FRAME + EVENT + APPEND + TEXT + TREE + QUEUE
REMOVE = """
DROP POLICY sequencer_sees_all ON ledger_queue;
ALTER TABLE ledger_tile DROP CONSTRAINT tile_hashes_whole;
DROP TRIGGER ledger_tile_no_truncate ON ledger_tile;
DROP TRIGGER ledger_tile_append_only ON ledger_tile;
DROP FUNCTION ledger_tile_grows();
DROP TRIGGER ledger_entry_check ON ledger_entry;
DROP FUNCTION ledger_entry_check();
DROP TRIGGER ledger_eventtext_no_truncate ON ledger_eventtext;
DROP TRIGGER ledger_eventtext_append_only ON ledger_eventtext;
DROP FUNCTION ledger_text_erase_only();
DROP TRIGGER ledger_text_check ON ledger_eventtext;
DROP FUNCTION ledger_text_check();
DROP FUNCTION ledger_append;
DROP TRIGGER ledger_event_check ON ledger_event;
DROP FUNCTION ledger_event_check();
DROP FUNCTION ledger_body_fits;
DROP FUNCTION ledger_body_tail;
DROP FUNCTION ledger_body_middle;
DROP FUNCTION ledger_body_head;
"""

# The age of the oldest event that waits, over all organizations, and nothing else of them: for /readyz, which has
# entered none. An event's id carries its time in its first 48 bits.
LAG = """
CREATE POLICY owner_sees_all ON ledger_queue FOR SELECT TO clearhold_owner USING (true);
CREATE FUNCTION ledger_oldest_waiting() RETURNS timestamptz LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT to_timestamp(('x' || left(replace(event_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
  FROM ledger_queue ORDER BY id LIMIT 1
$$;
REVOKE EXECUTE ON FUNCTION ledger_oldest_waiting() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_oldest_waiting() TO clearhold_app;
"""
REMOVE_LAG = """
DROP FUNCTION ledger_oldest_waiting();
DROP POLICY owner_sees_all ON ledger_queue;
"""

# The order alone does not hold the planner when its statistics have never seen the organization: it then expects one
# row of it, reads all by another index and sorts them, for every event of an import. Without sorting, the index that
# gives the order is the only way left.
LOOK_UP = """
ALTER FUNCTION ledger_append SET enable_sort = off;
ALTER FUNCTION ledger_event_check SET enable_sort = off;
"""
REMOVE_LOOK_UP = """
ALTER FUNCTION ledger_append RESET enable_sort;
ALTER FUNCTION ledger_event_check RESET enable_sort;
"""

# The same for the places a batch takes: before the first statistics a table counts as empty, and the neighbour of
# every one of 10,000 places would be looked for through all that have one.
PLACES = """
ALTER FUNCTION ledger_entry_check SET enable_seqscan = off;
ALTER FUNCTION ledger_entry_check SET enable_sort = off;
"""
REMOVE_PLACES = """
ALTER FUNCTION ledger_entry_check RESET enable_seqscan;
ALTER FUNCTION ledger_entry_check RESET enable_sort;
"""

# While an alarm is open nothing may be approved, closed or packaged, also not by raw SQL. The tables that this stops
# belong to floors above; their migrations attach it with `stop_on_alarm`.
ALARM = """
CREATE FUNCTION ledger_refuse_on_alarm() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM ledger_alarm a WHERE a.organization_id = NEW.organization_id AND a.cleared_at IS NULL) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH006', MESSAGE = 'the history does not match what was signed, so nothing is'
      ' approved, closed or packaged until an operator has looked';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION ledger_alarm_moves() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.cleared_at IS NULL AND NEW.cleared_at IS NOT NULL
    AND to_jsonb(NEW) - 'cleared_at' - 'cleared_by_event' = to_jsonb(OLD) - 'cleared_at' - 'cleared_by_event'
    AND (SELECT e.organization_id = NEW.organization_id AND e.kind IN ('ledger.alarm_cleared', 'ledger.loss_declared')
      FROM ledger_event e WHERE e.id = NEW.cleared_by_event) IS TRUE
  THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'CH001',
    MESSAGE = 'append-only: an alarm stays; it is cleared once, with the event that says why';
END $$;
CREATE TRIGGER ledger_alarm_moves BEFORE UPDATE OR DELETE ON ledger_alarm
  FOR EACH ROW EXECUTE FUNCTION ledger_alarm_moves();
CREATE TRIGGER ledger_alarm_no_truncate BEFORE TRUNCATE ON ledger_alarm
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE ledger_alarm ENABLE ALWAYS TRIGGER ledger_alarm_moves;
ALTER TABLE ledger_alarm ENABLE ALWAYS TRIGGER ledger_alarm_no_truncate;

CREATE FUNCTION ledger_loss_check() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF NEW.number <= coalesce((SELECT max(l.number) FROM ledger_loss l WHERE l.organization_id = NEW.organization_id), 0)
    OR NEW.kept_size <> coalesce((SELECT max(n.index) + 1 FROM ledger_entry n
      WHERE n.organization_id = NEW.organization_id), 0)
    OR (SELECT e.organization_id = NEW.organization_id AND e.kind = 'ledger.loss_declared'
      FROM ledger_event e WHERE e.id = NEW.event_id) IS NOT TRUE
  THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: this loss does not follow what is there';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_loss_check BEFORE INSERT ON ledger_loss FOR EACH ROW EXECUTE FUNCTION ledger_loss_check();
ALTER TABLE ledger_loss ENABLE ALWAYS TRIGGER ledger_loss_check;
"""
REMOVE_ALARM = """
DROP TRIGGER ledger_loss_check ON ledger_loss;
DROP FUNCTION ledger_loss_check();
DROP TRIGGER ledger_alarm_no_truncate ON ledger_alarm;
DROP TRIGGER ledger_alarm_moves ON ledger_alarm;
DROP FUNCTION ledger_alarm_moves();
DROP FUNCTION ledger_refuse_on_alarm();
"""


def stop_on_alarm(table: str, acts: str = "INSERT", when: str = "") -> migrations.RunSQL:
    """Refuse these acts on a tenant's table, `when` they would approve, close or package, while an alarm is open."""
    condition = f"WHEN ({when}) " if when else ""
    name = f"{table}_stops_on_alarm_{acts.split()[0].lower()}"
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} BEFORE {acts} ON {table} FOR EACH ROW {condition}"
        f"EXECUTE FUNCTION ledger_refuse_on_alarm(); ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name};",
        f"DROP TRIGGER {name} ON {table};",
    )


TIME_STAMP = """
CREATE FUNCTION ledger_timestamp_check() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM ledger_checkpoint c WHERE c.organization_id = NEW.organization_id AND c.size = NEW.size) THEN
    RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: a time-stamp belongs to a checkpoint that is there';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER ledger_timestamp_check BEFORE INSERT ON ledger_timestamp
  FOR EACH ROW EXECUTE FUNCTION ledger_timestamp_check();
ALTER TABLE ledger_timestamp ENABLE ALWAYS TRIGGER ledger_timestamp_check;
"""
REMOVE_TIME_STAMP = """
DROP TRIGGER ledger_timestamp_check ON ledger_timestamp;
DROP FUNCTION ledger_timestamp_check();
"""

# An erasure empties salt and text once, and an event of the same organization names the field.
ERASING = """
CREATE OR REPLACE FUNCTION ledger_text_erase_only() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.event_id = OLD.event_id AND NEW.field = OLD.field
    AND NEW.organization_id = OLD.organization_id AND OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL
    AND NEW.salt IS NULL AND NEW.text IS NULL
  THEN
    IF NOT EXISTS (
      SELECT FROM ledger_event e WHERE e.object_type = 'ledger.event' AND e.object_id = OLD.event_id
        AND e.organization_id = OLD.organization_id AND e.kind = 'event.words_erased'
        AND convert_from(e.body, 'UTF8')::jsonb #> '{facts,after,fields}' ? OLD.field
    ) THEN
      RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: words are erased only with an event that says so';
    END IF;
    RETURN NEW;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'CH001',
    MESSAGE = format('append-only: %s keeps history, so %s is refused', TG_TABLE_NAME, TG_OP);
END $$;
GRANT UPDATE (salt, text, erased_at) ON ledger_eventtext TO clearhold_app;
"""
KEEP_ERASING = "REVOKE UPDATE (salt, text, erased_at) ON ledger_eventtext FROM clearhold_app;"
