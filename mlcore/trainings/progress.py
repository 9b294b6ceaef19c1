"""How far a training is, for whoever watches it: the step, its share of all, the time left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from mlcore.models import RunState, TrainingRun
from mlcore.trainings import jobs as training_jobs

STEPS: dict[str, tuple[Promise, float]] = {
    "reading": (gettext_lazy("Read the file"), 0.02),
    "training": (gettext_lazy("Learn from it, with the fewest columns that are enough"), 0.14),
    "evaluating": (gettext_lazy("Test it on people it has not learned from"), 0.80),
    "describing": (gettext_lazy("Write down how good it is, and for whom"), 0.04),
}
"""By the code that `making.make` gives: what is done, and its share of the time."""

# A worker that is there takes a training at once; after so long there is probably none.
_PATIENCE = timedelta(seconds=30)
# Before so much is done, how long it will take is anybody's guess.
_ENOUGH_TO_TELL = 0.05


@dataclass(frozen=True, slots=True)
class Step:
    """One step, as the page shows it."""

    code: str
    label: Promise
    place: str
    """`before`, `now` or `after`: whether it is done, being done, or to come."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What a person who watches a training is told."""

    share: float
    """Of all the work, from 0 to 1."""
    steps: list[Step]
    doing: str
    """What is being done, in a sentence."""
    left: str
    """How long still, in words; empty while nobody can tell."""
    nobody_works: bool
    """Whether it waits for a background worker that does not seem to run."""

    @property
    def percent(self) -> int:
        return int(100 * self.share)

    @property
    def percent_text(self) -> str:
        return _("{percent}%").format(percent=self.percent)


def progress_of(run: TrainingRun, *, now: datetime | None = None) -> Progress:
    """How far the training is, as its process last told."""
    now = now or timezone.now()
    waits = run.state == RunState.QUEUED and training_jobs.others_at_work(run.pk, now=now).exists()
    steps = _steps(run)
    share = 0.0
    if run.state == RunState.DONE:
        share = 1.0
    elif run.state == RunState.RUNNING:
        share = _share(run)
    return Progress(
        share=share,
        steps=steps,
        doing=_doing(run, steps, waits=waits),
        left=_time_left(run, share, now) if run.state == RunState.RUNNING else "",
        nobody_works=(
            run.state == RunState.QUEUED
            and not waits
            and run.heartbeat_at is not None
            and now - run.heartbeat_at > _PATIENCE
        ),
    )


def _share(run: TrainingRun) -> float:
    share = 0.0
    for code, (_label, weight) in STEPS.items():
        if code == run.step:
            part = min(run.done / run.total, 1.0) if run.total else 0.0
            return share + weight * part
        share += weight
    return 0.0


def _steps(run: TrainingRun) -> list[Step]:
    codes = list(STEPS)
    if run.state == RunState.DONE:
        at = len(codes)
    else:
        at = codes.index(run.step) if run.step in STEPS else 0
    running = run.state == RunState.RUNNING
    return [
        Step(
            code,
            STEPS[code][0],
            "before" if place < at else "now" if place == at and running else "after",
        )
        for place, code in enumerate(codes)
    ]


def _doing(run: TrainingRun, steps: list[Step], *, waits: bool) -> str:
    if waits:
        return _("Waiting for another training: one runs at a time, and this one begins after it.")
    if run.state == RunState.QUEUED:
        return _("Waiting for the background worker to begin.")
    current = next((step for step in steps if step.place == "now"), None)
    if current is None:
        return ""
    number = steps.index(current) + 1
    return _("Step {number} of {steps}: {step}").format(
        number=number, steps=len(steps), step=current.label
    )


def _time_left(run: TrainingRun, share: float, now: datetime) -> str:
    if run.started_at is None or share < _ENOUGH_TO_TELL:
        return ""
    elapsed = (now - run.started_at).total_seconds()
    seconds = elapsed / share * (1 - share)
    if seconds < 50:
        return _("Less than a minute left")
    minutes = max(1, round(seconds / 60))
    return ngettext("About {minutes} minute left", "About {minutes} minutes left", minutes).format(
        minutes=minutes
    )
