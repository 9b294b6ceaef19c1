"""What `make audit` lets through: packages that were all looked up, and nothing else.

pip-audit itself runs here, against a vulnerability service of the tests' own that speaks as OSV
does, or against nobody.
"""

from __future__ import annotations

import json
import threading
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.dependency_audit import (
    LOCKS,
    ROOT,
    AuditError,
    Package,
    acceptances,
    judge,
    locked,
    main,
)

DJANGO = Package(name="django", version="5.2.19")
NUMPY = Package(name="numpy", version="2.4.6")

VULNERABLE = {
    "id": "PYSEC-2030-1",
    "aliases": ["CVE-2030-12345"],
    "summary": "It says too much.",
    "affected": [
        {
            "package": {"name": "django", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "5.2.20"}]}],
        }
    ],
}


@pytest.fixture
def lock(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text(
        "# locked\ndjango==5.2.19 \\\n    --hash=sha256:00\n"
        "numpy==2.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"
    )
    return file


@pytest.fixture
def accept(tmp_path):
    """Writes the file of acceptances, with one for django: `accept(until=…)`."""

    def write(*, until, reason="Only its server is affected.", name="CVE-2030-12345"):
        file = tmp_path / "accepted.toml"
        file.write_text(
            f'[[accepted]]\npackage = "Django"\nvulnerability = "{name}"\n'
            f'reason = "{reason}"\nuntil = {until.isoformat()}\n'
        )
        return file

    return write


@pytest.fixture
def service():
    """A vulnerability service: `service({"django": [VULNERABLE]})` gives its address."""
    servers = []

    def start(vulnerabilities):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                found = vulnerabilities.get(asked["package"]["name"])
                body = json.dumps({"vulns": found} if found else {}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/v1/query"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def audit(lock, *, at, accepted=None):
    options = ["--lock", str(lock), "--osv-url", at]
    return main([*options, "--accepted", str(accepted)] if accepted else options)


def test_packages_that_were_all_looked_up_pass(lock, service, capsys):
    assert audit(lock, at=service({})) == 0
    assert "All 2 locked packages were looked up." in capsys.readouterr().out


def test_a_vulnerability_fails_until_someone_accepts_it(lock, service, accept, capsys):
    address = service({"django": [VULNERABLE]})

    assert audit(lock, at=address) == 1
    assert (
        "django 5.2.19: CVE-2030-12345, PYSEC-2030-1, mended in 5.2.20" in capsys.readouterr().err
    )
    accepted = accept(until=date.today() + timedelta(days=10))
    assert audit(lock, at=address, accepted=accepted) == 0
    assert "Only its server is affected." in capsys.readouterr().out


def test_a_service_that_cannot_be_reached_fails(lock, monkeypatch, capsys):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    assert main(["--lock", str(lock)]) == 1
    assert "pip-audit could not look the packages up" in capsys.readouterr().err


def test_packages_that_the_service_does_not_know_fail_though_pip_audit_is_content():
    # As pip-audit 2.10.1 wrote it, ending with 0 and "No known vulnerabilities found".
    report = {
        "dependencies": [
            {"name": "django", "version": "5.2.19", "vulns": []},
            {
                "name": "numpy",
                "skip_reason": "Dependency not found on PyPI and could not be audited: numpy",
            },
        ],
        "fixes": [],
    }
    [problem] = judge(report, packages={DJANGO, NUMPY}, accepted=[])
    assert problem.startswith("numpy was not looked up: Dependency not found on PyPI")


def test_a_package_that_the_answer_leaves_out_fails():
    report = {"dependencies": [{"name": "django", "version": "5.2.18", "vulns": []}]}
    problems = judge(report, packages={DJANGO, NUMPY}, accepted=[])
    assert [problem.partition(" was")[0] for problem in problems] == [str(DJANGO), str(NUMPY)]


def test_an_acceptance_is_for_one_package(accept):
    accepted = acceptances(accept(until=date(2030, 1, 31)), today=date(2030, 1, 1))
    found = {"id": "CVE-2030-12345", "aliases": [], "fix_versions": []}
    report = {"dependencies": [{"name": "numpy", "version": "2.4.6", "vulns": [found]}]}

    assert judge(report, packages={NUMPY}, accepted=accepted) == [
        "numpy 2.4.6: CVE-2030-12345, mended in no version yet"
    ]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"until": date(2029, 12, 31)}, "was accepted until 2029-12-31: decide again"),
        ({"until": date(2031, 1, 1)}, "for more than 180 days"),
        ({"until": date(2030, 1, 31), "reason": "later"}, "say why"),
    ],
)
def test_an_acceptance_has_a_reason_and_an_end(accept, given, complaint):
    with pytest.raises(AuditError, match=complaint):
        acceptances(accept(**given), today=date(2030, 1, 1))


def test_every_locked_package_is_asked_about_whatever_the_system():
    packages = locked(LOCKS)
    lines = {
        line.partition(" ")[0]
        for lock in LOCKS
        for line in lock.read_text().splitlines()
        if line and line[0] not in " #"
    }
    assert {f"{one.name}=={one.version}" for one in packages} == lines
    assert "colorama" in {one.name for one in packages}, "a package for Windows alone"


def test_every_lock_file_is_among_them():
    assert sorted(LOCKS) == sorted(ROOT.glob("requirements*.txt"))
