"""The fixed bots: legal moves only, and moves as good as they promise."""

import sys
import time

import pytest
import torch

from league.errors import MissingExtraError, UnknownPolicyError
from league.games import Turn, bot_names, game_spec, is_bot_name, make_bot, make_game, sample_uniform, solver
from league.games.bitboards import to_bitboards
from league.games.mcts import _Tree
from league.games.negamax import WIN, Negamax
from league.games.perfect import Perfect
from league.ladder.records import Tally
from league.rollout.arena import play_match

ROWS, COLUMNS = 6, 7


def turn_of(game, rows=None, seed=0):
    rows = torch.arange(game.num_games) if rows is None else rows
    generator = torch.Generator().manual_seed(seed)
    return Turn(game=game, rows=rows, observation=game.observe()[rows], legal=game.legal()[rows], generator=generator)


def connect_four_after(columns, copies=1):
    game = make_game("connect_four", copies)
    for column in columns:
        assert not game.step(torch.full((copies,), column)).done.any()
    return game


def random_positions(count, seed):
    """Boards of all stages of the game, none of them over."""
    generator = torch.Generator().manual_seed(seed)
    game = make_game("connect_four", count)
    stop = torch.randint(0, 36, (count,), generator=generator)
    frozen = game.observe()
    for ply in range(36):
        frozen = torch.where((stop == ply)[:, None, None, None], game.observe(), frozen)
        step = game.step(sample_uniform(game.legal(), generator))
        game.reset(step.done)
    return frozen


# A plain negamax on nested lists, written from the rules and the docstring alone.
def lines_of_four():
    for row in range(ROWS):
        for column in range(COLUMNS):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                cells = [(row + i * down, column + i * right) for i in range(4)]
                if all(0 <= r < ROWS and 0 <= c < COLUMNS for r, c in cells):
                    yield cells


LINES = list(lines_of_four())


def plain_value(board, depth, mover):
    """The best score of any column, and the columns that have it."""
    scores = {}
    for column in range(COLUMNS):
        row = next((r for r in range(ROWS - 1, -1, -1) if board[r][column] == 0), None)
        if row is None:
            continue
        board[row][column] = mover
        scores[column] = plain_score(board, depth, mover)
        board[row][column] = 0
    best = max(scores.values())
    return best, {column for column, score in scores.items() if score == best}


def plain_score(board, depth, mover):
    filled = [[board[r][c] for r, c in line] for line in LINES]
    if any(cells.count(mover) == 4 for cells in filled):
        return WIN + depth
    if all(board[0]):
        return 0
    if depth > 1:
        return -plain_value(board, depth - 1, 3 - mover)[0]
    mine = sum(cells.count(mover) ** 2 for cells in filled if 3 - mover not in cells)
    return mine - sum(cells.count(3 - mover) ** 2 for cells in filled if mover not in cells)


@pytest.mark.parametrize(("depth", "count"), [(1, 120), (2, 60), (3, 12)])
def test_negamax_equals_a_plain_one(depth, count):
    positions = random_positions(count, seed=depth)
    scores = Negamax(depth).scores(*to_bitboards(positions))
    for position, row in zip(positions, scores, strict=True):
        board = (position[..., 0] + 2 * position[..., 1]).int().tolist()
        best, columns = plain_value(board, depth, 1)
        assert float(row.max()) == best
        assert set((row == row.max()).nonzero().squeeze(1).tolist()) == columns


def test_negamax_equals_a_plain_one_on_almost_full_boards():
    game = connect_four_after([c for a, b in ((0, 1), (2, 3), (4, 5)) for c in (*(a, b) * 3, *(b, a) * 3)] + [6] * 3)
    board = (game.observe()[0, ..., 0] + 2 * game.observe()[0, ..., 1]).int().tolist()
    for depth in (1, 2, 3, 4, 5):
        scores = Negamax(depth).scores(game.mine, game.theirs)
        assert (float(scores.max()), {6}) == plain_value(board, depth, 1)


