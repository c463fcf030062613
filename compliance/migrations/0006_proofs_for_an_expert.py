"""A kind of file that proves its entries to somebody who does not trust us."""

from django.db import migrations, models

FORMATS = [
    ("csv", "CSV"),
    ("xlsx", "Excel workbook"),
    ("pdf", "PDF"),
    ("zip", "Proofs for an outside expert (ZIP)"),
]


class Migration(migrations.Migration):
    dependencies = [("compliance", "0005_alert_of_a_failing_anchor")]

    operations = [
        migrations.AlterField(
            model_name="ledgerexport", name="format", field=models.CharField(choices=FORMATS, max_length=4)
        ),
    ]
