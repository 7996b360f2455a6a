"""The same calls against a running Platen with the example school behind it: set PLATEN_URL and PLATEN_SERVICE_TOKEN."""

import os
import sys
from datetime import date
from decimal import Decimal
from io import StringIO
from unittest import SkipTest
from urllib.parse import urlsplit

import requests
from django.core.management import call_command
from django.test import SimpleTestCase, TransactionTestCase, override_settings

from marking.models import TestResult
from marking.services import certify, mark_test
from platen_client import (
    PlatenError,
    cancel_class_run,
    class_run_items,
    issue_certificate,
    retry_class_run,
    start_class_run,
    start_report,
    trigger_report,
    verify_code,
    verify_file,
    wait_for_class_run,
    wait_for_job,
)

STUDENT_KEY = "reports/CLASS_TEST/Test_1/students/STU001.pdf"


def setUpModule():
    missing = [name for name in ("PLATEN_URL", "PLATEN_SERVICE_TOKEN") if not os.environ.get(name)]
    if missing:
        reason = f"{' and '.join(missing)} not set: nothing was tried against a running Platen"
        print(f"SKIPPED {__name__}: {reason}", file=sys.stderr)
        raise SkipTest(reason)


class AgainstPlatenTest(SimpleTestCase):
    def test_prints_a_student_report(self):
        report = trigger_report("Test_1", "CLASS_TEST", "student", student_id="STU001")
        self.assertEqual(report.s3_key, STUDENT_KEY)
        self.assertIs(report.answer["success"], True)
        self.assertEqual((report.answer["testId"], report.answer["classId"]), ("Test_1", "CLASS_TEST"))

    def test_prints_a_teacher_report_and_a_class_report(self):
        teacher = trigger_report("Test_1", "CLASS_TEST", "teacher", teacher_id="TCH001")
        self.assertEqual(teacher.s3_key, "reports/CLASS_TEST/Test_1/teacher_TCH001.pdf")
        self.assertEqual(trigger_report("Test_1", "CLASS_TEST", "overall").s3_key, "reports/CLASS_TEST/Test_1/overall.pdf")

    def test_prints_a_report_without_waiting_for_it(self):
        accepted = start_report("Test_1", "CLASS_TEST", "student", student_id="STU001")
        self.assertEqual(accepted.s3_key, STUDENT_KEY)
        self.assertEqual(wait_for_job(accepted.job_id, poll_seconds=0.1), STUDENT_KEY)

    def test_a_job_that_fails_says_why(self):
        accepted = start_report("Test_1", "CLASS_TEST", "student", student_id="NOBODY")
        with self.assertRaises(PlatenError) as raised:
            wait_for_job(accepted.job_id, poll_seconds=0.1)
        self.assertIn(raised.exception.code, ("page_failed", "report_not_found", "wrong_subject"))

    def test_prints_a_class_and_says_how_far_it_is(self):
        seen = []
        asked = {"teacher_ids": ["TCH001"], "overall": True, "idempotency_key": "a-key-of-the-test"}
        run_id = start_class_run("Test_1", "CLASS_TEST", ["STU001", "NOBODY"], **asked)
        self.assertEqual(start_class_run("Test_1", "CLASS_TEST", ["STU001", "NOBODY"], **asked), run_id)
        run = wait_for_class_run(run_id, seen.append, poll_seconds=0.1)
        self.assertEqual((run.state, run.total, run.done), ("failed", 4, 4))
        self.assertEqual((run.counts["completed"], run.counts["failed"]), (3, 1))
        self.assertEqual(seen[-1], run)
        [failed] = class_run_items(run_id, "failed")
        self.assertEqual(failed["studentId"], "NOBODY")
        self.assertEqual(retry_class_run(run_id), 1)
        wait_for_class_run(run_id, poll_seconds=0.1)
        with self.assertRaises(PlatenError) as raised:
            cancel_class_run(run_id)
        self.assertEqual(raised.exception.code, "already_ended")

    def test_an_id_that_cannot_be_is_refused_by_its_field(self):
        with self.assertRaises(PlatenError) as raised:
            trigger_report("Test_1", "CLASS_TEST", "student", student_id="../STU001")
        self.assertEqual(raised.exception.status, 422)
        self.assertIn("/studentId", [each["field"] for each in raised.exception.errors])
        self.assertTrue(raised.exception.request_id)
        self.assertFalse(raised.exception.is_retryable)

    @override_settings(PLATEN_SERVICE_TOKEN="not-the-service-token-of-that-platen")
    def test_a_wrong_service_token_is_refused(self):
        with self.assertRaises(PlatenError) as raised:
            trigger_report("Test_1", "CLASS_TEST", "student", student_id="STU001")
        self.assertEqual(raised.exception.status, 401)
        self.assertFalse(raised.exception.is_retryable)


