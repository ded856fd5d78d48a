from django.db import migrations

from portal.access import structure


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0002_need_to_know"),
        ("packages", "0001_packages"),
        ("jobs", "0001_initial"),
        ("vault", "0001_blobs"),
    ]

    operations = [migrations.RunSQL(structure.INSTALL, structure.REMOVE)]
