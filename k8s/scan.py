"""What Checkov says against the manifests and the Dockerfile: `python k8s/scan.py PROGRAM`; `make check` runs it.

Scanned are the overlays that the package carries, and each pod of Ray's clusters, which Checkov does not look for in
custom resources. Every finding must be in `accepted.yaml` with its reason, and everything in there must be found: what
has been mended is accepted no more. Nothing is downloaded.
"""

from __future__ import annotations

import fnmatch
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from league.interfaces.k8s.manifests import load, shipped

HERE = Path(__file__).parent
ACCEPTED = HERE / "accepted.yaml"
DOCKERFILE = HERE.parent / "Dockerfile"


class Finding(NamedTuple):
    """What Checkov says against one object."""

    check: str
    """Such as `CKV_K8S_43`."""
    where: str
    """Kind and name of the object, or `Dockerfile`."""
    text: str


def objects(overlay: str) -> Iterator[dict[str, Any]]:
    """The objects of an overlay and, as a Pod, the head and each group of workers of its Ray clusters."""
    for one in load(overlay):
        yield one
        spec, name = one.get("spec", {}), one["metadata"]["name"]
        cluster = spec.get("rayClusterConfig", spec)
        groups = [("head", cluster["headGroupSpec"])] if "headGroupSpec" in cluster else []
        groups += [(group["groupName"], group) for group in cluster.get("workerGroupSpecs", [])]
        for group, described in groups:
            template = described["template"]
            metadata = {**template["metadata"], "name": f"{name}-{group}", "namespace": one["metadata"]["namespace"]}
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def scan(program: str) -> set[Finding]:
    """Run Checkov; raises `subprocess.CalledProcessError` where it fails, not where it finds something."""
    with tempfile.TemporaryDirectory() as folder:
        for overlay in shipped():
            text = yaml.safe_dump_all(objects(overlay), sort_keys=False)
            Path(folder, f"{overlay}.yaml").write_text(text, encoding="utf-8")
        Path(folder, "Dockerfile").write_bytes(DOCKERFILE.read_bytes())
        line = [program, "--directory", folder, "--framework", "kubernetes", "dockerfile", "--output", "json"]
        options = ["--compact", "--quiet", "--skip-download", "--soft-fail"]
        said = subprocess.run([*line, *options], check=True, capture_output=True, text=True).stdout  # noqa: S603
    found = json.loads(said)
    reports = found if isinstance(found, list) else [found]
    assert {one["check_type"] for one in reports} == {"kubernetes", "dockerfile"}, "not everything was scanned"
    return {
        Finding(one["check_id"], where(one["resource"]), one["check_name"])
        for report in reports
        for one in report["results"]["failed_checks"]
    }


def where(resource: str) -> str:
    """Kind and name, of `Kind.namespace.name` as Checkov has it; an instruction of the Dockerfile is the Dockerfile."""
    if resource.startswith("/"):
        return "Dockerfile"
    kind, _, name = resource.split(".")[:3]
    return f"{kind} {name}"


def judge(found: set[Finding], accepted: list[dict[str, Any]]) -> list[str]:
    """What is wrong: findings that nobody has accepted, and accepted ones that are none."""
    said = []
    used = set()
    for one in sorted(found):
        entry = next((n for n, each in enumerate(accepted) if accepts(each, one)), None)
        if entry is None:
            said.append(f"{one.check} {one.where}: {one.text}")
        else:
            used.add(entry)
    for number, each in enumerate(accepted):
        if number not in used:
            said.append(f"{ACCEPTED.name}: {each['check']} at {each['where']} is found no more: take it out")
    return said


def accepts(entry: dict[str, Any], finding: Finding) -> bool:
    """Whether an entry is about a finding; raises `KeyError` for one without a reason."""
    return (
        bool(entry["reason"])
        and entry["check"] == finding.check
        and any(fnmatch.fnmatchcase(finding.where, pattern) for pattern in entry["where"])
    )


if __name__ == "__main__":
    wrong = judge(scan(sys.argv[1]), yaml.safe_load(ACCEPTED.read_text(encoding="utf-8")))
    print("\n".join(wrong) or f"Checkov: nothing but what {ACCEPTED.name} accepts")
    sys.exit(bool(wrong))
