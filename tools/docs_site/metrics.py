"""The page of metrics and alerts."""

from typing import Any

import yaml

from foam.monitoring.metrics import METRICS, Metric
from tools.local_stack.data_dir import PROJECT

ALERTS = PROJECT / "docs" / "monitoring" / "alerts.yml"


def page() -> str:
    """Return the Markdown of all metrics and alert rules."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    metrics = "\n".join(metric_row(metric) for metric in METRICS)
    alerts = "\n".join(alert_row(rule) for group in groups for rule in group["rules"])
    return f"""# Metrics and alerts

Made from the code and from `docs/monitoring/alerts.yml`. [Operations](../operations.md#metrics)
says how to have them collected.

## Metrics

| name | kind | tells | labels |
|---|---|---|---|
{metrics}

## Alerts

`page` wakes somebody, `ticket` can wait for the morning. The name leads to what to do.

| alert | | when | for |
|---|---|---|---|
{alerts}
"""


def metric_row(metric: Metric) -> str:
    labels = ", ".join(f"`{name}`: {', '.join(values)}" for name, values in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {metric.text} | {labels} |"


def alert_row(rule: dict[str, Any]) -> str:
    name, severity = rule["alert"], rule["labels"]["severity"]
    link = f"[{name}](../operations.md#{name.lower()}): {rule['annotations']['summary']}"
    when = rule["expr"].replace("|", "\\|")
    return f"| {link} | {severity} | `{when}` | {rule.get('for', 'at once')} |"
