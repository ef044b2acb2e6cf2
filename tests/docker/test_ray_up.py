"""`ray up cluster/on-prem.yaml` for real: the image, two machines, a league that learns on them, the death of its head.

`make test-docker` runs it. Of the cluster file only this is changed: the addresses, with one worker instead of two;
where the private key lies; and that the image, which is in no registry, is not pulled.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.rehearsal import image_environment, rehearse
from tests.docker import image
from tests.docker.image import IMAGE, ROOT
from tests.docker.machines import Machine, Network, run, until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(7_200)]
CLUSTER = ROOT / "cluster" / "on-prem.yaml"
DATA = "/home/ubuntu/league-data"
RAY_LOGS = "/tmp/ray/session_latest/logs"
STATUS = ("docker", "exec", "league", "league-node", "run", "league", "status")
DASHBOARD = ("--address", "http://127.0.0.1:8265")
GAME = ("--game", "tic_tac_toe", "--set", "rollout.runners=1", "--set", "snapshots.every_steps=100000")


@dataclass
class Person:
    """Whoever types `ray up`, on a machine beside those of the cluster, with secrets of their own."""

    network: Network
    home: Path
    secrets: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (".ssh", ".league"):
            (self.home / folder).mkdir(mode=0o700, parents=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)])
        self.makes_secrets()

    def makes_secrets(self) -> None:
        """Passwords and a token, as the cluster files say; other ones than before."""
        names = ("LEAGUE_REDIS_PASSWORD", "LEAGUE_READER_PASSWORD", "RAY_AUTH_TOKEN")
        self.secrets = {name: secrets.token_hex(32) for name in names}
        file = self.home / ".league" / "cluster.env"
        file.touch(mode=0o600)
        file.write_text("".join(f"{name}={value}\n" for name, value in self.secrets.items()))

    @property
    def key(self) -> Path:
        """Their private key."""
        return self.home / ".ssh" / "id_ed25519"

    def cluster(self, head: Machine, worker: Machine, **changes: str) -> Path:
        """The cluster file, with the addresses of these machines and with further changes of lines, by their keys."""
        text = CLUSTER.read_text()
        changed = {
            "head_ip": head.address,
            "worker_ips": f"[{worker.address}]",
            "max_workers": "1",
            "min_workers": "1",
            "ssh_private_key": str(self.key),
            "pull_before_run": "false",
        } | changes
        for key, value in changed.items():
            text, found = re.subn(rf"^( *{key}:) .*$", rf"\1 {value}", text, flags=re.MULTILINE)
            assert found == 1, key
        file = self.home / f"{'-'.join(['cluster', *changes])}.yaml"
        file.write_text(text)
        return file

    def command(self, *words: str, **environment: str) -> list[str]:
        """A command as they type it: with their home, in their network."""
        known = {
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "RAY_TMPDIR": str(self.home),
            "RAY_UP_enable_autoscaler_v2": "0",
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        } | environment
        return self.network.command("env", "-i", *[f"{name}={value}" for name, value in known.items()], *words)

    def types(self, *words: str, limit_s: float = 60) -> str:
        """What they see."""
        return run(self.command(*words), limit_s)

    def jobs(self, *words: str) -> list[str]:
        """`ray job`, through the tunnel of `ray dashboard`; the token is read from their file, into no process list."""
        script = f". ~/.league/cluster.env; export RAY_AUTH_TOKEN RAY_AUTH_MODE=token; exec ray job {shlex.join(words)}"
        return self.command("bash", "-c", script)

    def submits(self, name: str) -> None:
        """The job of this name is a league that trains."""
        words = ["submit", *DASHBOARD, "--submission-id", name, "--no-wait", "--", "league", "train", *GAME]
        assert f"'{name}' submitted successfully" in run(self.jobs(*words))

    def job_log(self, name: str) -> str:
        """What a job has printed."""
        return run(self.jobs("logs", *DASHBOARD, name))

    @contextlib.contextmanager
    def tunnel(self, file: Path) -> Iterator[None]:
        """`ray dashboard`, as long as it is needed."""
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(self.command("ray", "dashboard", str(file)), stdout=quiet, stderr=quiet)
        try:
            asked = self.jobs("list", *DASHBOARD)
            until(
                lambda: subprocess.run(asked, capture_output=True, check=False).returncode == 0, 60, lambda: "no tunnel"
            )
            yield
        finally:
            process.terminate()
            process.wait()


@dataclass
class Place:
    """All there is."""

    person: Person
    head: Machine
    worker: Machine
    environment: dict[str, str]
    """In which `docker` has the image."""
    times: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A part of the test, of which is kept how long it took; where it fails, logs are shown."""
        started = time.monotonic()
        try:
            yield
            self.times[name] = time.monotonic() - started
        except BaseException:
            print(f"--- failed at: {name}, after {time.monotonic() - started:.0f} s; the last of each log:")
            for machine in (self.head, self.worker):
                print(f"--- {machine.name}\n{machine.log()}")
                for log in (f"{DATA}/log/store.log", f"{DATA}/log/exporter.log", f"{DATA}/log/services.log"):
                    print(machine.prints("sh", "-c", f"tail -n 20 {log}"))
                files = f"{RAY_LOGS}/monitor.out {RAY_LOGS}/monitor.log {RAY_LOGS}/job-driver-*.log"
                print(machine.prints("docker", "exec", "league", "sh", "-c", f"tail -n 40 {files}"))
            raise

    def asks(self, *words: str) -> Any:
        """What a command of the league answers on the head, in JSON."""
        return json.loads(self.head.inside(*STATUS[:-1], *words, "--json"))

    def status(self) -> dict[str, Any]:
        """`league status`."""
        found: dict[str, Any] = self.asks("status")
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    image.install()
    if (reason := image.why_not()) is not None:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("docker")
    with contextlib.ExitStack() as stack:
        environment = stack.enter_context(image.daemon())
        started = time.monotonic()
        image.build(environment)
        built_s = time.monotonic() - started
        network = stack.enter_context(contextlib.closing(Network()))
        person = Person(network, folder / "person")
        key = person.key.with_suffix(".pub").read_text().strip()
        head, worker = (
            stack.enter_context(contextlib.closing(Machine(network, name, number, folder / name, uid, key)))
            for name, number, uid in (("head", 10, 1234), ("worker", 11, 1235))
        )
        made = Place(person, head, worker, environment, {"the image is built": built_s})
        with made.step("the image is on both machines"), ThreadPoolExecutor() as pool:
            list(pool.map(lambda machine: image.load(environment, machine), (head, worker)))
        yield made


