"""The objects of an overlay, fitted to a namespace, an image and a configuration.

The package carries its overlays rendered (`k8s/render.py` writes them): neither kubectl nor the sources are needed.
A folder of your own is built with `kubectl kustomize`; a file holds objects already built.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from league.errors import KubernetesError, MissingExtraError, nearest
from league.interfaces.k8s.images import place
from league.interfaces.k8s.selectors import KUBERAY, PROMETHEUS
from league.view.dashboards import RUNBOOK, dashboards_folder, led_to

NAMESPACE: Final = "league"
"""Of the manifests as they are."""

MONITORING: Final = "monitoring"
"""The overlay that has the dashboards."""

NAME: Final = "kubernetes.io/metadata.name"
"""Label with a namespace's name; Kubernetes gives it, and nobody else can."""

CONFIG: Final = ("league-config", "league.toml")
"""The ConfigMap, and the file in it, that `league train` reads."""

Object = dict[str, Any]


def shipped() -> list[str]:
    """Names of the overlays in this package."""
    folder = files("league.interfaces.k8s") / "manifests"
    return sorted(Path(one.name).stem for one in folder.iterdir() if one.name.endswith(".yaml"))


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """What the objects of an overlay are fitted to; as it is, they stay what they are."""

    namespace: str = NAMESPACE
    """Where they shall live."""
    images: Mapping[str, str] = field(default_factory=dict)
    """With tag or digest, by the name in the manifests; see `images.asked`."""
    pull_secret: str | None = None
    """Name of the Secret that every ServiceAccount shows to registries."""
    config: str | None = None
    """Text of a TOML file that takes the place of `league.toml`."""
    kuberay: str = KUBERAY
    """Namespace from which KubeRay's operator is let in."""
    prometheus: str = PROMETHEUS
    """Namespace from which Prometheus is let in."""
    runbook: str = RUNBOOK
    """Where alerts lead to."""


def load(overlay: str, fitting: Fitting = Fitting()) -> list[Object]:
    """Objects in the order in which they are applied.

    `overlay` is a name of `shipped()`, a folder with a kustomization, or a YAML file. Raises `KubernetesError` if there
    is no such overlay, or it cannot be built or fitted.
    """
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise MissingExtraError("kubernetes", "k8s") from error
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast
        objects = [one for one in yaml.load_all(led_to(_text(overlay), fitting.runbook), loader) if one]
    except yaml.YAMLError as error:
        raise KubernetesError(f"{overlay} is not YAML: {str(error).splitlines()[0]}") from error
    if overlay == MONITORING and overlay in shipped():
        objects += _dashboards()
    for one in objects:
        if not (isinstance(one, dict) and one.get("apiVersion") and one.get("kind") and one.get("metadata")):
            raise KubernetesError(f"{overlay} holds something that is no Kubernetes object: {str(one)[:60]}")
        _move(one, fitting.namespace)
        for container in containers(one):
            place(container, fitting.images)
        if one["kind"] == "NetworkPolicy":
            _let_in(one, {KUBERAY: fitting.kuberay, PROMETHEUS: fitting.prometheus})
        if one["kind"] == "ServiceAccount" and fitting.pull_secret is not None:
            one["imagePullSecrets"] = [{"name": fitting.pull_secret}]
        if fitting.config is not None and one["kind"] == "ConfigMap" and one["metadata"]["name"] == CONFIG[0]:
            one["data"][CONFIG[1]] = fitting.config
    return objects


def key(one: Object) -> tuple[str, str, str]:
    """Version of the API, kind and name of an object: by these `Cluster` finds it."""
    return one["apiVersion"], one["kind"], one["metadata"]["name"]


def containers(part: Any) -> Iterator[Object]:
    """Every container in an object, wherever its pods are described, init containers included."""
    for one in _mappings(part):
        yield from [*(one.get("containers") or []), *(one.get("initContainers") or [])]


def of_cluster(namespace: str) -> str:
    """Name of what a league has outside of its namespace: Kueue's queue and flavor, which are the whole cluster's."""
    return f"league-{namespace}"


def secrets(objects: list[Object]) -> dict[str, set[str]]:
    """The Secrets that the objects refer to, and their keys."""
    found: dict[str, set[str]] = {}
    for one in _mappings(objects):
        if "secretKeyRef" in one:
            found.setdefault(one["secretKeyRef"]["name"], set()).add(one["secretKeyRef"]["key"])
    return found


def _mappings(part: Any) -> Iterator[Object]:
    """Every mapping in an object, however deep."""
    if isinstance(part, dict):
        yield part
    for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _mappings(one)


def _dashboards() -> list[Object]:
    """What `dashboards/kustomization.yaml` makes of the dashboards, which the package has as JSON only."""
    metadata = {
        "namespace": NAMESPACE,
        "labels": {"app.kubernetes.io/part-of": "league", "grafana_dashboard": "1"},
        "annotations": {"grafana_folder": "League"},
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"grafana-{path.stem}", **metadata},
            "data": {path.name: path.read_text(encoding="utf-8")},
        }
        for path in sorted((dashboards_folder() / "grafana").glob("*.json"))
    ]


def _text(overlay: str) -> str:
    known = shipped()
    if overlay in known:
        return (files("league.interfaces.k8s") / "manifests" / f"{overlay}.yaml").read_text(encoding="utf-8")
    path = Path(overlay)
    if path.is_file():
        return path.read_text(encoding="utf-8")
    if path.is_dir():
        return _build(path)
    raise KubernetesError(
        f"no overlay {overlay!r}{nearest(overlay, known)}; there are {', '.join(known)}, or a folder or YAML file"
    )


def _build(folder: Path) -> str:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise KubernetesError(f"to build {folder} kubectl is needed: install it, or give the YAML file that it makes")
    done = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise KubernetesError(f"{folder} cannot be built: {done.stderr.strip()}")
    return done.stdout


def _move(one: Object, namespace: str) -> None:
    if one["kind"] == "Namespace" and one["metadata"]["name"] == NAMESPACE:
        one["metadata"]["name"] = namespace
    if one["metadata"].get("namespace") == NAMESPACE:
        one["metadata"]["namespace"] = namespace
    for subject in one.get("subjects", []):
        if subject.get("namespace") == NAMESPACE:
            subject["namespace"] = namespace
    if one["apiVersion"].startswith("kueue.x-k8s.io/"):
        _rename(one, of_cluster(NAMESPACE), of_cluster(namespace))
    if one["kind"] == "ClusterQueue":
        labels = one["spec"].get("namespaceSelector", {}).get("matchLabels", {})
        if labels.get(NAME) == NAMESPACE:
            labels[NAME] = namespace


def _let_in(policy: Object, namespaces: Mapping[str, str]) -> None:
    """Name other namespaces than a NetworkPolicy does."""
    for peer in (peer for rule in policy["spec"].get("ingress", []) for peer in rule.get("from", [])):
        labels = peer.get("namespaceSelector", {}).get("matchLabels", {})
        if labels.get(NAME) in namespaces:
            labels[NAME] = namespaces[labels[NAME]]


def _rename(part: Any, old: str, new: str) -> None:
    """Put `new` wherever a value is `old`."""
    for key, value in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if value == old:
            part[key] = new
        else:
            _rename(value, old, new)
