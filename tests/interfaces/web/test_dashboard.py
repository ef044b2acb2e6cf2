"""The web page, asked without a browser: who may, what is refused, and the command."""

from __future__ import annotations

import dataclasses
import html
import http.client
import itertools
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from page_server import TOKEN, serving
from small_league import CONFIG, STATUS, Command, Recorded, fill

from league.errors import GameError
from league.games import game_spec
from league.installation import installing
from league.interfaces.web.app import EVENTS, LATEST
from league.interfaces.web.charts import elo_history, nice_ticks, whiskers
from league.interfaces.web.guard import is_loopback
from league.interfaces.web.pages import ago, shortened
from league.ladder.leaderboard import Row
from league.ladder.payoff import Payoff
from league.ladder.records import Match, Promotion, Replay, Tally
from league.matches.replays import positions
from league.pool.mirror import Mirror
from league.pool.store import Store
from league.view.heat import heat_map, who_met
from league.view.overview import Overview


class Answer:
    """Of a server to one request."""

    def __init__(self, url: str, path: str, *, form: dict[str, str] | None = None, **headers: str) -> None:
        place = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
        sent = {"Origin": url, "Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        method, body = ("GET", None) if form is None else ("POST", urllib.parse.urlencode(form))
        connection.request(method, path, body, {name: value for name, value in sent.items() if value})
        answer = connection.getresponse()
        self.status, self.headers, self.text = answer.status, answer.headers, answer.read().decode()
        connection.close()


@pytest.fixture(scope="module")
def page(folder: Path, filled: str) -> Iterator[str]:
    with serving(str(folder), filled) as url:
        yield url


WISH = {"policy": "main-0002", "by": "anna", "reason": "a test", "how": "force", "token": TOKEN}


def test_the_first_page_holds_everything(page: str, recorded: Recorded) -> None:
    answer = Answer(page, "/")
    assert answer.status == 200
    for words in ("tic_tac_toe", "main-0001", "perfect", "uniform", "3,000", "a runner came [bold]back[/bold]"):
        assert words in answer.text
    assert recorded.matches[-1].match_id in answer.text
    assert "games, its Elo promises" in answer.text, "what was seen stands beside the Elo"
    assert TOKEN not in answer.text


def test_the_runbook_is_there_with_and_without_a_store(page: str, tmp_path: Path) -> None:
    """Alerts lead to it, also the one that says that the store is gone."""
    with serving(str(tmp_path / "nothing"), "league") as without:
        for url in (page, without):
            answer = Answer(url, "/runbook")
            assert answer.status == 200
            assert answer.text.count('id="leaguestoredown"') == 1
            assert "<code>league exporter</code>" in answer.text
            assert "`" not in answer.text


def test_nothing_comes_from_another_host_and_no_script_is_inline(page: str) -> None:
    for path in ("/", "/leaderboard", "/matches", "/matches/none", "/runbook", "/static/style.css", "/static/page.js"):
        text = Answer(page, path).text
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//|url\(", text)
        assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", text)
    policy = Answer(page, "/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/", "/static/style.css", "/nowhere", "/healthz"])
def test_every_answer_is_guarded(page: str, path: str) -> None:
    headers = Answer(page, path).headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "192.0.2.1"])
def test_another_name_of_this_machine_is_refused(page: str, host: str) -> None:
    answer = Answer(page, "/", Host=host or " ")
    assert answer.status == 421
    assert "main-0001" not in answer.text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:1"])
def test_no_other_site_can_promote(page: str, own: Store, folder: Path, origin: str) -> None:
    with serving(str(folder), own.league) as url:
        before = own.promotions()
        assert Answer(url, "/promotion", form=WISH, Origin=origin).status == 403
        assert Answer(url, "/promotion/stop", form=WISH, Origin=origin).status == 403
        assert own.promotions() == before


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"token": "wrong"}, 403, "wrong token"),
        ({"token": ""}, 403, "wrong token"),
        ({"token": "☃"}, 403, "wrong token"),
        ({"policy": ""}, 422, "name a policy"),
        ({"by": " "}, 422, "give your name"),
        ({"reason": ""}, 422, "needs a reason"),
        ({"reason": "x" * 400}, 422, "at most"),
        ({"by": "anna\x1b[31m"}, 422, "printable"),
        ({"reason": "x" * 5000}, 413, "too long"),
    ],
)
def test_a_wish_that_is_refused(page: str, change: dict[str, str], status: int, said: str) -> None:
    answer = Answer(page, "/promotion", form={**WISH, **change})
    assert (answer.status, said in answer.text) == (status, True)


