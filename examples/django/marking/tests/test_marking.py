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
    ITEMS = [
        {"reportType": "overall", "state": "completed", "s3Key": "overall.pdf"},
        {"reportType": "student", "studentId": "STU001", "state": "completed", "s3Key": KEY},
    ]

    def platen(self, items):
        """Says of a class run that it is half done, then that it is over."""
        failed = sum(item["state"] == "failed" for item in items)
        over = {"queued": 0, "active": 0, "completed": len(items) - failed, "failed": failed, "cancelled": 0}
        states = iter([("active", {**over, "active": 1, "completed": 0}), ("failed" if failed else "completed", over)])

        def answer(method, path):
            if method == "POST":
                return 202, {"id": "run-1", "total": len(items)}
            if "offset" in path:
                return 200, {"items": items, "nextOffset": None}
            state, counts = next(states)
            return 200, {"state": state, "total": len(items), "counts": counts, "etaSeconds": 3}

        return stand_in(200, answer)

    def test_asks_for_the_marked_students_and_the_class_shows_progress_and_notes_the_keys(self):
        for student, marked in (("STU001", True), ("STU002", False)):
            TestResult.objects.create(test_id="Test_1", class_id="CLASS_TEST", student_id=student, marked=marked, score=1)
        out, err = StringIO(), StringIO()
        with self.platen(self.ITEMS) as requests_got:
            call_command("print_reports", "CLASS_TEST", "Test_1", "--teachers", "TCH001", stdout=out, stderr=err)
        asked = {"testId": "Test_1", "classId": "CLASS_TEST", "studentIds": ["STU001"], "teacherIds": ["TCH001"], "overall": True}
        self.assertEqual(requests_got[0]["body"], asked)
        self.assertEqual(out.getvalue().split(), ["overall.pdf", KEY])
        self.assertIn("2 of 2", err.getvalue())
        self.assertEqual(TestResult.objects.get(student_id="STU001").report_key, KEY)

    def test_says_which_report_failed_and_why(self):
        failed = {**self.ITEMS[1], "state": "failed", "code": "token_rejected"}
        out = StringIO()
        with self.platen([self.ITEMS[0], failed]), self.assertRaisesMessage(CommandError, "1 report(s) not printed; class run run-1"):
            call_command("print_reports", "CLASS_TEST", "Test_1", "--students", "STU001", stdout=out, stderr=StringIO())
        self.assertIn(f"{KEY}: token_rejected", out.getvalue())

    def test_need_not_wait(self):
        out = StringIO()
        with self.platen(self.ITEMS) as requests_got:
            call_command("print_reports", "CLASS_TEST", "Test_1", "--students", "STU001", "--no-wait", stdout=out)
        self.assertEqual(out.getvalue().strip(), "run-1")
        self.assertEqual(len(requests_got), 1)

    def test_says_when_it_may_be_tried_again(self):
        with stand_in(503, problem(503, "database_unavailable")), self.assertRaisesMessage(CommandError, "Try again later."):
            call_command("print_reports", "CLASS_TEST", "Test_1", "--students", "STU001")
