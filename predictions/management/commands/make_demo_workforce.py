from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from mlcore import registry
from predictions.models import Prediction, Source
from predictions.services import Request, predict_frame

_REQUEST_ID = "demo-workforce"


class Command(BaseCommand):
    """A first minute with something to look at: the public file's employees, all assessed.

    They go through the same validation and the same service as everyone's. In development only, and
    once: where the demo's predictions exist, nothing is added.
    """

    help = "Assess the employees of the public IBM file, for a demonstration."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError("The demo workforce is for development only.")
        if Prediction.objects.filter(request_id=_REQUEST_ID).exists():
            return
        from mlcore.engine.tabular import match_columns
        from mlcore.public_data import ibm_columns

        active = registry.active()
        columns = ibm_columns()
        matched = match_columns(list(columns), active.schema)
        frame = active.schema.clean_frame(
            {name: columns[header] for name, header in matched.headers.items()}
        )
        request = Request(
            requested_by=User.objects.get(username="hr"),
            source=Source.FILE,
            request_id=_REQUEST_ID,
        )
        written = predict_frame(frame, using=active, request=request)
        self.stdout.write(f"Assessed a demo workforce of {len(written)} employees.")