def test_a_wish_cannot_stand_in_the_address(page: str) -> None:
    assert Answer(page, f"/promotion?{urllib.parse.urlencode(WISH)}").status == 405
    assert Answer(page, f"/promotion?{urllib.parse.urlencode(WISH)}", form={"policy": "main-0002"}).status == 403


def test_beyond_loopback_the_whole_page_asks_for_the_token(folder: Path, filled: str) -> None:
    with serving(str(folder), filled, host="0.0.0.0") as url:
        assert Answer(url, "/healthz").text == "ok"
        for word in ("", "Basic", "Bearer " + TOKEN, "Basic " + b64encode(b"anna:wrong").decode()):
            for path in ("/", "/live", "/static/style.css"):
                answer = Answer(url, path, Authorization=word)
                assert answer.status == 401
                assert answer.headers["WWW-Authenticate"].startswith("Basic")
        right = "Basic " + b64encode(f"anna:{TOKEN}".encode()).decode()
        assert Answer(url, "/", Authorization=right, Host="league.example").status == 200


def test_loopback() -> None:
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.8.0.1", "::1", "[::1]"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "", "10.0.0.1", "localhost.evil.example"]))


def test_matches_that_cannot_be_shown(own: Store, folder: Path) -> None:
    old = Match(match_id="old", row="main-0000", column="uniform", results={"01": Tally(1, 0, 0)}, played_s=1.0)
    own.record(old)
    wrong = Replay(seating="01", points=1.0, seed=0, opening=0, moves=(4, 4))
    own.record(Match(**{**vars(old), "match_id": "wrong<b>", "replays": (wrong,)}))
    with serving(str(folder), own.league) as url:
        assert Answer(url, "/matches/none").status == 404
        assert "The moves of this match are not kept" in Answer(url, "/matches/old").text
        answer = Answer(url, "/matches/" + urllib.parse.quote("wrong<b>", safe=""))
        assert (answer.status, "<b>" in answer.text, "is not legal" in answer.text) == (503, False, True)


ASKED = {"HX_Request": "true"}


@pytest.mark.parametrize(
    ("path", "form", "status", "said"),
    [
        ("/matches/none", None, 404, "no match 'none'"),
        ("/nowhere", None, 404, "there is no such page"),
        ("/promotion", None, 405, "Method Not Allowed"),
        ("/promotion", {"token": "wrong"}, 403, "wrong token"),
        ("/promotion", {**WISH, "policy": ""}, 422, "name a policy"),
        ("/promotion/stop", {"token": TOKEN}, 202, "the test ends"),
    ],
)
def test_an_answer_is_a_page_unless_a_script_asks(
    page: str, path: str, form: dict[str, str] | None, status: int, said: str
) -> None:
    whole, line = Answer(page, path, form=form), Answer(page, path, form=form, **ASKED)
    assert (whole.status, line.status) == (status, status)
    assert said in html.unescape(whole.text)
    assert said in html.unescape(line.text)
    assert re.search(r"<title>\w.*</title>", whole.text)
    assert '<a class="button" href="/">' in whole.text
    assert "<html" not in line.text


def test_a_link_of_a_replay_that_fails_shows_why_in_its_place(page: str) -> None:
    answer = Answer(page, "/matches/none", **ASKED, HX_Boosted="true")
    assert answer.headers["HX-Retarget"] == answer.headers["HX-Reselect"] == "#main"
    assert '<main id="main"' in answer.text


