"""One process of an installation, by its role:

    python -m attrition_site.serve web        the pages and the API
    python -m attrition_site.serve worker     files, trainings and schedules, in the background
    python -m attrition_site.serve migrate    brings the database to this release, and ends
    python -m attrition_site.serve health     asks whether this machine's web server can answer
                                              (`health live`: whether it runs at all; `health
                                              worker`: whether the worker runs), and ends

The image, compose.yaml and the commands of the documentation run nothing else. Any number of web
servers and workers share one database, on one machine or on many.
"""

from __future__ import annotations

import argparse
import http
import os
import sys
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from attrition_site.serving import first_process, preparation, web_server
from attrition_site.serving.preparation import CannotServeError

# Seconds that a worker has to finish what it is at. What it does not finish is rolled back, and
# taken up by another worker or by the next one.
WORKER_STOP_PATIENCE = 8


def web() -> int:
    """Become the web server, once everything that it needs is there."""
    host, port = settings.HOST, settings.PORT
    web_server.refuse_taken_port(host, port)
    if not web_server.pages_are_complete():
        raise CannotServeError(
            f"The pages' styles and scripts are not in {settings.STATIC_ROOT}.\n"
            "Run this first: python manage.py collectstatic --no-input"
        )
    _set_up()
    # The same process goes on, so that signals reach the server itself.
    os.execv(sys.executable, [sys.executable, "-m", *web_server.arguments(host, port)])  # noqa: S606 (our own command)


def worker() -> int:
    """Run the background worker, as the first process of its container if it is that."""
    return first_process.watch_over(_work, stop_patience=WORKER_STOP_PATIENCE)


def _work() -> int:
    from django.core.management import call_command

    _set_up()
    call_command("qcluster")
    return 0


def migrate() -> int:
    import django

    django.setup()
    preparation.migrate()
    return 0


def health(what: str) -> int:
    """Say nothing when what was asked for is well; raises CannotServeError otherwise.

    `ready`: the web server of this machine, its database and its model. `live`: that it answers.
    `worker`: that the background worker of this machine gives signs of life.
    """
    if what == "worker":
        from mlcore import heartbeat

        if not heartbeat.is_alive():
            raise CannotServeError("The background worker gives no sign of life.")
        return 0
    port = settings.PORT
    status = web_server.health(web_server.address(settings.HOST, port), f"/health/{what}")
    if status != http.HTTPStatus.OK:
        answer = f"answers {status}" if status else "does not answer"
        raise CannotServeError(f"The web server on port {port} {answer}.")
    return 0


def _set_up() -> None:
    """Load the product, and refuse to serve with a database that is unfit for it."""
    import django

    django.setup()
    from attrition_site import checks

    preparation.refuse_unprepared()
    checks.refuse_to_start()  # closes the connection: none is handed on


def _told(role: Callable[[], int]) -> int:
    """What the role answers; what stops it is told in its own words, without a traceback."""
    from django.core.management import CommandError
    from django.db import DatabaseError

    try:
        return role()
    except (CannotServeError, CommandError, ImproperlyConfigured) as error:
        sys.stderr.write(f"{str(error).strip()}\n")
    except DatabaseError as error:
        sys.stderr.write(f"The database refused: {str(error).strip()}\n")
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m attrition_site.serve",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    roles = parser.add_subparsers(dest="role", required=True, metavar="ROLE")
    roles.add_parser("web")
    roles.add_parser("worker")
    roles.add_parser("migrate")
    asking = roles.add_parser("health")
    asking.add_argument("what", nargs="?", default="ready", choices=["ready", "live", "worker"])
    chosen = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attrition_site.settings")
    role: dict[str, Callable[[], int]] = {
        "web": web,
        "worker": worker,
        "migrate": migrate,
        "health": lambda: health(chosen.what),
    }
    return _told(role[chosen.role])


if __name__ == "__main__":
    sys.exit(main())
