"""The Grafana dashboards as files: valid, complete, and about metrics that exist."""

from __future__ import annotations

import copy
import importlib.util
import itertools
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from dashboard_files import FILES, FOLDER, load, names, panels, queries, rules
from grafana_schema import complaints

from dashboards import generate
from league.interfaces.exporter.metrics import METRICS
from league.view.dashboards import LEAGUE_UID

each = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_the_files_are_what_the_generator_writes() -> None:
    written = dict(generate.files())
    assert sorted(written) == FILES
    for path, text in written.items():
        assert path.read_bytes() == text.encode(), f"{path.name}: run python dashboards/generate.py"


@each
def test_valid_by_grafanas_schema(path: Path) -> None:
    assert complaints(load(path)) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"options": {"textMode": "nonsense"}}, "text_mode is 'nonsense'"),
        ({"fieldConfig": {"defaults": {"custom": {"drawStyle": "dots"}}}}, "draw_style is 'dots'"),
        ({"gridPos": {"x": "3"}}, "x is '3'"),
        ({"unknown": 1}, "unknown is unknown"),
    ],
)
def test_the_schema_refuses_what_is_wrong(change: dict[str, Any], complaint: str) -> None:
    dashboard = load(FOLDER / "grafana" / "league-league.json")
    kind = "timeseries" if "fieldConfig" in change else "stat"
    panel = next(panel for panel in panels(dashboard) if panel["type"] == kind)
    merge(panel, change)
    assert [one for one in complaints(dashboard) if complaint in one]


def merge(into: dict[str, Any], change: dict[str, Any]) -> None:
    for key, value in change.items():
        if isinstance(value, dict):
            merge(into[key], value)
        else:
            into[key] = copy.copy(value)


@each
def test_every_panel_says_what_it_is(path: Path) -> None:
    for panel in panels(load(path)):
        assert panel["title"].strip(), panel["id"]
        assert panel["description"].strip().endswith("."), panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        assert "noValue" in defaults, panel["title"]
        assert panel["targets"], panel["title"]
    titles = [panel["title"] for panel in load(path)["panels"]]
    assert len(set(titles)) == len(titles)


@each
def test_no_panel_lies_on_another(path: Path) -> None:
    laid = load(path)["panels"]
    assert len({panel["id"] for panel in laid}) == len(laid)
    for panel in laid:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24, panel["title"]
    for one, other in itertools.combinations(laid, 2):
        a, b = one["gridPos"], other["gridPos"]
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below, (one["title"], other["title"])


@each
def test_the_datasource_is_a_variable(path: Path) -> None:
    dashboard = load(path)
    variables = dashboard["templating"]["list"]
    assert [(one["name"], one["query"]) for one in variables if one["type"] == "datasource"] == [
        ("datasource", "prometheus")
    ]
    used = [panel["datasource"] for panel in panels(dashboard)]
    used += [target["datasource"] for panel in panels(dashboard) for target in panel["targets"]]
    used += [one["datasource"] for one in (*variables, *dashboard["annotations"]["list"]) if "datasource" in one]
    assert all(one == {"type": "prometheus", "uid": "${datasource}"} for one in used)
    known = {one["name"] for one in variables} | {"__rate_interval", "__range"}
    for name, target in queries(path):
        assert set(re.findall(r"\$\{?(\w+)", target["expr"])) <= known, name


def test_the_dashboards_link_to_each_other() -> None:
    boards = [load(path) for path in FILES]
    assert LEAGUE_UID in {board["uid"] for board in boards}
    for board, path in zip(boards, FILES, strict=True):
        assert board["uid"] == path.stem
        assert 8 <= len(board["uid"]) <= 40
        by_tag = [link for link in board["links"] if link["type"] == "dashboards"]
        assert by_tag
        assert all(set(link["tags"]) <= set(other["tags"]) for link in by_tag for other in boards)


def test_every_metric_that_is_used_exists() -> None:
    known = {metric.name for metric in METRICS} | {rule["record"] for rule in rules() if "record" in rule}
    known |= rays() | served() | FROM_THE_RAYLET | FROM_THE_KUBELET | {"ALERTS"}
    for path in FILES:
        for name, target in queries(path):
            found = names(target["expr"])
            assert found, name
            assert found <= known, name


FROM_THE_RAYLET = {"ray_memory_manager_worker_eviction_total", "ray_unintentional_worker_failures_total"}
"""Its names are in a binary: `test_killed_for_memory.py` meets them."""

FROM_THE_KUBELET = {"kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"}
"""Stable metrics of Kubernetes (docs.kubernetes.io, "Kubernetes Metrics Reference")."""


