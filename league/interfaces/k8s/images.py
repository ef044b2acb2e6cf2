"""Images: which a league runs, and why a cluster cannot pull one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from league.errors import KubernetesError

OURS: Final = "league"
"""Our image in the manifests, without its tag: torch for CPUs."""
GPU: Final = "league-gpu"
"""The same with torch for CUDA."""
NAMES: Final = (OURS, GPU, "redis")
"""All images in the manifests: each may be told to lie elsewhere."""

PULLING: Final = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError")
"""Why a container waits that has no image; kubelet's words."""

_IMAGE: Final = re.compile(
    r"(?P<name>(?:[^\s@=/]+/)*[^\s@=:/]+)(?::(?P<tag>[\w][\w.-]*))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_LOCKED: Final = re.compile(
    r"unauthorized|authentication required|authorization failed|access denied|no basic auth|\bdenied\b|\b40[13]\b", re.I
)
_MISSING: Final = re.compile(r"not found|manifest unknown|does not exist|ErrImageNeverPull", re.I)


@dataclass(frozen=True, kw_only=True)
class Image:
    """A reference to an image, which stays what it is: by its tag, its digest, or both."""

    name: str
    """With its registry, without tag and digest."""
    tag: str | None
    digest: str | None
    """`sha256:` and 64 hexadecimal digits."""

    @classmethod
    def parse(cls, text: str) -> Image:
        """Read `registry.example/league:0.1.0`, also with `@sha256:…`; raises `KubernetesError`."""
        found = _IMAGE.fullmatch(text)
        if found is None or (found["digest"] is None and found["tag"] in (None, "latest")):
            raise KubernetesError(
                f"--image {text}: give a tag that stays what it is, such as league:0.1.0, or a digest, league@sha256:…"
            )
        return cls(name=found["name"], tag=found["tag"], digest=found["digest"])

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def asked(given: list[str]) -> dict[str, str]:
    """What `--image [NAME=]IMAGE` says, by the name in the manifests; raises `KubernetesError`.

    Without a name it is our own, and that for GPUs is the same with `-gpu` before the tag, if it has no name either.
    """
    found: dict[str, str] = {}
    for one in given:
        name, equals, text = one.rpartition("=")
        if not equals:
            name = OURS
        if name not in NAMES:
            raise KubernetesError(f"--image {one}: the manifests have no image {name!r}; they have {', '.join(NAMES)}")
        found[name] = str(Image.parse(text))
    ours = Image.parse(found[OURS]) if OURS in found else None
    if ours is not None and ours.digest is None:
        found.setdefault(GPU, f"{ours.name}-gpu:{ours.tag}")
    return found


def place(container: dict[str, Any], images: Mapping[str, str]) -> None:
    """Have a container run what was asked for; raises `KubernetesError` where nobody said which image that is."""
    name = re.split("[:@]", container["image"])[0]
    if name in images:
        container["image"] = images[name]
    elif name == GPU and OURS in images:
        raise KubernetesError(
            f"--image {images[OURS]}: the digest of the image for GPUs is another one; "
            f"give it, too: --image {GPU}={Image.parse(images[OURS]).name}-gpu@sha256:…"
        )


def registry(image: str) -> str:
    """The host that an image comes from."""
    host, slash, _ = image.partition("/")
    return host if slash and ("." in host or ":" in host or host == "localhost") else "docker.io"


def waiting_for_image(pod: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Image, and what kubelet says, of each container of a pod that has none; nothing of a pod that is going."""
    if "deletionTimestamp" in pod["metadata"]:
        return
    for one in [*pod["status"].get("initContainerStatuses", []), *pod["status"].get("containerStatuses", [])]:
        waiting = one.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in PULLING:
            yield one.get("image", ""), f"{waiting['reason']}: {waiting.get('message') or ''}"


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """An image that cannot be pulled."""

    text: str
    """One line, with what to do."""
    lasting: bool
    """Whether it stays so until somebody does something; kubelet tries again by itself."""


def troubles(pods: list[dict[str, Any]], warnings: list[str], namespace: str) -> list[Trouble]:
    """What is wrong with each image that pods wait for.

    `warnings` are those of Kubernetes: before 1.31 a pod itself does not say why.
    """
    found: dict[str, Trouble] = {}
    for pod in pods:
        for image, said in waiting_for_image(pod):
            told = [text for text in warnings if image in text and "ailed to pull" in text]
            beginning = f"{pod['metadata']['name']} cannot pull {image}"
            found.setdefault(image, _trouble(beginning, image, [said, *told], namespace, _lost_secret(warnings)))
    return list(found.values())


def _lost_secret(warnings: list[str]) -> str | None:
    """Name of a Secret for registries that kubelet has looked for in vain."""
    found = (re.search(r"pull secrets \(([^,)]+)", text) for text in warnings)
    return next((one[1] for one in found if one is not None), None)


def _trouble(beginning: str, image: str, reasons: list[str], namespace: str, lost: str | None) -> Trouble:
    text, host = " ".join(reasons), registry(image)
    if _LOCKED.search(text):
        secret = lost or "registry"
        missing = f"; there is no Secret {lost} in namespace {namespace}" if lost else ""
        advice = (
            f"{host} asks for a password, or has no such image{missing}: `docker login {host}`, `kubectl --namespace "
            f"{namespace} create secret docker-registry {secret} "
            f"--from-file=.dockerconfigjson=$HOME/.docker/config.json`, and deploy with --pull-secret {secret}"
        )
        return Trouble(text=f"{beginning}: {advice}", lasting=True)
    if _MISSING.search(text):
        advice = f"{host} has no such image: push it (on kind: kind load docker-image), or see --image"
        return Trouble(text=f"{beginning}: {advice}", lasting=True)
    return Trouble(text=f"{beginning}: {reasons[-1]}", lasting=False)
