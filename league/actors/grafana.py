"""The league's Grafana dashboards, put beside Ray's own where the Grafana of the running Ray session looks."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import ray
import yaml

from league.view.dashboards import LEAGUE_UID, dashboards_folder


def embed_league() -> None:
    """Have the dashboard of a Ray that this process starts show the league on its Metrics page.

    That page embeds two dashboards by their uid, Ray's default one and that of Ray Data. The uid of each can be set,
    and a league makes no use of Ray Data. What a person has set in the environment is not changed.
    """
    os.environ.setdefault("RAY_GRAFANA_DATA_DASHBOARD_UID", LEAGUE_UID)


def place_dashboards() -> Path | None:
    """Copy our dashboards to those of the Ray session that this process is connected to; return their folder.

    None where there are none: Ray has no dashboard, or its head node is another machine. One of Ray's whose uid is that
    of ours makes way, as Grafana refuses two. Raises `OSError` where the folder belongs to another user.
    """
    node = ray._private.worker._global_node
    if node is None:
        return None
    metrics = Path(os.environ.get("RAY_METRICS_OUTPUT_ROOT") or Path(node.get_session_dir_path(), "metrics"))
    provider = metrics / "grafana" / "provisioning" / "dashboards" / "default.yml"
    if not provider.is_file():
        return None
    folder = Path(yaml.safe_load(provider.read_text(encoding="utf-8"))["providers"][0]["options"]["path"])
    ours = {path.name: path for path in sorted((dashboards_folder() / "grafana").glob("*.json"))}
    uids = {_uid(path) for path in ours.values()}
    for path in folder.glob("*.json"):
        if path.name not in ours and _uid(path) in uids:
            path.unlink()
    for name, path in ours.items():
        shutil.copyfile(path, folder / name)
    return folder


def _uid(dashboard: Path) -> str | None:
    uid: str | None = json.loads(dashboard.read_text(encoding="utf-8")).get("uid")
    return uid
