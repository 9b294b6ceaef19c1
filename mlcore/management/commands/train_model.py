from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlcore.registry import BUNDLED_FOLDER

if TYPE_CHECKING:
    from mlcore.engine.artifact import Artifact
    from mlcore.engine.drafting.inference import Draft
    from mlcore.engine.plan import TrainingPlan

BUNDLED_PLAN = BUNDLED_FOLDER.parent / "ibm_plan.json"


class Command(BaseCommand):
    """A model of one's own history, made at the server: from its file, or from a corrected plan.

    Without a file it makes the bundled model anew. The same file and plan give the same artifact,
    byte by byte, with the same libraries.
    """

    help = (
        "Train a glass-box model on a labelled CSV or XLSX. Without a plan, what the columns mean"
        " is inferred, told, and written down to be corrected."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", nargs="?", type=Path, help="CSV or XLSX; without it, the public IBM rows"
        )
        parser.add_argument("--plan", type=Path, help="what the columns mean, as JSON")
        parser.add_argument("--target", metavar="COLUMN", help="the column that says who left")
        parser.add_argument("--leaver", metavar="VALUE", help="its value that means leaving")
        parser.add_argument(
            "--plan-out",
            type=Path,
            metavar="FILE",
            help="where the inferred plan goes; beside the model, unless given",
        )
        parser.add_argument(
            "--draft", action="store_true", help="infer and tell the plan, and train nothing"
        )
        parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the model goes")
        parser.add_argument(
            "--register", action="store_true", help="put the model into the registry"
        )
        parser.add_argument(
            "--jobs", type=int, help="processes that share the work; one per core, unless given"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # Only this command needs what trains: scikit-learn and pandas take seconds to load.
        import joblib

        from mlcore.engine import artifact
        from mlcore.engine.artifact import ArtifactError
        from mlcore.engine.drafting.corrections import CorrectionError
        from mlcore.engine.making import make
        from mlcore.engine.plan import TrainingError
        from mlcore.engine.tabular import TableError

        self._check(options)
        started = time.monotonic()
        try:
            plan, columns = self._plan_and_columns(options)
            if options["draft"]:
                return
            jobs = options["jobs"] or joblib.cpu_count()
            made = make(plan, columns, progress=self._progress, jobs=jobs)
            self._tell(made, time.monotonic() - started)
            if out := options["out"]:
                self.stdout.write(f"{out}  {artifact.save(made, out)}")
            if options["register"]:
                self._register(made)
        except (OSError, TableError, CorrectionError, TrainingError, ArtifactError) as error:
            raise CommandError(str(error)) from error

    def _check(self, options: dict[str, Any]) -> None:
        """Refuse what contradicts itself; the bundled model goes where it is shipped."""
        file: Path | None = options["file"]
        if options["jobs"] is not None and options["jobs"] < 1:
            raise CommandError("--jobs is a number of processes: 1 or more.")
        inferring = file is not None and options["plan"] is None
        for name in ("target", "leaver", "plan_out", "draft"):
            if options[name] and not inferring:
                said = name.replace("_", "-")
                raise CommandError(f"--{said} is for a file without a plan: the plan says it.")
        if file is None and not options["register"]:
            options["out"] = options["out"] or BUNDLED_FOLDER
        if not (options["out"] or options["register"] or options["draft"]):
            raise CommandError(
                "Say where the model goes: --out FOLDER, --register, or both. (--draft trains none"
                " and tells what the columns seem to mean.)"
            )

    def _plan_and_columns(
        self, options: dict[str, Any]
    ) -> tuple[TrainingPlan, Mapping[str, list[Any]]]:
        from mlcore.engine.plan import TrainingPlan
        from mlcore.engine.tabular import HISTORY, read_table
        from mlcore.public_data import ibm_columns

        file: Path | None = options["file"]
        if file is None:
            bundled = TrainingPlan.load(options["plan"] or BUNDLED_PLAN)
            try:
                return bundled, ibm_columns()
            except ImportError as error:
                raise CommandError(
                    "The public IBM rows are not installed: install requirements-demo.txt, or name"
                    " a file."
                ) from error
        # A folder with a plan in it is told before a large file is read.
        given = TrainingPlan.load(options["plan"]) if options["plan"] else None
        table = read_table(file.read_bytes(), limits=HISTORY)
        if given:
            return given, table.columns()
        from mlcore.engine.drafting import inference

        draft = inference.draft(table, name=file.name)
        said = {key: options[key] for key in ("target", "leaver") if options[key]}
        if said:
            draft = inference.revise(draft, table, said)
        for line in _findings(draft):
            self.stdout.write(line)
        if (plan := draft.plan) is None:
            raise CommandError(_questions(draft))
        out: Path | None = options["out"]
        into = options["plan_out"] or (out and out.with_name(f"{out.name}-plan.json"))
        if into:
            into.parent.mkdir(parents=True, exist_ok=True)
            into.write_text(
                json.dumps(plan.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
            )
            self.stdout.write(f"The plan is in {into}: correct it, and give it with --plan.")
        return plan, table.columns()

    def _progress(self, step: str, done: int, total: int) -> None:
        """One line that is written over, for a person who watches."""
        if self.stdout.isatty():
            ended = (step, done) == ("describing", total)
            self.stdout.write(f"\r{step} {done}/{total}   ", ending="\n" if ended else "")
            self.stdout.flush()

    def _register(self, made: Artifact) -> None:
        from mlcore import services
        from mlcore.engine import artifact
        from mlcore.models import Origin

        version = services.register(files=artifact.files_of(made), origin=Origin.TRAINED)
        self.stdout.write(f"Registered as {version}. It assesses nobody until it is activated.")

    def _tell(self, made: Artifact, seconds: float) -> None:
        card = made.card
        self.stdout.write(
            f"{card['rows']} employees, {card['leavers']} leavers,"
            f" {len(made.schema.features)} inputs, {seconds:.0f} s"
        )
        for line in (*_figures(card["evaluation"]), *_making(card)):
            self.stdout.write(line)


def _findings(draft: Draft) -> Iterator[str]:
    """What each column seems to be, and why."""
    width = min(32, max(len(finding.column) for finding in draft.findings))
    for finding in draft.findings:
        mark = "!" if finding.suspicion else " "
        yield (
            f"{mark} {finding.column[:width]:<{width}}  {finding.role:<10}  {finding.kind:<10}"
            f"  {finding.reason.get('en', '')}"
        )


def _questions(draft: Draft) -> str:
    """What only a person can say, and by which option."""
    told = []
    for question in draft.needs:
        option = {"target": " Say it with --target.", "leaver": " Say it with --leaver."}
        among = f" One of: {', '.join(question.options)}." if question.options else ""
        told.append(question.text["en"] + among + option.get(question.about, ""))
    return " ".join(told)


def _figures(evaluation: Mapping[str, Any]) -> Iterator[str]:
    """Each metric with its interval, beside the baselines."""
    baselines = evaluation["baselines"]
    yield f"  {evaluation['protocol']['en']}"
    yield (
        f"  {'':<18} {'mean':>7}  {'95 % interval':<17} {'sd':>6}  "
        + "  ".join(name.replace("_", " ") for name in baselines)
    )
    for name, value in evaluation["metrics"].items():
        beside = "  ".join(
            f"{figures[name]:>{len(other)}.4f}" for other, figures in baselines.items()
        )
        yield (
            f"  {name:<18} {value['mean']:>7.4f}  {value['low']:.4f} to {value['high']:.4f} "
            f" {value['sd']:>6.4f}  {beside}"
        )


def _making(card: Mapping[str, Any]) -> Iterator[str]:
    """What was set aside and left out, which pairs were found, and what compiling cost."""
    for count, what in (
        (
            card["duplicates"]["rows"],
            "repeat an earlier row, and were kept on its side of the folds",
        ),
        (card["repeated_employees"], "are in several rows, which were kept on one side"),
        (card["set_aside"]["no_answer"], "set aside: nobody knows whether they left"),
        (card["set_aside"]["unreadable"], "set aside: a value cannot be read"),
    ):
        if count:
            yield f"  {count} employees {what}"
    if selection := card.get("selection"):
        costs = ", ".join(
            f"{name} {cost['log_loss']:+.4f}" for name, cost in selection["cost"].items()
        )
        if costs:
            yield f"  left out as not needed, and what that costs in log loss: {costs}"
    for pair in card.get("pairs", ()):
        yield f"  pair {' × '.join(pair['features'])}: log loss {-pair['log_loss']:+.4f}"
    if card.get("floor"):
        yield f"  floor of the risk: {card['floor']:.4f}"
    compiled = card["compiled"]
    yield (
        f"  the tables against the learners: probability within"
        f" {compiled['largest_probability_gap']}, ROC AUC within {compiled['roc_auc_gap']}"
    )
