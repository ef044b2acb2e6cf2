"""Prometheus's files by its own tool: valid, tested, and explained."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from live_league import PROMETHEUS, ROOT

from league.interfaces.exporter.metrics import METRICS

RULES = sorted(path for path in PROMETHEUS.glob("*.yml") if path.name != "prometheus.yml")
TESTS = Path(__file__).with_name("rules_test.yml")


def rules(kind: str) -> list[dict[str, Any]]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


ALERTS = rules("alert")
TESTED = yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]

each = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool: apt install prometheus")
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", PROMETHEUS / "prometheus.yml"),
        ("check", "rules", *RULES),
        ("test", "rules", TESTS),
    ],
    ids=lambda arguments: "-".join(arguments[:2]),
)
def test_promtool_is_content(arguments: tuple[Any, ...]) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout + done.stderr


def test_every_rule_file_is_configured() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    assert sorted(config["rule_files"]) == [path.name for path in RULES]


@each
def test_an_alert_is_tested_to_fire_and_not_to_fire(alert: dict[str, Any]) -> None:
    named = f'alertname="{alert["alert"]}"'
    looks = [
        named in str(look["exp_samples"])
        for test in TESTED
        if test["name"].startswith(f"{alert['alert']}:")
        for look in test["promql_expr_test"]
    ]
    assert True in looks
    assert False in looks


@each
def test_an_alert_says_what_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    assert alert["annotations"].keys() == {"summary", "description", "unit", "runbook_url"}
    place, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    assert re.fullmatch(r"https://[\w./-]+/docs/operations\.md", place), "a page that opens in a browser"
    text = (ROOT / "docs" / place.rpartition("/")[2]).read_text(encoding="utf-8")
    assert text.count(f'<a id="{anchor}"></a>') == 1
    row = re.search(rf'^\| <a id="{anchor}"></a>`{alert["alert"]}` \| (\w+) \|', text, re.MULTILINE)
    assert row is not None
    assert row[1] == alert["labels"]["severity"]


def test_all_runbooks_are_at_one_place() -> None:
    """One line of sed leads to a copy of one's own."""
    places = {alert["annotations"]["runbook_url"].partition("#")[0] for alert in ALERTS}
    assert len(places) == 1
    assert places.pop() in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_rules_use_declared_metrics_and_their_labels_alone() -> None:
    declared = {metric.name: metric for metric in METRICS}
    recorded = {rule["record"] for rule in rules("record")}
    for rule in [*ALERTS, *rules("record")]:
        expr = re.sub(r'"[^"]*"', '""', rule["expr"])
        for name in re.findall(r"\bleague[_:][a-z0-9_:]+", expr):
            assert name in declared or name in recorded, name
        for name, matchers in re.findall(r"\b(league_[a-z0-9_]+)\{([^}]*)\}", expr):
            assert set(re.findall(r"(\w+)=", matchers)) <= set(declared[name].labels)
