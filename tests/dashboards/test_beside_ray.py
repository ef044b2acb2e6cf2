"""The dashboards where the Grafana of a running Ray looks, on its Metrics page, in a folder, and in the wheel."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dashboard_files import FILES, FOLDER, load

from league.actors.grafana import LEAGUE_UID, place_dashboards
from league.interfaces.cli import run
from tests.actors.test_train_process import ended, train, wait_until

OURS = {path.name for path in FILES}
TOKEN = "0123456789abcdef" * 4


@pytest.fixture
def ray_folder() -> Iterator[Path]:
    """A temporary folder for Ray, with a path that is short enough for its sockets."""
    folder = Path(tempfile.mkdtemp(prefix="ray"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def grafana() -> Iterator[str]:
    """The one answer of Grafana's that Ray's dashboard waits for: Grafana itself cannot be installed here."""

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"database": "ok"}')

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_beside_rays_own(tmp_path: Path, ray_folder: Path, grafana: str) -> None:
    """`league train --dashboard` puts them there, and Ray's Metrics page embeds the league's."""
    environment = {"RAY_TMPDIR": str(ray_folder), "RAY_AUTH_TOKEN": TOKEN, "RAY_GRAFANA_HOST": grafana}
    process = train(str(tmp_path / "store"), "--dashboard", **environment)
    folder = ray_folder / "ray" / "session_latest" / "metrics" / "grafana" / "dashboards"
    log = ray_folder / "ray" / "session_latest" / "logs" / "dashboard.log"
    try:
        wait_until(lambda: all((folder / name).is_file() for name in OURS), process)
        for path in FILES:
            assert (folder / path.name).read_bytes() == path.read_bytes()
        uids = [load(path)["uid"] for path in folder.glob("*.json")]
        assert len(set(uids)) == len(uids)
        assert "rayDefaultDashboard" in uids
        provider = folder.parent / "provisioning" / "dashboards" / "default.yml"
        looked_in = yaml.safe_load(provider.read_text())["providers"][0]["options"]["path"]
        assert Path(looked_in).samefile(folder)

        address = re.search(r"http server initialized at (\S+)", log.read_text())
        assert address is not None
        request = urllib.request.Request(f"http://{address[1]}/api/grafana_health")
        request.add_header("Authorization", f"Bearer {TOKEN}")
        with urllib.request.urlopen(request) as answer:
            shown = json.load(answer)["data"]["dashboardUids"]
        assert (shown["default"], shown["data"]) == ("rayDefaultDashboard", LEAGUE_UID)
    finally:
        process.send_signal(signal.SIGINT)
        printed = ended(process)
    assert "saved in" in printed


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
        "from league.actors.grafana import dashboards_folder as f; print(*sorted(p.name for p in f().rglob('*.json')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    found = subprocess.run(
        [sys.executable, "-c", find], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert set(found.stdout.split()) == OURS
