"""Write what follows from other files: `python k8s/render.py`. Needs kubectl.

- `overlays/monitoring/prometheus-rule.yaml` from the rules in `dashboards/prometheus/`
- `league/interfaces/k8s/manifests/`, the overlays that the package carries, from `overlays/`

`tests/interfaces/k8s/test_manifests_built.py` compares.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

HERE = Path(__file__).parent
RULES = HERE.parent / "dashboards" / "prometheus"
RENDERED = HERE.parent / "league" / "interfaces" / "k8s" / "manifests"


def rule() -> str:
    """The PrometheusRule: all groups of rules, as they are."""
    read = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(RULES.glob("*.yml"))]
    rules = [one for one in read if "groups" in one]  # beside them lies Prometheus's own configuration
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "league"},
        "spec": {"groups": [group for one in rules for group in one["groups"]]},
    }
    text = yaml.safe_dump(resource, sort_keys=False, width=120)
    return f"# Written by k8s/render.py from dashboards/prometheus: change the rules there.\n{text}"


def overlays() -> Iterator[tuple[Path, str]]:
    """Where each overlay is kept rendered, and what it says."""
    for folder in sorted((HERE / "overlays").iterdir()):
        command = ["kubectl", "kustomize", str(folder)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
        # The package has the dashboards as JSON: `league.interfaces.k8s.manifests` makes these ConfigMaps of them.
        kept = [one for one in text.split("\n---\n") if "grafana_dashboard:" not in one]
        text = "\n---\n".join(one.strip("\n") for one in kept) + "\n"
        yield RENDERED / f"{folder.name}.yaml", f"# Written by k8s/render.py from k8s/overlays/{folder.name}.\n{text}"


if __name__ == "__main__":
    (HERE / "overlays" / "monitoring" / "prometheus-rule.yaml").write_text(rule(), encoding="utf-8")
    for path, text in overlays():
        path.write_text(text, encoding="utf-8")