def test_older_matches_stand_on_pages(own: Store, folder: Path) -> None:
    won = Match(match_id="", row="main-0000", column="uniform", results={"01": Tally(1, 0, 0)}, played_s=1.0)
    for number in range(110):
        own.record(Match(**{**vars(won), "match_id": f"m{number:03d}"}))
    config = own.require_config()
    own.update_config(dataclasses.replace(config, arena=dataclasses.replace(config.arena, replays=105)))
    with serving(str(folder), own.league) as url:
        pages = [re.findall(r'href="/matches/(m\d+)"', Answer(url, f"/matches?page={n}").text) for n in (1, 2, 3)]
        assert list(itertools.chain(*pages)) == [f"m{number:03d}" for number in range(109, 4, -1)]
        assert [len(found) for found in pages] == [50, 50, 5]
        assert ">01-01 " in Answer(url, "/matches").text
        assert 'rel="next"' not in Answer(url, "/matches?page=3").text
        for beyond in ("4", "99999999", "x", "-1"):
            assert Answer(url, f"/matches?page={beyond}").status == 200
        assert 'href="/matches"' in Answer(url, "/").text


def learners_part(store: Store, folder: Path, status: dict[str, Any], *, heartbeat_s: float | None = None) -> str:
    """The first page, from its notice to its learners, as text."""
    store.set_status(status, heartbeat_s)
    with serving(str(folder), store.league) as url:
        text = Answer(url, "/").text
    said = re.sub(r"<[^>]*>", " ", html.unescape(text[: text.index('<h2 id="payoff"')]))
    return " ".join(said.replace("\N{EN DASH}", "-").split())


def test_each_policy_has_a_page(page: str, recorded: Recorded, own: Store, folder: Path) -> None:
    first = Answer(page, "/").text
    for name in ("main-0002", "perfect"):
        assert f'href="/policies/{name}"' in first
        answer = Answer(page, f"/policies/{name}")
        assert answer.status == 200
        assert f"league play {name} --web" in answer.text
        own_matches = [match.match_id for match in recorded.matches if name in (match.row, match.column)]
        assert re.findall('id="match-(\\w+)"', answer.text) == own_matches[::-1]
        assert "<svg" in answer.text
        assert ('class="here"' in answer.text) == (name != "perfect")
    for name in ("main-0009", "%3Cb%3E", "a" * 300, "main-0002%2F..%2F"):
        assert Answer(page, f"/policies/{name}").status == 404
    promoted = Promotion(
        policy="main-0002", digest=own.snapshot("main-0002").digest, by="a", reason="b", promoted_s=9.0
    )
    own.promote(promoted)
    with serving(str(folder), own.league, play_url="http://127.0.0.1:7860/") as url:
        text = Answer(url, "/policies/main-0000").text
        assert 'href="http://127.0.0.1:7860/?policy=main-0000"' in text
        assert "/?promote=main-0000#promote" in text
        assert "promote=main-0002" not in Answer(url, "/policies/main-0002").text


def test_what_ails_a_learner_is_said(own: Store, folder: Path) -> None:
    learner = {**STATUS["learners"]["main"], "reported_s": time.time(), "losses": {"mean_kl_loss": 0.0071}}
    learners = {
        "main": learner,
        "late": {**learner, "reported_s": time.time() - 700},
        "waiting": {**learner, "placed": False},
        "lost": {**learner, "stopped": True},
    }
    missing = "asks for 12 CPUs and 0 GPUs, has 2 and 0: 3 of 4 learners train"
    said = learners_part(own, folder, {**STATUS, "learners": learners, "missing": missing})
    assert f"It {missing}." in said
    assert "main learns 3,000 1,234 - 0.0071 - 500" in said
    assert "late silent: last iteration 11 min ago 3,000 -" in said
    assert "waiting waits for room 3,000 -" in said
    assert "lost stopped: diverged 3,000 -" in said


def test_a_league_that_is_not_at_work_has_no_speed(own: Store, folder: Path) -> None:
    assert "1,234" in learners_part(own, folder, STATUS)
    said = learners_part(own, folder, {**STATUS, "missing": "asks"}, heartbeat_s=time.time() - 60)
    assert "main not running 3,000 -" in said
    assert "1,234" not in said
    assert "less room" not in said


