"""Whether a locked package has a known vulnerability: `python -m tests.dependency_audit`.

pip-audit prints "No known vulnerabilities found", and ends well, also when the service knew none of
the packages. So its answer is read here: every package of every lock file must have been looked up,
and whatever could not be is a failure. A vulnerability may be accepted for a while, by name, with a
reason and a last day, in `deploy/accepted_vulnerabilities.toml`.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = tuple(ROOT / f"requirements{kind}.txt" for kind in ("", "-demo", "-dev"))
ACCEPTED = ROOT / "deploy/accepted_vulnerabilities.toml"

# How long, in seconds, pip-audit may take: a service that never answers is one that did not look.
PATIENCE = 600

# An acceptance that nobody looks at again is not one.
LONGEST_ACCEPTANCE = 180  # days

_LOCKED = re.compile(r"^(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;\\]+)", re.MULTILINE)


class AuditError(Exception):
    """Why nobody can say that the packages are sound, in words for the person at the terminal."""


@dataclass(frozen=True, kw_only=True, order=True)
class Package:
    name: str
    """As the index spells it: lower case, words joined by `-`."""
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    package: str
    vulnerability: str
    """One of the vulnerability's ids: PYSEC-…, CVE-… or GHSA-…"""
    reason: str
    until: date
    """The last day on which it holds."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(locks: tuple[Path, ...]) -> set[Package]:
    """Every package of the lock files, those for other systems too."""
    packages = {
        Package(name=normal(found["name"]), version=found["version"])
        for lock in locks
        for found in _LOCKED.finditer(lock.read_text())
    }
    if not packages:
        raise AuditError("The lock files name no package.")
    return packages


def acceptances(file: Path, *, today: date) -> list[Acceptance]:
    """What was accepted. Raises AuditError for one without a reason, or past its last day."""
    found = []
    for entry in tomllib.loads(file.read_text()).get("accepted", []):
        try:
            acceptance = Acceptance(**entry)
        except TypeError as error:
            raise AuditError(f"{file.name}: {entry}: {error}") from error
        where = f"{file.name}: {acceptance.vulnerability} in {acceptance.package}"
        if len(acceptance.reason.split()) < 4:
            raise AuditError(f"{where}: say why it may be accepted.")
        if not isinstance(acceptance.until, date):
            raise AuditError(f"{where}: `until` is a day, as in 2030-01-31.")
        if acceptance.until < today:
            raise AuditError(f"{where} was accepted until {acceptance.until}: decide again.")
        if (acceptance.until - today).days > LONGEST_ACCEPTANCE:
            raise AuditError(f"{where} is accepted for more than {LONGEST_ACCEPTANCE} days.")
        found.append(acceptance)
    return found


def look_up(packages: set[Package], *, options: list[str]) -> dict[str, Any]:
    """What pip-audit says of the packages, as JSON. Raises AuditError when it says nothing."""
    with tempfile.TemporaryDirectory() as folder:
        request, answer = Path(folder, "packages.txt"), Path(folder, "answer.json")
        request.write_text("".join(f"{one.name}=={one.version}\n" for one in sorted(packages)))
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(request)]
        command += ["--no-deps", "--disable-pip", "--progress-spinner", "off"]
        command += ["--format", "json", "--output", str(answer), *options]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise AuditError(f"pip-audit gave no answer within {PATIENCE} seconds.") from error
        # It ends with 1 for a vulnerability and for its own failures alike: the answer tells.
        if done.returncode not in {0, 1} or not answer.is_file() or not answer.stat().st_size:
            last = (done.stderr.strip().splitlines() or ["It said nothing."])[-1]
            raise AuditError(f"pip-audit could not look the packages up. {last}")
        try:
            report: dict[str, Any] = json.loads(answer.read_text())
        except ValueError as error:
            raise AuditError("pip-audit's answer is not JSON.") from error
    return report


def judge(
    report: dict[str, Any], *, packages: set[Package], accepted: list[Acceptance]
) -> list[str]:
    """What is wrong, one line each: packages that nobody looked up, vulnerabilities found."""
    entries = report["dependencies"]
    problems = [
        f"{entry['name']} was not looked up: {entry['skip_reason']}"
        for entry in entries
        if "skip_reason" in entry
    ]
    audited = {
        Package(name=normal(entry["name"]), version=entry["version"])
        for entry in entries
        if "skip_reason" not in entry
    }
    skipped = {normal(entry["name"]) for entry in entries if "skip_reason" in entry}
    problems += [
        f"{package} was not looked up: pip-audit does not mention it"
        for package in sorted(packages - audited)
        if package.name not in skipped
    ]
    for entry in entries:
        for found in entry.get("vulns", []):
            ids = {found["id"], *found.get("aliases", [])}
            if any(
                one.vulnerability in ids and normal(one.package) == normal(entry["name"])
                for one in accepted
            ):
                continue
            mended = ", ".join(found["fix_versions"]) or "no version yet"
            problems.append(
                f"{entry['name']} {entry['version']}: {', '.join(sorted(ids))}, mended in {mended}"
            )
    return problems


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.dependency_audit", description=__doc__)
    parser.add_argument("--lock", action="append", type=Path, help="instead of the project's own")
    parser.add_argument("--accepted", type=Path, default=ACCEPTED)
    parser.add_argument("--osv-url", help="ask this service, which speaks as OSV does")
    options = parser.parse_args(arguments)
    service = ["--vulnerability-service", "pypi"]
    if options.osv_url:
        service = ["--vulnerability-service", "osv", "--osv-url", options.osv_url]
    try:
        packages = locked(tuple(options.lock or LOCKS))
        accepted = acceptances(options.accepted, today=date.today())
        problems = judge(look_up(packages, options=service), packages=packages, accepted=accepted)
    except AuditError as error:
        problems = [str(error)]
    if problems:
        sys.stderr.write("The dependency audit failed:\n")
        sys.stderr.writelines(f"  {problem}\n" for problem in problems)
        return 1
    print(f"All {len(packages)} locked packages were looked up.")
    for one in accepted:
        print(f"Accepted until {one.until}: {one.vulnerability} in {one.package}: {one.reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
