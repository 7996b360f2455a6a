"""Asks Platen to print one report and says where the PDF is kept.

Copy this file into a Django project and set PLATEN_URL and PLATEN_SERVICE_TOKEN in its settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import requests
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

ReportType = Literal["student", "teacher", "overall"]

# Platen answers a trigger within 140 s, a 503 included. Who waits less loses the answer, but does not stop the work.
CONNECT_TIMEOUT_SECONDS = 10
ANSWER_TIMEOUT_SECONDS = 150

# The page itself is at fault: the same request fails again until somebody mends the page, the ids or the token.
FINAL_CODES = frozenset({"page_failed", "page_redirected", "token_rejected", "wrong_subject", "resource_limit"})


@dataclass(frozen=True)
class TriggeredReport:
    """A report that is printed and stored. `answer` is all that Platen said."""

    s3_key: str
    answer: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


class PlatenError(Exception):
    """A report was not printed.

    code         Platen's error code; `http_<status>` when the answer is not Platen's own; `unreachable`, `no_answer_in_time`,
                 `unexpected_answer` when there is none to use
    status       HTTP status, None when no answer came
    detail       a sentence for people
    request_id   names the request in Platen's log
    retry_after  seconds to wait before the next try, when Platen says so
    errors       for a 422: [{"field": …, "message": …}]
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}" + (f" (request {request_id})" if request_id else ""))
        self.code = code
        self.status = status
        self.detail = detail
        self.request_id = request_id
        self.retry_after = retry_after
        self.errors = errors or []

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may succeed later.

        True when no answer came, for 429 and for 5xx, unless the code is one of FINAL_CODES; asking twice does no harm, because every
        trigger prints anew under the same key. False for every other 4xx. There is no retry here: a task queue does that,
        waiting at least `retry_after` seconds.
        """
        if self.status is None:
            return True
        return self.status == 429 or (self.status >= 500 and self.code not in FINAL_CODES)


def trigger_report(
    test_id: str,
    class_id: str,
    report_type: ReportType,
    student_id: str | None = None,
    teacher_id: str | None = None,
    report_token: str | None = None,
    data_version: str | None = None,
    origin: str | None = None,
) -> TriggeredReport:
    """Prints one report anew and returns when the PDF is stored, which takes seconds and at most 150.

    Call it after the transaction that wrote the figures has committed (`transaction.on_commit`): the page reads them through the
    platform's API, which sees nothing of an open transaction. Raises PlatenError.
    """
    given = {
        "testId": test_id,
        "classId": class_id,
        "reportType": report_type,
        "studentId": student_id,
        "teacherId": teacher_id,
        "reportToken": report_token,
        "dataVersion": data_version,
        "origin": origin,
    }
    response = _post({name: value for name, value in given.items() if value is not None})
    if response.status_code not in (200, 202):
        raise _error_from(response)
    answer = _json_object(response)
    if not isinstance(answer.get("s3Key"), str):
        raise PlatenError("unexpected_answer", "The answer names no s3Key.", status=response.status_code)
    return TriggeredReport(s3_key=answer["s3Key"], answer=answer)


def _post(body: dict[str, str]) -> requests.Response:
    if not settings.PLATEN_SERVICE_TOKEN:
        raise ImproperlyConfigured("PLATEN_SERVICE_TOKEN is empty")
    try:
        return requests.post(
            settings.PLATEN_URL.rstrip("/") + "/internal/trigger-generate-pdf",
            json=body,
            headers={"X-Service-Auth": f"Bearer {settings.PLATEN_SERVICE_TOKEN}"},
            timeout=(CONNECT_TIMEOUT_SECONDS, ANSWER_TIMEOUT_SECONDS),
            # requests would send X-Service-Auth along to wherever a redirect leads.
            allow_redirects=False,
        )
    except requests.ReadTimeout as error:
        raise PlatenError("no_answer_in_time", f"No answer within {ANSWER_TIMEOUT_SECONDS} s.") from error
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        raise PlatenError("unreachable", f"Platen cannot be reached: {type(error).__name__}.") from error


def _error_from(response: requests.Response) -> PlatenError:
    """A problem document (RFC 9457), or whatever a gateway in front of Platen has said instead."""
    problem = _json_object(response)
    return PlatenError(
        problem.get("code") or f"http_{response.status_code}",
        problem.get("detail") or problem.get("title") or f"The answer was {response.status_code} {response.reason}.",
        status=response.status_code,
        request_id=problem.get("requestId") or response.headers.get("X-Request-Id"),
        retry_after=_seconds(response.headers.get("Retry-After")),
        errors=problem.get("errors"),
    )


def _json_object(response: requests.Response) -> dict[str, Any]:
    try:
        value = response.json()
    except requests.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After is a number of seconds or a date; gateways use both."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