@pytest.mark.parametrize("depth", range(1, 7))
def test_negamax_wins_in_one(depth):
    assert Negamax(depth).choose(turn_of(connect_four_after([3, 0, 3, 0, 3, 1]))).tolist() == [3]


@pytest.mark.parametrize("depth", range(2, 7))
def test_negamax_blocks(depth):
    assert Negamax(depth).choose(turn_of(connect_four_after([3, 0, 3, 0, 3]))).tolist() == [3]


@pytest.mark.parametrize("depth", [3, 4])
def test_negamax_makes_a_double_threat(depth):
    # X on 2 and 3 of an open bottom row wins by taking 1 or 4: three in a row with both ends open.
    game = connect_four_after([2, 2, 3, 3], copies=32)
    assert set(Negamax(depth).choose(turn_of(game)).tolist()) <= {1, 4}


@pytest.mark.parametrize("depth", [2, 3])
def test_negamax_prevents_a_double_threat_when_it_sees_it(depth):
    game = connect_four_after([3, 6, 2], copies=16)
    chosen = set(Negamax(4).choose(turn_of(game)).tolist())
    assert chosen <= {1, 4, 0, 5}


def test_negamax_prefers_the_slower_loss():
    boards = to_bitboards(random_positions(600, seed=6))
    near, far = Negamax(2).scores(*boards), Negamax(4).scores(*boards)
    lost_later = (far.amax(dim=1) <= -WIN) & (near.amax(dim=1) > -WIN)
    assert lost_later.any()
    best = far == far.amax(dim=1, keepdim=True)
    assert (near[lost_later][best[lost_later]] > -WIN).all()


def test_negamax_breaks_ties_with_the_generator_alone():
    game = make_game("connect_four", 200)
    bot = Negamax(1)
    first = bot.choose(turn_of(connect_four_after([3, 3], copies=200), seed=1))
    assert torch.equal(first, bot.choose(turn_of(connect_four_after([3, 3], copies=200), seed=1)))
    # The empty board has one best first move; its mirror image is itself.
    assert bot.choose(turn_of(game)).unique().tolist() == [3]
    mirrored = connect_four_after([3, 3, 3, 3, 3, 3], copies=200)
    assert sorted(bot.choose(turn_of(mirrored)).unique().tolist()) == [2, 4]


def test_negamax_is_fast_enough_to_anchor_a_scale():
    positions = random_positions(64, seed=9)
    boards = to_bitboards(positions)
    Negamax(2).scores(*boards)
    start = time.perf_counter()
    Negamax(4).scores(*boards)
    assert time.perf_counter() - start < 10.0


def test_negamax_in_chunks_is_negamax(monkeypatch):
    boards = to_bitboards(random_positions(40, seed=4))
    whole = Negamax(3).scores(*boards)
    monkeypatch.setattr("league.games.negamax.CHUNK", 17)
    assert torch.equal(whole, Negamax(3).scores(*boards))


@pytest.mark.parametrize("seat", [0, 1])
def test_negamax_beats_uniform(seat):
    game, generator = make_game("connect_four", 1), torch.Generator().manual_seed(2)
    players = [make_bot("uniform", game.spec)] * 2
    players[seat] = make_bot("negamax-2", game.spec)
    total = 0.0
    for _ in range(10):
        done = False
        while not done:
            turn = turn_of(game, seed=int(torch.randint(1000, (), generator=generator)))
            step = game.step(players[int(game.to_move())].choose(turn))
            total += float(step.rewards[0, seat])
            done = bool(step.done)
        game.reset()
    assert total >= 7


