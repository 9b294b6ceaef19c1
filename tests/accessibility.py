"""What axe finds wrong with a page: nothing serious may be."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page


def no_serious_fault(page: Page) -> None:
    """Fails when the page has a serious fault. Wait for the page itself before: a click returns
    before the page that it leads to is there.
    """
    page.wait_for_load_state("load")
    # To preload a style sheet axe writes one into the page, which is what the policy forbids. What
    # it found in order it need not list, element by element: that takes longer than looking.
    options = {"preload": False, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert not serious, "\n".join(
        f"{page.url} {v['id']}: {v['help']} {[n['html'] for n in v['nodes']]}" for v in serious
    )
