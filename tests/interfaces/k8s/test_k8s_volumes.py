"""Volumes: from one overlay to another in one namespace, growing, and what Kubernetes lets nobody change."""

from __future__ import annotations

from api_server import ApiServer
from overlays import only
from small_cluster import refused
from small_league import Command

from league.interfaces.k8s.manifests import load


def storage(server: ApiServer, name: str) -> str:
    return str(server.objects["PersistentVolumeClaim", name]["spec"]["resources"]["requests"]["storage"])


def test_from_local_to_gpu_the_volumes_grow(deployed: ApiServer, k8s: Command) -> None:
    """The API server here refuses what the real one does: any change of a StatefulSet's claims."""
    assert storage(deployed, "data-league-redis-0") == "1Gi"
    result = k8s("deploy", "gpu")
    assert (result.code, result.err) == (0, "")
    assert storage(deployed, "data-league-redis-0") == "100Gi"


def test_a_volume_does_not_shrink(deployed: ApiServer, k8s: Command) -> None:
    assert k8s("deploy", "gpu").code == 0
    result = k8s("deploy", "local")
    assert (result.code, result.err) == (0, "")
    assert "volume data-league-redis-0 keeps its 100Gi: it cannot shrink to 1Gi" in result.out
    assert storage(deployed, "data-league-redis-0") == "100Gi"


def test_a_storage_class_whose_volumes_cannot_grow(deployed: ApiServer, k8s: Command) -> None:
    said = 'persistentvolumeclaims "x" is forbidden: only dynamically provisioned pvc can be resized and the '
    said += "storageclass that provisions the pvc must support resize"
    deployed.refusals.append(("PATCH", "persistentvolumeclaims", 403, said))
    refused(k8s("deploy", "gpu"), "volume data-gcs-redis-0 cannot grow", "allowVolumeExpansion")


def test_a_statefulset_of_another_form_is_said_before_anything_is_written(deployed: ApiServer, k8s: Command) -> None:
    """As this project made them first: with claims of their own."""
    spec = deployed.objects["StatefulSet", "league-redis"]["spec"]
    spec["volumeClaimTemplates"] = [
        {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}
    ]
    refused(
        k8s("deploy", "local"),
        "StatefulSet league-redis is of another form (volumeClaimTemplates)",
        "`kubectl --namespace league delete statefulset league-redis`, then deploy again; its volume stays",
    )
    assert not deployed.writes()
    del deployed.objects["StatefulSet", "league-redis"]
    assert k8s("deploy", "local").code == 0


def test_the_volume_of_such_a_statefulset_is_found_again() -> None:
    """Its claim was named after it."""
    for name in ("league-redis", "gcs-redis"):
        volumes = only(load("local"), "StatefulSet", name)["spec"]["template"]["spec"]["volumes"]
        assert {"name": "data", "persistentVolumeClaim": {"claimName": f"data-{name}-0"}} in volumes


def test_what_the_api_server_adds_is_no_other_form(deployed: ApiServer, k8s: Command) -> None:
    spec = deployed.objects["StatefulSet", "league-redis"]["spec"]
    spec["podManagementPolicy"] = "OrderedReady"
    del deployed.objects["StatefulSet", "gcs-redis"]
    result = k8s("deploy", "local", "--no-wait")
    assert "of another form" not in result.err
