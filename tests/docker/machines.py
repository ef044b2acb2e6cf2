"""Machines for `ray up` on this one: namespaces on one network, each with an SSH server and a Docker daemon."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).parent
NETWORK = "10.91.0"
"""The first three numbers of all addresses. The network is seen by the machines alone, so it is in nobody's way."""
SLOW_S = 60
PATIENCE = 5
"""Whatever is waited for may take so many times as long as is said: others may be at work on this machine."""
TETHERED = ("setpriv", "--pdeathsig", "KILL")
"""Starts a command that ends with this process, however that ends."""


def until(condition: Callable[[], object], limit_s: float, what: Callable[[], str]) -> float:
    """Seconds until the condition holds; much later than `limit_s` the test has failed, with what `what` says."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < PATIENCE * limit_s, f"waited {PATIENCE * limit_s} s in vain: {what()}"
        time.sleep(0.2)
    return time.monotonic() - started


def run(command: Sequence[str], limit_s: float = SLOW_S, **options: object) -> str:
    """What a command prints; where it fails the test has, with all that was printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * limit_s, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return str(done.stdout + done.stderr)


class Network:
    """A switch in a network namespace of its own, where the person who types `ray up` is, too."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([*TETHERED, "unshare", "--net", "sleep", "infinity"])
        self.pid = self._process.pid
        here = Path("/proc/self/ns/net").readlink()
        until(lambda: Path(f"/proc/{self.pid}/ns/net").readlink() != here, SLOW_S, lambda: "no namespace")
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "link", "add", "switch", "type", "bridge")
        self.inside("ip", "address", "add", f"{NETWORK}.1/24", "dev", "switch")
        self.inside("ip", "link", "set", "switch", "up")

    def command(self, *command: str) -> list[str]:
        """One that runs in this network."""
        return ["nsenter", "--net", "--target", str(self.pid), "--", *command]

    def inside(self, *command: str) -> str:
        """What a command prints in this network."""
        return run(self.command(*command))

    def plug(self, pid: int, name: str, address: str) -> None:
        """Connect the network namespace of a process."""
        self.inside("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        self.inside("ip", "link", "set", name, "master", "switch", "up")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class Machine:
    """One of them, which has started once it is made."""

    def __init__(self, network: Network, name: str, number: int, folder: Path, uid: int, key: str) -> None:
        self.name, self.folder = name, folder
        self.address = f"{NETWORK}.{number}"
        folder.mkdir(parents=True)
        isolation = ["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]
        script = [str(HERE / "machine.sh"), name, self.address, str(folder), str(uid), key]
        self._process = subprocess.Popen([*TETHERED, "unshare", *isolation, *script])
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        until(children.read_text, 5, self.log)
        self._pid = int(children.read_text())
        network.plug(self._pid, name, self.address)
        self.inside("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        self.inside("ip", "link", "set", "eth0", "up")
        self.inside("ip", "route", "add", "default", "via", f"{NETWORK}.1")  # Ray finds its address by a way out.
        until(lambda: self.succeeds("docker", "version"), SLOW_S, self.log)

    def command(self, *command: str) -> list[str]:
        """One that runs on this machine, as root."""
        return ["nsenter", "--all", "--target", str(self._pid), "--", "env", "-u", "DOCKER_HOST", *command]

    def inside(self, *command: str, limit_s: float = SLOW_S) -> str:
        """What a command prints on this machine."""
        return run(self.command(*command), limit_s)

    def succeeds(self, *command: str) -> bool:
        """Whether a command succeeds on this machine."""
        return (
            subprocess.run(
                self.command(*command), capture_output=True, timeout=PATIENCE * SLOW_S, check=False
            ).returncode
            == 0
        )

    def prints(self, *command: str) -> str:
        """What a command prints on this machine, also where it fails."""
        done = subprocess.run(
            self.command(*command), capture_output=True, text=True, timeout=PATIENCE * SLOW_S, check=False
        )
        return done.stdout + done.stderr

    def log(self) -> str:
        """The last of what its SSH server and its Docker daemon have printed."""
        file = self.folder / "log"
        return file.read_text(errors="replace")[-5_000:] if file.exists() else "no log"

    def close(self) -> None:
        """End it, with its containers."""
        self.succeeds("sh", "-c", "docker rm --force $(docker ps --quiet)")
        self._process.kill()
        self._process.wait()
