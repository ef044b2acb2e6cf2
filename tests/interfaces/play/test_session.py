"""A game of a person against a policy, as it is played."""

from __future__ import annotations

import pytest
import torch
from small_league import CONFIG

from league.errors import GameError, MoveError, PolicyError
from league.games import Player, game_spec, make_bot, make_game
from league.games.base import Turn
from league.interfaces.cli.board import drawn
from league.interfaces.play.opponents import begun, seat_of
from league.interfaces.play.session import Opponent, Session, check_temperature
from league.interfaces.play.shown import shown
from league.interfaces.play.words import ending, made, told
from league.ladder.records import Replay
from league.matches.replays import positions
from league.policies.player import NetworkPlayer
from league.policies.search import SearchPlayer
from league.policies.weights import fresh, pack, unpack

GAMES = ["connect_four", "tic_tac_toe"]


def network(game: str, seed: int = 1) -> NetworkPlayer:
    spec = game_spec(game)
    return NetworkPlayer(unpack(pack(fresh(spec, CONFIG.network, seed=seed)), spec), sample=not spec.deterministic)


def session(game: str, seat: int, player: Player | None = None, **strength: float) -> Session:
    player = player or network(game)
    return begun(game_spec(game), Opponent("main-0001", player, **strength), seat=seat, seed=5)


def played(one: Session, moves: int | None = None) -> Session:
    """With the person's first legal move, so many times or to the end."""
    while one.ending is None and moves != 0:
        one.play(one.legal[0])
        one.reply()
        moves = None if moves is None else moves - 1
    return one


@pytest.mark.parametrize("seat", [0, 1])
@pytest.mark.parametrize("game", GAMES)
def test_the_moves_are_the_policys_own(game: str, seat: int) -> None:
    one, player = played(session(game, seat)), network(game)
    board = make_game(game, 1)
    generator = torch.Generator().manual_seed(0)
    assert {move.seat for move in one.moves} == {0, 1}
    for move in one.moves:
        turn = Turn(
            game=board,
            rows=torch.zeros(1, dtype=torch.int64),
            observation=board.observe(),
            legal=board.legal(),
            generator=generator,
        )
        if move.seat != seat:
            assert move.action == int(player.choose(turn)[0])
        done = bool(board.step(torch.tensor([move.action])).done[0])
    assert done
    assert one.ending in ("won", "drawn", "lost")


def test_what_is_illegal_or_out_of_turn_is_refused() -> None:
    one = session("tic_tac_toe", 0)
    for word in ("9", "-1", "x", "", "1e0", "\N{SUPERSCRIPT TWO}", "9" * 99):
        with pytest.raises(MoveError, match="not a legal move: one of 0 1 2 3 4 5 6 7 8"):
            one.read(word)
    one.play(one.read(" 4 "))
    with pytest.raises(MoveError, match="not your turn"):
        one.play(0)
    one.reply()
    with pytest.raises(MoveError, match="4 is not a legal move"):
        one.play(4)
    played(one)
    with pytest.raises(MoveError, match="over"):
        one.play(0)


def test_undo_takes_back_my_move_and_the_reply() -> None:
    one = played(session("connect_four", 1), 3)
    before = one.moves[:-4]
    one.undo()
    one.undo()
    assert one.moves == before
    assert one.waits
    assert one.helped
    again = played(session("connect_four", 1), 1)
    assert one.cells == again.cells
    assert one.last == again.last
    one.undo()
    with pytest.raises(MoveError, match="no move of yours"):
        one.undo()


def test_a_game_that_is_over_can_be_taken_back_and_lost_again() -> None:
    one = played(session("tic_tac_toe", 0, make_bot("perfect", game_spec("tic_tac_toe"))))
    first = one.ending
    one.undo()
    assert one.ending is None
    assert one.waits
    assert played(one).ending == first
    one = session("tic_tac_toe", 0)
    one.resign()
    assert (one.ending, one.can_undo, one.legal) == ("resigned", False, [])
    assert "resigned" in ending(one)
    with pytest.raises(MoveError):
        one.resign()


def test_what_the_policy_thinks_and_its_hint() -> None:
    one = session("connect_four", 0)
    opinion = one.opinion()
    assert sum(opinion.shares) == pytest.approx(1.0)
    hint = one.hint()
    assert opinion.shares[hint] == max(opinion.shares)
    assert one.helped
    bot = session("connect_four", 0, make_bot("uniform", game_spec("connect_four")))
    with pytest.raises(PolicyError, match="fixed bot"):
        bot.hint()
    assert not bot.helped


