from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import demo
from accounts.models import User
from mlcore import registry
from mlcore.engine.ingest import matching
from mlcore.models import ModelVersion, Origin
from mlcore.registry import ActiveModel
from predictions.batches import files, first_rows, jobs
from predictions.models import Batch, BatchState, Prediction, Source

_ACCOUNT = "hr"
_NAME = "demo-workforce.csv"


class Command(BaseCommand):
    """A first minute with something to look at: the public file's employees, all assessed.

    The file is brought, matched and assessed as everyone's is, but here and now: no background
    worker runs yet. Where nobody's real records are, and once: where the demo's analyst has
    brought a file, nothing is added. Only by the bundled model: another one asks other questions,
    which that file does not answer.
    """

    help = "Assess the employees of the public IBM file, for a demonstration."

    def handle(self, *args: Any, **options: Any) -> None:
        if not demo.allowed():
            raise CommandError("The demo workforce is for demonstrations and development only.")
        analyst = User.objects.filter(username=_ACCOUNT).first()
        if analyst is None:
            raise CommandError("Make the demo's accounts first: manage.py make_demo_accounts")
        if (
            Batch.objects.filter(uploaded_by=analyst).exists()
            or Prediction.objects.filter(requested_by=analyst, source=Source.FILE).exists()
        ):
            return
        active = registry.active()
        if not ModelVersion.objects.filter(pk=active.id, origin=Origin.BUNDLED).exists():
            self.stdout.write(
                f"No demo workforce: its employees fit the bundled model, and {active.version} is"
                " active."
            )
            return
        batch = _begun(analyst, active)
        while jobs.work(batch.pk):
            pass
        batch.refresh_from_db()
        if batch.state != BatchState.DONE:
            raise CommandError(f"The demo workforce was not assessed: {batch.message.get('en')}")
        count = Prediction.objects.filter(batch=batch).count()
        self.stdout.write(f"Assessed a demo workforce of {count} employees.")


def _begun(analyst: User, active: ActiveModel) -> Batch:
    from mlcore.public_data import ibm_file

    with transaction.atomic():
        batch = files.bring(
            SimpleUploadedFile(_NAME, ibm_file()), by=analyst, request_id="demo-workforce"
        )
        rows = [cells for _line, cells in first_rows.of(batch)]
        columns = matching.match(batch.headers, rows, active.schema)
        batch.matched = {column.field: column.place for column in columns if column.field}
        batch.grouped = [column.place for column in columns if column.header == "Department"]
        batch.save(update_fields=["matched", "grouped"])
        jobs.begin(batch, record=True, by=analyst)
    return batch
