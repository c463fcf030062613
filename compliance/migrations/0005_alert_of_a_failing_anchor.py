"""A kind of alert that is about no person: a place that takes no checkpoints."""

from django.db import migrations, models

RULES = [
    ("bulk_viewing", "Many residents opened in a short time"),
    ("unexplained", "Asked why a record was opened, and found no good reason"),
    ("anchor_failing", "Ledger anchor failing"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0004_privileged_reviews"),
    ]

    operations = [
        migrations.AlterField(model_name=name, name="rule", field=models.CharField(choices=RULES, max_length=20))
        for name in ("alert", "scanmark")
    ]
