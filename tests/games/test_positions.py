"""Positions as values, and other views of a board, against the games themselves, played on."""

import pytest
import torch

from league.games import game_spec, make_game, sample_uniform
from league.games.base import HasPositions
from league.games.bitboards import cell_bits, completing, has_line
from league.games.builtin import BUILTIN

GAMES = ["connect_four", "tic_tac_toe"]
BOARDS = 96


def random_plies(game, seed, plies):
    """Play at random, starting over where a game ends; yields before each ply."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(plies):
        yield generator
        game.reset(game.step(sample_uniform(game.legal(), generator)).done)


@pytest.mark.parametrize("name", BUILTIN)
def test_the_spec_says_who_has_positions(name):
    assert isinstance(make_game(name, 1), HasPositions) == game_spec(name).positions
    assert game_spec(name).positions == (name in GAMES)


@pytest.mark.parametrize("name", GAMES)
def test_children_are_what_the_game_makes_of_the_moves(name):
    game, ends = make_game(name, BOARDS), set()
    rows = torch.arange(BOARDS)
    for _ in random_plies(game, 0, 45):
        positions, legal = game.positions(rows), game.legal()
        assert torch.equal(positions.observe(), game.observe())
        assert torch.equal(positions.legal(), legal)
        wins = positions.wins()
        for action in range(game.spec.actions):
            here = legal[:, action].nonzero().squeeze(1)
            played = make_game(name, BOARDS)
            played.mine, played.theirs = game.mine.clone(), game.theirs.clone()
            played._seat = game._seat.clone()
            step = played.step(torch.full((BOARDS,), action))
            child = positions.after(here, torch.full_like(here, action))
            assert torch.equal(child.observe(), played.observe()[here])
            mover = game.to_move()[here]
            won = step.rewards[here, mover] > 0
            assert torch.equal(wins[here, action], won)
            # Nothing is legal on a full board.
            assert torch.equal(step.done[here] & ~won, ~child.legal().any(dim=1) & ~won)
            ends |= set(won.tolist())
        assert not wins[~legal].any()
    assert ends == {True, False}


@pytest.mark.parametrize("name", GAMES)
def test_a_pass_shows_what_the_other_seat_would_win_with(name):
    game, rows = make_game(name, BOARDS), torch.arange(BOARDS)
    for _ in random_plies(game, 1, 20):
        passed = game.positions(rows).passed()
        assert torch.equal(passed.observe(), game.observe().flip(-1))
        game.mine, game.theirs = game.theirs, game.mine
        assert torch.equal(passed.wins(), game.positions(rows).wins())
        game.mine, game.theirs = game.theirs, game.mine
    some = torch.tensor([5, 3])
    assert torch.equal(game.positions(rows)[some].observe(), game.observe()[some])
    assert len(game.positions(some)) == 2


@pytest.mark.parametrize(("rows", "columns", "length"), [(6, 7, 4), (3, 3, 3), (7, 8, 5)])
def test_cells_that_complete_a_line(rows, columns, length):
    """Against playing every one of them; a board of 8 columns reaches the sign of a word."""
    generator, bits = torch.Generator().manual_seed(0), 1 << cell_bits(rows, columns).flatten()
    taken = torch.rand(400, rows * columns, generator=generator) < 0.45
    stones = (taken.long() * bits).sum(dim=1)
    stones = stones[~has_line(stones, length)]
    found = completing(stones, length)
    for bit in bits:
        empty = (stones & bit) == 0
        assert torch.equal(((found & bit) != 0)[empty], has_line(stones | bit, length)[empty])


@pytest.mark.parametrize("name", GAMES)
def test_a_game_seen_in_another_way_is_the_same_game(name):
    """Both sides are played: the same moves, each in its own view, give the same games."""
    spec = game_spec(name)
    for symmetry in spec.symmetries:
        cells, actions = torch.tensor(symmetry.cells), torch.tensor(symmetry.actions)
        plain, seen = make_game(name, BOARDS), make_game(name, BOARDS)
        inverse = torch.argsort(actions)
        generator = torch.Generator().manual_seed(3)
        for _ in range(45):
            assert torch.equal(seen.observe().flatten(1, 2), plain.observe().flatten(1, 2)[:, cells])
            assert torch.equal(seen.legal(), plain.legal()[:, actions])
            moves = sample_uniform(plain.legal(), generator)
            ours, theirs = plain.step(moves), seen.step(inverse[moves])
            assert torch.equal(ours.rewards, theirs.rewards)
            assert torch.equal(ours.done, theirs.done)
            plain.reset(ours.done)
            seen.reset(ours.done)


@pytest.mark.parametrize("name", GAMES)
def test_symmetries_are_a_group_without_the_plain_view(name):
    spec = game_spec(name)
    plain = tuple(range(spec.shape[0] * spec.shape[1]))
    views = {symmetry.cells for symmetry in spec.symmetries}
    assert plain not in views
    assert len(views) == len(spec.symmetries) == {"connect_four": 1, "tic_tac_toe": 7}[name]
    for one in views:
        for other in views:
            assert tuple(one[cell] for cell in other) in views | {plain}
