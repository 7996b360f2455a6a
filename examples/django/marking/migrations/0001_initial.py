"""Makes the table of test results."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="TestResult",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("test_id", models.CharField(max_length=100)),
                ("class_id", models.CharField(max_length=100)),
                ("student_id", models.CharField(max_length=100)),
                ("score", models.DecimalField(decimal_places=2, max_digits=6, null=True)),
                ("marked", models.BooleanField(default=False)),
                ("report_key", models.CharField(blank=True, max_length=400)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("test_id", "class_id", "student_id"), name="one_result_per_test")],
            },
        ),
    ]