def test_how_long_ago() -> None:
    assert [ago(s) for s in (-3, 59, 60, 7300, 86_400, 3e5)] == [
        "just now",
        "just now",
        "1 min ago",
        "2 h ago",
        "1 day ago",
        "3 days ago",
    ]


def test_a_game_is_played_again_as_it_was(recorded: Recorded) -> None:
    for match in recorded.matches:
        assert len(match.replays) == 20
        for number, replay in enumerate(match.replays[:6]):
            found = positions("tic_tac_toe", replay)
            assert len(found) == len(replay.moves) + 1
            assert found[0].mover is None
            stones = [sum(cell in ("X", "O") for row in one.marks for cell in row) for one in found]
            assert stones == list(range(len(found)))
            for one, before in zip(found[1:], found, strict=False):
                assert one.new is not None
                assert before.marks[one.new[0]][one.new[1]] == str(one.action)
            line = has_line(found[-1].marks)
            assert len(found[-1].line) >= 3 if line else not found[-1].line
            assert {found[-1].marks[row][column] for row, column in found[-1].line} == ({line} if line else set())
            assert not any(one.line for one in found[:-1])
            winner = {None: 0.5, "X": 1.0 - int(replay.seating[0]), "O": 1.0 - int(replay.seating[1])}[line]
            earlier = [(one.seating, one.moves) for one in match.replays[:number]]
            repeats = (replay.seating, replay.moves) in earlier
            assert replay.points == winner or (replay.points is None and repeats)


def has_line(grid: tuple[tuple[str, ...], ...]) -> str | None:
    lines = [*grid, *zip(*grid, strict=True), [grid[i][i] for i in range(3)], [grid[i][2 - i] for i in range(3)]]
    return next((line[0] for line in lines if len(set(line)) == 1), None)


@pytest.mark.parametrize("moves", [(9,), (-1,), (4, 4), (0, 3, 1, 4, 2, 5)])
def test_stored_moves_that_are_none(moves: tuple[int, ...]) -> None:
    with pytest.raises(GameError, match="stored game"):
        positions("tic_tac_toe", Replay(seating="01", points=1.0, seed=0, opening=0, moves=moves))


@pytest.mark.parametrize("game", ["connect_four", "leduc_poker"])
def test_every_kind_of_game_can_be_looked_at(game: str) -> None:
    moves = (3, 3, 3) if game == "connect_four" else (1, 1)
    found = positions(game_spec(game).name, Replay(seating="01", points=None, seed=7, opening=1, moves=moves))
    assert len({one.text for one in found}) == len(moves) + 1
    assert found[1].opening
    assert not found[2].opening
    assert found[0].columns == (game == "connect_four")


def test_the_pictures_hold_what_the_table_says(own: Store) -> None:
    board = Overview.read(Mirror(own, standings=False))
    shown = whiskers(board.rows)
    order = [shown[row.policy].at for row in board.rows]
    assert order == sorted(order, reverse=True)
    assert all(0 < one.low < one.at < one.high < 100 for one in shown.values())
    assert (min(one.low for one in shown.values()), max(one.high for one in shown.values())) == (2, 98)
    assert all(one.zero is not None for one in shown.values())
    highest = [row for row in board.rows if row.elo - row.interval > 0]
    assert highest
    assert min(one.low for one in whiskers(highest).values()) == 2
    assert all(one.zero is None for one in whiskers(highest).values())
    chart = elo_history(board)
    assert chart is not None
    assert [line.name for line in chart.lines] == ["main"]
    assert len(chart.lines[0].marks) == 3
    assert "3 snapshots, from main-0000" in chart.lines[0].summary
    left, top, right, bottom = chart.plot
    assert all(left <= mark.x <= right and top <= mark.y <= bottom for mark in chart.lines[0].marks)
    assert chart.champion.startswith("M")


def test_round_numbers() -> None:
    assert nice_ticks(-30, 1184, 4) == [0, 500, 1000]
    assert nice_ticks(0, 1, 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])


def row(rank: int, policy: str, *, champion: bool = False) -> Row:
    kind: Literal["snapshot", "bot"] = "snapshot" if policy.startswith("main") else "bot"
    numbers = {"elo": -float(rank), "interval": 1.0, "mu": 0.0, "sigma": 1.0, "games": 9, "steps": None}
    said: dict[str, Any] = {"score": Tally(), "against": {}, "settled": True, "champion": champion}
    return Row(rank=rank, policy=policy, kind=kind, **said, **numbers)


