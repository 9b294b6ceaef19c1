"""A file of employees brought and begun, as a person of HR does.

python -m tests.reliability.brought FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

import django


def main(file: Path) -> None:
    django.setup()
    from accounts.models import User
    from predictions.batches import jobs
    from tests.batches.conftest import bring_matched

    hr = User.objects.get(username="hr")
    batch = bring_matched(hr, file.read_bytes(), name=file.name)
    if not jobs.begin(batch, record=True, by=hr):
        raise SystemExit("It was not begun.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
