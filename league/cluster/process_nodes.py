"""Nodes as processes: the provider behind `ray up cluster/local.yaml`, for a cluster that runs on one machine.

Ray's autoscaler drives it as it drives a cloud. A node is a folder with the processes that were started for it, which
carry the node's name in their environment; to end a node is to end them. `ray stop`, which `ray down` runs on the head,
would end every Ray of this user: here it ends the processes of that node.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from ray.autoscaler.command_runner import CommandRunnerInterface
from ray.autoscaler.node_provider import NodeProvider

T = TypeVar("T")
Nodes = dict[str, dict[str, str]]
"""The tags of each node, by its name."""

MARK: Final = "LEAGUE_NODE"
"""Environment variable of all processes of a node: the node's folder."""
GRACE_S: Final = 5.0
"""Between asking the processes of a node to end and killing them."""
_STOP = re.compile(r"(^|[;&\s])ray stop\b")


class ProcessNodeProvider(NodeProvider):  # type: ignore[misc]
    """Keeps the nodes of a cluster in `nodes.json` of the cluster's folder; several processes may use it at once."""

    def __init__(self, provider_config: dict[str, Any], cluster_name: str) -> None:
        super().__init__(provider_config, cluster_name)
        self.folder = Path(provider_config["folder"])

    @staticmethod
    def bootstrap_config(cluster_config: dict[str, Any]) -> dict[str, Any]:
        """Settle the cluster's folder, `~/.cache/league/NAME` unless it is given: the head has another home."""
        provider = cluster_config["provider"]
        default = f"~/.cache/league/{cluster_config['cluster_name']}"
        provider["folder"] = str(Path(provider.get("folder", default)).expanduser().absolute())
        return cluster_config

    def _locked(self, work: Callable[[Nodes], T]) -> T:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self.folder / "nodes.json"
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            nodes = json.loads(file.read_text()) if file.exists() else {}
            before = json.dumps(nodes)
            result = work(nodes)
            if (after := json.dumps(nodes)) != before:
                new = file.with_suffix(".new")
                new.write_text(after)
                new.replace(file)
        return result

    def non_terminated_nodes(self, tag_filters: Mapping[str, str]) -> list[str]:
        """Names of the nodes with these tags."""
        wanted = tag_filters.items()
        return self._locked(lambda nodes: [name for name, tags in nodes.items() if wanted <= tags.items()])

    def is_running(self, node_id: str) -> bool:
        """Whether there is such a node: it is ready as soon as it is made."""
        return self._locked(lambda nodes: node_id in nodes)

    def is_terminated(self, node_id: str) -> bool:
        """Whether there is no such node any more."""
        return not self.is_running(node_id)

    def node_tags(self, node_id: str) -> dict[str, str]:
        """What Ray has noted of a node; nothing once it is gone."""
        return self._locked(lambda nodes: nodes.get(node_id, {}))

    def set_node_tags(self, node_id: str, tags: Mapping[str, str]) -> None:
        """Add tags to those of a node; nothing happens once it is gone."""
        self._locked(lambda nodes: nodes[node_id].update(tags) if node_id in nodes else None)

    def external_ip(self, node_id: str) -> str:
        """This machine's, as Ray finds it."""
        from ray.util import get_node_ip_address

        return str(get_node_ip_address())

    internal_ip = external_ip

    def create_node(self, node_config: dict[str, Any], tags: dict[str, str], count: int) -> dict[str, Any]:
        """Make folders; Ray then starts itself in them."""
        names = [f"node-{uuid.uuid4().hex[:8]}" for _ in range(count)]
        self._locked(lambda nodes: nodes.update({name: dict(tags) for name in names}))
        return {name: {} for name in names}

    def terminate_node(self, node_id: str) -> None:
        """End all processes of a node and remove its folder."""
        end_processes(self.folder / node_id)
        self._locked(lambda nodes: nodes.pop(node_id, None))
        shutil.rmtree(self.folder / node_id, ignore_errors=True)

    def get_command_runner(self, log_prefix: str, node_id: str, *args: Any, **kwargs: Any) -> ProcessCommandRunner:
        """What runs Ray's commands "on" a node."""
        return ProcessCommandRunner(self.folder / node_id)


class ProcessCommandRunner(CommandRunnerInterface):  # type: ignore[misc]
    """Runs commands on this machine as if it were the node: marked as the node's, with its folder as home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def run(
        self,
        cmd: str | None = None,
        timeout: int = 120,
        exit_on_fail: bool = False,
        with_output: bool = False,
        environment_variables: Mapping[str, object] | None = None,
        **kwargs: Any,
    ) -> str:
        """Run `cmd` in a shell; what it prints if `with_output`."""
        if _STOP.search(cmd or ""):
            end_processes(self.folder)
            return ""
        done = subprocess.run(  # noqa: S603
            ["/bin/bash", "-c", cmd or "true"],
            env=self._environment(environment_variables or {}),
            cwd=self.folder,
            timeout=timeout,
            stdout=subprocess.PIPE if with_output else None,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode and exit_on_fail:
            sys.exit(done.returncode)
        done.check_returncode()
        return done.stdout.decode() if with_output else ""

    def _environment(self, more: Mapping[str, object]) -> dict[str, str]:
        home = Path.home()
        token = {} if "RAY_AUTH_TOKEN" in os.environ else {"RAY_AUTH_TOKEN_PATH": str(home / ".ray" / "auth_token")}
        return {
            **token,
            **os.environ,
            # The `ray` and `league` of whoever typed `ray up`.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "HOME": str(self.folder),
            MARK: str(self.folder),
            **{name: value if isinstance(value, str) else json.dumps(value) for name, value in more.items()},
        }

    def _path(self, name: str) -> Path:
        return self.folder / name.removeprefix("~/") if name.startswith("~/") else Path(name)

    def run_rsync_up(self, source: str, target: str, options: dict[str, Any] | None = None) -> None:
        """Copy to the node: `~` there is its folder."""
        _copy(Path(source).expanduser(), self._path(target))

    def run_rsync_down(self, source: str, target: str, options: dict[str, Any] | None = None) -> None:
        """Copy from the node to this machine; `~` there is its folder."""
        _copy(self._path(source), Path(target).expanduser())

    def remote_shell_command_str(self) -> str:
        """How a person gets a shell there."""
        return f"env HOME={self.folder} bash"


def _copy(source: Path, target: Path) -> None:
    if source.resolve() == target.resolve():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def end_processes(folder: Path) -> None:
    """End every process of the node in `folder` except this one; returns once none is left."""
    import psutil  # Ray brings its own.

    while processes := list(_processes(str(folder))):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _, stubborn = psutil.wait_procs(processes, timeout=GRACE_S)
        for process in stubborn:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(stubborn, timeout=GRACE_S)


def _processes(folder: str) -> Iterator[Any]:
    import psutil

    for process in psutil.process_iter(["environ"]):  # Which is None where it may not be read.
        if process.pid != os.getpid() and (process.info["environ"] or {}).get(MARK) == folder:
            yield process
