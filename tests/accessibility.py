"""Pages for everyone: axe finds nothing serious wrong, and a phone shows all of their width."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

PHONE = {"width": 360, "height": 740}
THEMES = [("en", "light"), ("fr", "dark")]
"""Each language and each theme once: colours know no words."""

_WIDER = """() => document.documentElement.scrollWidth <= innerWidth ? []
  : [...document.querySelectorAll("body *")]
    .filter((e) => e.getBoundingClientRect().right > innerWidth)
    .map((e) => e.outerHTML.slice(0, 120))"""
"""What makes a page wider than its window."""


def for_everyone(page: Page) -> None:
    """Fails when the page has a serious fault, or scrolls sideways on a phone."""
    no_serious_fault(page)
    size = page.viewport_size
    page.set_viewport_size(PHONE)
    wider = page.evaluate(_WIDER)
    assert not wider, f"{page.url} is wider than a phone: {wider}"
    page.set_viewport_size(size)


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
