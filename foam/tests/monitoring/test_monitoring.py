"""Dashboard and alert rules: every metric they name is there, every runbook can be opened.

Prometheus' own promtool is not at hand where these run: names, labels, brackets and YAML are
checked, and the expressions by what Prometheus' documentation says of their functions.
"""

import json
import re

import pytest
import yaml
from django.conf import settings

from foam.monitoring.metrics import METRICS

FOLDER = settings.BASE_DIR / "docs" / "monitoring"
RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
]
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}
NAMES = {f"{m.name}{suffix}" for m in METRICS for suffix in SUFFIXES[m.kind]}
FUNCTIONS = {"absent", "max", "sum", "rate", "increase", "histogram_quantile"}
WORDS = {"by", "or", "and", "on", "up"}


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_expression_names_only_metrics_that_there_are(expr):
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(by|on) \([^)]*\)", " ", expr)
    names = set(re.findall(r"[a-z_][a-z0-9_]*", bare))
    assert names & NAMES or "up" in names
    assert names - FUNCTIONS - WORDS <= NAMES


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_expression_is_well_formed(expr):
    assert all(expr.count(a) == expr.count(b) for a, b in ("()", "[]", "{}"))
    assert expr.count('"') % 2 == 0
    # Of a counter only its growth means anything, and a growth is of a range.
    for name in re.findall(r"foam_\w+(?:_total|_bucket|_sum|_count)\b", expr):
        grown = rf"(rate|increase)\({name}(\{{[^}}]*\}})?\[(\d+[mh]|\$__rate_interval)\]\)"
        assert re.search(grown, expr)


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_expression_asks_for_labels_and_values_that_there_are(expr):
    known = {metric.name: dict(metric.labels) for metric in METRICS if metric.labels}
    for name, labels in re.findall(r"(foam_\w+?)(?:_bucket|_count|_sum)?\{([^}]*)\}", expr):
        for label, value in re.findall(r'(\w+)!?=~?"([^"]*)"', labels):
            if label in known.get(name, {}):
                assert set(value.split("|")) <= set(known[name][label])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alert_says_what_is_wrong_and_has_a_page_for_three_in_the_morning(rule):
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    page, anchor = rule["annotations"]["runbook_url"].split("#")
    # Whole, so that Alertmanager and Grafana make a link of it.
    assert page == "https://foam.example.org/handbook/operations/"
    headings = re.findall(
        r"^#+ (.+)$", (settings.BASE_DIR / "docs/operations.md").read_text(), re.M
    )
    assert rule["alert"] in headings
    assert anchor == rule["alert"].lower()


def test_every_metric_is_shown_or_watched():
    named = set(re.findall(r"foam_\w+", " ".join(EXPRESSIONS)))
    unseen = {m.name for m in METRICS if not any(name.startswith(m.name) for name in named)}
    assert unseen == {"foam_build_info"}


def test_panels_do_not_lie_on_each_other():
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)
