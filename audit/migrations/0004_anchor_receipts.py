"""How each anchor fares: one row per try."""

import django.utils.timezone
from django.db import migrations, models

from audit import sql_anchors


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0003_find_seldom_actions"),
    ]

    operations = [
        migrations.CreateModel(
            name="AnchorReceipt",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("organisation_id", models.UUIDField()),
                ("destination", models.CharField(max_length=300)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("size", models.BigIntegerField()),
                ("taken_size", models.BigIntegerField(default=0)),
                ("taken_at", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=80)),
            ],
            options={
                "db_table": "audit_anchor_receipt",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["organisation_id", "destination", "-id"], name="audit_anchor_receipt_latest")
                ],
            },
        ),
        migrations.RunSQL(sql_anchors.RECEIPTS, migrations.RunSQL.noop),
    ]
