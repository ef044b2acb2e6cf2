"""What of a league's storage can be changed: a volume grows where its storage class lets it, and never shrinks."""

from __future__ import annotations

from typing import Final

from league.errors import KubernetesError
from league.interfaces.k8s.cluster import Cluster
from league.interfaces.k8s.manifests import Object, key

FIXED: Final = ("serviceName", "selector", "podManagementPolicy", "volumeClaimTemplates")
"""Fields of a StatefulSet that the API server lets nobody change."""


def keep_volume(manifest: Object, live: Object) -> tuple[Object, str | None]:
    """The PersistentVolumeClaim `manifest`, but no smaller than it is; and what was kept, in words."""
    from kubernetes.utils.quantity import parse_quantity

    present, wanted = _storage(live), _storage(manifest)
    if parse_quantity(present) <= parse_quantity(wanted):
        return manifest, None
    kept = {**manifest, "spec": {**manifest["spec"], "resources": {"requests": {"storage": present}}}}
    return kept, f"volume {manifest['metadata']['name']} keeps its {present}: it cannot shrink to {wanted}"


def refuse_fixed(cluster: Cluster, objects: list[Object]) -> None:
    """Raise `KubernetesError` for a StatefulSet that is there in a form which the API server would refuse to change."""
    for one in objects:
        live = cluster.get(*key(one)) if one["kind"] == "StatefulSet" else None
        if live is None:
            continue
        changed = [name for name in FIXED if _form(live, name) != _form(one, name)]
        if changed:
            raise KubernetesError(replace(one["metadata"]["name"], cluster.namespace, changed))


def replace(name: str, namespace: str, fields: list[str]) -> str:
    """What to do with a StatefulSet whose `fields` would have to change."""
    return (
        f"StatefulSet {name} is of another form ({', '.join(fields)}), and Kubernetes lets nobody change that: "
        f"`kubectl --namespace {namespace} delete statefulset {name}`, then deploy again; its volume stays"
    )


def _storage(claim: Object) -> str:
    return str(claim["spec"]["resources"]["requests"]["storage"])


def _form(live: Object, field: str) -> object:
    """A field without what the API server adds to it."""
    spec = live["spec"]
    if field == "volumeClaimTemplates":
        return [(one["metadata"]["name"], _storage(one)) for one in spec.get(field) or []]
    return spec.get(field) or ("OrderedReady" if field == "podManagementPolicy" else None)
