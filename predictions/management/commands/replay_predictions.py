from __future__ import annotations

import time
from datetime import time as time_of_day
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.formats import number_format

from mlcore.management.moments import moment
from mlcore.models import ModelVersion
from predictions.models import Prediction
from predictions.replay import Finding, replay

_SHOWN = 100  # findings, of perhaps millions
_EVERY = 2.0  # seconds between two words about the progress


class Command(BaseCommand):
    """An auditor asks for proof that the records are what was answered.

    Each is computed again from its inputs by the version that it names. What is not confirmed to
    the last bit is listed, and the command then ends with status 1.
    """

    help = "Compute stored predictions again and report any that differ by a bit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", help="only those from this date on: 2026-03-31")
        parser.add_argument("--model", help="only those of this version")
        parser.add_argument("--limit", type=int, help="only so many, the newest")
        parser.add_argument("--batch", type=int, default=1000, help="rows in memory at a time")

    def handle(self, *args: Any, **options: Any) -> None:
        predictions = Prediction.objects.all()
        if options["since"]:
            since = moment(options["since"], of_a_day=time_of_day.min)
            predictions = predictions.filter(created_at__gte=since)
        if name := options["model"]:
            version = ModelVersion.objects.filter(version=name).values_list("pk", flat=True)
            if not version:
                raise CommandError(f"There is no model {name!r}.")
            predictions = predictions.filter(model_version=version[0])
        limit, batch = options["limit"], options["batch"]
        if batch < 1 or (limit is not None and limit < 1):
            raise CommandError("--limit and --batch are at least 1.")
        names = dict(ModelVersion.objects.values_list("pk", "version"))

        started = spoken = time.monotonic()
        replayed = unconfirmed = 0
        for count, findings in replay(predictions, batch=batch, limit=limit):
            replayed += count
            for finding in findings[: max(0, _SHOWN - unconfirmed)]:
                self.stdout.write(_line(finding, names))
            unconfirmed += len(findings)
            if time.monotonic() - spoken >= _EVERY:
                spoken = time.monotonic()
                self.stdout.write(_progress(replayed, spoken - started))
        self.stdout.write(_progress(replayed, time.monotonic() - started))
        if unconfirmed:
            more = f" ({unconfirmed - _SHOWN} more are not listed)" if unconfirmed > _SHOWN else ""
            raise CommandError(f"{unconfirmed} of {replayed} are not confirmed{more}.")
        self.stdout.write("Every one came out the same, to the last bit.")


def _line(finding: Finding, names: dict[int, str]) -> str:
    what = finding.trouble or f"differs: {', '.join(finding.columns)}"
    model = names.get(finding.model_version_id, "?")
    return f"{finding.id}  {finding.created_at:%Y-%m-%d %H:%M:%S}  {model}  {what}"


def _progress(replayed: int, seconds: float) -> str:
    rate = number_format(round(replayed / max(seconds, 1e-9)), force_grouping=True)
    count = number_format(replayed, force_grouping=True)
    return f"{count} replayed, {rate} a second"
