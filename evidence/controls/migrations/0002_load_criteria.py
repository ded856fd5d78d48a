from django.db import migrations

from evidence.controls.catalogue import CRITERIA


def load(apps, schema_editor):
    criterion = apps.get_model("controls", "Criterion")
    for position, entry in enumerate(CRITERIA, 1):
        criterion.objects.using(schema_editor.connection.alias).update_or_create(
            identifier=entry.identifier,
            defaults={"category": entry.category, "title": entry.title, "position": position},
        )


class Migration(migrations.Migration):
    dependencies = [("controls", "0001_controls_and_criteria")]

    operations = [migrations.RunPython(load, migrations.RunPython.noop, elidable=False)]
