"""A letter belongs to one family of rules: R is that of roles, so the rules of risk go under K."""

from django.db import migrations

RENAME = r"""
DO $do$
DECLARE one record;
BEGIN
  FOR one IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
              AND p.proname LIKE 'risk\_%' AND p.prosrc ~ '\[R-\d\d\]' LOOP
    EXECUTE regexp_replace(pg_get_functiondef(one.oid), '\[R-(\d\d)\]', '[K-\1]', 'g');
  END LOOP;
END $do$
"""


class Migration(migrations.Migration):
    dependencies = [("risk", "0003_an_alarm_stops_acceptance")]

    operations = [migrations.RunSQL(RENAME, migrations.RunSQL.noop)]
