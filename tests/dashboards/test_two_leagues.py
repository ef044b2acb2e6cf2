"""Two leagues in one Prometheus, alike in every name and number: no query adds them up, each series says whose it is.

Both exporters and both Rays are static pages here, with every metric that a query or a rule asks for.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from dashboard_files import FILES, names, queries, rules
from live_league import Live, answers, prometheus, wait_until
from test_dashboards import FROM_THE_KUBELET

from league.interfaces.exporter.metrics import METRICS, VALUES

QUERIES = [pytest.param(name, target, id=name) for path in FILES for name, target in queries(path)]
ALERTS = [rule for rule in rules() if "alert" in rule]
ONE_FOR_ALL = {"league-operations: Prices A": "a price is of a kind of node, whichever league has it"}
"""Queries that are about no league."""
WITHOUT = {
    "LeagueWorkerKilledForMemory": "the counter comes with the first kill",
    "LeagueServeFailing": "no question has failed",
    "LeagueContainerKilledForMemory": "of Kubernetes, with its namespace and pod",
    "LeagueBackupOld": "of Kubernetes, with its namespace",
}
"""Alerts that ask for series that are not here."""
OWN = {"instance", "SessionName"}
"""Labels that tell whose a series is."""
LOSS = re.compile(r'loss="(\w+)"')


LOSSES = tuple(sorted({one for path in FILES for _, target in queries(path) for one in LOSS.findall(target["expr"])}))
"""Those that have a panel."""
HERE: dict[str, tuple[str, ...]] = {
    "group": ("head", "without a price"),
    "loss": LOSSES,
    "learner": ("main", "exploiter"),
}
"""What labels are here, beside `VALUES`; any other is one of two."""
ONE_EACH = {"league_info", "league_champion_info"}
KINDS = {"league_events_total": ("diverged", "failed")}


def page(session: str) -> Iterator[str]:
    """What an exporter and a Ray say. Counters rise with the seconds, so that rates and increases are there."""
    counted = int(time.monotonic() * 10) % 10**6
    for metric in METRICS:
        values = {**VALUES, **HERE, "kind": KINDS.get(metric.name, ("snapshot", "bot"))}
        several = max((len(values.get(label, ("one", "two"))) for label in metric.labels), default=1)
        for number in range(1 if metric.name in ONE_EACH else several):
            choices = {label: values.get(label, ("one", "two")) for label in metric.labels}
            labels = {label: choice[number % len(choice)] for label, choice in choices.items()}
            labels |= {"namespace": session} if metric.name == "league_info" else {}
            yield f"{metric.name}{{{shown(labels)}}} {counted if metric.kind == 'counter' else 1 + number}"
    volume = {"namespace": session, "persistentvolumeclaim": "data-league-redis-0"}
    yield from (f"{name}{{{shown(volume)}}} 3" for name in sorted(FROM_THE_KUBELET))
    for name, labels in sorted(of_ray().items()):
        for bucket in ("0.1", "+Inf") if name.endswith("_bucket") else ("",):
            more = {"SessionName": session} | ({"le": bucket} if bucket else {})
            yield f"{name}{{{shown({**labels, **more})}}} {counted if name.endswith(('_total', '_bucket')) else 3}"


def shown(labels: dict[str, str]) -> str:
    return ", ".join(f'{label}="{value}"' for label, value in labels.items())


def of_ray() -> dict[str, dict[str, str]]:
    """Each metric of Ray's that is asked for, with the labels that are asked for."""
    found: dict[str, dict[str, str]] = {}
    expressions = [target["expr"] for path in FILES for _, target in queries(path)] + [one["expr"] for one in ALERTS]
    for expr in expressions:
        for name in names(expr):
            if name.startswith("ray_"):
                wanted = dict(re.findall(r'(\w+)="([^"]*)"', " ".join(re.findall(rf"{name}\{{([^}}]*)\}}", expr))))
                found[name] = found.get(name, {}) | wanted
    everywhere = {"ip": "192.0.2.2", "Name": "main", "application": "league", "policy": "main-0001", "replica": "r"}
    everywhere |= {"GpuIndex": "0", "State": "ALIVE", "Component": "raylet", "Location": "SPILLED"}
    return {name: {**everywhere, "status_code": "200", "deployment": "champion", **own} for name, own in found.items()}


class Pages(BaseHTTPRequestHandler):
    """Answers every request with the page of the server that it came to."""

    def do_GET(self) -> None:
        session = f"session_{self.server.server_port}"  # type: ignore[attr-defined]
        text = "\n".join(page(session)) + "\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *words: Any) -> None:
        return


