"""`ray up` without machines: Ray goes through a cluster file, and what it would run on a node is recorded."""

from __future__ import annotations

import copy
import itertools
import json
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ray.autoscaler._private.commands import get_or_create_head_node
from ray.autoscaler._private.updater import NodeUpdater
from ray.autoscaler._private.util import prepare_config, with_head_node_ip
from ray.autoscaler.node_provider import NodeProvider

ROOT = Path(__file__).parents[2]
MOUNTED = "/tmp/ray_tmp_mount/league/"
"""Where Ray keeps on a node what it mounts into the container."""


def image_environment() -> list[str]:
    """`Config.Env` of the image, as far as the Dockerfile gives it."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    last = text[text.rindex("\nFROM ") :]
    return [one for line in re.findall(r"^ENV (.*)$", last, re.MULTILINE) for one in shlex.split(line)]


def _of_login_shell(command: str) -> str:
    """What Ray wraps into the login shell that it starts."""
    wrapped = re.fullmatch(r"source ~/\.bashrc; export [^&]* && \((.*)\)", command, re.DOTALL)
    return command if wrapped is None else wrapped[1]


class _OneNode(NodeProvider):
    """A cloud with one node, which is there when it is asked for."""

    def __init__(self) -> None:
        super().__init__({}, "league")
        self.tags: dict[str, str] = {}
        self.made = False

    def non_terminated_nodes(self, tag_filters: dict[str, str]) -> list[str]:
        return ["node"] if self.made else []

    def create_node(self, node_config: dict[str, Any], tags: dict[str, str], count: int) -> None:
        self.made = True
        self.tags |= tags

    def is_terminated(self, node_id: str) -> bool:
        return False

    def is_running(self, node_id: str) -> bool:
        return True

    def node_tags(self, node_id: str) -> dict[str, str]:
        return dict(self.tags)

    def set_node_tags(self, node_id: str, tags: dict[str, str]) -> None:
        self.tags |= tags

    def external_ip(self, node_id: str) -> str:
        return "192.0.2.10"

    internal_ip = external_ip


@dataclass
class Rehearsal:
    """What Ray would run on a node, in order, in place of the module `subprocess`."""

    environment: list[str] = field(default_factory=image_environment)
    """`Config.Env` of the image."""
    on_host: list[str] = field(default_factory=list)
    """Commands on the node itself."""
    in_container: list[str] = field(default_factory=list)
    """Commands in its container."""
    copied: dict[str, str] = field(default_factory=dict)
    """Paths on the node, and of whatever was copied there."""

    def check_call(self, command: list[str], *_: Any, **__: Any) -> int:
        self._record(command)
        return 0

    def check_output(self, command: list[str], *_: Any, **__: Any) -> bytes:
        asked = self._record(command)
        answers = {
            "command -v docker": "/usr/bin/docker",
            "{{json .Config.Env}}": json.dumps(self.environment),
            "{{.State.Running}}": str(any("docker run" in one for one in self.on_host)).lower(),
            "printenv HOME": self.home,
            "/proc/meminfo": "MemAvailable: 16000000 kB",
        }
        return next((answer for part, answer in answers.items() if part in asked), "").encode()

    @property
    def home(self) -> str:
        """The home of the container, where Docker takes it from."""
        return dict(one.split("=", 1) for one in self.environment).get("HOME", "/home/league")

    def _record(self, command: list[str]) -> str:
        if command[0] == "rsync":
            source, target = command[-2:]
            self.copied[target.partition(":")[2]] = source
            return ""
        asked = _of_login_shell(shlex.split(command[-1])[0])
        inside = re.match(r"docker exec .*? league /bin/bash -c (.*)", asked, re.DOTALL)
        if inside is None:
            self.on_host.append(asked)
        else:
            self.in_container.append(_of_login_shell(shlex.split(shlex.split(inside[1])[0])[-1]))
        return asked

    def container(self, home: Path) -> dict[str, list[str]]:
        """The options with which the container is started, by name, where `home` is that of whoever logs in."""
        (command,) = [one for one in self.on_host if one.startswith("docker run")]
        shell = 'docker() { printf "%s\\n" "$@"; }\n' + command
        told = subprocess.run(
            ["bash", "-c", shell],
            env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
            check=True,
            capture_output=True,
            text=True,
        )
        words, options = told.stdout.splitlines()[1:], dict[str, list[str]]()
        for word, after in itertools.pairwise(words):
            if word.startswith("-"):
                name, equals, value = word.partition("=")
                options.setdefault({"-v": "--volume", "-e": "--env"}.get(name, name), []).append(
                    value if equals else after
                )
        return options


def rehearse(file: Path, as_head: bool = True, environment: list[str] | None = None) -> Rehearsal:
    """Let Ray set up a node as the file says: the head as `ray up` does, or a worker as its autoscaler does."""
    rehearsal = Rehearsal() if environment is None else Rehearsal(environment)
    config = prepare_config(yaml.safe_load(file.read_text()))
    provider = _OneNode()
    if as_head:
        get_or_create_head_node(
            config,
            str(file),
            False,
            False,
            True,
            None,
            _provider=provider,
            _runner=rehearsal,  # type: ignore[arg-type]
        )
        return rehearsal
    kind = config["available_node_types"].get("gpu", {})
    NodeUpdater(
        node_id="node",
        provider_config=config["provider"],
        provider=provider,
        auth_config=config["auth"],
        cluster_name=config["cluster_name"],
        file_mounts=config["file_mounts"],
        initialization_commands=config["initialization_commands"],
        setup_commands=config["worker_setup_commands"],
        ray_start_commands=with_head_node_ip(config["worker_start_ray_commands"], provider.internal_ip("node")),
        process_runner=rehearsal,
        runtime_hash="this",
        file_mounts_contents_hash="",
        is_head_node=False,
        docker_config=copy.deepcopy(config["docker"]) | kind.get("docker", {}),
    ).run()
    return rehearsal
