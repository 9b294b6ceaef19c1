from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from mlcore import registry
from mlcore.models import ModelVersion, Origin
from predictions.models import Prediction, Source
from predictions.services import Request, predict_frame

_ACCOUNT = "hr"


class Command(BaseCommand):
    """A first minute with something to look at: the public file's employees, all assessed.

    They go through the same validation and the same service as everyone's. In development only, and
    once: where the demo's analyst has assessed a file, nothing is added. (Not by the request's
    number: any caller of the API chooses that.) Only by the bundled model: another one asks other
    questions, which that file does not answer.
    """

    help = "Assess the employees of the public IBM file, for a demonstration."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError("The demo workforce is for development only.")
        analyst = User.objects.filter(username=_ACCOUNT).first()
        if analyst is None:
            raise CommandError("Make the demo's accounts first: manage.py make_demo_accounts")
        if Prediction.objects.filter(requested_by=analyst, source=Source.FILE).exists():
            return
        from mlcore.engine.tabular import match_columns
        from mlcore.public_data import ibm_columns

        active = registry.active()
        if not ModelVersion.objects.filter(pk=active.id, origin=Origin.BUNDLED).exists():
            self.stdout.write(
                f"No demo workforce: its employees fit the bundled model, and {active.version} is"
                " active."
            )
            return
        columns = ibm_columns()
        matched = match_columns(list(columns), active.schema)
        frame = active.schema.clean_frame(
            {name: columns[header] for name, header in matched.headers.items()}
        )
        request = Request(requested_by=analyst, source=Source.FILE, request_id="demo-workforce")
        written = predict_frame(frame, using=active, request=request)
        self.stdout.write(f"Assessed a demo workforce of {len(written)} employees.")
