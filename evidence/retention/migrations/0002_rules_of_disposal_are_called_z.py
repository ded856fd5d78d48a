"""A letter belongs to one family of rules: D is delegation's, so the rules of disposal go under Z."""

from django.db import migrations

RENAME = r"""
DO $do$
DECLARE one record;
BEGIN
  FOR one IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
              AND p.proname LIKE 'retention\_%' AND p.prosrc ~ '\[D-\d\d\]' LOOP
    EXECUTE regexp_replace(pg_get_functiondef(one.oid), '\[D-(\d\d)\]', '[Z-\1]', 'g');
  END LOOP;
END $do$
"""


class Migration(migrations.Migration):
    dependencies = [("retention", "0001_holds_and_disposal")]

    operations = [migrations.RunSQL(RENAME, migrations.RunSQL.noop)]