@contextmanager
def serving() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    if shutil.which("prometheus") is None:
        pytest.skip("needs Prometheus: apt install prometheus")
    place = tmp_path_factory.mktemp("two")
    with ExitStack() as end:
        one, other = end.enter_context(serving()), end.enter_context(serving())
        (place / "serve.json").write_text(f'[{{"targets": ["{other}"], "labels": {{"job": "league"}}}}]')
        server, url = end.enter_context(prometheus(place, one))
        live = Live(store="", exporter="", prometheus=url, session=place)
        wait_until(lambda: answers(f"{url}/-/ready"), "Prometheus is ready", server)
        wait_until(lambda: len(live.query("count_over_time(league_store_up[1m]) > 3")) == 2, "both are scraped", server)
        for record in ("league:matches:rate5m", "league:cost_per_hour"):
            wait_until(lambda record=record: len(live.query(f"count_over_time({record}[1m]) > 1")) >= 2, record, server)
        yield live


def asked(expr: str) -> str:
    values = {"__rate_interval": "15s", "__range": "1m", "instance": ".+", "SessionName": ".+"}
    for variable, value in values.items():
        expr = expr.replace(f"${variable}", value)
    return expr


def owner(series: dict[str, str]) -> frozenset[tuple[str, str]]:
    """Whose it is: the exporter, or the Ray session; empty for one that was added up."""
    return frozenset((label, series[label]) for label in OWN & series.keys())


def alike(series: list[dict[str, str]]) -> None:
    """Each is of one of two leagues, which have the same: nothing was added up, and none was taken for the other."""
    of: dict[frozenset[tuple[str, str]], list[str]] = {}
    for one in series:
        text = repr(sorted((label, value) for label, value in one.items() if label not in OWN))
        of.setdefault(owner(one), []).append(re.sub(r"127\.0\.0\.1:\d+|session_\d+", "WHOSE", text))
    assert len(of) == 2, series
    assert frozenset() not in of, series
    first, second = of.values()
    assert sorted(first) == sorted(second)


@pytest.mark.parametrize(("name", "target"), QUERIES)
def test_no_query_adds_two_leagues_up(both: Live, name: str, target: dict[str, Any]) -> None:
    if name in ONE_FOR_ALL or "ALERTS" in target["expr"]:
        return
    expr, found = without_thresholds(asked(target["expr"])), list[dict[str, str]]()

    def of_both() -> bool:  # A subquery's steps lie on whole tens of seconds.
        found[:] = [one["metric"] for one in both.query(expr)]
        return len({owner(one) for one in found}) > 1 or any(not owner(one) for one in found)

    wait_until(of_both, expr)
    alike(found)
    legend = target["legendFormat"]
    if legend != "__auto":
        legends = [re.sub(r"{{(\w+)}}", lambda label, one=one: one.get(label[1], ""), legend) for one in found]
        assert len(set(legends)) == len(legends), legends


def without_thresholds(expr: str) -> str:
    """Of what is shown only sometimes, such as a champion who is new."""
    return re.sub(r" (==|<|>) \d+$", "", expr)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_no_alert_adds_two_leagues_up(both: Live, alert: dict[str, Any]) -> None:
    """Without its thresholds an alert is there for each of them."""
    always = re.sub(r"(==|>=|<=|>|<) *[\d.* ]*\d", ">= -1", re.sub(r'phase=~?"[^"]*"', 'phase=~".+"', alert["expr"]))
    found = [one["metric"] for one in both.query(always)]
    if found:
        alike(found)
    else:
        assert alert["alert"] in WITHOUT


def test_the_alerts_that_fire_are_those_of_each(both: Live) -> None:
    """By the panels' own queries."""
    shown = [target for path in FILES for _, target in queries(path) if "ALERTS" in target["expr"]]
    assert len(shown) == 2
    for target in shown:
        wait_until(lambda target=target: len(both.query(asked(target["expr"]))) >= 2, target["expr"])
        alike([one["metric"] for one in both.query(asked(target["expr"]))])


def test_a_row_of_a_matrix_is_of_one_league() -> None:
    matrices = [
        panel
        for path in FILES
        for panel in yaml.safe_load(Path(path).read_text(encoding="utf-8"))["panels"]
        for change in panel.get("transformations", ())
        if change["id"] == "groupingToMatrix"
    ]
    assert len(matrices) == 3
    for panel in matrices:
        (target,) = panel["targets"]
        assert "label_join(" in target["expr"]
        assert '"instance")' in target["expr"]
