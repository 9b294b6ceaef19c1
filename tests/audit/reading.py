"""Pages as their readers have them."""

from __future__ import annotations

import html
import re


def words(page: str) -> str:
    """What is written on a page, without its tags, with single spaces."""
    body = page.split("</head>")[-1]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())
