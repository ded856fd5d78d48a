from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("package_links", "0001_links")]

    operations = [
        migrations.AlterField(
            model_name="use",
            name="what",
            field=models.CharField(
                choices=[
                    ("opened", "Opened the page"),
                    ("pdf", "Downloaded the PDF"),
                    ("proof", "Downloaded the proof"),
                    ("volume", "Downloaded a volume of exhibits"),
                ],
                max_length=6,
            ),
        ),
    ]
