"""Has all reports of a class for one test printed as one class run, and shows how far it is."""

from django.core.management.base import BaseCommand, CommandError

from marking.models import TestResult
from platen_client import ClassRun, PlatenError, class_run_items, start_class_run, wait_for_class_run


class Command(BaseCommand):
    help = "Prints the reports of a class for one test: every marked student, the class, and teachers when named."

    def add_arguments(self, parser):
        parser.add_argument("class_id")
        parser.add_argument("test_id")
        parser.add_argument("--students", nargs="+", metavar="ID", help="these students instead of all that are marked")
        parser.add_argument("--teachers", nargs="+", metavar="ID", default=[], help="teachers' reports as well")
        parser.add_argument("--no-wait", action="store_true", help="say the id of the run and do not wait for it")

    def handle(self, *args, class_id, test_id, students, teachers, no_wait, **options):
        asked = students if students is not None else marked_students(class_id, test_id)
        try:
            run_id = start_class_run(test_id, class_id, asked, teacher_ids=teachers, overall=True)
            if no_wait:
                self.stdout.write(run_id)
                return
            # A Ctrl-C ends the waiting only: Platen goes on.
            run = wait_for_class_run(run_id, self.show)
            self.stderr.write("")
            for item in class_run_items(run_id):
                self.stdout.write(f"{item['s3Key']}" if item["state"] == "completed" else f"{item['s3Key']}: {item.get('code', item['state'])}")
        except PlatenError as error:
            raise CommandError(f"{error}" + (" Try again later." if error.is_retryable else "")) from error
        if run.state == "completed" and students is None:
            note_keys(class_id, test_id, run_id)
        if run.state != "completed":
            raise CommandError(f"{run.total - run.counts['completed']} report(s) not printed; class run {run_id}")

    def show(self, run: ClassRun) -> None:
        left = "" if run.eta_seconds is None else f", about {run.eta_seconds} s left"
        self.stderr.write(f"\r{run.done} of {run.total}{left}   ", ending="")


def marked_students(class_id: str, test_id: str) -> list[str]:
    marked = TestResult.objects.filter(class_id=class_id, test_id=test_id, marked=True)
    return list(marked.order_by("student_id").values_list("student_id", flat=True))


def note_keys(class_id: str, test_id: str, run_id: str) -> None:
    for item in class_run_items(run_id):
        if item["reportType"] == "student":
            results = TestResult.objects.filter(class_id=class_id, test_id=test_id, student_id=item["studentId"])
            results.update(report_key=item["s3Key"])
