"""Asks Platen to print one report, or all reports of a class, and says where the PDFs are kept; issues certificates and verifies them.

Copy this file into a Django project and set PLATEN_URL and PLATEN_SERVICE_TOKEN in its settings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import quote

import requests
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

ReportType = Literal["student", "teacher", "overall"]

# Platen answers a trigger within 140 s, a 503 included. Who waits less loses the answer, but does not stop the work.
CONNECT_TIMEOUT_SECONDS = 10
ANSWER_TIMEOUT_SECONDS = 150

TRIGGER_PATH = "/internal/trigger-generate-pdf"
RUNS_PATH = "/internal/class-runs"
ISSUE_PATH = "/certificate/issue"

# The page itself is at fault: the same request fails again until somebody mends the page, the ids or the token.
FINAL_CODES = frozenset({"page_failed", "page_redirected", "token_rejected", "wrong_subject", "resource_limit"})


@dataclass(frozen=True)
class TriggeredReport:
    """A report that is printed and stored. `answer` is all that Platen said."""

    s3_key: str
    answer: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class AcceptedReport:
    """A report that will be printed, whatever happens to this process or to Platen's."""

    job_id: str
    s3_key: str


@dataclass(frozen=True)
class ClassRun:
    """All reports of a class for one test, as far as they are."""

    id: str
    state: Literal["queued", "active", "completed", "failed", "cancelled"]
    total: int
    counts: dict[str, int]
    eta_seconds: int | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens by itself. A run that is over with failures can be retried."""
        return self.state not in ("queued", "active")

    @property
    def done(self) -> int:
        return self.total - self.counts["queued"] - self.counts["active"]


@dataclass(frozen=True)
class IssuedCertificate:
    """A certificate that is printed, signed and stored. `credential` is its W3C Verifiable Credential."""

    id: str
    number: str
    verify_url: str
    download_url: str
    credential: dict[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class VerifiedFile:
    """What Platen knows of a file: valid only when every check has passed; each is (name, passed, detail)."""

    is_valid: bool
    checks: list[tuple[str, bool, str]]


class PlatenError(Exception):
    """What was asked for was not done.

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
        trigger prints anew under the same key. False for every other 4xx, and for a job that has failed: Platen has tried it again
        already. There is no retry here: a task queue does that, waiting at least `retry_after` seconds.
        """
        if self.status is None:
            return self.code in ("unreachable", "no_answer_in_time")
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
    body = _trigger_body(test_id, class_id, report_type, student_id, teacher_id, report_token, data_version, origin)
    response = _call("POST", TRIGGER_PATH, body)
    if response.status_code not in (200, 202):
        raise _error_from(response)
    answer = _json_object(response)
    return TriggeredReport(s3_key=_text(answer, "s3Key", response), answer=answer)


def start_report(
    test_id: str,
    class_id: str,
    report_type: ReportType,
    student_id: str | None = None,
    teacher_id: str | None = None,
    report_token: str | None = None,
    data_version: str | None = None,
    origin: str | None = None,
) -> AcceptedReport:
    """The same, but returns as soon as Platen has promised to print it: within milliseconds, so a web request may call it.

    `wait_for_job` tells how it ended. Raises PlatenError.
    """
    body = _trigger_body(test_id, class_id, report_type, student_id, teacher_id, report_token, data_version, origin)
    response = _call("POST", TRIGGER_PATH, body, {"Prefer": "respond-async"})
    if response.status_code != 202:
        raise _error_from(response)
    answer = _json_object(response)
    return AcceptedReport(job_id=_text(answer, "jobId", response), s3_key=_text(answer, "s3Key", response))


def wait_for_job(job_id: str, timeout_seconds: float = 600, poll_seconds: float = 1) -> str:
    """Waits until the job has ended and returns the key of the report. Raises PlatenError with the job's code when it has failed."""
    for job in _states(f"/jobs/{job_id}", timeout_seconds, poll_seconds):
        if job.get("state") == "completed":
            return job["result"]["s3Key"]
        if job.get("state") in ("failed", "cancelled"):
            error = job.get("error") or {}
            raise PlatenError(error.get("code", job["state"]), error.get("detail", f"The job is {job['state']}."))
    raise PlatenError("no_answer_in_time", f"The job {job_id} has not ended within {timeout_seconds:g} s.")