def test_temperature_goes_from_the_best_move_to_any() -> None:
    def first(heat: float, seed: int) -> int:
        spec = game_spec("connect_four")
        return begun(spec, Opponent("a", network("connect_four"), heat), seat=1, seed=seed).moves[0].action

    best = session("connect_four", 1).moves[0].action
    assert {first(0.0, seed) for seed in range(8)} == {best}
    assert len({first(5.0, seed) for seed in range(40)}) == 7
    player = network("connect_four")
    assert Opponent("a", player).name == "a"
    assert Opponent("a", player, 0.5).name == "a+temperature0.5"
    for heat in (-0.1, 5.1, float("nan")):
        with pytest.raises(PolicyError, match="must be from 0 to 5"):
            check_temperature("a", player, heat)
    with pytest.raises(PolicyError, match="fixed bot"):
        check_temperature("uniform", make_bot("uniform", game_spec("connect_four")), 1.0)


def test_a_search_plays_and_advises() -> None:
    player = SearchPlayer(network("tic_tac_toe").network, 30, sample=False)
    one = session("tic_tac_toe", 1, player)
    assert len(one.moves) == 1
    assert sum(one.opinion().shares) == pytest.approx(1.0)
    warm = session("tic_tac_toe", 1, player, temperature=1.0)
    assert len(played(warm).moves) > 4


def test_what_a_seat_must_not_know_is_not_told_before_the_end() -> None:
    one = session("rock_paper_scissors", 1)
    assert len(one.moves) == 1, "the other seat has chosen"
    assert made(one, one.moves) == []
    assert told(one, one.moves) == "Your move."
    assert one.names == {0: "rock", 1: "paper", 2: "scissors"}
    name = one.moves[0].name
    one.play(one.read("Paper"))
    assert made(one, one.moves) == [f"main-0001 plays {name}."]
    with pytest.raises(MoveError, match="hidden"):
        one.undo()


def test_cards_of_others_are_hidden_after_the_end_too() -> None:
    one = session("leduc_poker", 0)
    assert "your card" in one.text
    assert set(one.names.values()) <= {"fold", "call", "raise"}
    played(one)
    assert one.text == "the game is over"
    assert "seat 0" in ending(one)


def test_actions_of_chess_have_names() -> None:
    pytest.importorskip("chess", reason="needs the extra classic")
    spec = game_spec("chess_v6")
    one = begun(spec, Opponent("uniform", make_bot("uniform", spec)), seat=0, seed=1)
    one.play(one.read("e2e4"))
    assert "P" in one.text
    reply = one.reply()[0]
    assert len(reply.name) in (4, 5)
    assert reply.name[1] in "78", "Black's moves are said from White's side, as all of them"
    with pytest.raises(MoveError, match="e2e4"):
        one.read("e2e4")
    one.undo()
    assert one.read("e2e4") in one.legal


def test_actions_that_an_environment_names_itself_and_text_that_it_colours() -> None:
    def begin(name: str) -> Session:
        spec = game_spec(f"odd_environments:{name}")
        return begun(spec, Opponent("uniform", make_bot("uniform", spec)), seat=0, seed=1)

    one = begin("Coloured")
    assert one.choices == "left foot, Right", "one name has a blank"
    assert (one.read("LEFT foot"), one.read("right"), one.read("1")) == (0, 1, 1)
    assert shown(one, "")["text"] == "step 0 of 5"
    assert drawn(one).plain == "step 0 of 5"
    assert drawn(one).spans, "colours are kept for the terminal"
    replay = Replay(seating="01", seed=0, moves=(0, 1), opening=0, points=None)
    assert positions(one.spec.name, replay)[1].text == "step 1 of 5"
    one = begin("SameNames")
    assert one.choices == "0 1", "step and Step are one word for who types it"
    assert one.read("1") == 1


def test_games_that_draw_themselves() -> None:
    pytest.importorskip("pygame", reason="needs the extra classic")
    spec = game_spec("tictactoe_v3")
    one = begun(spec, Opponent("uniform", make_bot("uniform", spec)), seat=0, seed=1)
    before = one.picture()
    assert before is not None
    assert before.shape[2] == 3
    one.play(one.legal[0])
    one.reply()
    after = one.picture()
    assert after is not None
    assert (before != after).any()
    one.undo()
    again = one.picture()
    assert again is not None
    assert (before == again).all()
    assert session("rock_paper_scissors", 0).picture() is None
    hidden = game_spec("rps_v2")
    assert begun(hidden, Opponent("uniform", make_bot("uniform", hidden)), seat=1, seed=1).picture() is None


def test_seats() -> None:
    spec = game_spec("tic_tac_toe")
    assert {seat_of("random", spec, seed) for seed in range(20)} == {0, 1}
    for word in ("2", "first", "", "-1"):
        with pytest.raises(GameError, match="must be one of random, 0, 1"):
            seat_of(word, spec, 0)
