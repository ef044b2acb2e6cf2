"""`league serve` and whoever only half asks, or sends headers that are none."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("fastapi", reason="needs the extra serve")

from league.config import LeagueConfig
from league.connections import MOST, REQUEST_S
from league.games import game_spec
from league.interfaces.serve.application import ONGOING
from league.ladder.records import Promotion, Snapshot
from league.policies.weights import digest, fresh, pack
from league.pool.store import Store

CONFIG = LeagueConfig.from_dict({"game": "tic_tac_toe", "network": {"hidden": [16]}})
QUESTION = json.dumps({"observation": [[[0, 0]] * 3] * 3, "action_mask": [1] * 9}).encode()
HALF_A_HEAD = b"POST /act HTTP/1.1\r\nHost: a\r\n"
HALF_A_BODY = HALF_A_HEAD + b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{"


@dataclass(frozen=True, kw_only=True)
class Service:
    host: str
    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=3 * REQUEST_S)

    def says(self, sent: bytes, *, whole: bool = True) -> bytes:
        """All that comes back before the connection is closed; not `whole`: nothing more will follow what is sent."""
        with self.connect() as connection:
            connection.sendall(sent)
            if not whole:
                connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def answers(self) -> bool:
        """Whether a question is answered."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self.host}:{self.port}/act", QUESTION, headers)
        try:
            with urllib.request.urlopen(request, timeout=6 * REQUEST_S) as answer:
                return "action" in json.load(answer)
        except urllib.error.HTTPError:
            return False


@pytest.fixture(
    scope="module",
    params=[pytest.param("1", id="by itself"), pytest.param("2", id="behind the proxy", marks=pytest.mark.long)],
)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    # Ray's sockets need a short path.
    with tempfile.TemporaryDirectory(prefix="exposed-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        weights = pack(fresh(game_spec(CONFIG.game), CONFIG.network, seed=1))
        snapshot = Snapshot(
            name="main-0000", digest=digest(weights), learner="main", steps=1, created_s=1.0, bytes=len(weights)
        )
        with Store.open(f"{folder}/store") as store:
            store.create(CONFIG)
            store.add_snapshot(snapshot, weights)
            store.promote(
                Promotion(
                    policy=snapshot.name, digest=snapshot.digest, by="anna", how="forced", reason="", promoted_s=1.0
                )
            )
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | {"RAY_TMPDIR": folder}
        command = [sys.executable, "-m", "league", "serve", "--store", f"{folder}/store", "--port", "0"]
        command += ["--replicas", request.param]
        log = Path(folder) / "log"
        with (
            log.open("w") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as process,
        ):
            try:
                assert process.stdout is not None
                parts = urllib.parse.urlsplit(process.stdout.readline().strip())
                assert parts.hostname, log.read_text()
                found = Service(host=parts.hostname, port=parts.port or 0)
                deadline = time.monotonic() + 240
                while not found.answers():
                    assert time.monotonic() < deadline, log.read_text()
                yield found
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(60)


def closed(connections: list[socket.socket], timeout_s: float = 0.0) -> list[socket.socket]:
    """Those that the other side has answered or closed, as soon as there are some."""
    watched = select.poll()
    for one in connections:
        watched.register(one, select.POLLIN)
    numbers = {number for number, _ in watched.poll(1000 * timeout_s)}
    return [one for one in connections if one.fileno() in numbers]


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, HALF_A_BODY], ids=["nothing", "half a head", "half a body"])
def test_half_open_requests_keep_nobody_away_and_are_closed(sent: bytes, service: Service) -> None:
    with ExitStack() as closing:
        begun = [closing.enter_context(service.connect()) for _ in range(MOST + 200)]
        for one in begun:
            one.sendall(sent)
        assert service.answers()
        left = [one for one in begun if one not in closed(begun)]
        assert len(left) > ONGOING, "it was answered beside more of them than a replica has places for requests"
        assert len(left) <= MOST
        deadline = time.monotonic() + 6 * REQUEST_S
        while left:
            assert time.monotonic() < deadline, f"{len(left)} are open"
            gone = set(closed(left, 1.0))
            left = [one for one in left if one not in gone]
    assert service.answers()


def test_a_body_that_is_too_long_is_refused_before_it_comes(service: Service) -> None:
    head = HALF_A_HEAD + b"Connection: close\r\nContent-Type: application/json\r\n"
    assert service.says(head + b"Content-Length: 99999999\r\n\r\n").startswith(b"HTTP/1.1 413 ")


READ_BY_RAY = ["X-Request-ID", "X-Request-Timeout-Seconds", "X-Request-Disconnect-Disabled", "X-Session-ID"]
READ_BY_RAY += ["Serve-Multiplexed-Model-Id", "Serve_Multiplexed_Model_Id", "traceparent"]


@pytest.mark.parametrize("name", [*READ_BY_RAY, "User-Agent"])
@pytest.mark.parametrize("path", ["/act", "/readyz", "/-/healthz"])
def test_a_header_that_is_not_utf_8_is_a_400(name: str, path: str, service: Service) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{name}: caf".encode()
    status, _, rest = service.says(head + b"\xe9\r\n\r\n").partition(b"\r\n")
    assert status == b"HTTP/1.1 400 Bad Request"
    said = {"error": f"{name.lower()} is b'caf\\xe9': must be UTF-8", "where": name.lower()}
    assert json.loads(rest.partition(b"\r\n\r\n")[2]) == said


NAMES = ["Host", "Origin", "Authorization", "Content-Length", "Content-Type", "Content-Encoding", "Cookie", "Expect"]
NAMES += ["Transfer-Encoding", "Upgrade", *READ_BY_RAY]
ODD = [b"[", b"http://[", b"Basic !", b"websocket", b"100-continue", b"chunked", b"?1", b"\xc3\xa9", b"\xe9"]
ODD += [b"-1", b"1e9", b"many", b"nan", b"inf", b"1e-9", b"a\x01"]
CONTROLS = bytes([*range(32), 127])
"""With these in them uvicorn refuses headers before anyone else reads them."""
VALUES = st.one_of(
    st.sampled_from(ODD),
    st.binary(max_size=30).map(lambda value: value.translate(None, CONTROLS)),
)


@settings(max_examples=100)
@given(
    st.sampled_from(["/act", "/", "/readyz", "/nowhere", "/-/routes", "/%00", "/act?x=%ff"]),
    st.sampled_from(["GET", "POST", "HEAD"]),
    st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=3),
    st.binary(max_size=30),
)
def test_whatever_is_sent_is_no_bug_of_ours(
    service: Service, path: str, method: str, headers: list[tuple[str, bytes]], body: bytes
) -> None:
    names = {name for name, _ in headers}
    sent = [(name.encode(), value) for name, value in headers]
    sent += [(b"Host", b"a")] if "Host" not in names else []
    if whole := not names & {"Content-Length", "Transfer-Encoding"}:
        sent.append((b"Content-Length", b"%d" % len(body)))
    head = f"{method} {path} HTTP/1.1\r\n".encode() + b"".join(b"%s: %s\r\n" % header for header in sent)
    answer = service.says(head + b"Connection: close\r\n\r\n" + body, whole=whole)
    assert answer.startswith(b"HTTP/1.1 ") or not whole, sent
    assert not re.search(rb"^HTTP/1\.1 5", answer, re.MULTILINE), (answer, sent)
