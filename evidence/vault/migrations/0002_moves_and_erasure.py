import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from evidence.migrating import Together
from evidence.vault import guards


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("ledger", "0001_initial"),
        ("vault", "0001_blobs"),
    ]

    operations = [
        Together(
            [
                migrations.AddField(
                    model_name="blob", name="erased_at", field=models.DateTimeField(blank=True, null=True)
                ),
                migrations.AddField(
                    model_name="blob",
                    name="erased_by",
                    field=models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.PERSON_MODEL,
                    ),
                ),
                migrations.AddField(
                    model_name="blob",
                    name="store_version",
                    field=models.CharField(blank=True, default="", max_length=1024),
                ),
            ]
        ),
        migrations.AddConstraint(
            model_name="blob",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("erased_at", None), ("erased_by", None), models.Q(("wrapped_key", b""), _negated=True)),
                    models.Q(("erased_at__isnull", False), ("wrapped_key", b"")),
                    _connector="OR",
                ),
                name="blob_erased_has_no_key",
            ),
        ),
        migrations.RunSQL(guards.CHANGES, guards.UNDO_CHANGES),
    ]
