"""Search: exact where it says so, better than its network, and refused where it cannot be."""

import pytest
import torch

from league.config import NetworkConfig
from league.errors import GameError, PolicyError
from league.games import Turn, game_spec, make_game, sample_uniform
from league.games.perfect import CELLS, best_moves
from league.policies import tree
from league.policies.player import NetworkPlayer, make_player
from league.policies.search import Searched, SearchPlayer, check_searchable, searched, with_search
from league.policies.weights import fresh, pack

SMALL = NetworkConfig(kind="mlp", hidden=(16,))


@pytest.fixture(scope="module")
def network():
    return fresh(game_spec("connect_four"), SMALL, seed=0).eval()


@pytest.fixture(scope="module")
def noughts():
    return fresh(game_spec("tic_tac_toe"), SMALL, seed=0).eval()


def random_boards(name, count, plies, seed):
    """Boards after up to so many random plies, of games that go on."""
    generator = torch.Generator().manual_seed(seed)
    game = make_game(name, count)
    goes_on = torch.ones(count, dtype=torch.bool)
    left = torch.randint(0, plies + 1, (count,), generator=generator)
    positions = game.words()
    for ply in range(plies + 1):
        positions = torch.where(((left == ply) & goes_on)[:, None], game.words(), positions)
        goes_on &= ~game.step(sample_uniform(game.legal(), generator)).done
    return game.at(positions)


def connect_four_after(*columns):
    game = make_game("connect_four", 1)
    for column in columns:
        assert not game.step(torch.tensor([column])).done.any()
    return game


def look(network, game, simulations):
    return tree.search(network, game, game.observe(), game.legal(), simulations)


def minimax_value(game):
    """1, 0 or -1 for the mover of one board of tic-tac-toe, by playing on without a mistake from either seat."""
    powers, mover = 3 ** torch.arange(CELLS), int(game.to_move()[0])
    while True:
        seen = game.observe()
        code = int(((seen[..., 0] + 2 * seen[..., 1]).flatten(1).long() * powers).sum())
        step = game.step(best_moves(torch.device("cpu"))[code].long().argmax()[None])
        if bool(step.done[0]):
            return float(step.rewards[0, mover])


def test_what_is_proven_at_tic_tac_toe_is_true(noughts):
    boards = random_boards("tic_tac_toe", 200, 6, seed=1)
    found = look(noughts, boards, 400)
    assert 0.6 < found.proven.float().mean() < 1, "the earliest ones have too many positions behind them"
    powers = 3 ** torch.arange(CELLS)
    seen = boards.observe()
    codes = ((seen[..., 0] + 2 * seen[..., 1]).flatten(1).long() * powers).sum(dim=1)
    for row in found.proven.nonzero().squeeze(1).tolist():
        value = minimax_value(boards.at(boards.words()[row : row + 1]))
        assert found.values[row] == value
        if value == 0:  # Perfect play prefers the soonest win; search is content with any.
            assert best_moves(torch.device("cpu"))[codes[row], found.actions[row]]


def test_a_draw_is_proven(noughts):
    game = make_game("tic_tac_toe", 1)
    for cell in (4, 0, 8):  # Opposite corners, the first player in the middle.
        game.step(torch.tensor([cell]))
    found = look(noughts, game, 3000)
    assert bool(found.proven[0])
    assert float(found.values[0]) == 0


@pytest.mark.parametrize(
    ("columns", "best", "value"),
    [
        ((0, 6, 1, 6, 2, 5), 3, 1.0),  # Three in a row beside an empty cell: it is there to be won.
        ((0, 6, 1, 6, 0, 6, 1), 6, 1.0),  # Both have three: who is to move wins.
        ((3, 3, 2, 0), 4, 1.0),  # Two in the middle of the empty bottom row: open at both ends, a win in two.
    ],
)
def test_wins_are_proven(network, columns, best, value):
    found = look(network, connect_four_after(*columns), 400)
    assert found.proven[0]
    assert (int(found.actions[0]), float(found.values[0])) == (best, value)
    assert found.shares[0].argmax() == best


def test_a_forced_block_is_played_at_once(network):
    boards = connect_four_after(0, 6, 0, 6, 0)
    assert int(look(network, boards, 8).actions[0]) == 0


def test_a_lost_position_is_known_as_lost_and_answered_with_a_legal_move(network):
    boards = connect_four_after(3, 0, 2, 0, 4)  # Open at both ends.
    found = look(network, boards, 200)
    assert found.proven[0]
    assert found.values[0] == -1
    assert boards.legal()[0, found.actions[0]]


def test_two_threats_at_once_are_seen_without_a_simulation(network):
    """Looking one ply ahead proves what can no longer be met, and so does the search that rests on it."""
    boards = connect_four_after(3, 3, 2, 0)
    found = look(network, boards, 1)
    assert bool(found.proven[0])
    assert (int(found.actions[0]), float(found.values[0])) == (4, 1.0)


class Unlooked:
    """A game that offers its boards, but not as values: its moves can only be tried."""

    def __init__(self, game):
        self._game = game

    def at(self, words):
        return Unlooked(self._game.at(words))

    def __getattr__(self, name):
        if name == "positions":
            raise AttributeError(name)
        return getattr(self._game, name)


