"""The rules for Prometheus, held against the metrics there are."""

from __future__ import annotations

import re
from pathlib import Path

import promql_parser
import pytest
import yaml
from django.conf import settings

from tests.observability.test_metrics import documented

ALERTS = Path(settings.BASE_DIR) / "deploy" / "prometheus" / "alerts.yml"
DOCUMENTATION = Path(settings.BASE_DIR) / "docs" / "observability.md"
OF_PROMETHEUS = {"up": {"job", "instance"}}
ADDED_BY_PROMETHEUS = {"job", "instance"}
SERIES = re.compile(r"_(total|bucket|count|sum)\Z")


def rules():
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    return group["rules"]


def panels():
    """The expressions of the documentation's dashboard."""
    text = DOCUMENTATION.read_text().partition("### A dashboard")[2].partition("\n## ")[0]
    return re.findall(r"\| `(.+)` \|$", text, flags=re.MULTILINE)


def selectors(expression):
    """What an expression asks for: each metric's name and the labels that it is chosen by."""
    found = []

    def look(node):
        if isinstance(node, promql_parser.VectorSelector):
            matchers = node.matchers.matchers
            found.append((node.name, {matcher.name for matcher in matchers}))
        for name in ("expr", "lhs", "rhs", "args", "vector_selector"):
            inner = getattr(node, name, None)
            for part in inner if isinstance(inner, list) else [inner]:
                if part is not None:
                    look(part)

    look(promql_parser.parse(expression))
    return found


EXPRESSIONS = {rule["alert"]: rule["expr"] for rule in rules()} | {
    panel: panel for panel in panels()
}


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_an_expression_asks_for_what_there_is(expression):
    known = documented() | OF_PROMETHEUS
    asked = selectors(expression)
    assert asked
    for name, labels in asked:
        metric = name if name in known else SERIES.sub("", name)
        assert metric in known, f"there is no metric {name}"
        assert labels - ADDED_BY_PROMETHEUS <= known[metric] | {"le"}, name
    by = {
        label.strip()
        for group in re.findall(r"by \(([^)]*)\)", expression)
        for label in group.split(",")
    }
    allowed = set().union(*(known[SERIES.sub("", n) if n not in known else n] for n, _ in asked))
    assert by <= allowed | ADDED_BY_PROMETHEUS | {"le"}


def test_each_alert_says_what_is_the_matter_and_how_bad():
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) > 8
    for rule in rules():
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_an_expression_that_is_none_is_noticed():
    with pytest.raises(ValueError, match=r"."):
        selectors("sum by (le (rate(attrition_predictions_total[5m]))")
    assert selectors('rate(up{job="x"}[5m]) > 1') == [("up", {"job"})]