@pytest.mark.parametrize(
    ("game_name", "bot"),
    [
        ("connect_four", "uniform"),
        ("connect_four", "negamax-1"),
        ("connect_four", "negamax-2"),
        ("tic_tac_toe", "perfect"),
        ("leduc_holdem_v4", "uniform"),
    ],
)
def test_bots_play_legal_moves_only(game_name, bot):
    game = make_game(game_name, 16)
    player, generator = make_bot(bot, game.spec), torch.Generator().manual_seed(1)
    for _ in range(60):
        rows = torch.randperm(16, generator=generator)[:9]
        legal = game.legal()
        turn = Turn(game=game, rows=rows, observation=game.observe()[rows], legal=legal[rows], generator=generator)
        actions = sample_uniform(legal, generator)
        actions[rows] = player.choose(turn)
        assert legal.gather(1, actions[:, None]).all()
        game.reset(game.step(actions).done)


@pytest.mark.parametrize("name", ["uniform", "negamax-3"])
def test_bots_take_an_empty_turn(name):
    game = make_game("connect_four", 4)
    turn = turn_of(game, rows=torch.zeros(0, dtype=torch.int64))
    assert make_bot(name, game.spec).choose(turn).shape == (0,)


def tic_tac_toe_after(games):
    """One board per list of moves, all of one length, and what its last move did."""
    game = make_game("tic_tac_toe", len(games))
    step = None
    for moves in torch.tensor(games).T:
        step = game.step(moves)
    return game, step


@pytest.mark.parametrize("seat", [0, 1])
def test_perfect_never_loses_to_anything(seat):
    """Every game in which the other seat tries every move and `Perfect` plays any move that it may draw."""
    perfect = make_bot("perfect", game_spec("tic_tac_toe"))
    games, worst, finished = [[]], 1.0, 0
    for ply in range(9):
        game = tic_tac_toe_after(games)[0] if ply else make_game("tic_tac_toe", 1)
        choices = game.legal()
        if ply % 2 == seat:
            drawn = [perfect.choose(turn_of(game, seed=seed)) for seed in range(20)]
            choices = torch.zeros_like(choices).scatter(1, torch.stack(drawn, dim=1), True)
        games = [[*games[row], move] for row, move in choices.nonzero().tolist()]
        _, step = tic_tac_toe_after(games)
        worst = min([worst, *step.rewards[step.done][:, seat].tolist()])
        finished += int(step.done.sum())
        games = [moves for moves, done in zip(games, step.done.tolist(), strict=True) if not done]
    assert finished > 100
    assert not games
    assert worst == 0.0


def test_perfect_wins_at_once_and_blocks():
    game = make_game("tic_tac_toe", 2)
    for actions in ([0, 0], [3, 4], [1, 8], [4, 5]):
        game.step(torch.tensor(actions))
    assert make_bot("perfect", game.spec).choose(turn_of(game)).tolist() == [2, 3]


def test_names():
    connect_four, tic_tac_toe = game_spec("connect_four"), game_spec("tic_tac_toe")
    searches, playouts = [f"negamax-{depth}" for depth in range(1, 9)], ["mcts-100", "mcts-1000"]
    assert bot_names(connect_four) == ("uniform", *searches, *playouts, "perfect")
    assert bot_names(tic_tac_toe) == ("uniform", *playouts, "perfect")
    assert bot_names(game_spec("leduc_holdem_v4")) == ("uniform",)
    for spec in (connect_four, tic_tac_toe):
        assert all(is_bot_name(name, spec) for name in spec.bots)
    assert not is_bot_name("negamax-2", tic_tac_toe)
    assert not is_bot_name("main-12", connect_four)


@pytest.mark.parametrize(
    ("game", "name", "message"),
    [
        ("connect_four", "negamax-9", "from 1 to 8"),
        ("connect_four", "negamax-0", "from 1 to 8"),
        ("connect_four", "negamax", "from 1 to 8"),
        ("connect_four", "negamax-02", "from 1 to 8"),
        ("rock_paper_scissors", "perfect", "plays tic_tac_toe and connect_four only"),
        ("tic_tac_toe", "negamax-2", "plays connect_four only"),
        ("tic_tac_toe", "unifrom", "did you mean 'uniform'"),
        ("connect_four", "", "there are: uniform"),
    ],
)
def test_wrong_names_are_explained_in_one_line(game, name, message):
    with pytest.raises(UnknownPolicyError, match=message) as caught:
        make_bot(name, game_spec(game))
    assert "\n" not in str(caught.value)


