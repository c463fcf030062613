"""Demanding an entry that names what a row belongs to, where the row has no ref of its own."""

from django.db import migrations

from audit.sql_guards import REQUIRE_ENTRY_OF


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_erasing")]

    operations = [migrations.RunSQL(REQUIRE_ENTRY_OF, reverse_sql=migrations.RunSQL.noop)]
