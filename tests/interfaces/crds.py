"""Strict checks of custom resources against CRDs.

Those of KubeRay and Prometheus's operator are large and come from outside: from `$LEAGUE_CRDS`, or `../shared/crds`
beside the checkout. Of Kueue's a few fields are used, which `kueue.yaml` here describes.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from jsonschema.validators import extend

ROOT = Path(__file__).parents[2]
KUEUE = Path(__file__).with_name("kueue.yaml")


def folder() -> Path:
    """Where the CRDs are; skips where there are none."""
    found = Path(os.environ.get("LEAGUE_CRDS") or ROOT.parent / "shared" / "crds")
    if not found.is_dir():
        pytest.skip("no CRDs: set LEAGUE_CRDS to a folder with those of KubeRay and Prometheus's operator")
    return found


def validators() -> dict[tuple[str, str], Draft7Validator]:
    """Of KubeRay's and Prometheus's kinds, by apiVersion and kind."""
    return read(*sorted(folder().glob("*.yaml")))


@cache
def read(*files: Path) -> dict[tuple[str, str], Draft7Validator]:
    """Of the CRDs in these files, by apiVersion and kind."""
    found = {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for crd in (crd for path in files for crd in yaml.load_all(path.read_text(encoding="utf-8"), loader)):
        spec = crd["spec"]
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            # `required` is left to the rule below, which knows that the API server fills in defaults first.
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = Strict(schema)
    return found


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