def test_the_image_is_what_ray_takes_it_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster files are tested with the Dockerfile's environment: it is the one that Docker knows."""
    said = run(["docker", "inspect", "--format", "{{json .Config.Env}}", IMAGE], env=place.environment)
    assert set(json.loads(said)) >= set(image_environment())
    monkeypatch.setenv("HOME", str(place.person.home))
    for file in ("cluster.yaml", "gcp.yaml"):
        container = rehearse(ROOT / "cluster" / file, environment=json.loads(said)).container(Path("/home/ubuntu"))
        mounts = [one.split(":")[1] for one in container["--volume"]]
        assert mounts == ["/home/league/.league", "/data"]
    assert not re.search(r"(?i)(password|token|secret)\s*=", history(place) + said)


def history(place: Place) -> str:
    """The commands that made the image."""
    return run(["docker", "history", "--no-trunc", "--format", "{{.CreatedBy}}", IMAGE], env=place.environment)


def test_the_image_has_what_its_commands_need(place: Place) -> None:
    """Each command says by itself which extra it lacks: here it must not."""
    alone = ["docker", "run", "--rm", "--network", "none", IMAGE]
    needs = (
        "league.interfaces.web.app",
        "league.interfaces.serve.application",
        "league.interfaces.k8s.cluster",
        "onnxscript",
    )
    place.head.inside(*alone, "python", "-c", f"import {', '.join(needs)}")
    place.head.inside(*alone, "sh", "-c", "rsync --version && ssh -V && supervisord --version")


