"""The dashboards without a Ray, on its Metrics page, in a folder, and in the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from dashboard_files import FILES, FOLDER

from league.actors.grafana import place_dashboards
from league.interfaces.cli import run

OURS = {path.name for path in FILES}


def test_without_a_ray_there_is_no_place_for_them() -> None:
    import ray

    assert not ray.is_initialized()
    assert place_dashboards() is None


def test_a_folder_for_a_grafana_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "monitoring"
    assert run(["grafana", "--output", str(output)]) == 0
    written = {Path(line) for line in capsys.readouterr().out.splitlines()}
    assert written == {path for path in output.rglob("*") if path.is_file()}
    for path in (*FILES, *(FOLDER / "prometheus").glob("*.yml")):
        assert (output / path.relative_to(FOLDER)).read_bytes() == path.read_bytes()
    provisioning = output / "grafana" / "provisioning"
    provider = yaml.safe_load((provisioning / "dashboards" / "league.yml").read_text())["providers"][0]
    assert {path.name for path in Path(provider["options"]["path"]).glob("*.json")} == OURS
    source = yaml.safe_load((provisioning / "datasources" / "league.yml").read_text())["datasources"][0]
    assert (source["type"], source["url"]) == ("prometheus", "http://127.0.0.1:9090")
    assert run(["grafana", "--output", str(output)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_the_wheel_holds_them(tmp_path: Path) -> None:
    """And they are found from a copy that was installed from it."""
    core = pytest.importorskip("poetry.core.masonry.api", reason="needs poetry-core, which builds the wheel")
    tree = tmp_path / "tree"
    shutil.copytree(FOLDER.parent / "league", tree / "league", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(FOLDER, tree / "dashboards", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(FOLDER.parent / name, tree)
    build = f"import os; os.chdir({str(tree)!r}); from {core.__name__} import build_wheel; print(build_wheel('.'))"
    name = subprocess.run([sys.executable, "-c", build], capture_output=True, text=True, check=True).stdout.split()[-1]
    site = tmp_path / "site"
    with zipfile.ZipFile(tree / name) as wheel:
        wheel.extractall(site)
    assert not list((site / "league" / "dashboards").rglob("*.py"))
    find = (
        "from league.view.dashboards import dashboards_folder as f; print(*sorted(p.name for p in f().rglob('*.json')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    found = subprocess.run(
        [sys.executable, "-c", find], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert set(found.stdout.split()) == OURS
