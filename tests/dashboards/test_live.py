"""Debian's Prometheus, a league that trains, and Ray: what each declared metric and each rule gives."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from typing import Any

import pytest
import yaml
from conftest import PROMETHEUS, Live, wait_until

from league.interfaces.exporter.metrics import METRICS

GROUPS = [
    group
    for path in sorted(PROMETHEUS.glob("*.yml"))
    for group in yaml.safe_load(path.read_text(encoding="utf-8")).get("groups", ())
]
RULES = [rule for group in GROUPS for rule in group["rules"]]


def test_every_declared_metric_is_scraped(live: Live) -> None:
    """At one moment: while a busy machine keeps the coordinator silent, what it does now is not known."""
    declared = {metric.name for metric in METRICS}

    def scraped() -> set[str]:
        return {series["metric"]["__name__"] for series in live.query('{job="league", __name__=~"league_.+"}')}

    wait_until(lambda: scraped() >= declared, "every declared metric is scraped")
    assert scraped() <= declared


def test_prometheus_scrapes_ray_by_its_discovery_file_and_knows_what_each_metric_is(live: Live) -> None:
    targets = live.api("targets")["activeTargets"]
    assert {target["labels"]["job"] for target in targets} == {"league", "ray"}
    assert [target["lastError"] for target in targets if target["health"] != "up"] == []
    assert live.query("ray_node_mem_used")
    known = live.api("metadata")
    for metric in METRICS:
        assert known[metric.name.removesuffix("_total")] if metric.name not in known else known[metric.name]


def test_promtool_finds_nothing_wrong_with_a_scrape(live: Live) -> None:
    with urllib.request.urlopen(live.exporter) as answer:
        text = answer.read()
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


@pytest.mark.parametrize("rule", [rule for rule in RULES if "record" in rule], ids=lambda rule: rule["record"])
def test_every_recording_rule_gives_data(live: Live, rule: dict[str, Any]) -> None:
    for expr in (rule["expr"], rule["record"]):
        wait_until(lambda expr=expr: live.query(expr), expr)


@pytest.mark.parametrize("rule", [rule for rule in RULES if "alert" in rule], ids=lambda rule: rule["alert"])
def test_every_alert_looks_at_series_that_exist(live: Live, rule: dict[str, Any]) -> None:
    """Without its thresholds an alert gives data, through every join; only the phase depends on what happens."""
    live.query(rule["expr"])
    always = re.sub(r"(==|>=|<=|>|<) *[\d.* ]*\d", ">= -1", re.sub(r'phase=~?"[^"]*"', 'phase=~".+"', rule["expr"]))
    assert always != rule["expr"]
    wait_until(lambda: live.query(always), always)
    for selector in selectors(always):
        assert live.query(selector), selector


def selectors(expr: str) -> list[str]:
    """Each metric of an expression with its matchers and range, as it stands there."""
    found = re.findall(r"((?:league[_:][a-z0-9_:]+|up)(?:\{[^}]*\})?)", expr)
    assert found
    return found


def test_prometheus_evaluates_every_rule_without_an_error(live: Live) -> None:
    groups = live.api("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(RULES)
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def test_a_league_that_trains_raises_no_alarm(live: Live) -> None:
    firing = [alert["labels"]["alertname"] for alert in live.api("alerts")["alerts"] if alert["state"] == "firing"]
    assert firing == []