class CertificatesAgainstPlatenTest(SimpleTestCase):
    def issue(self, **changes):
        given = {
            "user_id": "STU001",
            "course_id": "DJANGO1",
            "course_name": "Algebra I",
            "first_name": "அஞ்சலி",
            "last_name": "Kumar",
            "issuance_date": date(2026, 3, 1),
            "language": "ta",
        }
        return issue_certificate(**{**given, **changes})

    def file_of(self, certificate):
        token = {"X-Service-Auth": f"Bearer {os.environ['PLATEN_SERVICE_TOKEN']}"}
        path = urlsplit(certificate.download_url).path
        link = requests.get(os.environ["PLATEN_URL"] + path, headers=token, timeout=60).json()["download_url"]
        address = urlsplit(link)
        return requests.get(f"{os.environ['PLATEN_URL']}{address.path}?{address.query}", timeout=60).content

    def test_issues_one_and_verifies_its_code_and_its_file(self):
        certificate = self.issue()
        self.assertEqual(certificate.credential["credentialSubject"]["firstName"], "அஞ்சலி")
        self.assertEqual(self.issue(), certificate)
        told = verify_code(certificate.verify_url.rsplit("/", 1)[1])
        self.assertEqual((told["status"], told["name"], told["expiresAt"]), ("valid", "அஞ்சலி Kumar", None))
        self.assertIsNone(verify_code("A" * 22))
        pdf = self.file_of(certificate)
        verified = verify_file(pdf)
        self.assertTrue(verified.is_valid, verified.checks)
        changed = verify_file(pdf + b"\n")
        self.assertEqual((changed.is_valid, [(name, passed) for name, passed, _ in changed.checks]), (False, [("known_file", False)]))

    def test_other_data_and_no_pdf_are_refused(self):
        self.issue()
        with self.assertRaises(PlatenError) as raised:
            self.issue(last_name="Rao")
        self.assertEqual((raised.exception.status, raised.exception.code), (409, "certificate_exists"))
        with self.assertRaises(PlatenError) as raised:
            verify_file(b"no PDF")
        self.assertEqual((raised.exception.code, raised.exception.is_retryable), ("pdf_unreadable", False))


class MarkingAgainstPlatenTest(TransactionTestCase):
    def test_a_marked_test_ends_with_the_key_of_its_report(self):
        mark_test("Test_1", "CLASS_TEST", "STU001", Decimal("17.5"))
        self.assertEqual(TestResult.objects.get().report_key, STUDENT_KEY)

    def test_who_has_passed_gets_one_certificate(self):
        result = mark_test("Test_1", "CLASS_TEST", "STU001", Decimal("17.5"))
        self.assertIsNone(certify(result, "Asha", "Rao", passing_score=Decimal("18")))
        certificate = certify(result, "Asha", "Rao", passing_score=Decimal("12.5"))
        self.assertEqual(certify(result, "Asha", "Rao", passing_score=Decimal("12.5")), certificate)

    def test_the_command_prints_a_class(self):
        out = StringIO()
        call_command("print_reports", "CLASS_TEST", "Test_1", "--students", "STU001", stdout=out)
        self.assertEqual(out.getvalue().split(), ["reports/CLASS_TEST/Test_1/overall.pdf", STUDENT_KEY])
