"""The line below Python: a delivery that went out stays so, and whose it is never changes."""

INSTALL = """
CREATE FUNCTION notifications_delivery_moves() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.sent_at IS NULL AND NEW.attempts >= OLD.attempts
    AND (NEW.id, NEW.organization_id, NEW.notice_id, NEW.account_id, NEW.channel)
      = (OLD.id, OLD.organization_id, OLD.notice_id, OLD.account_id, OLD.channel)
  THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'CH001', MESSAGE = 'append-only: what was sent stays sent, and to whom';
END $$;
CREATE TRIGGER notifications_delivery_moves BEFORE UPDATE OR DELETE ON notifications_delivery
  FOR EACH ROW EXECUTE FUNCTION notifications_delivery_moves();
CREATE TRIGGER notifications_delivery_no_truncate BEFORE TRUNCATE ON notifications_delivery
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_history();
ALTER TABLE notifications_delivery ENABLE ALWAYS TRIGGER notifications_delivery_moves;
ALTER TABLE notifications_delivery ENABLE ALWAYS TRIGGER notifications_delivery_no_truncate;
"""
REMOVE = """
DROP TRIGGER notifications_delivery_no_truncate ON notifications_delivery;
DROP TRIGGER notifications_delivery_moves ON notifications_delivery;
DROP FUNCTION notifications_delivery_moves();
"""
