"""Parts of an overlay, found and read for the tests of the manifests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from api_server import Object

ROOT = Path(__file__).parents[3]
K8S = ROOT / "k8s"


def only(objects: list[Object], kind: str, name: str | None = None) -> Object:
    found = [one for one in objects if one["kind"] == kind and name in (None, one["metadata"]["name"])]
    assert len(found) == 1, (kind, name)
    return found[0]


def pods(objects: list[Object]) -> Iterator[tuple[Object, str, Object]]:
    """Every pod template: the object it is in, where, and the template."""

    def walk(part: Any, path: str, owner: Object) -> Iterator[tuple[Object, str, Object]]:
        if isinstance(part, list):
            for number, one in enumerate(part):
                yield from walk(one, f"{path}/{number}", owner)
        elif isinstance(part, dict):
            if "containers" in part.get("spec", {}):
                yield owner, path, part
            for name, value in part.items():
                yield from walk(value, f"{path}/{name}", owner)

    for one in objects:
        yield from walk(one, one["kind"], one)


def clusters(objects: list[Object]) -> Iterator[Object]:
    """The specifications of Ray clusters."""
    for one in objects:
        if one["kind"] == "RayCluster":
            yield one["spec"]
        elif one["kind"] == "RayService":
            yield one["spec"]["rayClusterConfig"]


def labels_of_pods(objects: list[Object]) -> list[dict[str, str]]:
    """Also those that KubeRay adds, as far as anyone here selects by them."""
    found = []
    for _, path, template in pods(objects):
        added = {}
        if "headGroupSpec" in path or "workerGroupSpecs" in path:
            added = {"ray.io/node-type": "head" if "headGroupSpec" in path else "worker"}
        found.append({**template["metadata"]["labels"], **added})
    return found


def selects(selector: Object, labels: dict[str, str]) -> bool:
    for one in selector.get("matchExpressions", []):
        assert one["operator"] == "In"
        if labels.get(one["key"]) not in one["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


def gibibytes(quantity: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(Gi|Mi)", quantity).groups()  # type: ignore[union-attr]
    return int(number) / (1 if unit == "Gi" else 1024)


def amount(quantity: str | int) -> float:
    text = str(quantity)
    return gibibytes(text) if text.endswith("i") else float(text)
