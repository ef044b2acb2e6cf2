"""Write the Grafana dashboards: `python dashboards/generate.py`. `tests/dashboards/` compares them with the files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from dashboards.boards import league, operations, training

HERE = Path(__file__).parent


def files() -> Iterator[tuple[Path, str]]:
    """Each dashboard's file, and what it should hold."""
    for module in (league, training, operations):
        dashboard = module.dashboard()
        path = HERE / "grafana" / f"{dashboard['uid']}.json"
        yield path, json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path, text in files():
        path.write_text(text, encoding="utf-8")
