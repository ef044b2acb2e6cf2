"""`league serve` and whoever only half asks, or sends headers that are none."""

from __future__ import annotations

import json
import os
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

    def answers(self) -> bool:
        """Whether a question is answered, in a moment."""
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self.host}:{self.port}/act", QUESTION, headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return "action" in json.load(answer)
        except urllib.error.HTTPError:
            return False


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
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
        program = "from league.interfaces.cli import main; main()"
        command = [sys.executable, "-c", program, "serve", "--store", f"{folder}/store", "--port", "0"]
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
                deadline = time.monotonic() + 60
                while not found.answers():
                    assert time.monotonic() < deadline, log.read_text()
                yield found
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(60)


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, HALF_A_BODY], ids=["nothing", "half a head", "half a body"])
def test_half_open_requests_keep_nobody_away_and_are_closed(sent: bytes, service: Service) -> None:
    with ExitStack() as closing:
        started = time.monotonic()
        begun = [closing.enter_context(service.connect()) for _ in range(MOST + 200)]
        for one in begun:
            one.sendall(sent)
        for _ in range(3):
            assert service.answers()
        left, watched = {one.fileno() for one in begun}, select.poll()
        for number in left:
            watched.register(number, select.POLLIN)
        while left:
            assert time.monotonic() < started + 3 * REQUEST_S, f"{len(left)} are open"
            for number, _ in watched.poll(1000):
                watched.unregister(number)
                left.remove(number)
    assert service.answers()


NAMES = ["Host", "Origin", "Authorization", "Content-Length", "Content-Type", "Content-Encoding", "Cookie", "Expect"]
NAMES += ["Transfer-Encoding", "Upgrade", "X-Request-ID", "X-Request-Timeout-Seconds", "Serve-Multiplexed-Model-Id"]
VALUES = st.one_of(
    st.sampled_from([b"[", b"http://[", b"Basic !", b"-1", b"1e9", b"many", b"nan", b"chunked", b"websocket"]),
    st.binary(max_size=30).map(lambda value: value.translate(None, b"\r\n\x00")),
)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["/act", "/", "/readyz", "/nowhere", "/-/routes", "/%00", "/act?x=%ff"]),
    st.sampled_from(["GET", "POST", "HEAD"]),
    st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4),
    st.binary(max_size=30),
)
def test_whatever_is_sent_is_no_bug_of_ours(
    service: Service, path: str, method: str, headers: list[tuple[str, bytes]], body: bytes
) -> None:
    names = {name for name, _ in headers}
    sent = [(name.encode(), value) for name, value in headers]
    sent += [(b"Host", b"a")] if "Host" not in names else []
    if not names & {"Content-Length", "Transfer-Encoding"}:
        sent.append((b"Content-Length", b"%d" % len(body)))
    with service.connect() as connection:
        head = f"{method} {path} HTTP/1.1\r\n".encode() + b"".join(b"%s: %s\r\n" % header for header in sent)
        connection.sendall(head + b"Connection: close\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert not answer.startswith(b"HTTP/1.1 5"), (answer, sent)