def start_class_run(
    test_id: str,
    class_id: str,
    student_ids: list[str],
    *,
    teacher_ids: list[str] | None = None,
    overall: bool = False,
    report_token: str | None = None,
    report_tokens: dict[str, str] | None = None,
    data_version: str | None = None,
    origin: str | None = None,
    idempotency_key: str | None = None,
) -> str:
    """Has all these reports printed and returns the id of the run, as soon as Platen has promised it.

    `idempotency_key`, of your making, makes a call that is repeated start no second run. Call it after the commit. Raises PlatenError.
    """
    given = {
        "testId": test_id,
        "classId": class_id,
        "studentIds": student_ids,
        "teacherIds": teacher_ids,
        "overall": overall,
        "reportToken": report_token,
        "reportTokens": report_tokens,
        "dataVersion": data_version,
        "origin": origin,
    }
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    response = _call("POST", RUNS_PATH, _without_none(given), headers)
    if response.status_code != 202:
        raise _error_from(response)
    return _text(_json_object(response), "id", response)


def wait_for_class_run(
    run_id: str,
    on_progress: Callable[[ClassRun], None] = lambda run: None,
    timeout_seconds: float = 3600,
    poll_seconds: float = 1,
) -> ClassRun:
    """Waits until the run is over, telling `on_progress` how far it is. Platen may be restarted meanwhile. Raises PlatenError."""
    for answer in _states(f"{RUNS_PATH}/{run_id}?limit=1", timeout_seconds, poll_seconds):
        run = ClassRun(run_id, answer["state"], answer["total"], answer["counts"], answer["etaSeconds"])
        on_progress(run)
        if run.is_over:
            return run
    raise PlatenError("no_answer_in_time", f"The class run {run_id} is not over within {timeout_seconds:g} s.")


def class_run_items(run_id: str, state: str | None = None) -> Iterator[dict[str, Any]]:
    """The reports of a run, in the order asked for: reportType, studentId or teacherId, state, s3Key, and code where one has failed."""
    offset: int | None = 0
    while offset is not None:
        query = f"?limit=1000&offset={offset}" + (f"&state={state}" if state else "")
        response = _call("GET", f"{RUNS_PATH}/{run_id}{query}")
        if response.status_code != 200:
            raise _error_from(response)
        page = _json_object(response)
        yield from page["items"]
        offset = page["nextOffset"]


def retry_class_run(
    run_id: str, *, report_token: str | None = None, report_tokens: dict[str, str] | None = None
) -> int:
    """Prints again what has failed in the run; returns how many that are.

    Platen has erased the tokens that the run was given: where it cannot mint any, give fresh ones. Raises PlatenError.
    """
    body = _without_none({"reportToken": report_token, "reportTokens": report_tokens})
    response = _call("POST", f"{RUNS_PATH}/{run_id}/retry", body or None)
    if response.status_code != 202:
        raise _error_from(response)
    return _json_object(response)["retried"]


def cancel_class_run(run_id: str) -> int:
    """Cancels what has not ended; returns how many reports that are. Raises PlatenError, `already_ended` when there are none."""
    response = _call("DELETE", f"{RUNS_PATH}/{run_id}")
    if response.status_code != 200:
        raise _error_from(response)
    return _json_object(response)["cancelled"]


