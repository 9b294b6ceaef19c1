from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from accounts.demo import close_demo_accounts


class Command(BaseCommand):
    """For a database that was a demonstration and is to be more: nothing starts with its accounts.

    They are deactivated, not deleted: what they did stays on record.
    """

    help = "Close the demo accounts that still have the published password."

    def handle(self, *args: Any, **options: Any) -> None:
        closed = close_demo_accounts()
        self.stdout.write(
            f"Closed: {', '.join(closed)}." if closed else "No demo account was open."
        )
