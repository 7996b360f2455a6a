"""What the client makes of answers, good and bad."""

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from unittest.mock import patch

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase, override_settings

from platen_client import PlatenError, retry_class_run, trigger_report, wait_for_job

from .stand_in import TOKEN, problem, stand_in

KEY = "reports/CLASS_TEST/Test_1/students/STU001.pdf"


def trigger_student(**more):
    return trigger_report("Test_1", "CLASS_TEST", "student", student_id="STU001", **more)


class ClientTest(SimpleTestCase):
    def fail_with(self, status, body, headers=None) -> PlatenError:
        with stand_in(status, body, headers), self.assertRaises(PlatenError) as raised:
            trigger_student()
        return raised.exception

    def test_sends_what_is_given_with_the_service_token_and_nothing_else(self):
        with stand_in(202, {"success": True, "s3Key": KEY}) as requests_got:
            report = trigger_student(data_version="7")
        self.assertEqual(report.s3_key, KEY)
        [request] = requests_got
        self.assertEqual(request["path"], "/internal/trigger-generate-pdf")
        self.assertEqual(request["headers"]["X-Service-Auth"], f"Bearer {TOKEN}")
        expected = {"testId": "Test_1", "classId": "CLASS_TEST", "reportType": "student", "studentId": "STU001", "dataVersion": "7"}
        self.assertEqual(request["body"], expected)

    def test_takes_200_as_success_too(self):
        with stand_in(200, {"s3Key": KEY}):
            self.assertEqual(trigger_student().s3_key, KEY)

    def test_an_overloaded_service_says_when_to_try_again(self):
        error = self.fail_with(503, problem(503, "queue_full"), {"Retry-After": "12"})
        self.assertEqual((error.status, error.code, error.detail), (503, "queue_full", "A detail."))
        self.assertEqual((error.request_id, error.retry_after), ("r-1", 12.0))
        self.assertTrue(error.is_retryable)

    def test_retry_after_may_be_a_date(self):
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
        error = self.fail_with(503, problem(503, "queue_full"), {"Retry-After": date})
        self.assertAlmostEqual(error.retry_after, 60, delta=5)

    def test_an_unreadable_retry_after_is_as_if_there_were_none(self):
        self.assertIsNone(self.fail_with(503, problem(503, "queue_full"), {"Retry-After": "soon"}).retry_after)

    def test_a_page_at_fault_is_not_worth_another_try(self):
        for code in ("page_failed", "page_redirected", "token_rejected", "wrong_subject", "resource_limit"):
            with self.subTest(code):
                self.assertFalse(self.fail_with(502, problem(502, code)).is_retryable)

    def test_a_job_that_has_failed_was_tried_again_already(self):
        job = {"state": "failed", "error": {"code": "wrong_subject", "detail": "Another student."}}
        with stand_in(200, job), self.assertRaises(PlatenError) as raised:
            wait_for_job("some-job")
        self.assertEqual((raised.exception.code, raised.exception.status), ("wrong_subject", None))
        self.assertFalse(raised.exception.is_retryable)

    def test_a_run_is_retried_with_fresh_tokens(self):
        for given, body in (({}, None), ({"report_tokens": {"STU001": "fresh"}}, {"reportTokens": {"STU001": "fresh"}})):
            with self.subTest(given), stand_in(202, {"retried": 2}) as requests_got:
                self.assertEqual(retry_class_run("some-run", **given), 2)
                self.assertEqual([(each["path"], each["body"]) for each in requests_got], [("/internal/class-runs/some-run/retry", body)])

    def test_a_page_that_took_too_long_may_be_tried_again(self):
        self.assertTrue(self.fail_with(504, problem(504, "render_timeout")).is_retryable)

    def test_bad_input_names_the_field_and_is_not_worth_another_try(self):
        errors = [{"field": "/studentId", "message": "is missing"}]
        error = self.fail_with(422, problem(422, "invalid_request", errors=errors))
        self.assertEqual(error.errors, errors)
        self.assertFalse(error.is_retryable)

    def test_a_gateway_that_answers_in_html_is_told_apart_from_the_service(self):
        error = self.fail_with(502, "<html>Bad Gateway</html>", {"X-Request-Id": "gateway-9"})
        self.assertEqual((error.code, error.status, error.request_id), ("http_502", 502, "gateway-9"))
        self.assertTrue(error.is_retryable)

    def test_a_success_without_a_key_is_no_success(self):
        for body in ("OK", {"success": True}, ["s3Key"], {"s3Key": None}):
            with self.subTest(body):
                self.assertEqual(self.fail_with(202, body).code, "unexpected_answer")

    def test_a_redirect_is_not_followed_so_that_the_token_goes_nowhere_else(self):
        with stand_in(202, {"s3Key": KEY}) as elsewhere:
            error = self.fail_with(307, "", {"Location": settings.PLATEN_URL + "/internal/trigger-generate-pdf"})
            self.assertEqual(elsewhere, [])
        self.assertEqual((error.code, error.is_retryable), ("http_307", False))

    def test_a_refused_connection_may_be_tried_again(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            with override_settings(PLATEN_URL=url, PLATEN_SERVICE_TOKEN=TOKEN), self.assertRaises(PlatenError) as raised:
                trigger_student()
        self.assertEqual((raised.exception.code, raised.exception.status), ("unreachable", None))
        self.assertTrue(raised.exception.is_retryable)

    def test_a_service_that_never_answers_is_left_after_the_time_limit(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            with (
                override_settings(PLATEN_URL=url, PLATEN_SERVICE_TOKEN=TOKEN),
                patch("platen_client.ANSWER_TIMEOUT_SECONDS", 0.2),
                self.assertRaises(PlatenError) as raised,
            ):
                trigger_student()
        self.assertEqual(raised.exception.code, "no_answer_in_time")
        self.assertTrue(raised.exception.is_retryable)

    @override_settings(PLATEN_SERVICE_TOKEN="")
    def test_without_a_token_nothing_is_sent(self):
        with self.assertRaises(ImproperlyConfigured):
            trigger_student()
