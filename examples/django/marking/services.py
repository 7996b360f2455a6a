"""Marks a test, has the report printed once the mark is committed, and issues a certificate to who has passed."""

from datetime import date
from decimal import Decimal

from django.db import transaction

from platen_client import IssuedCertificate, issue_certificate, trigger_report

from .models import TestResult


def mark_test(test_id: str, class_id: str, student_id: str, score: Decimal) -> TestResult:
    """Records a mark; the report is printed after the commit, and not at all when the transaction is rolled back.

    The print takes seconds: in a web request put a task of your queue (Celery, Django tasks) in place of print_report and let it
    retry what `PlatenError.is_retryable` says.
    """
    with transaction.atomic():
        result, _ = TestResult.objects.update_or_create(
            test_id=test_id,
            class_id=class_id,
            student_id=student_id,
            defaults={"score": score, "marked": True, "report_key": ""},
        )
        # robust: the mark stands even when the print fails. Django logs the error and `report_key` stays empty.
        transaction.on_commit(lambda: print_report(result), robust=True)
    return result


def print_report(result: TestResult) -> str:
    """Prints one student's report, notes its key and returns it. Raises PlatenError."""
    printed = trigger_report(result.test_id, result.class_id, "student", student_id=result.student_id)
    # The score may have changed while the page was printed: then this PDF is old, and the next print notes the key.
    TestResult.objects.filter(pk=result.pk, score=result.score).update(report_key=printed.s3_key)
    return printed.s3_key


def certify(result: TestResult, first_name: str, last_name: str, passing_score: Decimal) -> IssuedCertificate | None:
    """Issues the certificate of who has passed; None for others. Safe to repeat: the same learner has one, whoever asks again.

    Raises PlatenError. A task of your queue retries what `PlatenError.is_retryable` says.
    """
    if result.score is None or result.score < passing_score:
        return None
    return issue_certificate(
        user_id=result.student_id,
        course_id=result.test_id,
        course_name=f"Test {result.test_id}",
        first_name=first_name,
        last_name=last_name,
        issuance_date=date.today(),
        score=float(result.score),
        idempotency_key=f"result-{result.pk}",
    )
