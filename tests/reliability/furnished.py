"""Something real behind every door of an installation, and a key to all of them.

    python -m tests.reliability.furnished FILE

writes to the file, in JSON, where each door of `attrition_site.access` stands, by its address with
blanks; and the cookies by which a browser is signed in that may open all of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import django


def main(file: Path) -> None:
    django.setup()
    from attrition_site.access import DOORS
    from tests.access.world import make_world

    world = make_world()
    addresses = {door.address: world.addresses.get(door.address, door.address) for door in DOORS}
    found = {"addresses": addresses, "cookies": world.people["root"].cookies}
    file.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
