"""The Grafana dashboards and Prometheus rules that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

LEAGUE_UID: Final = "league-league"
"""Of the dashboard that shows the league as a whole."""


def dashboards_folder() -> Path:
    """`dashboards/` as it was installed with the package, or as it is in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "dashboards"
    return installed if installed.is_dir() else package.parent / "dashboards"
