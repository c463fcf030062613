"""An index on the actions that happen seldom, so that the explorer finds them among millions. See audit/sql_finding.py."""

from django.db import migrations

from audit import sql_finding


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_format_2_and_open_views")]

    operations = [migrations.RunSQL(sql_finding.SELDOM, reverse_sql=migrations.RunSQL.noop)]
