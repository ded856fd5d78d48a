from django.db import migrations

from evidence import tenancy
from remediation.sod import guards
from remediation.sod.matrix import TOXIC, cells

VERSION = 2


def load(apps, schema_editor):
    alias = schema_editor.connection.alias
    rules = apps.get_model("sod", "Rule")._default_manager.using(alias)
    toxic = apps.get_model("sod", "ToxicPair")._default_manager.using(alias)
    if rules.filter(matrix_version=VERSION).exists():
        return
    names = ("number", "held", "wanted", "verdict", "condition", "sentence", "note")
    rules.bulk_create(
        rules.model(matrix_version=VERSION, **{name: getattr(cell, name) for name in names})
        for cell in cells(VERSION).values()
    )
    toxic.bulk_create(
        toxic.model(matrix_version=VERSION, number=pair.number, one=pair.one, other=pair.other, sentence=pair.sentence)
        for pair in TOXIC
    )


class Migration(migrations.Migration):
    dependencies = [("sod", "0006_also_forbidden_toxic_roles_and_waivers")]

    operations = [
        tenancy.reference_table("sod_toxicpair"),
        tenancy.append_only("sod_toxicpair"),
        tenancy.tenant_table("sod_waiver", app="SELECT, INSERT, UPDATE (ended_at, ended_by_id, ended_why)"),
        tenancy.tenant_table("sod_waiveruse", app="SELECT, INSERT"),
        tenancy.append_only("sod_waiveruse"),
        migrations.RunSQL(guards.REPLACE, migrations.RunSQL.noop),
        migrations.RunSQL("DROP FUNCTION IF EXISTS sod_allows_conditional(uuid)", migrations.RunSQL.noop),
        migrations.RunPython(load, migrations.RunPython.noop),
    ]
