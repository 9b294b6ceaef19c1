from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import demo


class Command(BaseCommand):
    """So that a fresh machine can be tried at once, as each of the four roles.

    Refuses to run elsewhere: its password is public. Run again, it makes only what is missing.
    """

    help = "Make one demo account per role (development and demonstration only)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reset-passwords",
            action="store_true",
            help="give the accounts that exist the demo password again",
        )

    def handle(self, *, reset_passwords: bool, **options: Any) -> None:
        if not demo.allowed():
            raise CommandError(
                "Demo accounts have a public password: they exist in development and in a"
                " demonstration only."
            )
        made = demo.make_demo_accounts(settings.DEMO_PASSWORD, reset_passwords=reset_passwords)
        if options["verbosity"]:
            found = len(demo.DEMO_ROLES) - len(made)
            self.stdout.write(f"Demo accounts: {len(made)} made, {found} found.")
