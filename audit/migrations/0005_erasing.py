"""The one change that the append-only ledger allows: taking out the details of an erased resident."""

from django.db import migrations

from audit.sql_erasing import ERASING


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_anchor_receipts")]

    operations = [migrations.RunSQL(ERASING, reverse_sql=migrations.RunSQL.noop)]
