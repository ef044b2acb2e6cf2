"""The tensor games against their PettingZoo originals, ply for ply to the very end."""

import importlib
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from league.games import make_game, sample_uniform
from league.games.bitboards import has_line, to_bitboards

ORIGINALS = {"connect_four": "connect_four_v3", "tic_tac_toe": "tictactoe_v3"}
GAMES = 2000
TOGETHER = 250


def original(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module(f"pettingzoo.classic.{ORIGINALS[name]}").raw_env()


def assert_same_view(env, seen, legal, seat):
    agent = env.agent_selection
    expected = env.observe(agent)
    assert env.possible_agents[seat] == agent
    np.testing.assert_array_equal(seen, expected["observation"])
    np.testing.assert_array_equal(legal, expected["action_mask"].astype(bool))


@pytest.mark.parametrize("name", ORIGINALS)
def test_random_games_equal_pettingzoo(name):
    generator = torch.Generator().manual_seed(7)
    game = make_game(name, TOGETHER)
    envs = [original(name) for _ in range(TOGETHER)]
    for env in envs:
        env.reset()
    finished, results = 0, set()
    while finished < GAMES:
        views = (game.observe().numpy(), game.legal().numpy(), game.to_move().tolist())
        for env, *view in zip(envs, *views, strict=True):
            assert_same_view(env, *view)
        actions = sample_uniform(game.legal(), generator)
        step = game.step(actions)
        assert not step.dropped.any()
        after = (game.observe().numpy(), game.legal().numpy(), game.to_move().tolist())
        for row, (env, action) in enumerate(zip(envs, actions.tolist(), strict=True)):
            env.step(action)
            rewards = [float(env.rewards[agent]) for agent in env.possible_agents]
            assert step.rewards[row].tolist() == rewards
            assert bool(step.done[row]) == all(env.terminations.values())
            if step.done[row]:
                assert_same_view(env, *(view[row] for view in after))
                finished += 1
                results.add(tuple(rewards))
                env.reset()
        game.reset(step.done)
    assert results == {(1.0, -1.0), (-1.0, 1.0), (0.0, 0.0)}


@pytest.mark.parametrize("name", ORIGINALS)
@given(data=st.data())
@settings(max_examples=60)
def test_any_line_of_play_equals_pettingzoo(name, data):
    """Hypothesis steers towards the corners that random play reaches rarely, such as full boards."""
    game, env = make_game(name, 1), original(name)
    env.reset()
    done = False
    while not done:
        assert_same_view(env, game.observe()[0].numpy(), game.legal()[0].numpy(), int(game.to_move()))
        action = data.draw(st.sampled_from(game.legal()[0].nonzero().squeeze(1).tolist()))
        step = game.step(torch.tensor([action]))
        env.step(action)
        assert step.rewards[0].tolist() == [env.rewards[agent] for agent in env.possible_agents]
        done = bool(step.done)
        assert done == all(env.terminations.values())


DRAWN = {
    "connect_four": [c for pair in ((0, 1), (2, 3), (4, 5)) for c in (*pair * 3, *pair[::-1] * 3)] + [6] * 6,
    "tic_tac_toe": [0, 1, 2, 4, 3, 5, 7, 6, 8],
}


@pytest.mark.parametrize("name", ORIGINALS)
def test_a_full_board_is_a_draw(name):
    game, env = make_game(name, 1), original(name)
    env.reset()
    for ply, action in enumerate(DRAWN[name], start=1):
        step = game.step(torch.tensor([action]))
        env.step(action)
        assert bool(step.done) == (ply == len(DRAWN[name])) == all(env.terminations.values())
    assert step.rewards.tolist() == [[0.0, 0.0]]
    assert not torch.signbit(step.rewards).any()
    assert not game.legal().any()


@pytest.mark.parametrize("name", ORIGINALS)
def test_reset_touches_only_its_boards(name):
    game = make_game(name, 3)
    game.step(torch.tensor([0, 1, 2]))
    before = game.observe().clone()
    game.reset(torch.tensor([False, True, False]))
    assert game.to_move().tolist() == [1, 0, 1]
    assert game.observe()[1].sum() == 0
    assert torch.equal(game.observe()[[0, 2]], before[[0, 2]])
    game.reset()
    assert game.observe().sum() == 0


@pytest.mark.parametrize("name", ORIGINALS)
def test_what_was_returned_is_not_changed_by_later_calls(name):
    game = make_game(name, 2)
    generator = torch.Generator().manual_seed(0)
    held = [game.observe(), game.legal(), game.to_move(), *game.step(torch.tensor([0, 1]))]
    copies = [tensor.clone() for tensor in held]
    for _ in range(3):
        game.step(sample_uniform(game.legal(), generator))
    game.reset()
    assert all(torch.equal(*pair) for pair in zip(held, copies, strict=True))


def test_observations_pack_back_into_bitboards():
    game = make_game("connect_four", 64)
    generator = torch.Generator().manual_seed(3)
    for _ in range(6):
        game.step(sample_uniform(game.legal(), generator))
    mine, theirs = to_bitboards(game.observe())
    assert torch.equal(mine, game.mine)
    assert torch.equal(theirs, game.theirs)


def test_lines_do_not_run_around_the_edge():
    # Three on top of one column and one at the foot of the next are no four; four in one column are.
    assert has_line(torch.tensor([0b1000 + (0b111 << 8), 0b111 << 3 | 1 << 8, 0b1111 << 2]), 4).tolist() == [
        False,
        False,
        True,
    ]


def test_cells_are_those_of_the_observation_and_the_line_is_the_winners():
    """Lines are looked for anew, cell by cell, in many random games."""
    for name, length in (("connect_four", 4), ("tic_tac_toe", 3)):
        game, generator, won = make_game(name, TOGETHER), torch.Generator().manual_seed(3), 0
        rows, columns, _ = game.spec.shape
        done = torch.zeros(TOGETHER, dtype=torch.bool)
        while not done.all():
            step = game.step(sample_uniform(game.legal(), generator))
            seen, seats = game.observe(), game.to_move().tolist()
            for row in range(TOGETHER):
                cells = game.cells(row)
                own, other = "XO"[seats[row]], "OX"[seats[row]]
                for r, c in np.ndindex(rows, columns):
                    empty = "" if cells.columns else str(columns * r + c)
                    assert (
                        cells.marks[r][c]
                        == {(1, 0): own, (0, 1): other, (0, 0): empty}[tuple(seen[row, r, c].tolist())]
                    )
                assert cells.line == lines_of(cells.marks, length)
                assert bool(cells.line) == bool(step.rewards[row].any())
                won += bool(cells.line)
            done |= step.done
            game.reset(step.done)
        assert won > TOGETHER / 2


def lines_of(marks, length):
    """The cells of all lines, by trying every cell and direction."""
    stones = {(r, c): mark for r, row in enumerate(marks) for c, mark in enumerate(row) if mark in ("X", "O")}
    ways = [(0, 1), (1, 0), (1, 1), (1, -1)]
    runs = [[(r + i * dr, c + i * dc) for i in range(length)] for r, c in stones for dr, dc in ways]
    return {cell for run in runs if len({stones.get(cell, cell) for cell in run}) == 1 for cell in run}


def test_connect_four_is_drawn_for_people():
    game = make_game("connect_four", 1)
    for column in (3, 3, 0):
        game.step(torch.tensor([column]))
    assert game.render(0).splitlines() == [
        *["│ · · · · · · · │"] * 4,
        "│ · · · O · · · │",
        "│ X · · X · · · │",
        "╰───────────────╯",
        "  0 1 2 3 4 5 6",
    ]


def test_tic_tac_toe_is_drawn_for_people():
    game = make_game("tic_tac_toe", 1)
    for cell in (4, 2):
        game.step(torch.tensor([cell]))
    assert game.render(0) == " 0 │ 1 │ O\n───┼───┼───\n 3 │ X │ 5\n───┼───┼───\n 6 │ 7 │ 8"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("name", ORIGINALS)
def test_cuda_plays_as_the_cpu_does(name):
    here, there = make_game(name, 512), make_game(name, 512, device="cuda")
    generator = torch.Generator().manual_seed(5)
    for _ in range(60):
        for look in ("observe", "legal", "to_move"):
            expected, found = getattr(here, look)(), getattr(there, look)()
            assert found.device.type == "cuda"
            assert torch.equal(expected, found.cpu())
        actions = sample_uniform(here.legal(), generator)
        step, other = here.step(actions), there.step(actions.cuda())
        assert all(torch.equal(a, b.cpu()) for a, b in zip(step, other, strict=True))
        here.reset(step.done)
        there.reset(other.done)


@pytest.mark.parametrize("name", ORIGINALS)
def test_boards_at_positions_are_like_those_that_were_played(name):
    generator = torch.Generator().manual_seed(3)
    game = make_game(name, TOGETHER)
    for _ in range(12):
        game.reset(game.step(sample_uniform(game.legal(), generator)).done)
        positions = game.words()
        assert torch.equal(game.read(game.observe()), positions)
        chosen = torch.randint(0, TOGETHER, (300,), generator=generator)
        copies = game.at(positions[chosen])
        assert copies.num_games == 300
        for ask in ("observe", "legal", "to_move"):
            assert torch.equal(getattr(copies, ask)(), getattr(game, ask)()[chosen])
        copies.step(sample_uniform(copies.legal(), generator))
        assert torch.equal(game.words(), positions), "the boards that were copied do not move"
