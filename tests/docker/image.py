"""The image of the repository's Dockerfile, and what building it needs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.docker.machines import HERE, TETHERED, Machine, run, until

ROOT = HERE.parents[1]
IMAGE = "registry.example/league:0.1.0"
PACKAGES = {
    "docker": "docker.io",
    "dockerd": "docker.io",
    "debootstrap": "debootstrap",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "rsync": "rsync",
    "ip": "iproute2",
    "nsenter": "util-linux",
}
"""Programs that the tests run, and where Debian has them."""
BUILD_S = 1_800
LAYERS = Path("/var/cache/league-docker")
"""Where a daemon of the tests' own keeps what it built, for the next time."""


def install() -> None:
    """On a CI machine only: what is missing. Nothing of it is started."""
    if os.environ.get("CI") == "true" and os.geteuid() == 0 and shutil.which("apt-get") and missing():
        quiet = {**os.environ, "RUNLEVEL": "1", "DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], 300)
        run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing()], 600, env=quiet)


def missing() -> list[str]:
    """The packages whose programs are not here."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    return sorted({package for program, package in PACKAGES.items() if shutil.which(program, path=path) is None})


def why_not() -> str | None:
    """Why this machine cannot run the tests; None if it can."""
    if os.geteuid() != 0:
        return "needs root, for network namespaces and Docker daemons"
    if missing():
        return f"not installed: apt-get install {' '.join(missing())}"
    allowed = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False
    )
    return None if allowed.returncode == 0 else "may not make namespaces here"


@contextlib.contextmanager
def daemon() -> Iterator[dict[str, str]]:
    """The environment in which `docker` finds a daemon to build with: the one that is here, else one of our own."""
    if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0:
        yield dict(os.environ)
        return
    with tempfile.TemporaryDirectory(prefix="ld", dir="/tmp") as name:
        folder = Path(name)
        places = ["--data-root", str(LAYERS), "--exec-root", f"{name}/exec", "--pidfile", f"{name}/pid"]
        network = ["--bridge", "none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]
        environment = {**os.environ, "DOCKER_HOST": f"unix://{name}/sock"}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*TETHERED, "unshare", "--mount", "dockerd", "--host", environment["DOCKER_HOST"], *places, *network],
                stdout=log,
                stderr=log,
            )
        try:
            until((folder / "sock").exists, 60, lambda: (folder / "log").read_text())
            yield environment
        finally:
            process.terminate()
            process.wait(60)


def build(environment: dict[str, str]) -> None:
    """Build `IMAGE`, and its base where that cannot be pulled."""
    (base,) = set(re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    have = [["docker", "image", "inspect", base], ["docker", "pull", base]]
    if all(subprocess.run(one, env=environment, capture_output=True, check=False).returncode for one in have):
        run([str(HERE / "base_image.sh"), base], 900, env=environment)
    options = ["--network", "host", "--tag", IMAGE]
    try:
        socket.getaddrinfo("download.pytorch.org", 443)
    except OSError:
        options += ["--build-arg", "TORCH_INDEX=https://pypi.org/simple"]
    run(["docker", "build", *options, str(ROOT)], BUILD_S, env={**environment, "DOCKER_BUILDKIT": "0"})


def load(environment: dict[str, str], machine: Machine) -> None:
    """Bring the image onto a machine, as both of those that the cluster files name."""
    with subprocess.Popen(["docker", "save", IMAGE], env=environment, stdout=subprocess.PIPE) as saved:
        run(machine.command("docker", "load"), 300, stdin=saved.stdout)
    machine.inside("docker", "tag", IMAGE, IMAGE.replace("league:", "league-gpu:"))