def issue_certificate(
    user_id: str,
    course_id: str,
    course_name: str,
    first_name: str,
    last_name: str,
    issuance_date: date,
    *,
    expiration_date: date | None = None,
    language: str | None = None,
    template_id: str | None = None,
    score: float | None = None,
    max_score: float | None = None,
    email: str | None = None,
    idempotency_key: str | None = None,
) -> IssuedCertificate:
    """Issues the certificate of a learner for a course, or gives the one that was issued for the same data before.

    Returns when the PDF is stored and the event is written, within seconds. There is one for each learner, course and type: with other
    data Platen refuses with `certificate_exists` (409). Raises PlatenError; after `storage_unavailable` or `issuer_unavailable` (503)
    Platen goes on by itself, and asking again gives the same certificate.
    """
    given = {
        "userId": user_id,
        "courseId": course_id,
        "courseName": course_name,
        "firstName": first_name,
        "lastName": last_name,
        "issuanceDate": issuance_date.isoformat(),
        "expirationDate": expiration_date.isoformat() if expiration_date else None,
        "language": language,
        "templateId": template_id,
        "score": score,
        "maxScore": max_score,
        "email": email,
    }
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    response = _call("POST", ISSUE_PATH, _without_none(given), headers)
    if response.status_code != 200:
        raise _error_from(response)
    try:
        data = _json_object(response)["data"]
        made = data["certificate"]
        return IssuedCertificate(made["id"], made["number"], made["verifyUrl"], made["downloadUrl"], data["credential"])
    except (KeyError, TypeError) as error:
        raise PlatenError("unexpected_answer", "The answer names no certificate.", status=response.status_code) from error


def verify_code(code: str) -> dict[str, Any] | None:
    """What the certificate with this code is worth: status (valid, expired, revoked, replaced), name, courseName, issuedAt, expiresAt,
    and replacedBy where another took its place. None when there is none. Anybody may ask this. Raises PlatenError."""
    response = _call("GET", f"/verify/{quote(code, safe='')}", headers={"Accept": "application/json"})
    if response.status_code == 404:
        return None
    if response.status_code != 200:
        raise _error_from(response)
    return _json_object(response)


def verify_file(pdf: bytes) -> VerifiedFile:
    """Whether this PDF is a certificate that Platen has issued, unchanged and still good.

    Raises PlatenError, `pdf_unreadable` or `pdf_encrypted` (422) for what is no PDF that anybody can read.
    """
    response = _call("POST", "/verify", headers={"Accept": "application/json", "Content-Type": "application/pdf"}, file=pdf)
    if response.status_code != 200:
        raise _error_from(response)
    answer = _json_object(response)
    return VerifiedFile(answer["valid"], [(each["name"], each["passed"], each["detail"]) for each in answer["checks"]])


def _trigger_body(
    test_id: str,
    class_id: str,
    report_type: ReportType,
    student_id: str | None,
    teacher_id: str | None,
    report_token: str | None,
    data_version: str | None,
    origin: str | None,
) -> dict[str, Any]:
    return _without_none(
        {
            "testId": test_id,
            "classId": class_id,
            "reportType": report_type,
            "studentId": student_id,
            "teacherId": teacher_id,
            "reportToken": report_token,
            "dataVersion": data_version,
            "origin": origin,
        }
    )


def _without_none(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _states(path: str, timeout_seconds: float, poll_seconds: float) -> Iterator[dict[str, Any]]:
    """What Platen says of something, again and again until time is up; it may be away for a while."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            response = _call("GET", path)
            if response.status_code != 200:
                raise _error_from(response)
            yield _json_object(response)
            pause = poll_seconds
        except PlatenError as error:
            if not error.is_retryable or time.monotonic() > deadline:
                raise
            pause = error.retry_after or poll_seconds
        if time.monotonic() + pause > deadline:
            return
        time.sleep(pause)


def _call(
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    file: bytes | None = None,
) -> requests.Response:
    if not settings.PLATEN_SERVICE_TOKEN:
        raise ImproperlyConfigured("PLATEN_SERVICE_TOKEN is empty")
    try:
        return requests.request(
            method,
            settings.PLATEN_URL.rstrip("/") + path,
            json=body,
            data=file,
            headers={"X-Service-Auth": f"Bearer {settings.PLATEN_SERVICE_TOKEN}", **(headers or {})},
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


def _text(answer: dict[str, Any], name: str, response: requests.Response) -> str:
    if not isinstance(answer.get(name), str):
        raise PlatenError("unexpected_answer", f"The answer names no {name}.", status=response.status_code)
    return answer[name]


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
        then = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())
