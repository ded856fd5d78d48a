"""Whoever signs in after a wrong try has their count removed, and what django-axes keeps beside it."""

from django.db import migrations

from evidence import tenancy


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_two_accounts_of_one_person"), ("axes", "0010_accessattemptexpiration")]

    operations = [
        tenancy.reference_table("axes_accessattemptexpiration", app="SELECT, INSERT, UPDATE, DELETE", auditor=""),
    ]
