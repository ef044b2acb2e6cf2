"""Prometheus's files by its own tool: valid, tested, and explained."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from live_league import PROMETHEUS

from league.interfaces.cli import run
from league.interfaces.exporter.metrics import METRICS
from league.interfaces.k8s.manifests import Fitting, load
from league.interfaces.web.runbook import read_runbook
from league.view.dashboards import RUNBOOK

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
    assert place == RUNBOOK
    (found,) = [one for one in read_runbook() if one.anchor == anchor]
    assert (found.name, found.severity) == (alert["alert"], alert["labels"]["severity"])
    assert anchor == alert["alert"].lower()
    assert all(len(words) % 2 for words in (found.meaning, found.action)), "code is closed"


def test_the_runbook_has_the_alerts_that_there_are() -> None:
    assert [one.name for one in read_runbook()] == [alert["alert"] for alert in ALERTS]


def test_alerts_lead_where_they_are_told_to(tmp_path: Path) -> None:
    """Wherever the project lives: one option, and nothing of ours is left in a link."""
    wanted = "https://wiki.example/league#top"
    assert run(["grafana", "--output", str(tmp_path / "mine"), "--runbook", wanted]) == 0
    text = (tmp_path / "mine" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    objects = load("monitoring", Fitting(runbook=wanted))
    (rule,) = [one for one in objects if one["kind"] == "PrometheusRule"]
    for groups in (yaml.safe_load(text)["groups"], rule["spec"]["groups"]):
        links = [one["annotations"]["runbook_url"] for group in groups for one in group["rules"] if "alert" in one]
        assert links == [f"https://wiki.example/league#{alert['alert'].lower()}" for alert in ALERTS]


def test_rules_use_declared_metrics_and_their_labels_alone() -> None:
    declared = {metric.name: metric for metric in METRICS}
    recorded = {rule["record"] for rule in rules("record")}
    for rule in [*ALERTS, *rules("record")]:
        expr = re.sub(r'"[^"]*"', '""', rule["expr"])
        for name in re.findall(r"\bleague[_:][a-z0-9_:]+", expr):
            assert name in declared or name in recorded, name
        for name, matchers in re.findall(r"\b(league_[a-z0-9_]+)\{([^}]*)\}", expr):
            assert set(re.findall(r"(\w+)=", matchers)) <= set(declared[name].labels)
