"""The browser of the tests: finds an installed one, and tells Playwright how to start it.

As a pytest plugin it gives pytest-playwright its launch arguments. As a command,
`python -m tests.browser`, it sees to it that there is a browser: `make test` runs it once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Names the browser to use, when it is none of those below.
VARIABLE = "CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
_ARGUMENTS = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # 64 MB in a container, too small for a page
)

# Playwright's synchronous API runs an event loop in the thread of the test, where Django would
# then refuse to use its ORM.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def installed_browser() -> str | None:
    """The browser that is named, or the system's; None leaves it to Playwright's own."""
    if named := os.environ.get(VARIABLE):
        if found := shutil.which(named):
            return found
        raise FileNotFoundError(f"{VARIABLE} names {named}, which cannot be run.")
    for name in _NAMES:
        if found := shutil.which(name) or shutil.which(name, path="/usr/bin:/snap/bin"):
            return found
    return None


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    arguments = list(_ARGUMENTS)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses to sandbox itself as root
    given = browser_type_launch_args
    launch = {**given, "args": [*given.get("args", ()), *arguments]}
    if browser := installed_browser():
        launch["executable_path"] = browser
    return launch


@pytest.fixture
def console(page):
    """What the browser complained about; the test fails if there is anything."""
    complaints = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else 0)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: _complain(complaints, request))
    yield complaints
    assert complaints == []


def _complain(complaints, request):
    # A download, and a page that is left before it was there, end a request too.
    if request.failure != "net::ERR_ABORTED":
        complaints.append(f"{request.url}: {request.failure}")


PASSWORD = "a long enough password"
"""Of everyone who signs in by the page."""


def sign_in(page, name):
    """Fill and send the form for signing in, in any language, on the page that shows it."""
    page.locator("[name=username]").fill(name)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main button[type=submit]").click()


# ------------------------------------------------------------------ installation


def _playwright_browser() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def _install_from_the_system() -> bool:
    if not (hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")):
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # An update that reached only some of its sources may still be enough to install from.
    subprocess.run(["apt-get", "update", "-q"], env=environment, check=False)
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends"]
    subprocess.run([*install, "chromium", "fonts-liberation"], env=environment, check=False)
    return installed_browser() is not None


def _install_from_playwright() -> bool:
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    return subprocess.run(command, check=False).returncode == 0


def main() -> int:
    browser = installed_browser() or _playwright_browser()
    if not browser:
        print("No browser found: installing Chromium…", flush=True)
        if not (_install_from_the_system() or _install_from_playwright()):
            print(
                "No browser could be installed. Install Chromium or Chrome yourself, "
                f"or name one: {VARIABLE}=/path/to/chrome make test",
                file=sys.stderr,
            )
            return 1
        browser = installed_browser() or _playwright_browser()
    print(f"Browser for the tests: {browser}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
