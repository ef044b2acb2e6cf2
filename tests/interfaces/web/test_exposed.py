"""The page beyond this machine: whoever only half asks, guesses the token, or sends headers that are none."""

from __future__ import annotations

import base64
import http.client
import re
import resource
import select
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from page_server import TOKEN, serving
from small_league import Recorded, fill

from league.connections import HEAD_BYTES
from league.pool.store import Store

HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
HALF_A_FORM = (
    b"POST /promotion HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nContent-Length: 9\r\n\r\ntoken"
)
BEYOND = "0.0.0.0"
AT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  "


def place(url: str) -> tuple[str, int]:
    parts = urllib.parse.urlsplit(url)
    return parts.hostname or "", parts.port or 0


def ask(url: str, path: str = "/", body: str | None = None, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(*place(url), timeout=20)
    connection.request("GET" if body is None else "POST", path, body, headers)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def password(token: str) -> str:
    return f"Basic {base64.b64encode(f'any:{token}'.encode()).decode()}"


@contextmanager
def half_open(url: str, sent: bytes, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as closing:
        begun = [closing.enter_context(socket.create_connection(place(url))) for _ in range(count)]
        for one in begun:
            one.sendall(sent)
        yield begun


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, HALF_A_FORM], ids=["nothing", "half a head", "half a form"])
def test_300_half_open_requests_keep_nobody_away(sent: bytes, folder: Path, filled: str) -> None:
    """Of a process that may have no more than 256 files open."""
    command = [sys.executable, "-m", "league", "dashboard", "--store", str(folder), "--league", filled, "--port", "0"]
    limits = (256, 256)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        url = process.stdout.readline().strip().rstrip("/")
        try:
            assert ask(url)[0] == 200
            with half_open(url, sent, 300) as begun:
                for _ in range(3):
                    started = time.monotonic()
                    assert ask(url)[0] == 200
                    assert time.monotonic() - started < 20
                open_still = [one for one in begun if not select.select([one], [], [], 0)[0]]
                assert len(open_still) <= limits[0] // 2
        finally:
            process.terminate()
            _, errors = process.communicate(timeout=20)
    assert errors == ""


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, HALF_A_FORM], ids=["nothing", "half a head", "half a form"])
def test_a_request_has_a_deadline(
    sent: bytes, folder: Path, filled: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("league.connections.REQUEST_S", 0.5)
    with serving(str(folder), filled) as url, socket.create_connection(place(url)) as late:
        late.settimeout(30)
        started = time.monotonic()
        for byte in sent[:-1]:  # As slowly as it can.
            late.sendall(bytes([byte]))
        late.sendall(sent[-1:])
        said = b"".join(iter(lambda: late.recv(4096), b""))
        assert said.startswith(b"HTTP/1.1 408 ")
        assert 0.4 < time.monotonic() - started < 20
    assert capfd.readouterr().err == ""


def test_who_sends_byte_by_byte_gets_no_longer(folder: Path, filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("league.connections.REQUEST_S", 0.5)
    with serving(str(folder), filled) as url, socket.create_connection(place(url)) as late:
        started, answered = time.monotonic(), False
        while not answered and time.monotonic() < started + 10:
            late.sendall(b"X: y\r\n" if time.monotonic() > started + 0.1 else b"")
            if time.monotonic() < started + 0.1:
                late.sendall(HALF_A_HEAD)
                started -= 0.1
            answered = bool(select.select([late], [], [], 0.05)[0])
        assert answered
        assert time.monotonic() - started < 20


def test_a_head_without_an_end_is_refused(folder: Path, filled: str) -> None:
    with serving(str(folder), filled) as url, socket.create_connection(place(url)) as endless:
        endless.settimeout(10)
        endless.sendall(HALF_A_HEAD + b"X: " + b"y" * (HEAD_BYTES + 1))
        assert re.match(rb"HTTP/1.1 4(00|31) ", endless.recv(4096))


def test_who_listens_for_news_has_no_deadline(folder: Path, filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("league.connections.REQUEST_S", 0.3)
    monkeypatch.setattr("league.interfaces.web.app.ALIVE_EVERY", 2)
    with serving(str(folder), filled) as url:
        connection = http.client.HTTPConnection(*place(url), timeout=20)
        connection.request("GET", "/live")
        answer = connection.getresponse()
        started, lines = time.monotonic(), list[bytes]()
        while b": alive\n" not in lines:
            lines.append(answer.readline())
        assert time.monotonic() - started > 0.5
        connection.close()


def test_a_connection_takes_one_request_after_the_other(
    folder: Path, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("league.connections.REQUEST_S", 0.5)
    with serving(str(folder), filled) as url:
        connection = http.client.HTTPConnection(*place(url), timeout=20)
        for pause_s in (0.0, 0.7, 0.7):
            time.sleep(pause_s)  # Idle: that is bounded by the time for which connections are kept alive.
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b"ok"
        connection.close()


def test_a_wrong_token_takes_a_while_and_is_noted_without_it(
    folder: Path, filled: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("league.interfaces.web.guard.WRONG_S", 2.0)
    with serving(str(folder), filled, host=BEYOND) as url:
        started = time.monotonic()
        assert ask(url)[0] == 401
        assert ask(url, Authorization=password(TOKEN))[0] == 200
        assert time.monotonic() - started < 2.0, "who gives none is asked for it, who has it is let in, at once"
        assert capfd.readouterr().err == ""
        started = time.monotonic()
        assert ask(url, "/matches", Authorization=password("a-wrong-guess-of-it"))[0] == 401
        assert time.monotonic() - started >= 2.0
        said = capfd.readouterr().err
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  wrong token from 127\.0\.0\.1 for GET '/matches'\n", said
        )


def test_a_wrong_token_for_a_promotion_is_noted_too(
    folder: Path, filled: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("league.interfaces.web.guard.WRONG_S", 2.0)
    with serving(str(folder), filled) as url:
        started = time.monotonic()
        assert ask(url, "/promotion", "token=a-wrong-guess&policy=x", Origin=url)[0] == 403
        assert time.monotonic() - started >= 2.0
    said = capfd.readouterr().err
    assert "wrong token from 127.0.0.1 for POST '/promotion'" in said
    assert "a-wrong-guess" not in said


@pytest.mark.parametrize("origin", [{}, {"Origin": "http://elsewhere.example"}], ids=["none", "another"])
def test_one_from_elsewhere_is_noted_too(
    origin: dict[str, str],
    folder: Path,
    filled: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """What no page of ours has sent, as a guessing program does, is refused as such, and as slowly."""
    monkeypatch.setattr("league.interfaces.web.guard.WRONG_S", 2.0)
    with serving(str(folder), filled) as url:
        started = time.monotonic()
        status, said = ask(url, "/promotion", "token=a-wrong-guess&policy=x", **origin)
        assert (status, "does not come from this page" in said) == (403, True)
        assert time.monotonic() - started >= 2.0
    assert re.fullmatch(rf"{AT}wrong token from 127\.0\.0\.1 for POST '/promotion'\n", capfd.readouterr().err)


def test_every_wrong_token_is_in_a_line(folder: Path, filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the last ones, after which nobody guesses any more; at the latest when the page ends."""
    said: list[str] = []
    monkeypatch.setattr("league.interfaces.web.guard.note", said.append)
    monkeypatch.setattr("league.interfaces.web.guard.WRONG_S", 0.0)
    monkeypatch.setattr("league.interfaces.web.guard.NOTED_EVERY_S", 0.5)

    def guesses(url: str, count: int) -> None:
        for n in range(count):
            assert ask(url, Authorization=password(f"guess {n}"))[0] == 401

    with serving(str(folder), filled, host=BEYOND) as url:
        guesses(url, 3)
        deadline = time.monotonic() + 20
        while noted(said) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert noted(said) == 3
        monkeypatch.setattr("league.interfaces.web.guard.NOTED_EVERY_S", 3600.0)
        guesses(url, 2)
    assert noted(said) == 5
    assert "guess" not in "".join(said)


def noted(said: list[str]) -> int:
    """How many wrong tokens these lines are about."""
    lines = [line for line in said if "wrong token" in line]
    return sum(int(of[1]) if (of := re.search(r"the last of (\d+)", line)) else 1 for line in lines)


def test_many_wrong_tokens_are_a_line_a_second_and_keep_nobody_away(
    folder: Path, filled: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("league.interfaces.web.guard.WRONG_S", 1.0)
    monkeypatch.setattr("league.interfaces.web.guard.NOTED_EVERY_S", 1.0)
    with serving(str(folder), filled, host=BEYOND) as url, ThreadPoolExecutor(40) as pool:
        wrong = [pool.submit(ask, url, Authorization=password(f"guess {n}")) for n in range(80)]
        started = time.monotonic()
        assert ask(url, Authorization=password(TOKEN))[0] == 200
        assert time.monotonic() - started < 3
        assert {one.result()[0] for one in wrong} == {401}
    lines = capfd.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 6
    assert all("wrong token" in line for line in lines)
    assert noted(lines) == 80


def test_every_promotion_is_noted(own: Store, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    form = {"policy": "main-0002", "by": "anna", "reason": "a test", "how": "force", "token": TOKEN}
    with serving(str(folder), own.league) as url:
        assert ask(url, "/promotion", urllib.parse.urlencode(form), Origin=url)[0] == 202
        deadline = time.monotonic() + 20
        while (champion := own.champion()) is None or champion.policy != "main-0002":
            assert time.monotonic() < deadline
        assert ask(url, "/promotion/stop", urllib.parse.urlencode(form), Origin=url)[0] == 202
    at = f"{AT}promotion: "
    asked, came, stopped = sorted(capfd.readouterr().err.splitlines(), key=lambda line: line.partition("  ")[2])[:3]
    lines = {asked, came, stopped}
    wanted = [
        rf"{at}'main-0002' to be forced, asked for by 'anna \(dashboard\)' from 127\.0\.0\.1, reason 'a test'",
        rf"{at}'main-0002': promoted: main-0002 is the champion, forced; .*",
        rf"{at}stopped from 127\.0\.0\.1",
    ]
    assert [sum(bool(re.fullmatch(one, line)) for line in lines) for one in wanted] == [1, 1, 1]
    assert TOKEN not in "".join(lines)


def raw(url: str, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> int:
    """Status of the answer to exactly these bytes; 0 where the connection was closed without one."""
    head = f"{method} {path} HTTP/1.1\r\n".encode() + b"".join(b"%s: %s\r\n" % header for header in headers)
    with socket.create_connection(place(url), timeout=20) as connection:
        connection.sendall(head + b"Connection: close\r\n\r\n" + body)
        answer = connection.recv(65536)
    return int(answer.split()[1]) if answer else 0


MALFORMED = [
    ("Origin", b"http://["),
    ("Origin", b"http://[::1"),
    ("Origin", b"http://a]b"),
    ("Host", b"["),
    ("Host", b"127.0.0.1:port"),
    ("Host", b"127.0.0.1:99999"),
    ("Authorization", b"Basic !!!"),
    ("Authorization", b"Basic \xe4"),
    ("Authorization", b"Basic /w=="),
    ("Content-Length", b"many"),
    ("Content-Length", b"-1"),
    ("Content-Length", b"1e3"),
]


@pytest.fixture(scope="module")
def pages(folder: Path, filled: str) -> Iterator[tuple[str, str]]:
    """On loopback, and beyond."""
    with serving(str(folder), filled) as here, serving(str(folder), filled, host=BEYOND) as beyond:
        yield here, beyond


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_a_malformed_header_is_a_400(
    name: str, value: bytes, pages: tuple[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    headers = [(b"Host", b"127.0.0.1"), (b"Authorization", password(TOKEN).encode())]
    kept = [(key, other) for key, other in headers if key != name.encode()]
    for url in pages:
        assert raw(url, "POST", "/promotion", [*kept, (name.encode(), value)]) == 400
    assert capfd.readouterr().err == ""


NAMES = ["Host", "Origin", "Authorization", "Content-Length", "Content-Type", "Cookie", "Transfer-Encoding", "Expect"]
NAMES += ["Range", "If-Range", "If-None-Match", "If-Modified-Since", "HX-Request", "HX-Boosted", "Upgrade", "Accept"]
VALUES = st.one_of(
    st.sampled_from([value for _, value in MALFORMED]),
    st.binary(max_size=40).map(lambda value: re.sub(rb"[\r\n\x00]", b"", value)),
    st.text(alphabet="[]:@/%=,;- 0123456789abc\u00e4", max_size=20).map(lambda text: text.encode("latin-1")),
)
PATHS = st.one_of(
    st.sampled_from(["/", "/promotion", "/promotion/stop", "/matches", "/matches/x", "/static/style.css", "/healthz"]),
    st.text(alphabet="/%.?&=a0f\\", max_size=20).map(lambda text: f"/{text}"),
)


@settings(max_examples=150)
@example("GET", "/static/%00", [("Host", b"127.0.0.1")], b"")
@example("GET", "/static/style.css", [("Range", b"bytes=-"), ("If-Range", b"\xff")], b"")
@example("POST", "/promotion", [("Origin", b"http://[")], b"token=%ff")
@given(
    st.sampled_from(["GET", "POST", "HEAD", "PUT"]),
    PATHS,
    st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4),
    st.binary(max_size=40),
)
def test_whatever_is_sent_is_no_bug_of_ours(
    pages: tuple[str, str], method: str, path: str, headers: list[tuple[str, bytes]], body: bytes
) -> None:
    given_names = {name for name, _ in headers}
    sent = [(name.encode(), value) for name, value in headers]
    sent += [(b"Host", b"127.0.0.1")] if "Host" not in given_names else []
    if not given_names & {"Content-Length", "Transfer-Encoding"}:
        sent.append((b"Content-Length", b"%d" % len(body)))
    for url in pages:
        with socket.create_connection(place(url), timeout=20) as connection:
            head = f"{method} {path} HTTP/1.1\r\n".encode() + b"".join(b"%s: %s\r\n" % header for header in sent)
            connection.sendall(head + b"Connection: close\r\n\r\n" + body)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
        assert not answer.startswith(b"HTTP/1.1 5"), (answer, sent)


def test_nobody_beyond_this_machine_is_told_where_the_store_is(
    tmp_path: Path, recorded: Recorded, capfd: pytest.CaptureFixture[str]
) -> None:
    address, known = f"unix://{tmp_path}/server.sock", {"Authorization": password(TOKEN)}
    with serving(address, "league", host=BEYOND) as url:
        answers = [ask(url, **known), ask(url, "/matches", **known)]
        with Store.open(str(tmp_path), "league") as store:
            fill(store, recorded)
            while "main-0001" not in ask(url, **known)[1]:
                pass
            answers.append(ask(url, **known))
        while (tmp_path / "server.sock").exists():  # The embedded server ends with its last client but the page.
            time.sleep(0.01)
        answers.append(ask(url, "/matches", **known))
    assert [status for status, _ in answers] == [200, 503, 200, 503]
    assert [text for _, text in answers if str(tmp_path) in text] == []
    assert all("store of this league cannot be reached now" in answers[at][1] for at in (0, 1, 3))
    lost, _, back = capfd.readouterr().err.partition("league 'league': the store answers\n")
    assert f"no server answers at {address}" in lost
    assert back.count("\n") <= 1, "it went again, and did not come back"
