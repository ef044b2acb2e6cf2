"""Images as people have them: in a registry that asks for a password, by digest, or not at all."""

from __future__ import annotations

import json

import pytest
from api_server import ApiServer, Object
from small_cluster import controllers, event, pods, refused
from small_league import Command

from league.interfaces.k8s.images import registry
from league.interfaces.k8s.manifests import containers

DIGEST = "sha256:" + "0123456789abcdef" * 4
IMAGE = "registry.example/league:0.1.0"
REFUSED = (
    f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": '
    "unexpected status from HEAD request to https://registry.example/v2/league/manifests/0.1.0: 401 Unauthorized"
)
GONE = f'failed to resolve reference "{IMAGE}": {IMAGE}: not found'


def images(server: ApiServer) -> set[str]:
    return {container["image"] for one in server.objects.values() for container in containers(one)}


def blocked(server: ApiServer, message: str, *, reason: str = "ImagePullBackOff", image: str = IMAGE) -> Object:
    """A pod that waits for its image."""
    status = server.objects["Pod", "league-exporter-x"]["status"]
    waiting = {"image": image, "ready": False, "restartCount": 0, "state": {"waiting": {"reason": reason}}}
    waiting["state"]["waiting"]["message"] = message
    status |= {"phase": "Pending", "containerStatuses": [waiting]}
    return server.objects["Pod", "league-exporter-x"]


def test_every_account_has_the_registrys_password(server: ApiServer, k8s: Command) -> None:
    assert k8s("deploy", "gpu", "--pull-secret", "mine", "--no-wait").code == 0
    accounts = [one for (kind, _), one in server.objects.items() if kind == "ServiceAccount"]
    assert len(accounts) == 3
    assert all(one["imagePullSecrets"] == [{"name": "mine"}] for one in accounts)


def test_images_by_digest_and_from_a_mirror(server: ApiServer, k8s: Command) -> None:
    ours, gpu = f"r.example:5000/a/league@{DIGEST}", f"r.example:5000/a/league-gpu:0.1.0@{DIGEST}"
    given = ["--image", ours, "--image", f"league-gpu={gpu}", "--image", "redis=r.example:5000/redis:8.2.3"]
    assert k8s("deploy", "gpu", *given, "--no-wait").code == 0
    found = images(server)
    assert found == {ours, gpu, "r.example:5000/redis:8.2.3"}


def test_a_digest_is_not_taken_for_another_image(server: ApiServer, k8s: Command) -> None:
    refused(k8s("deploy", "gpu", "--image", f"r.example/league@{DIGEST}"), "the image for GPUs", "--image league-gpu=")
    assert not server.writes()
    assert k8s("deploy", "local", "--image", f"r.example/league@{DIGEST}", "--no-wait").code == 0, "it has no GPUs"


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("league@sha256:12", "give a tag that stays"),
        ("league:latest", "give a tag that stays"),
        ("=league:0.1.0", "the manifests have no image ''"),
        ("postgres=postgres:17.1", "the manifests have no image 'postgres'; they have league, league-gpu, redis"),
    ],
)
def test_images_that_cannot_be_meant(server: ApiServer, k8s: Command, image: str, said: str) -> None:
    refused(k8s("deploy", "local", "--image", image), said)
    assert not server.writes()


def test_registries() -> None:
    hosts = {
        "league:1": "docker.io",
        "anna/league:1": "docker.io",
        IMAGE: "registry.example",
        "localhost/a:1": "localhost",
    }
    assert {image: registry(image) for image in hosts} == hosts


@pytest.mark.parametrize(
    ("message", "warning"),
    [(f'Back-off pulling image "{IMAGE}": ErrImagePull: {REFUSED}', None), ("Back-off pulling image", REFUSED)],
    ids=["1.31 and newer", "older"],
)
def test_a_registry_that_asks_for_a_password(
    deployed: ApiServer, k8s: Command, message: str, warning: str | None
) -> None:
    blocked(deployed, message)
    if warning is not None:
        event(deployed, f'Failed to pull image "{IMAGE}": {warning}')
    parts = [
        f"league-exporter-x cannot pull {IMAGE}: registry.example asks for a password",
        "kubectl --namespace league create secret docker-registry registry",
        "deploy with --pull-secret registry",
    ]
    (line,) = json.loads(k8s("status", "--json").out)["images"]
    assert all(part in line for part in parts)
    assert parts[0].split(":")[0] in k8s("status").out
    deployed.after = lambda method, live: pods_without_image(deployed, method, live, message, warning)
    result = k8s("deploy", "local", "--image", IMAGE)
    refused(result, *parts)
    assert "deleted Pod league-exporter-x, which could not pull its image" in result.out


def pods_without_image(server: ApiServer, method: str, live: Object, message: str, warning: str | None) -> None:
    """A Deployment makes its pod anew, which fares no better."""
    if (method, live["kind"]) == ("DELETE", "Pod"):
        pods(server)
        blocked(server, message)
        if warning is not None:
            event(server, f'Failed to pull image "{IMAGE}": {warning}', age_s=0)
    if live["metadata"]["name"] == "league-exporter":
        live["status"] = {"readyReplicas": 0}


def test_a_password_that_is_not_there(deployed: ApiServer, k8s: Command) -> None:
    blocked(deployed, REFUSED, reason="ErrImagePull")
    event(deployed, "Unable to retrieve some image pull secrets (mine); attempting to pull may not succeed.")
    (line,) = json.loads(k8s("status", "--json").out)["images"]
    assert "there is no Secret mine in namespace league" in line
    assert "create secret docker-registry mine" in line


def test_an_image_that_nobody_has_pushed(deployed: ApiServer, k8s: Command) -> None:
    blocked(deployed, GONE, reason="ErrImagePull")
    (line,) = json.loads(k8s("status", "--json").out)["images"]
    assert line == (
        f"league-exporter-x cannot pull {IMAGE}: registry.example has no such image: push it (on kind: kind load "
        "docker-image), or see --image"
    )


def test_a_registry_that_is_away_for_a_while_is_waited_for(server: ApiServer, k8s: Command) -> None:
    controllers(server)
    pods(server)
    assert k8s("deploy", "local").code == 0
    ready = server.after

    def after(method: str, live: Object) -> None:
        ready(method, live)
        if (method, live["kind"]) == ("DELETE", "Pod"):
            pods(server)
            blocked(server, "dial tcp: i/o timeout", reason="ErrImagePull")
            server.objects["Deployment", "league-exporter"]["status"] = {"readyReplicas": 0}

    server.after = after
    blocked(server, "dial tcp: i/o timeout", reason="ErrImagePull")
    refused(k8s("deploy", "local", "--timeout", "0.05"), "not ready after 0 s: Deployment league-exporter")
    (line,) = json.loads(k8s("status", "--json").out)["images"]
    assert line.endswith("ErrImagePull: dial tcp: i/o timeout")
