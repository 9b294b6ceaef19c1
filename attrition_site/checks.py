"""What an installation is asked before anything starts, once its settings could be read.

The settings refuse by themselves what cannot be right (`environment`); this is what only the
database can tell, and what may be a mistake. Checks tagged `start` are run by every process that
serves, works or migrates. The other commands leave those of the database out, so that what is wrong
can be mended.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections

from accounts import demo
from accounts.models import User

START = "start"

logger = logging.getLogger(__name__)


def check_demo_accounts(
    *, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """E001: outside development, nobody has a password that is published.

    A database restored from a demonstration brings such accounts along.
    """
    if demo.allowed():
        return []
    problems: list[checks.CheckMessage] = []
    for alias in databases or ():
        if User._meta.db_table not in connections[alias].introspection.table_names():
            continue  # not migrated yet
        if usernames := demo.with_published_password(using=alias):
            problems.append(
                checks.Error(
                    "Demo accounts whose password is published can sign in:"
                    f" {', '.join(usernames)}.",
                    hint="Close them with `manage.py close_demo_accounts`, or give each another"
                    " password with `manage.py changepassword USERNAME`.",
                    id="attrition.E001",
                )
            )
    return problems


def check_proxies(**kwargs: Any) -> list[checks.CheckMessage]:
    """W001: behind a proxy, everyone has the proxy's address until it is said how many there are.

    Then whoever guesses passwords locks everyone out.
    """
    if not settings.SECURE_PROXY_SSL_HEADER or settings.TRUSTED_PROXIES:
        return []
    return [
        checks.Warning(
            "SECURE_PROXY_SSL_HEADER names a proxy's header and TRUSTED_PROXIES is 0: all requests"
            " seem to come from the proxy, so a lockout or a limit by address meets everyone.",
            hint="Set TRUSTED_PROXIES to how many proxies append to X-Forwarded-For, or to their"
            " networks.",
            id="attrition.W001",
        )
    ]


def refuse_to_start() -> None:
    """Raises ImproperlyConfigured, in words, when a check tagged `start` finds an error.

    What may be a mistake, and lets it serve all the same, is written to the log.
    A database that does not answer stops nothing: who cannot be looked up cannot sign in either.
    """
    try:
        found = checks.run_checks(tags=[START], databases=["default"])
    except DatabaseError:
        logger.warning("The database does not answer: it was not looked for demo accounts.")
        return
    finally:
        connections.close_all()
    for problem in found:
        if not problem.is_serious():
            logger.warning("%s %s", problem.msg, problem.hint)
    if errors := [problem for problem in found if problem.is_serious()]:
        lines = "".join(f"\n- {problem.msg} {problem.hint}" for problem in errors)
        raise ImproperlyConfigured(f"Nothing starts in {settings.ENVIRONMENT} like this:{lines}")