def test_the_first_page_shows_the_strongest_and_who_stands_among_them() -> None:
    names = ["negamax-4", *(f"main-{n:02d}" for n in range(4)), "negamax-2", *(f"main-{n:02d}" for n in range(4, 20))]
    rows = [row(n, name, champion=name == "main-15") for n, name in enumerate([*names, "uniform"], start=1)]
    assert [one.policy for one in shortened(rows)] == [*names[:12], "main-15"]
    assert shortened(rows[:5]) == rows[:5]


def test_the_heat_map_has_the_champion_the_bots_and_whoever_met() -> None:
    payoff = Payoff()
    for name in ("main-3", "main-4", "main-5"):
        for other in ("bot", "main-9"):
            payoff.add(Match(match_id="", row=name, column=other, results={"01": Tally(1, 0, 0)}, played_s=0.0))
    ranked = [f"main-{n}" for n in range(9)] + ["bot", "main-9"]
    assert who_met(payoff, ["bot", "main-9"], ranked, 5) == ["main-3", "main-4", "main-5", "bot", "main-9"]
    assert who_met(payoff, ["bot", "main-9"], ranked, 6)[0] == "main-0"
    assert who_met(payoff, [], ranked[:2], 5) == ranked[:2]


def test_the_payoff_of_a_few_is_that_of_all(own: Store) -> None:
    names = ["main-0001", "uniform", "perfect"]
    few, every = own.payoff_among(names, ["01", "10"]), own.payoff()
    assert few.policies() == sorted(names)
    for row in names:
        for column in names:
            assert few.by_seating(row, column) == every.by_seating(row, column)
    assert own.payoff_among([], ["01"]).policies() == []


@pytest.fixture
def command(folder: Path, filled: str) -> Callable[..., list[str]]:
    return lambda *words: [sys.executable, "-m", "league", *words, "--store", str(folder), "--league", filled]


def test_the_command_serves_and_ends_cleanly(command: Callable[..., list[str]]) -> None:
    process = subprocess.Popen(command("dashboard", "--port", "0"), stdout=-1, stderr=-1, text=True)
    assert process.stdout is not None
    url, said = process.stdout.readline().strip().rstrip("/"), process.stdout.readline()
    token = said.rpartition(" ")[2].strip()
    assert len(token) >= 32
    assert Answer(url, "/").status == 200
    assert Answer(url, "/promotion", form={**WISH, "token": token, "policy": ""}).status == 422
    with urllib.request.urlopen(f"{url}/live") as stream:
        assert stream.readline() == b"event: news\n"
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=20)
    assert (process.returncode, out, errors) == (0, "", "")


