"""Debian's Prometheus, a league that trains, and Ray: what each declared metric, rule and panel gives."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dashboard_files import FILES, load, queries
from live_league import PROMETHEUS, Live, running, wait_until

from league.interfaces.exporter.metrics import METRICS

pytestmark = pytest.mark.long

GROUPS = [
    group
    for path in sorted(PROMETHEUS.glob("*.yml"))
    for group in yaml.safe_load(path.read_text(encoding="utf-8")).get("groups", ())
]
RULES = [rule for group in GROUPS for rule in group["rules"]]
WITHOUT_DATA = {
    "league-training: GPU by node A": "no GPU",
    "league-training: GPU memory by node A": "no GPU",
    "league-operations: Alerts over time A": "nothing is wrong with this league",
    "league-operations: Killed for memory A": "the counter comes with the first kill: test_killed_for_memory.py",
    "league-operations: Killed for memory B": "the counter comes with the first failure",
    "league-operations: Disk of the store C": "Kubernetes tells of it",
    "league-operations: Disk of the store D": "Kubernetes tells of it",
    "league-operations: Promotions followed A": "the counter comes with the first promotion that is followed",
}
"""The only queries that may find nothing on a machine that tests run on, and why."""
NOT_YET = {
    "LeagueWorkerKilledForMemory": "the counter comes with the first kill: test_killed_for_memory.py",
    "LeagueServeFailing": "no question has failed",
    "LeagueContainerKilledForMemory": "kube-state-metrics and node exporter tell of it",
    "LeagueBackupOld": "kube-state-metrics tells of it",
}
"""Alerts whose series come with what they are about."""

QUERIES = [pytest.param(name, target, id=name) for path in FILES for name, target in queries(path)]

STEP_S = 1


def asked(expr: str) -> str:
    """As Grafana sends it: all exporters, all sessions, and windows that fit a scrape every second."""
    for variable, value in {"__rate_interval": "15s", "__range": "1m", "instance": ".+", "SessionName": ".+"}.items():
        expr = expr.replace(f"${variable}", value)
    assert "$" not in expr
    return expr


def answer(live: Live, target: dict[str, Any]) -> list[dict[str, Any]]:
    """The series as a panel gets them: of now for a table, else of the last minute."""
    if target.get("instant"):
        return live.query(asked(target["expr"]))
    end = time.time()
    window = {"start": str(end - 60), "end": str(end), "step": str(STEP_S)}
    series: list[dict[str, Any]] = live.api("query_range", query=asked(target["expr"]), **window)["result"]
    return series


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    if shutil.which("prometheus") is None:
        pytest.skip("needs Prometheus: apt install prometheus")
    with running() as found:
        yield found


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
    if rule["alert"] in NOT_YET:
        return
    always = re.sub(r"(==|>=|<=|>|<) *[\d.* ]*\d", ">= -1", re.sub(r'phase=~?"[^"]*"', 'phase=~".+"', rule["expr"]))
    assert always != rule["expr"]
    wait_until(lambda: live.query(always), always)
    for selector in selectors(always):
        assert live.query(selector), selector


def selectors(expr: str) -> list[str]:
    """Each metric of an expression with its matchers and range, as it stands there."""
    found = re.findall(r"\b((?:(?:ray_)?league[_:][a-z0-9_:]+|ray_[a-z0-9_]+|up)(?:\{[^}]*\})?)", expr)
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


@pytest.mark.parametrize(("name", "target"), QUERIES)
def test_gives_data(live: Live, name: str, target: dict[str, Any]) -> None:
    """In time: a rate needs two samples, and a subquery's steps lie on whole tens of seconds."""
    series: list[dict[str, Any]] = []

    def found() -> bool:
        series[:] = answer(live, target)
        return bool(series)

    if not found() and name in WITHOUT_DATA:
        return
    wait_until(found, asked(target["expr"]))
    for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
        assert all(label in one["metric"] for one in series if one["metric"]), (
            f"no label {label}: {series[0]['metric']}"
        )


def test_the_variables_have_values(live: Live) -> None:
    """What `label_values` of each variable asks Prometheus for."""
    for label, series in {
        "league": "league_info",
        "instance": "league_info",
        "SessionName": "ray_node_cpu_count",
    }.items():
        assert live.api(f"label/{label}/values", **{"match[]": series})


def test_the_exceptions_are_panels() -> None:
    assert set(WITHOUT_DATA) <= {param.id for param in QUERIES}
    assert set(NOT_YET) <= {rule.get("alert") for rule in RULES}


def test_beside_rays_own(live: Live) -> None:
    """`league train --dashboard` put them where that Grafana looks to which Ray's configuration belongs."""
    configured = live.session / "metrics" / "grafana"
    provider = yaml.safe_load((configured / "provisioning" / "dashboards" / "default.yml").read_text())
    folder = Path(provider["providers"][0]["options"]["path"])
    assert folder.samefile(configured / "dashboards")
    for path in FILES:
        assert (folder / path.name).read_bytes() == path.read_bytes()
    uids = [load(path)["uid"] for path in folder.glob("*.json")]
    assert len(set(uids)) == len(uids)
    assert "rayDefaultDashboard" in uids
    # Ray wrote its dashboard for Ray Data with the uid that its Metrics page embeds, which is ours: it made way.
    assert (folder / "train_grafana_dashboard.json").exists()
    assert not (folder / "data_grafana_dashboard.json").exists()
