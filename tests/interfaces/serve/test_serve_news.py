"""What `league serve` says on stderr as the state of its replica changes."""

from __future__ import annotations

from typing import Any

from league.interfaces.cli.serve import _news


def state(**known: Any) -> dict[str, Any]:
    blank = dict.fromkeys(("policy", "loading", "champion_refused", "store_error", "sha256"))
    return {**blank, "game": "connect_four", "promoted_by": "anna", "reason": "test", **known}


def told(*states: dict[str, Any]) -> list[list[str]]:
    last: dict[str, Any] = {}
    return [list(_news(one, last)) for one in states]


NO_CHAMPION = "no champion yet: /readyz and /act answer 503 until there is one"
SERVED = {"policy": "main-0001", "sha256": "ab" * 32}


def test_nothing_is_said_before_the_store_was_read() -> None:
    assert told(state(game=None), state(game=None), state()) == [[], [], [NO_CHAMPION]]


def test_a_store_that_comes_back_without_a_champion_is_not_well() -> None:
    assert told(state(game=None, store_error="it is down"), state(), state()) == [
        ["it is down; nobody answers yet"],
        [NO_CHAMPION],
        [],
    ]


def test_what_goes_wrong_is_said_once_and_that_it_is_over() -> None:
    down = state(**SERVED, store_error="it is down")
    assert told(state(**SERVED), down, down, state(**SERVED)) == [
        ["main-0001 answers, hash abababababab, by anna: test"],
        ["it is down; main-0001 goes on answering"],
        [],
        ["all is well again"],
    ]


def test_a_promotion_is_said_once() -> None:
    assert told(state(), state(**SERVED), state(**SERVED)) == [
        [NO_CHAMPION],
        ["main-0001 answers, hash abababababab, by anna: test"],
        [],
    ]


def test_a_champion_that_is_being_loaded_is_there() -> None:
    assert told(state(loading="main-0001"), state(**SERVED)) == [
        [],
        ["main-0001 answers, hash abababababab, by anna: test"],
    ]