def test_a_match_that_goes_on_does_not_abort_the_end(folder: Path, own: Store) -> None:
    """Of a promotion that is under way: its thread is within torch while Python ends."""
    own.create(dataclasses.replace(CONFIG, arena=dataclasses.replace(CONFIG.arena, games=100_000)))
    hasty = (
        "import league.interfaces.web.promotion as p; p.ENDING_S = 0.2; from league.interfaces.cli import main; main()"
    )
    words = [sys.executable, "-c", hasty, "dashboard", "--port", "0"]
    place = ("--store", str(folder), "--league", own.league)
    process = subprocess.Popen([*words, *place], stdout=-1, stderr=-1, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    url, said = process.stdout.readline().strip().rstrip("/"), process.stdout.readline()
    form = {**WISH, "how": "test", "token": said.rpartition(" ")[2].strip()}
    assert Answer(url, "/promotion", form=form).status == 202
    assert "to be tested" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert re.fullmatch(r"(.* stopped; .*\n)?", errors), errors


def test_what_the_command_refuses(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LEAGUE_DASHBOARD_TOKEN", raising=False)
    assert "--host 0.0.0.0 is seen beyond this machine" in refused("dashboard", "--host", "0.0.0.0")
    assert "cannot be read" in refused("dashboard", "--token-file", str(tmp_path / "none"))
    (tmp_path / "token").write_text("short\n")
    assert "at least 16 characters" in refused("dashboard", "--token-file", str(tmp_path / "token"))
    monkeypatch.setenv("LEAGUE_DASHBOARD_TOKEN", "")
    assert "at least 16 characters" in refused("dashboard", "--host", "0.0.0.0")
    monkeypatch.setenv("LEAGUE_DASHBOARD_TOKEN", TOKEN)
    assert "cannot listen on 192.0.2.1" in refused("dashboard", "--host", "192.0.2.1")
    assert "must be" in refused("dashboard", "--store", "http://nowhere")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert f"port {port} on 127.0.0.1 is taken" in refused("dashboard", "--port", port)


def test_the_missing_extra_is_named(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("league.interfaces.cli.dashboard.find_spec", lambda name: None)
    assert installing("dashboard") in refused("dashboard")


def test_watch_prints_a_line_per_interval(folder: Path, own: Store) -> None:
    own.set_status({**STATUS, "started_s": time.time() - 60})
    place = ("--store", str(folder), "--league", own.league)
    words = [sys.executable, "-m", "league", "watch", "--json", "--every", "0.1", *place]
    process = subprocess.Popen(words, stdout=-1, stderr=-1, text=True)
    assert process.stdout is not None
    lines = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    for line in lines:
        assert (line["phase"], line["matches"], line["champion"]["policy"]) == ("training", 10, "main-0001")
        assert line["top"][0]["policy"] == "perfect"
    assert lines[1]["at_s"] > lines[0]["at_s"]


def test_watch_waits_for_a_league_and_outlives_its_store(tmp_path: Path, recorded: Recorded) -> None:
    address = f"unix://{tmp_path}/server.sock"
    words = [sys.executable, "-m", "league", "watch", "--every", "0.1", "--store", address]
    process = subprocess.Popen(words, stdout=-1, stderr=-1, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stderr.readline().endswith("; waiting\n")
    with Store.open(str(tmp_path), "league") as store:
        fill(store, recorded)
        line = wait_for(process, " training  steps 3000  1234 steps/s")
        assert "champion main-0001" in line
        assert "\x1b" not in line
    wait_for(process, " store lost  steps 3000")  # The embedded server ends with its last client.
    with Store.open(str(tmp_path), "league"):
        wait_for(process, "0 training  steps 3000|not running  steps 3000")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0


def wait_for(process: subprocess.Popen[str], form: str) -> str:
    """The next line of that form."""
    assert process.stdout is not None
    for line in process.stdout:
        if re.search(form, line):
            return line
    pytest.fail(f"ended before {form!r}: {process.communicate()[1]}")


def test_watch_needs_neither_ray_nor_torch(folder: Path, filled: str) -> None:
    program = (
        "import sys; from league.interfaces.cli import run; code = run(sys.argv[1:]); "
        "print(*({'ray', 'torch', 'starlette'} & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    words = [sys.executable, "-c", program, "watch", "--store", str(folder), "--league", filled]
    process = subprocess.Popen(words, stdout=-1, stderr=-1, text=True)
    wait_for(process, "steps 3000")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "\n")


def test_nobody_reads_the_whole_log_for_the_page(own: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "payoff", None)
    calls: list[tuple[object, ...]] = []
    call, together = Store._call, Store._together
    monkeypatch.setattr(Store, "_call", lambda self, *words: (calls.append(words), call(self, *words))[1])
    monkeypatch.setattr(Store, "_together", lambda self, *several: (calls.extend(several), together(self, *several))[1])
    mirror = Mirror(own, latest=LATEST, events=EVENTS)
    for _ in range(2):
        heat_map(own, Overview.read(mirror))
    assert [words for words in calls if words[0] == "XREVRANGE"]
    assert all(words[-1] <= 12 for words in calls if words[0] == "XREVRANGE")
    assert not [words for words in calls if words[0] == "XRANGE"]
    assert not [words for words in calls if words == ("HGETALL", own._keys.payoff)]


def test_the_command_is_listed(league: Command) -> None:
    assert "dashboard" in league("--help").out
