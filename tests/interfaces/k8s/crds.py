"""Strict checks of custom resources against CRDs.

`crds.json.xz` has those of KubeRay 1.7.0 (ray-project/kuberay) and Prometheus's operator 0.93.0
(prometheus-operator/prometheus-operator), as far as the overlays use them, without their descriptions. Both projects
publish them under the Apache License 2.0. To make it anew, from a folder with the projects' own files:

    python tests/interfaces/k8s/crds.py FOLDER

`$LEAGUE_CRDS` names such a folder to check against instead. Of Kueue's a few fields are used, which `kueue.yaml` here
describes.
"""

from __future__ import annotations

import json
import lzma
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator
from jsonschema.validators import extend

CARRIED = Path(__file__).with_name("crds.json.xz")
KUEUE = Path(__file__).with_name("kueue.yaml")
KINDS = ("PodMonitor", "PrometheusRule", "RayCluster", "RayJob", "RayService")


def validators() -> dict[tuple[str, str], Draft7Validator]:
    """Of KubeRay's and Prometheus's kinds, by apiVersion and kind."""
    folder = os.environ.get("LEAGUE_CRDS")
    return read(*sorted(Path(folder).glob("*.yaml")) if folder else [CARRIED])


def load(path: Path) -> list[Any]:
    """The CRDs in a file."""
    if path.suffix == ".xz":
        return list(json.loads(lzma.decompress(path.read_bytes())))
    return list(yaml.load_all(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


@cache
def read(*files: Path) -> dict[tuple[str, str], Draft7Validator]:
    """Of the CRDs in these files, by apiVersion and kind."""
    found = {}
    for spec in (crd["spec"] for path in files for crd in load(path)):
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            # `required` is left to the rule below, which knows that the API server fills in defaults first.
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = Strict(schema)
    return found


def carry(folder: Path) -> None:
    """Write `CARRIED` from the CRDs in a folder."""
    kept = []
    for spec in (crd["spec"] for path in sorted(folder.glob("*.yaml")) for crd in load(path)):
        kind = spec["names"]["kind"]
        if kind in KINDS:
            (schema,) = (one["schema"] for one in spec["versions"] if one["name"] == "v1")
            versions = [{"name": "v1", "schema": undescribed(schema)}]
            kept.append({"spec": {"group": spec["group"], "names": {"kind": kind}, "versions": versions}})
    assert {one["spec"]["names"]["kind"] for one in kept} == set(KINDS), "a CRD is missing"
    CARRIED.write_bytes(lzma.compress(json.dumps(kept, separators=(",", ":")).encode()))


def undescribed(schema: Any) -> Any:
    """A schema without the texts that explain it; a field may be called `description`, too."""
    if isinstance(schema, list):
        return [undescribed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: undescribed(one) for key, one in schema.items() if key != "description" or isinstance(one, dict)}


def required(validator: Any, names: Any, instance: Any, schema: Any) -> Any:
    """As JSON Schema has it, but a field with a default is never missed."""
    known = schema.get("properties", {})
    wanted = [name for name in names if "default" not in known.get(name, {})]
    yield from Draft7Validator.VALIDATORS["required"](validator, wanted, instance, schema)


Strict = extend(Draft7Validator, {"required": required})


def strict(schema: Any) -> Any:
    """A structural schema as JSON Schema that refuses fields which it does not name."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties"):
            made[key] = {name: strict(one) for name, one in value.items()}
        elif key not in ("default", "example", "enum", "required", "description"):
            made[key] = strict(value)
        elif key != "description":
            made[key] = value
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("anyOf", None)
        made["type"] = ["integer", "string"]
    if schema.get("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in made
    if made.get("type") == "object" and "properties" in made and not open_ended:
        made["additionalProperties"] = False
    return made


if __name__ == "__main__":
    carry(Path(sys.argv[1]))
