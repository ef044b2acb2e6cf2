"""The sizes of worker groups: changed, and kept when a manifest is applied over them."""

from __future__ import annotations

from league.errors import KubernetesError, nearest
from league.interfaces.k8s.cluster import Cluster
from league.interfaces.k8s.manifests import Object
from league.interfaces.k8s.selectors import CLUSTER

SIZES = ("replicas", "scaleStrategy", "minReplicas", "maxReplicas")


def keep_sizes(manifest: Object, live: Object, *, bounds: bool) -> Object:
    """The RayCluster `manifest` with the sizes that its worker groups have, and, with `bounds`, with their bounds.

    To the API server the list of groups is one value, and whoever scales a group owns all of it: the autoscaler, too.
    """
    present = {one["groupName"]: one for one in live["spec"].get("workerGroupSpecs", [])}
    kept = SIZES if bounds else SIZES[:2]
    groups = [
        one | {key: value for key, value in present.get(one["groupName"], {}).items() if key in kept}
        for one in manifest["spec"].get("workerGroupSpecs", [])
    ]
    return {**manifest, "spec": {**manifest["spec"], "workerGroupSpecs": groups}}


def scale(
    cluster: Cluster, group: str, *, count: int | None, least: int | None, most: int | None
) -> tuple[dict[str, int], bool]:
    """Patch a worker group of the RayCluster; what it is now, and whether the autoscaler may change the count.

    Raises `KubernetesError` where there is no such group, or the bounds contradict.
    """
    live = cluster.get(*CLUSTER)
    if live is None:
        raise KubernetesError(f"namespace {cluster.namespace} has no RayCluster league: see `league k8s deploy`")
    groups = {one["groupName"]: (number, one) for number, one in enumerate(live["spec"].get("workerGroupSpecs", []))}
    if group not in groups:
        raise KubernetesError(f"no worker group {group!r}{nearest(group, groups)}; there are {', '.join(groups)}")
    number, present = groups[group]
    asked = {"replicas": count, "minReplicas": least, "maxReplicas": most}
    now = {key: present.get(key, 0) if value is None else value for key, value in asked.items()}
    if count is None:
        now["replicas"] = min(max(now["replicas"], now["minReplicas"]), now["maxReplicas"])
    if least is None:
        now["minReplicas"] = min(now["minReplicas"], now["maxReplicas"], now["replicas"])
    if most is None:
        now["maxReplicas"] = max(now["minReplicas"], now["maxReplicas"], now["replicas"])
    if not now["minReplicas"] <= now["replicas"] <= now["maxReplicas"]:
        raise KubernetesError(
            f"{now['replicas']} workers, at least {now['minReplicas']}, at most {now['maxReplicas']}: these contradict"
        )
    where = f"/spec/workerGroupSpecs/{number}"
    changed = {key: value for key, value in now.items() if present.get(key) != value}
    # The test keeps us from patching another group, should someone have put one before it meanwhile.
    operations: list[Object] = [{"op": "test", "path": f"{where}/groupName", "value": group}]
    operations += [{"op": "add", "path": f"{where}/{key}", "value": value} for key, value in changed.items()]
    cluster.patch(*CLUSTER, operations)
    return now, bool(live["spec"].get("enableInTreeAutoscaling"))