def test_a_game_that_cannot_be_looked_ahead_in_is_searched_too(network):
    boards = random_boards("connect_four", 64, 30, seed=3)
    plain, looked = look(network, Unlooked(boards), 200), look(network, boards, 200)
    both = plain.proven & looked.proven
    assert both.sum() > 10
    assert torch.equal(plain.values[both], looked.values[both])
    assert looked.proven.sum() >= plain.proven.sum()


def test_only_moves_that_are_allowed_are_chosen(network):
    boards = random_boards("connect_four", 64, 30, seed=2)
    allowed = boards.legal() & (torch.rand(64, 7, generator=torch.Generator().manual_seed(0)) < 0.5)
    allowed |= ~allowed.any(dim=1, keepdim=True) & boards.legal()
    found = tree.search(network, boards, boards.observe(), allowed, 30)
    assert allowed.gather(1, found.actions[:, None]).all()
    assert not (found.visits * ~allowed).any()
    assert torch.allclose(found.shares.sum(dim=1), torch.ones(64))


def test_every_simulation_is_counted_and_none_is_lost(network):
    found = look(network, make_game("connect_four", 3), 50)
    assert not found.proven.any()
    assert found.visits.sum(dim=1).tolist() == [50, 50, 50]


def test_the_answer_does_not_depend_on_the_company(network, monkeypatch):
    boards = random_boards("connect_four", 10, 30, seed=3)
    together = look(network, boards, 40)
    for row in (0, 7):
        alone = look(network, boards.at(boards.words()[row : row + 1]), 40)
        assert alone.actions[0] == together.actions[row]
    monkeypatch.setattr(tree, "MOST_EDGES", 5 * 41 * 7)
    in_parts = look(network, boards, 40)
    assert torch.equal(in_parts.actions, together.actions)


def test_it_beats_its_own_network(network):
    from league.rollout.arena import play_match

    game = make_game("connect_four", 16)
    strong, plain = SearchPlayer(network, 40, sample=False), NetworkPlayer(network, sample=False)
    assert strong.deterministic
    played = play_match(game, strong, plain, opening_plies=6, max_plies=42, seed=0)
    wins, draws, losses = (sum(column) for column in zip(*played.results.values(), strict=True))
    assert wins > 2 * (draws + losses)


def test_drawn_moves_follow_the_visits_and_proven_ones_are_played(network):
    turn_of = lambda game, seed: Turn(  # noqa: E731
        game=game,
        rows=torch.arange(game.num_games),
        observation=game.observe(),
        legal=game.legal(),
        generator=torch.Generator().manual_seed(seed),
    )
    player = SearchPlayer(network, 30, sample=True)
    assert not player.deterministic
    start = make_game("connect_four", 50)
    drawn = player.choose(turn_of(start, 0))
    assert len(set(drawn.tolist())) > 2
    assert torch.equal(drawn, player.choose(turn_of(start, 0)))
    won = connect_four_after(0, 6, 1, 6, 2, 5)
    assert {int(player.choose(turn_of(won, seed))[0]) for seed in range(10)} == {3}


def test_names():
    assert with_search("main-0007", 200) == "main-0007+search200"
    assert with_search("main-0007", None) == "main-0007"
    assert searched("rival.main-0007+search200") == Searched("rival.main-0007", 200)
    for name in (
        "main-0007",
        "main-0007+search",
        "+search20",
        "main-0007+search-5",
        "main-0007+search2x",
        f"main-0007+search{'9' * 5000}",
    ):
        assert searched(name) is None


def test_one_who_is_challenged_searches():
    from league.actors.challenge import Target

    game = make_game("connect_four", 2)
    weights = pack(fresh(game.spec, SMALL, seed=0))
    target = Target(name="main-0007+search20", weights=weights, sample=False)
    player = target.opponents.player(target.name, game)
    assert isinstance(player, SearchPlayer)
    assert player.simulations == 20


def test_a_name_makes_the_player(network):
    asked = []

    def load(name):
        asked.append(name)
        return network

    player = make_player("main-0007+search20", game_spec("connect_four"), load, sample=False)
    assert isinstance(player, SearchPlayer)
    assert (asked, player.simulations) == (["main-0007"], 20)


@pytest.mark.parametrize(
    ("policy", "simulations", "game", "kind", "reason"),
    [
        ("main-0007", 20, "leduc_poker", GameError, "chance or hidden information: only connect_four, tic_tac_toe can"),
        ("main-0007", 20, "rock_paper_scissors", GameError, "chance or hidden information"),
        ("main-0007", 20, "tictactoe_v3", GameError, "is played through an adapter"),
        ("uniform", 20, "connect_four", PolicyError, "uniform is a fixed bot"),
        ("main-0007", 0, "connect_four", PolicyError, "0 simulations: must be from 1 to 10000"),
        ("main-0007", 10_001, "connect_four", PolicyError, "10001 simulations"),
    ],
)
def test_what_cannot_search(policy, simulations, game, kind, reason):
    with pytest.raises(kind, match=reason):
        check_searchable(Searched(policy, simulations), game_spec(game))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu(network):
    boards = make_game("connect_four", 8, device="cuda")
    there = fresh(game_spec("connect_four"), SMALL, seed=0).eval().to("cuda")
    found = look(there, boards, 50)
    assert found.actions.device.type == "cuda"
    assert found.visits.sum(dim=1).tolist() == [50] * 8