def test_anyone_may_run_the_image(place: Place) -> None:
    """As OpenShift does: with a user who is not in the image, and group 0."""
    with place.step("any user trains"):
        anyone = ["docker", "run", "--rm", "--network", "none", "--user", "1000680000:0", "--cap-drop", "ALL", IMAGE]
        assert place.head.inside(*anyone, "id", "-un").strip() == "anyone"
        train = ["league", "train", "--game", "tic_tac_toe", "--minutes", "0.1", "--store", "/data/league"]
        assert "saved in /data/league" in place.head.inside(*anyone, *train, limit_s=200)


def test_a_user_without_docker_is_told_so(place: Place) -> None:
    file = place.person.cluster(place.head, place.worker, ssh_user="guest", cluster_name="guest")
    with place.step("a user without Docker is refused"):
        done = subprocess.run(
            place.person.command("ray", "up", "--yes", str(file)),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode != 0
        assert "guest@head may not use Docker" in done.stdout + done.stderr
    place.head.inside("rm", "-r", "/tmp/ray_tmp_mount")  # Ray keeps it for one user of a machine.


LOCKED_REGISTRY = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Registry(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="registry"')
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_HEAD = do_GET
ThreadingHTTPServer(("127.0.0.1", 5000), Registry).serve_forever()
"""
"""As far as Docker can tell without a password."""


def test_a_registry_that_asks_for_a_password_is_said(place: Place) -> None:
    images = dict.fromkeys(("head_image", "worker_image"), "127.0.0.1:5000/league:0.1.0")
    file = place.person.cluster(place.head, place.worker, cluster_name="locked", **images, pull_before_run="true")
    # Not that of a virtual environment: where this checkout lies below /tmp or /home, a machine sees nothing of it.
    serving = place.head.command(str(Path(sys.executable).resolve()), "-c", LOCKED_REGISTRY)
    registry = subprocess.Popen(serving, stderr=subprocess.DEVNULL)
    try:
        knock = "exec 3<> /dev/tcp/127.0.0.1/5000"
        until(lambda: registry.poll() is not None or place.head.succeeds("bash", "-c", knock), 60, lambda: "no answer")
        assert registry.poll() is None, "the registry did not start"
        with place.step("a registry that asks for a password is said"):
            command = place.person.command("ray", "up", "--yes", str(file))
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
            assert done.returncode != 0
            assert "no basic auth credentials" in done.stdout + done.stderr
    finally:
        registry.kill()
        registry.wait()


def documented(part: str, file: Path) -> list[str]:
    """A command of docs/operations.md that has this in it, for another cluster file."""
    lines = (ROOT / "docs" / "operations.md").read_text().splitlines()
    (line,) = {line for line in lines if line.startswith("ray ") and part in line}
    return shlex.split(line.replace("cluster/cluster.yaml", str(file)))


def kept(place: Place) -> dict[str, Any]:
    """What a league may not lose."""
    return {
        "snapshots": {one["policy"] for one in place.asks("pool", "list")},
        "champion": place.status()["champion"]["policy"],
        "history": [one["policy"] for one in place.asks("champion", "--history")],
        "matches": place.status()["matches"],
        "steps": place.status()["steps"],
    }


def test_a_league_on_two_machines(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    person, head, worker, step = place.person, place.head, place.worker, place.step
    file = person.cluster(head, worker)
    seen = []

    with step("ray up"):
        seen.append(person.types("ray", "up", "--yes", str(file), limit_s=240))
        assert "instead of /dev/shm" not in seen[-1]
    with step("the worker joins"):
        joined(place, file)
        assert "instead of /dev/shm" not in head.inside("docker", "exec", "league", "cat", f"{RAY_LOGS}/monitor.out")

    with person.tunnel(file):
        with step("ray job submit"):
            person.submits("first")
        with step("it trains, freezes snapshots, and has a champion"):
            until(lambda: names(place) >= {"main-0000", "main-0001"}, 240, lambda: person.job_log("first"))
            until(lambda: place.status()["champion"], 240, lambda: person.job_log("first"))
            assert "ray::Coordinator" in processes(head)
            assert "ray::Learner" in processes(worker)  # The head has no CPUs for it.
        with step("league leaderboard"):
            seen.append(person.types(*documented("leaderboard", file)))
            assert "main-0000" in seen[-1]
        with step("league promote"):
            champion = place.status()["champion"]["policy"]
            named = min(names(place) - {champion})
            promote = f"league-node run league promote {named} --force --reason 'a test'"
            seen.append(person.types("ray", "exec", str(file), promote))
            assert place.status()["champion"]["policy"] == named
        with step("the store is killed, and is there again"):
            before = place.status()["matches"]
            head.inside("sh", "-c", "kill -9 $(pgrep valkey-server)")
            until(lambda: head.succeeds(*STATUS) and place.status()["matches"] > before, 60, head.log)
        with step("no secret lies where it should not"):
            no_secret(place, seen)

    with step("the head's container is killed; ray up with other passwords"):
        before = kept(place)
        head.inside("docker", "kill", "league")
        person.makes_secrets()
        seen.append(person.types("ray", "up", "--yes", str(file), limit_s=240))
        after = kept(place)
        assert after["snapshots"] >= before["snapshots"]
        assert after["champion"] == before["champion"]
        assert after["history"] == before["history"]
        assert after["matches"] >= before["matches"]
        assert after["steps"] >= before["steps"]
    with step("the worker joins again"):
        joined(place, file)
    with person.tunnel(file):
        with step("it goes on from where it was"):
            person.submits("second")
            until(lambda: place.status()["steps"] > after["steps"], 120, lambda: person.job_log("second"))
            run(person.jobs("stop", *DASHBOARD, "second"), 120)
        with step("a worker with another version of the project is refused"):
            installed = "/usr/local/lib/python3.11/site-packages/selfplay_league-*.dist-info/METADATA"
            change = f"sed -i 's/^Version: .*/Version: 0.0.1/' {installed}"
            worker.inside("docker", "exec", "--user", "0", "league", "sh", "-c", change)
            person.submits("third")
            until(lambda: "install the same everywhere" in person.job_log("third"), 60, lambda: person.job_log("third"))
            assert "has league 0.1.0, but node" in person.job_log("third")
            assert "Traceback" not in person.job_log("third")

    with step("ray down"):
        seen.append(person.types("ray", "down", "--yes", str(file), limit_s=120))
        for machine in (head, worker):
            assert machine.inside("docker", "ps", "--quiet") == ""
            assert not re.search("ray|valkey|supervisord|league-node", processes(machine))
        assert head.succeeds("test", "-s", f"{DATA}/redis/appendonlydir/appendonly.aof.manifest")
        assert head.inside("find", DATA, "!", "-user", "ubuntu") == ""
    with capsys.disabled():
        print("", *[f"{took:4.0f} s  {name}" for name, took in place.times.items()], sep="\n")


def names(place: Place) -> set[str]:
    """The snapshots of the league; none while there is no league."""
    if not place.head.succeeds(*STATUS):
        return set()
    return {one["policy"] for one in place.asks("pool", "list")}


def joined(place: Place, file: Path) -> None:
    """Wait until Ray has both machines."""
    asked = ["ray", "exec", str(file), "league-node run ray status"]
    until(lambda: "2 local.cluster.node" in place.person.types(*asked), 120, place.head.log)


def processes(machine: Machine) -> str:
    """The command line of whatever runs there."""
    return machine.inside("ps", "axww", "-o", "args=")


def no_secret(place: Place, seen: list[str]) -> None:
    """None is in what people see, in a process list, in what Docker knows, or in a file that is not for it."""
    values = list(place.person.secrets.values())
    seen.append(history(place))
    for machine in (place.head, place.worker):
        seen += [processes(machine), machine.log(), machine.inside("docker", "inspect", "league", IMAGE)]
        seen.append(machine.inside("docker", "logs", "league"))
        looked = ["docker", "exec", "league", "grep", "--recursive", "--files-with-matches", "--fixed-strings"]
        for value in values:
            found = machine.prints(*looked, value, "/tmp", "/home/league", "/data").split()
            assert found == ["/home/league/.league/cluster.env"], f"{machine.name}: {found}"
    assert not [text for text in seen for value in values if value in text]