def served() -> set[str]:
    """The metrics of `league serve`, as Ray exports them."""
    folder = FOLDER.parent / "league" / "interfaces" / "serve"
    text = "\n".join(path.read_text() for path in folder.glob("*.py"))
    return {f"ray_{name}" for name in re.findall(r'(?:Gauge|Counter)\(\s*"(league_serve_\w+)"', text)}


def test_every_metric_of_serve_is_shown() -> None:
    shown = {name for path in FILES for _, target in queries(path) for name in names(target["expr"])}
    assert len(served()) == 6
    assert served() <= shown


def rays() -> set[str]:
    """The names in the source of Ray's own dashboards, and those that its agent on each node declares."""
    spec = importlib.util.find_spec("ray.dashboard.modules")
    assert spec is not None
    assert spec.submodule_search_locations
    modules = Path(spec.submodule_search_locations[0])
    text = "\n".join(path.read_text() for path in (modules / "metrics" / "dashboards").glob("*.py"))
    agent = (modules / "reporter" / "reporter_agent.py").read_text()
    return set(re.findall(r"\bray_\w+", text)) | {f"ray_{name}" for name in re.findall(r'Gauge\(\s*"(\w+)"', agent)}


def test_every_metric_that_is_declared_is_shown_or_says_why_not() -> None:
    shown = {name for path in FILES for _, target in queries(path) for name in names(target["expr"])}
    for metric in METRICS:
        assert (metric.name in shown) != bool(metric.not_shown), metric.name


def test_every_recording_rule_is_used() -> None:
    asked = " ".join(
        [*(target["expr"] for path in FILES for _, target in queries(path)), *(r["expr"] for r in rules())]
    )
    assert [rule["record"] for rule in rules() if "record" in rule and rule["record"] not in asked] == []


def test_selectors_name_labels_that_the_metric_has() -> None:
    labels = {metric.name: {*metric.labels, "instance"} for metric in METRICS}
    for path in FILES:
        for name, target in queries(path):
            for metric, selector in re.findall(r"\b(league_\w+)\{([^}]*)\}", target["expr"]):
                assert set(re.findall(r"(\w+)\s*[=!]~?\s*\"", selector)) <= labels[metric], name
                assert 'instance=~"$instance"' in selector, name


def test_grafana_knows_how_often_prometheus_scrapes() -> None:
    provisioned = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/league.yml").read_text(encoding="utf-8"))
    scraping = yaml.safe_load((FOLDER / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
    interval = scraping["global"]["scrape_interval"]
    assert [source["jsonData"]["timeInterval"] for source in provisioned["datasources"]] == [interval]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_the_prices_are_rules_that_prometheus_takes(tmp_path: Path) -> None:
    """Two nodes of a group with a price cost; one of a group without does not, and is not lost sight of."""
    prices = FOLDER / "prometheus" / "prices.yml"
    head = next(
        float(re.fullmatch(r"vector\((.*)\)", rule["expr"]).group(1))  # type: ignore[union-attr]
        for rule in rules()
        if rule.get("labels") == {"group": "head"}
    )
    unpriced = next(
        target["expr"] for path in FILES for name, target in queries(path) if "without a price" in name
    ).replace("$instance", ".*")
    case = {
        "rule_files": [str(prices)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": 'league_nodes{instance="a", group="head"}', "values": "2 2 2"},
                    {"series": 'league_nodes{instance="a", group="unknown"}', "values": "3 3 3"},
                ],
                "promql_expr_test": [
                    {
                        "expr": "sum(league:cost_per_hour)",
                        "eval_time": "2m",
                        "exp_samples": [{"labels": "{}", "value": 2 * head}],
                    },
                    {"expr": unpriced, "eval_time": "2m", "exp_samples": [{"labels": '{instance="a"}', "value": 3}]},
                ],
            }
        ],
    }
    file = tmp_path / "prices_test.yml"
    file.write_text(yaml.safe_dump(case))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
def test_config_maps() -> None:
    built = subprocess.run(["kubectl", "kustomize", str(FOLDER)], capture_output=True, text=True, check=True).stdout
    maps = [one for one in yaml.safe_load_all(built) if "grafana_dashboard" in one["metadata"].get("labels", {})]
    assert sorted(name for one in maps for name in one["data"]) == [path.name for path in FILES]
    for one in maps:
        assert one["kind"] == "ConfigMap"
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert len(one["data"]) == 1
        text = next(iter(one["data"].values()))
        assert len(text.encode()) < 200_000  # A plain apply keeps a copy in an annotation of at most 256 KiB.
