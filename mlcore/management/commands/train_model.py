from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlcore.registry import BUNDLED_FOLDER


class Command(BaseCommand):
    """Models are made here, and nowhere in a web process.

    The same file and plan give the same artifact, byte by byte, with the same libraries.
    """

    help = "Train a glass-box model on a labelled file and write its artifact."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", nargs="?", type=Path, help="CSV or XLSX; without it, the public IBM rows"
        )
        parser.add_argument("--plan", type=Path, default=BUNDLED_FOLDER.parent / "ibm_plan.json")
        parser.add_argument("--out", type=Path, default=BUNDLED_FOLDER)

    def handle(self, *args: Any, **options: Any) -> None:
        # Only this command needs what trains: scikit-learn and pandas take seconds to load.
        from mlcore.engine import artifact
        from mlcore.engine.artifact import ArtifactError
        from mlcore.engine.making import make
        from mlcore.engine.plan import TrainingError, TrainingPlan
        from mlcore.engine.tabular import TableError, read_table
        from mlcore.public_data import ibm_columns

        started = time.monotonic()
        try:
            plan = TrainingPlan.load(options["plan"])
            file: Path | None = options["file"]
            columns = read_table(file.read_bytes()).columns() if file else ibm_columns()
            made = make(plan, columns)
            sha256 = artifact.save(made, options["out"])
        except (OSError, TableError, TrainingError, ArtifactError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{made.card['rows']} employees, {made.card['leavers']} leavers,"
            f" {len(made.schema.features)} inputs, {time.monotonic() - started:.0f} s"
        )
        for name, value in made.card["evaluation"]["metrics"].items():
            self.stdout.write(f"  {name:<20} {value['mean']:.4f}  (sd {value['sd']:.4f})")
        self.stdout.write(
            f"  largest probability gap of the tables: "
            f"{made.card['compiled_largest_probability_gap']}"
        )
        self.stdout.write(f"{options['out']}  {sha256}")
