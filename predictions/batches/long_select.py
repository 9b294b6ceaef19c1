"""A select with very many options."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe


class LongSelect(forms.Select):
    """A select whose options are written in one go: two hundred of them with two hundred each
    would take a template seconds.
    """

    def render(
        self,
        name: str,
        value: Any,
        attrs: dict[str, Any] | None = None,
        renderer: Any = None,
    ) -> SafeString:
        chosen = "" if value is None else str(value)
        written = self.build_attrs(self.attrs, {"name": name, **(attrs or {})})
        return format_html(
            "<select{}>{}</select>",
            format_html_join("", ' {}="{}"', written.items()),
            self._options(chosen),
        )

    def _options(self, chosen: str) -> SafeString:
        parts = []
        for value, label in self.choices:
            if isinstance(label, (list, tuple)):
                inside = "".join(_option(inner, words, chosen) for inner, words in label)
                parts.append(f'<optgroup label="{conditional_escape(value)}">{inside}</optgroup>')
            else:
                parts.append(_option(value, label, chosen))
        return mark_safe("".join(parts))  # noqa: S308 - each part is escaped


def _option(value: Any, label: Any, chosen: str) -> str:
    mark = " selected" if str(value) == chosen else ""
    return f'<option value="{conditional_escape(value)}"{mark}>{conditional_escape(label)}</option>'
