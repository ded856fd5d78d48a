"""A letter belongs to one family of rules: M is signing in's, so the rules of runs go under C."""

from django.db import migrations

RENAME = r"""
DO $do$
DECLARE one record;
BEGIN
  FOR one IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
              AND p.proname LIKE 'monitoring\_%' AND p.prosrc ~ '\[M-\d\d\]' LOOP
    EXECUTE regexp_replace(pg_get_functiondef(one.oid), '\[M-(\d\d)\]', '[C-\1]', 'g');
  END LOOP;
END $do$
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0002_guards")]

    operations = [migrations.RunSQL(RENAME, migrations.RunSQL.noop)]