def played(first, second, game="connect_four", games=40, seed=0):
    """Points per game of the first bot against the second, in both seats from random openings."""
    spec = game_spec(game)
    players = make_bot(first, spec), make_bot(second, spec)
    played = play_match(make_game(game, games), *players, opening_plies=4, max_plies=60, seed=seed)
    return Tally.sum(played.results.values()).score


@pytest.mark.long
def test_more_playouts_play_better():
    assert played("mcts-30", "uniform") > 0.8
    assert played("mcts-100", "mcts-5") > 0.6


@pytest.mark.parametrize("game", ["connect_four", "tic_tac_toe"])
def test_mcts_plays_whole_games_of_legal_moves(game):
    assert 0 <= played("mcts-1", "mcts-2", game, games=10) <= 1


def test_mcts_wins_at_once_and_prevents_it():
    wins = connect_four_after([0, 6, 1, 6, 2, 5], copies=4)
    assert make_bot("mcts-200", wins.spec).choose(turn_of(wins)).tolist() == [3] * 4
    blocks = connect_four_after([6, 0, 6, 1, 5, 2], copies=4)
    assert make_bot("mcts-400", blocks.spec).choose(turn_of(blocks)).tolist() == [3] * 4


def test_mcts_gives_its_playouts_to_the_actions_of_the_root():
    game = connect_four_after([3, 3, 3, 3, 3, 3])
    tree = _Tree(game, *to_bitboards(game.observe()), 50, torch.Generator().manual_seed(0))
    visits = tree.grow(50)[0]
    assert visits[3] == -1, "the column is full"
    assert visits[visits >= 0].sum() == 50
    assert tree.nodes.tolist() == [51]
    assert 0 <= float(tree.value[0, 0]) <= 50


def test_names_of_mcts():
    spec = game_spec("connect_four")
    assert all(is_bot_name(name, spec) for name in ("mcts-1", "mcts-64", "mcts-100000"))
    for name in ("mcts", "mcts-0", "mcts-100001", "mcts-007", "mcts-x", "mcts-", "mcts-1.5", "uniform-1", "perfect-2"):
        assert not is_bot_name(name, spec), name
    with pytest.raises(UnknownPolicyError, match="write mcts-N with a number N of playouts a move from 1 to 100000"):
        make_bot("mcts-0", spec)
    with pytest.raises(UnknownPolicyError, match="plays connect_four and tic_tac_toe only, not rock_paper_scissors"):
        make_bot("mcts-10", game_spec("rock_paper_scissors"))
    assert "mcts-77" in bot_names(spec, "mcts-77")
    assert bot_names(spec, "nobody") == bot_names(spec)


def test_perfect_wins_connect_four_from_the_first_seat():
    pytest.importorskip("bitbully", reason="needs the extra solver")
    spec = game_spec("connect_four")
    bots = make_bot("perfect", spec), make_bot("negamax-4", spec)
    played = play_match(make_game("connect_four", 4), *bots, opening_plies=0, max_plies=60, seed=0)
    assert played.results["01"].wins == played.results["01"].games == 2


def test_without_the_solver_a_line_says_what_to_install(monkeypatch):
    solver._solver.cache_clear()
    monkeypatch.setitem(sys.modules, "bitbully", None)
    with pytest.raises(MissingExtraError, match=r"bitbully is not installed: .* install -e '.\[solver\]'"):
        make_bot("perfect", game_spec("connect_four"))
    solver._solver.cache_clear()
    assert isinstance(make_bot("perfect", game_spec("tic_tac_toe")), Perfect)
