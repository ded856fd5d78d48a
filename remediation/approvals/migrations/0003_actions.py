from django.db import migrations

from remediation.approvals.actions import ACTIONS


def load(apps, schema_editor):
    rows = apps.get_model("approvals", "ActionRule")._default_manager.using(schema_editor.connection.alias)
    for action in ACTIONS.values():
        rows.update_or_create(
            action=action.key,
            defaults={
                "word": action.word,
                "duty": action.duty,
                "quorum": action.quorum,
                "roles": list(action.roles),
            },
        )


class Migration(migrations.Migration):
    dependencies = [("approvals", "0002_guards")]

    operations = [migrations.RunPython(load, migrations.RunPython.noop)]
