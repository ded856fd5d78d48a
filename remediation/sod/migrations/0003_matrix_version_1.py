from django.db import migrations

from remediation.sod.matrix import cells

VERSION = 1


def load(apps, schema_editor):
    rules = apps.get_model("sod", "Rule")._default_manager.using(schema_editor.connection.alias)
    if rules.filter(matrix_version=VERSION).exists():
        return
    rules.bulk_create(
        rules.model(
            matrix_version=VERSION,
            number=cell.number,
            held=cell.held,
            wanted=cell.wanted,
            verdict=cell.verdict,
            condition=cell.condition,
            sentence=cell.sentence,
            note=cell.note,
        )
        for cell in cells(VERSION).values()
    )


class Migration(migrations.Migration):
    dependencies = [("sod", "0002_guards")]

    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
