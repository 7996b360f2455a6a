"""When a mark leads to a printed report."""

from decimal import Decimal
from io import StringIO

from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import TestCase, TransactionTestCase

from marking.models import TestResult
from marking.services import mark_test

from .stand_in import problem, stand_in

KEY = "reports/CLASS_TEST/Test_1/students/STU001.pdf"


def mark(score="17.5"):
    return mark_test("Test_1", "CLASS_TEST", "STU001", Decimal(score))


class MarkingTest(TransactionTestCase):
    def test_a_marked_test_is_printed_after_the_commit(self):
        with stand_in(202, {"s3Key": KEY}) as requests_got:
            with transaction.atomic():
                mark()
                self.assertEqual(requests_got, [])
            self.assertEqual(len(requests_got), 1)
        self.assertEqual(TestResult.objects.get().report_key, KEY)

    def test_a_mark_that_is_rolled_back_prints_nothing(self):
        with stand_in(202, {"s3Key": KEY}) as requests_got:
            with self.assertRaises(RuntimeError), transaction.atomic():
                mark()
                raise RuntimeError
        self.assertEqual(requests_got, [])
        self.assertFalse(TestResult.objects.exists())

    def test_a_print_that_fails_leaves_the_mark_and_is_logged(self):
        with stand_in(503, problem(503, "queue_full")), self.assertLogs("django.db.backends.base", "ERROR") as logged:
            mark()
        self.assertIn("queue_full", logged.output[0])
        result = TestResult.objects.get()
        self.assertTrue(result.marked)
        self.assertEqual(result.report_key, "")

    def test_a_new_mark_forgets_the_old_report_until_it_is_printed(self):
        with stand_in(202, {"s3Key": KEY}):
            mark("17.5")
        with stand_in(503, problem(503, "queue_full")), self.assertLogs("django.db.backends.base", "ERROR"):
            mark("18")
        self.assertEqual(TestResult.objects.get().report_key, "")


class PrintReportsTest(TestCase):
    def test_prints_the_marked_students_and_the_class(self):
        for student, marked in (("STU001", True), ("STU002", False)):
            TestResult.objects.create(test_id="Test_1", class_id="CLASS_TEST", student_id=student, marked=marked, score=1)
        out = StringIO()
        with stand_in(202, {"s3Key": KEY}) as requests_got:
            call_command("print_reports", "CLASS_TEST", "Test_1", "--teachers", "TCH001", stdout=out)
        asked = [(each["body"]["reportType"], each["body"].get("studentId"), each["body"].get("teacherId")) for each in requests_got]
        self.assertEqual(asked, [("student", "STU001", None), ("teacher", None, "TCH001"), ("overall", None, None)])
        self.assertEqual(out.getvalue().split(), [KEY] * 3)
        self.assertEqual(TestResult.objects.get(student_id="STU001").report_key, KEY)

    def test_goes_on_after_a_failure_and_says_at_the_end_how_many_there_were(self):
        err = StringIO()
        with stand_in(503, problem(503, "queue_full")) as requests_got, self.assertRaisesMessage(CommandError, "3 report(s)"):
            call_command("print_reports", "CLASS_TEST", "Test_1", "--students", "STU001", "STU002", stderr=err)
        self.assertEqual(len(requests_got), 3)
        self.assertIn("STU002: queue_full: A detail. (request r-1) Try again later.", err.getvalue())
