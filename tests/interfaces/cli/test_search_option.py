"""`--search N` and `POLICY+searchN`, wherever a policy is named that plays."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from small_league import Command

from league.config import LeagueConfig
from league.pool.store import Store

Refused = Callable[..., str]


def test_an_evaluation_with_search(league: Command) -> None:
    arguments = ("evaluate", "champion", "--against", "main-0002", "--games", "20", "--seed", "1", "--json")
    plain, found = league(*arguments).json, league(*arguments, "--search", "16").json
    assert (plain["policy"], found["policy"]) == ("main-0001", "main-0001+search16")
    assert found["score"] > plain["score"]
    assert league("evaluate", "champion+search16", *arguments[2:]).json == found


def test_a_policy_meets_itself_with_search(league: Command) -> None:
    found = league("evaluate", "main-0001", "--against", "champion+search16", "--games", "20", "--json").json
    assert found["against"] == "main-0001+search16"
    assert found["score"] < 0.5


def test_what_is_recorded_is_rated_under_its_own_name(league: Command, own: Store) -> None:
    arguments = ("evaluate", "main-0000+search4", "--against", "uniform", "--games", "10", "--record", "--json")
    league(*arguments, at=own)
    rows = {row["policy"]: row for row in league("leaderboard", "--json", at=own).json}
    assert rows["main-0000+search4"]["games"] > 0
    assert rows["main-0000"]["games"] == rows["main-0001"]["games"], "as before"
    assert own.verify().problems == ()


def test_a_game_against_a_search(league: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{cell}\n" for cell in [*range(9)] * 2)))
    shown = league("play", "--seat", "0", "--hints", "--search", "50").out
    assert "main-0001+search50 plays cell" in shown
    assert "main-0001+search50 expects" in shown


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("play", "perfect", "--search", "20"), "perfect+search20: perfect is a fixed bot: only snapshots can search"),
        (("play", "main-0001+search20000"), "20000 simulations: must be from 1 to 10000"),
        (("play", "main-0001+search", "--seat", "0"), "no policy 'main-0001+search'"),
        (("evaluate", "main-0001", "--against", "uniform+search9"), "uniform is a fixed bot"),
        (("evaluate", "main-0009+search9", "--against", "uniform"), "no policy 'main-0009'"),
        (("challenge", "uniform", "--search", "9"), "uniform is a fixed bot"),
        (("serve", "--search", "20000"), "20000 simulations"),
    ],
)
def test_searches_that_cannot_be(refused: Refused, arguments: tuple[str, ...], reason: str) -> None:
    assert reason in refused(*arguments)


@pytest.mark.parametrize(
    ("game", "reason"),
    [
        ("leduc_poker", "leduc_poker has chance or hidden information: only connect_four, tic_tac_toe can be searched"),
        (
            "tictactoe_v3",
            "tictactoe_v3 is played through an adapter: only connect_four, tic_tac_toe can be searched",
        ),
    ],
)
@pytest.mark.parametrize("command", ["play", "evaluate", "challenge", "serve"])
def test_games_that_cannot_be_searched(own: Store, refused: Refused, game: str, reason: str, command: str) -> None:
    with Store.open(own.address, f"{own.league[:40]}-{game[:8]}".replace("_", "-")) as other:
        other.create(LeagueConfig.from_dict({"game": game}))
        named = {"play": ["champion"], "evaluate": ["champion", "--against", "uniform"], "challenge": ["champion"]}
        assert reason in refused(command, *named.get(command, []), "--search", "20", at=other)
