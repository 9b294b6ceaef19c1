from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlcore import registry
from mlcore.engine import sql
from mlcore.engine.artifact import Artifact, ArtifactError
from mlcore.engine.features import Feature
from mlcore.models import ModelVersion


class Command(BaseCommand):
    """A model leaves by this door: as its files, which another installation imports, or as SQL, by
    which a warehouse scores its rows where they lie.
    """

    help = "Write a model as a ZIP archive, or as one SQL expression."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("version", nargs="?", help="which model; the active one, unless given")
        parser.add_argument("--format", choices=("zip", "sql"), required=True)
        parser.add_argument("--output", type=Path, help="a file; the terminal, unless given")
        parser.add_argument("--dialect", choices=[*sql.DIALECTS], default="postgresql")
        parser.add_argument(
            "--table", help="write a whole query of this table, and not the expression alone"
        )
        parser.add_argument(
            "--explain", action="store_true", help="with --table: a column for each contribution"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["explain"] and not options["table"]:
            raise CommandError("--explain needs --table: an expression is one column.")
        version = _version(options["version"])
        try:
            if options["format"] == "zip":
                content = registry.archive(version.pk, version.sha256)
            else:
                content = _sql(version, registry.load(version.pk, version.sha256), options).encode()
        except (ArtifactError, sql.NoFormulaError) as error:
            raise CommandError(str(error)) from error
        if options["output"]:
            options["output"].write_bytes(content)
        else:
            sys.stdout.buffer.write(content)


def _version(name: str | None) -> ModelVersion:
    try:
        found = ModelVersion.objects.filter(
            **({"version": name} if name else {"pk": registry.active().id})
        ).first()
    except registry.ModelUnavailableError as error:
        raise CommandError(str(error)) from error
    if found is None:
        raise CommandError(f"There is no model {name}.")
    return found


def _sql(version: ModelVersion, artifact: Artifact, options: dict[str, Any]) -> str:
    dialect = sql.DIALECTS[options["dialect"]]
    model, schema = artifact.model, artifact.schema
    if table := options["table"]:
        written = sql.query(model, schema, dialect, table, explained=options["explain"])
    else:
        written = sql.probability(model, schema, dialect)
    head = [f"The risk of leaving by {version.version}, SHA-256 {version.sha256}.", "Columns:"]
    head += [f"  {feature.name}: {_values(feature)}" for feature in schema.features]
    head.append("A row with a value that is none of these, or with none at all, gives NULL.")
    return "".join(f"-- {line}\n" for line in head) + written + "\n"


def _values(feature: Feature) -> str:
    if feature.kind == "number":
        whole = "whole numbers" if feature.integer else "numbers"
        return f"{whole} from {feature.minimum:g} to {feature.maximum:g}"
    return ", ".join(repr(choice.value) for choice in feature.choices)
