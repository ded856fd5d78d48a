import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("packages", "0004_restricted_findings_are_confirmed"), ("vault", "0003_checks")]

    operations = [
        migrations.AddField(
            model_name="package",
            name="made",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="vault.blob",
            ),
        ),
    ]
