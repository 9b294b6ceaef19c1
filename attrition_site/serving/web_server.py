"""How the web server is started and asked how it is. Its arguments stand here and nowhere else."""

from __future__ import annotations

import http.client
import os
import socket
import sys

from django.conf import settings

from attrition_site.serving.preparation import CannotServeError

# Seconds that a request has to end once the server is asked to stop. Whoever stops a container
# waits ten before it kills.
STOP_PATIENCE = 6


def refuse_taken_port(host: str, port: int) -> None:
    """Say at once that another program listens there; gunicorn would try for five seconds."""
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise CannotServeError(
            f"Cannot serve on {host}, port {port}: {error.strerror}.\n"
            f"Stop what uses it, or choose another: make run PORT={port % 65535 + 1}"
        ) from error


def pages_are_complete() -> bool:
    """Whether the pages' styles and scripts are where they are served from.

    In development they are served as they lie; elsewhere `collectstatic` has baked them, or every
    page answers 500.
    """
    return bool(
        settings.WHITENOISE_USE_FINDERS or (settings.STATIC_ROOT / "staticfiles.json").is_file()
    )


def arguments(
    host: str,
    port: int,
    *,
    workers: int | None = None,
    threads: int | None = None,
    stop_patience: int = STOP_PATIENCE,
) -> list[str]:
    """The module and arguments that serve the pages and the API; the benchmarks measure these.

    As many processes and threads as the settings say, unless it is said here.
    """
    return [
        "gunicorn",
        "attrition_site.wsgi",
        f"--bind={bracketed(host)}:{port}",
        f"--workers={workers or settings.WEB_WORKERS}",
        "--worker-class=attrition_site.serving.patient_worker.PatientWorker",
        f"--threads={threads or settings.WEB_THREADS}",
        "--keep-alive=30",
        f"--graceful-timeout={stop_patience}",
        "--config=python:attrition_site.serving.gunicorn_hooks",  # lines of logs, and metrics
        "--log-level=warning",
        # A socket by which others on the machine could change a server that runs.
        "--no-control-socket",
        # Nobody says by a header below which path the product stands: from this machine gunicorn
        # would believe it, and answer 500 where the address is none below it.
        "--forwarder-headers=",
        # Each worker listens for itself and the kernel deals connections out. Workers that share
        # one socket race for it, and often one gets all of a client's connections.
        *(["--reuse-port"] if sys.platform == "linux" else []),
        # Workers say by a file that they live: in memory, or a slow disk has them killed.
        *(["--worker-tmp-dir=/dev/shm"] if os.access("/dev/shm", os.W_OK) else []),  # noqa: S108
    ]


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def address(host: str, port: int) -> str:
    """Where a client on this machine finds the pages."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    return f"{bracketed(reachable)}:{port}"


def health(authority: str, path: str = "/health") -> int:
    """The status that a health address answers with; 0 while nothing listens."""
    # Outside development the site knows only its own names.
    known = [name for name in settings.ALLOWED_HOSTS if name != "*"]
    headers = {"Host": known[0].removeprefix(".")} if known else {}
    asking = http.client.HTTPConnection(authority, timeout=5)
    try:
        asking.request("GET", path, headers=headers)
        return asking.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        asking.close()
