"""What a student scored in a test, and where the printed report is kept."""

from django.db import models


class TestResult(models.Model):
    test_id = models.CharField(max_length=100)
    class_id = models.CharField(max_length=100)
    student_id = models.CharField(max_length=100)
    score = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    marked = models.BooleanField(default=False)
    # Empty until the report is printed, and again when the score changes: what is empty can always be printed later.
    report_key = models.CharField(max_length=400, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["test_id", "class_id", "student_id"], name="one_result_per_test")]

    def __str__(self) -> str:
        return f"{self.student_id} in {self.test_id} of {self.class_id}"
