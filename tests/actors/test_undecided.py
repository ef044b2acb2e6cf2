"""A league in which nothing is ever decided says so, and does not end as if all were well."""

import pytest
import torch

from league.actors.outcomes import ALL_DRAWN, ALL_LOST, NEVER_S, SOON_S, Outcomes
from league.errors import LeagueError, UndecidedError
from league.games import game_spec
from league.matches.players import PlayerLoader
from league.pool.store import Store
from league.status import Status
from league.view.progress import Progress
from tests.actors.small_runs import Run, small

GAMES = "tests.actors.undecided_games"
FEW = ["rollout.games=8", "arena.games=4", "arena.closing_s=0", "learning.minibatch_size=64"]


def events(store: Store, kind: str) -> list[str]:
    return [event["text"] for event in store.events() if event["kind"] == kind]


@pytest.mark.long
def test_games_that_all_break_are_trouble_with_the_line_that_broke_them(
    run: Run, store: Store, ray_for_all: None
) -> None:
    said: list[str | None] = []

    def watch(progress: Progress) -> None:
        said.append(Status.from_json(store.status()).trouble)

    with pytest.raises(UndecidedError, match=r"every game of training is dropped, .*RuntimeError: the table collapsed"):
        run(small(f"game={GAMES}:Raises", *FEW), seconds=4, watch=watch)
    line = 'undecided_games.py:13, in step: raise RuntimeError("the table collapsed")'
    for text in (said[-1], events(store, "undecided")[0], events(store, "dropped")[-1]):
        assert text is not None
        assert line in text
    status = Status.from_json(store.status())
    assert status.phase == "stopped"
    assert status.trouble is not None
    assert line in status.trouble


@pytest.mark.long
def test_games_that_are_all_drawn_are_trouble(run: Run, store: Store, ray_for_all: None) -> None:
    with pytest.raises(UndecidedError, match=r"all [\d,]+ games were drawn: no seat was ever paid more than another"):
        run(small(f"game={GAMES}:Shares", *FEW), seconds=6)
    assert "or all seats share them" in events(store, "undecided")[0]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_game_of_which_nothing_comes_back_is_trouble(run: Run, store: Store, ray_for_all: None) -> None:
    """Also where the learner has not answered once."""
    with pytest.raises(UndecidedError, match=r"no game has ended yet, \d+ s after play began"):
        run(small(f"game={GAMES}:Crawls", *FEW), seconds=NEVER_S + 5)
    assert "no game has ended yet" in events(store, "undecided")[0]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_game_that_kills_its_process_does_so_a_few_times_only(run: Run, store: Store, ray_for_all: None) -> None:
    """Also where it does so before the first iteration: while the learner looks at what there is to see."""
    with pytest.raises(LeagueError, match=r"main because its process died 5 times in a row"):
        run(small(f"game={GAMES}:Kills", *FEW), seconds=800)
    assert any(text.endswith("lost 5 times in a row, it is given up") for text in events(store, "lost"))


@pytest.mark.long
def test_chips_and_large_numbers_are_learned(run: Run, store: Store, ray_for_all: None) -> None:
    run(small(f"game={GAMES}:Chips", *FEW, "rollout.games=32", "rollout.exploring_share=0"), steps=20_000)
    network = PlayerLoader(store, game_spec(f"{GAMES}:Chips")).network(store.snapshots()[-1].name)
    assert network.scaling is not None
    assert float(network.scaling.unit) > 20
    last = torch.tensor([[1e5 + 4, 1.0], [1e5 + 5, 0.0]])  # The last move of each seat.
    logits, _ = network(last, torch.ones(2, 2, dtype=torch.bool))
    assert (logits.softmax(dim=1)[:, 1] > 0.8).all()
    assert events(store, "learning") == []


@pytest.mark.long
def test_nothing_is_said_too_early_and_nothing_once_a_game_is_decided() -> None:
    outcomes = Outcomes()
    assert outcomes.trouble is None

    def play(*, games: int = 0, decided: int = 0, dropped: int = 0, training: bool = True) -> None:
        outcomes.add(training=training, games=games, decided=decided, dropped=dropped, error="why" if dropped else None)

    play(dropped=ALL_LOST - 1)
    assert outcomes.trouble is None
    assert outcomes.failure is not None
    play(dropped=1)
    assert outcomes.trouble == f"every game of training is dropped, {ALL_LOST} so far: why"
    play(games=ALL_DRAWN)
    assert outcomes.trouble is not None
    assert "were drawn" in outcomes.trouble
    play(games=1, decided=1, training=False)
    assert outcomes.trouble is None
    assert outcomes.failure is None
    play(dropped=1000, training=True)
    assert outcomes.trouble is None


def test_games_that_break_later_on_are_trouble_until_one_has_a_result() -> None:
    outcomes = Outcomes()

    def play(games: int, dropped: int) -> None:
        outcomes.add(training=True, games=games, decided=games, dropped=dropped, error=f"why, {dropped} times")

    play(50, 3)
    play(0, ALL_LOST)
    play(0, 10)
    assert outcomes.trouble is None
    outcomes.lately_from -= SOON_S + 1
    assert outcomes.trouble == "every game of training is dropped by now, 30 in a row: why, 20 times"
    assert outcomes.failure == outcomes.trouble
    assert outcomes.first_error == "why, 3 times"
    play(1, 100)
    assert outcomes.trouble is None
    assert outcomes.failure is None


@pytest.mark.long
def test_matches_that_all_break_are_trouble_though_training_goes_on() -> None:
    outcomes = Outcomes()
    outcomes.add(training=True, games=50, decided=20, dropped=0, error=None)
    outcomes.add(training=False, games=0, decided=0, dropped=40, error="longer than arena.max_plies = 2000")
    assert outcomes.failure == outcomes.trouble
    assert outcomes.trouble == "every game of matches is dropped, 40 so far: longer than arena.max_plies = 2000"


def test_games_that_never_end_are_trouble_at_the_end_of_a_run_too() -> None:
    outcomes = Outcomes()
    outcomes.begin()
    assert outcomes.failure is None
    assert outcomes.began_at is not None
    outcomes.began_at -= NEVER_S + 1
    assert outcomes.failure is not None
    assert outcomes.failure.startswith("no game has ended yet, ")
    outcomes.broken = "reset(seed=3): NoAnswerError: it has not come back for 60 s (mine.py:3, in reset: wait())"
    assert outcomes.failure.endswith(f"before: {outcomes.broken}")
    outcomes.add(training=False, games=1, decided=1, dropped=0, error=None)
    assert outcomes.failure is None
