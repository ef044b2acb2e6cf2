"""`league grafana`: the dashboards and what belongs to them, for a Grafana and a Prometheus of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from league.interfaces.cli import options
from league.view.dashboards import RUNBOOK

PROVIDED_FROM = "/var/lib/grafana/dashboards"
"""Where the provisioning file looks for the dashboards; containers mount them there."""


def grafana(
    output: Annotated[Path, typer.Option(help="A folder that is not there yet, or empty.")] = Path("monitoring"),
    runbook: options.RunbookOption = RUNBOOK,
) -> None:
    """Write the Grafana dashboards, their provisioning, and Prometheus's configuration and rules to a folder."""
    import shutil

    from league.interfaces.cli.files import replacing
    from league.view.dashboards import dashboards_folder, led_to

    with replacing(output, folder=True) as part:
        for name in ("grafana", "prometheus"):
            shutil.copytree(dashboards_folder() / name, part / name)
        provider = part / "grafana" / "provisioning" / "dashboards" / "league.yml"
        text = provider.read_text(encoding="utf-8")
        provider.write_text(text.replace(PROVIDED_FROM, str(output.resolve() / "grafana")), encoding="utf-8")
        rules = part / "prometheus" / "alerts.yml"
        rules.write_text(led_to(rules.read_text(encoding="utf-8"), runbook), encoding="utf-8")
    for path in sorted(path for path in output.rglob("*") if path.is_file()):
        print(path)
