"""Prints all reports of a class for one test, and the key of each."""

from collections.abc import Callable
from functools import partial

from django.core.management.base import BaseCommand, CommandError

from marking.models import TestResult
from marking.services import print_report
from platen_client import PlatenError, trigger_report


class Command(BaseCommand):
    help = "Prints the reports of a class for one test: every marked student, the class, and teachers when named."

    def add_arguments(self, parser):
        parser.add_argument("class_id")
        parser.add_argument("test_id")
        parser.add_argument("--students", nargs="+", metavar="ID", help="these students instead of all that are marked")
        parser.add_argument("--teachers", nargs="+", metavar="ID", default=[], help="teachers' reports as well")

    def handle(self, *args, class_id, test_id, students, teachers, **options):
        failed = 0
        for label, print_one in reports_of(class_id, test_id, students, teachers):
            try:
                self.stdout.write(print_one())
            except PlatenError as error:
                # One report that fails does not keep the others from being printed.
                failed += 1
                self.stderr.write(f"{label}: {error}" + (" Try again later." if error.is_retryable else ""))
        if failed:
            raise CommandError(f"{failed} report(s) not printed")


def reports_of(class_id, test_id, students, teachers) -> list[tuple[str, Callable[[], str]]]:
    def trigger(report_type, **who) -> str:
        return trigger_report(test_id, class_id, report_type, **who).s3_key

    reports = []
    if students is None:
        marked = TestResult.objects.filter(class_id=class_id, test_id=test_id, marked=True).order_by("student_id")
        reports += [(result.student_id, partial(print_report, result)) for result in marked]
    else:
        reports += [(student, partial(trigger, "student", student_id=student)) for student in students]
    reports += [(teacher, partial(trigger, "teacher", teacher_id=teacher)) for teacher in teachers]
    return [*reports, (class_id, partial(trigger, "overall"))]
