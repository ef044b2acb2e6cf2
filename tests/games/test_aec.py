"""The adapter against the environments themselves, and against environments that misbehave."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from league.errors import GameError, MissingExtraError, UnknownGameError
from league.games import game_spec, make_game, sample_uniform
from league.games.aec_factory import build, find_factory, full_name
from league.installation import installing

CLASSIC = "pettingzoo.classic."
PACKAGES = {"chess_v6": "chess", "leduc_holdem_v4": "rlcard", "hanabi_v5": "pyspiel", "texas_holdem_v4": "rlcard"}


def needs(name):
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name], reason=f"{name} needs {PACKAGES[name]}")


def play_directly(name, seed, choose):
    """One game by PettingZoo's own loop: the views of every ply, the moves, and every seat's return by `last()`."""
    env = build(name, find_factory(full_name(name)))
    env.reset(seed=seed)
    returns, views = dict.fromkeys(env.possible_agents, 0.0), []
    for agent in env.agent_iter():
        seen, reward, terminated, truncated, info = env.last()
        returns[agent] += reward
        if terminated or truncated:
            env.step(None)
            continue
        space = env.action_space(agent)
        mask = seen.get("action_mask") if isinstance(seen, dict) else info.get("action_mask")
        mask = np.ones(space.n, bool) if mask is None else np.asarray(mask).astype(bool)
        action = choose(mask)
        views.append((seen["observation"] if isinstance(seen, dict) else seen, mask, agent, action))
        env.step(int(action + space.start))
    return views, [returns[agent] for agent in env.possible_agents], env.possible_agents


@pytest.mark.parametrize(
    ("name", "games"),
    [
        ("leduc_holdem_v4", 40),
        ("texas_holdem_v4", 20),
        ("chess_v6", 2),
        ("hanabi_v5", 6),
        ("tictactoe_v3", 10),
        ("connect_four_v3", 5),
        ("three_seats", 60),
        ("odd_environments:Walk", 2),
        ("odd_environments:Truncated", 2),
    ],
)
def test_games_equal_the_environment(name, games):
    needs(name)
    random = np.random.default_rng(3)
    game = make_game(name, 2)
    for seed in range(games):
        views, expected, agents = play_directly(name, seed, lambda mask: random.choice(mask.nonzero()[0]))
        game.reset(seeds=torch.tensor([seed, seed + 2**31]))
        paid = torch.zeros(2, game.spec.seats)
        for ply, (seen, mask, agent, action) in enumerate(views, start=1):
            assert agents[int(game.to_move()[0])] == agent
            np.testing.assert_array_equal(game.observe()[0].numpy(), np.asarray(seen, np.float32))
            np.testing.assert_array_equal(game.legal()[0].numpy(), mask)
            assert torch.equal(game.observe()[0], game.observe()[1])
            step = game.step(torch.tensor([action, action]))
            paid += step.rewards
            assert step.done.tolist() == [ply == len(views)] * 2
            assert not step.dropped.any()
        if name == "three_seats":
            first_out = int((paid[0] == paid[0].min()).nonzero()[0])
            expected[first_out] += 0.25  # paid after the seat has left, where last() cannot see it
        assert paid[0].tolist() == paid[1].tolist() == pytest.approx(expected)


def test_every_seat_of_a_three_seat_game_is_paid_exactly_once():
    game = make_game("three_seats", 32, seed=5)
    generator = torch.Generator().manual_seed(0)
    total, over = torch.zeros(32, 3), torch.zeros(32, dtype=torch.bool)
    went_on_with_two = False
    while not over.all():
        step = game.step(sample_uniform(game.legal(), generator))
        total += step.rewards * ~over[:, None]
        went_on_with_two |= bool(((step.rewards == -1).any(dim=1) & ~step.done).any())
        over |= step.done
        game.reset(step.done)
    assert went_on_with_two
    # First out: -1 and 0.25 at the end; second: 0.5 - 1; last: 0.5 + 0.5 + 1.
    assert all(sorted(row) == [-0.75, -0.5, 2.0] for row in total.tolist())


def test_seeds_fix_the_deal_and_the_own_seed_fixes_the_seeds():
    needs("leduc_holdem_v4")
    game, again, other = (make_game("leduc_holdem_v4", 24, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(game.observe(), again.observe())
    assert not torch.equal(game.observe(), other.observe())
    seeds = torch.arange(24)
    game.step(game.legal().float().argmax(dim=1))
    game.reset(seeds=seeds)
    other.reset(seeds=seeds)
    assert torch.equal(game.observe(), other.observe())
    assert torch.equal(game.to_move(), other.to_move())


def test_reset_touches_only_its_boards_and_nothing_that_was_returned_changes():
    game = make_game("three_seats", 3, seed=0)
    held = [game.observe(), game.legal(), game.to_move(), *game.step(torch.tensor([0, 0, 0]))]
    copies = [tensor.clone() for tensor in held]
    before = game.observe()
    game.reset(torch.tensor([False, True, False]), torch.tensor([0, 8, 0]))
    assert game.to_move().tolist() == [1, 0, 1]
    assert torch.equal(game.observe()[[0, 2]], before[[0, 2]])
    game.step(torch.tensor([0, 0, 0]))
    assert all(torch.equal(*pair) for pair in zip(held, copies, strict=True))


@pytest.mark.parametrize(
    ("kind", "ply", "reason"),
    [
        ("RaisesInStep", 3, r"step\(1\) by left: RuntimeError: the table fell over"),
        ("RaisesInObserve", 3, "KeyError: 'eyes'"),
        ("PaysNan", 2, "the reward of left is nan"),
        ("PaysInfinity", 2, "the reward of left is inf"),
        ("NoLegalAction", 2, "left is to move and has no legal action"),
        ("SeesNan", 2, "not finite"),
        ("SeesFar", 2, "holds 255, far outside of what its space says"),
        ("CountsFar", 2, "holds -20, far outside of what its space says"),
        ("Fleeting", 2, "agent_selection is 'right', who has left the game; its agents are left"),
        ("WrongShape", 2, r"shape \(3,\), not \(2,\)"),
        ("ShortMask", 2, r"shape \(1,\), not \(2,\)"),
        ("StaysDead", 5, "stays selected after it is done"),
    ],
)
def test_a_game_that_breaks_is_dropped_and_its_board_starts_anew(kind, ply, reason):
    game = make_game(f"odd_environments:{kind}", 2)
    broken = game._boards.rows[0].env
    for number in range(1, ply + 1):
        assert game.last_error is None
        step = game.step(torch.tensor([1, 1]))
        assert step.dropped.tolist() == step.done.tolist() == [number == ply] * 2
    assert step.rewards.tolist() == [[0.0, 0.0]] * 2
    assert re.search(reason, game.last_error)
    assert "\n" not in game.last_error
    assert game.last_error.startswith(f"odd_environments:{kind}: ")
    assert game.observe().sum() == 0
    assert game.legal().all()
    assert isinstance(game.render(0), str)
    game.reset(step.done)
    assert game._boards.rows[0].env is not broken
    assert game.observe()[:, 1].tolist() == [1.0, 1.0] or kind in ("SeesNan", "SeesFar", "WrongShape")
    if ply > 1:
        assert not game.step(torch.tensor([1, 1])).done.any()


@pytest.mark.parametrize(
    ("kind", "reason", "paid"),
    [
        ("SeesNanIn32Bits", r"step\(0\) by right: ValueError: the observation holds a number that is not finite", 0.0),
        ("PaysAndForbids", r"step\(0\) by right: ValueError: left is to move and has no legal action", 1.0),
    ],
)
def test_what_one_board_shows_ends_no_other_game(kind, reason, paid):
    game = make_game(f"odd_environments:{kind}", 4)
    game.reset(seeds=torch.tensor([2, 3, 4, 5]))
    assert not game.step(torch.zeros(4, dtype=torch.int64)).done.any()
    step = game.step(torch.zeros(4, dtype=torch.int64))
    assert step.done.tolist() == step.dropped.tolist() == [False, True, False, True]
    assert step.rewards.tolist() == [[paid, paid], [0.0, 0.0]] * 2
    assert re.search(reason, game.last_error)
    assert game.observe()[1::2].sum() == 0
    assert game.legal().all()
    for ply in range(3, 6):
        step = game.step(torch.zeros(4, dtype=torch.int64))
        assert step.done.tolist() == [ply == 5, True, ply == 5, True]
    assert step.dropped.tolist() == [False, True, False, True]


@pytest.mark.parametrize(("kind", "action", "ply"), [("asserted", 2, 2), ("asserted", -1, 3), ("asserted_each", 1, 3)])
def test_an_action_outside_of_its_space_is_what_the_wrapper_says(kind, action, ply):
    game = make_game(f"odd_environments:{kind}", 1)
    for _ in range(ply - 1):
        assert not game.step(torch.tensor([0])).done.item()
    assert game.step(torch.tensor([action])).dropped.item()
    assert "AssertionError: action is not in action space (" in game.last_error
    game.reset()
    assert [game.step(torch.tensor([0])).done.item() for _ in range(5)] == [False] * 4 + [True]


def test_a_game_that_cannot_start_is_dropped_at_its_next_ply():
    game = make_game("odd_environments:RaisesInReset", 2)
    game.reset(seeds=torch.tensor([0, 1]))
    assert game.legal()[1].all()
    step = game.step(torch.tensor([0, 0]))
    assert step.dropped.tolist() == step.done.tolist() == [False, True]
    assert "reset(seed=1): ValueError: no more chairs" in game.last_error
    game.reset(step.done, torch.tensor([0, 0]))
    assert not game.step(torch.tensor([0, 0])).dropped.any()


def test_a_game_that_is_over_as_it_begins_has_no_result():
    game = make_game("odd_environments:OverAsItBegins", 1)
    game.reset(seeds=torch.tensor([1]))
    assert game.step(torch.tensor([0])).dropped.item()
    assert "reset(seed=1): ValueError: the game is over as it begins" in game.last_error


def test_truncation_ends_a_game_with_its_rewards():
    game = make_game("odd_environments:Truncated", 1)
    steps = [game.step(torch.tensor([0])) for _ in range(5)]
    assert [bool(step.done) for step in steps] == [False] * 4 + [True]
    assert steps[-1].rewards.tolist() == [[1.0, -1.0]]
    assert not steps[-1].dropped.any()
    # A board that is over can be looked at until it is reset.
    assert game.observe().tolist() == [[0.0, 0.0]]
    assert game.legal().all()


def test_discrete_observations_become_one_hot():
    game = make_game("odd_environments:DiscreteView", 1)
    assert game.spec.shape == (6,)
    game.step(torch.tensor([0]))
    assert game.observe().tolist() == [[0.0, 1.0, 0.0, 0.0, 0.0, 0.0]]


def test_scalar_observations_have_one_number():
    game = make_game("odd_environments:ScalarView", 1)
    game.step(torch.tensor([0]))
    assert game.observe().tolist() == [[1.0]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("odd_environments:ContinuousActions", "action space of left is Box.*only Discrete"),
        ("odd_environments:TextView", "observation space of left is Text.*only Box, Discrete and MultiBinary"),
        ("odd_environments:DictView", "has no 'observation', only cards"),
        ("odd_environments:UnevenSeats", "spaces of right differ from those of left"),
        ("odd_environments:NoSeats", "possible_agents is empty"),
        ("odd_environments:Alone", "has one seat, left: a league is of games between two players or more"),
        ("odd_environments:Unnamed", "has no possible_agents"),
        ("odd_environments:NamesAsNumbers", "action_names.*must be a list of texts"),
        ("odd_environments:NamesOfTwoLines", "action_names.*printed on a line"),
        ("odd_environments:NeverStarts", r"cannot be played: reset\(seed=0\): ValueError: no chairs"),
        ("odd_environments:raises", "cannot be built: OSError: no cards in the box"),
        ("odd_environments:not_an_environment", "builds a object, not a PettingZoo environment"),
        ("odd_environments:needs_a_package", "needs a_package_that_nobody_has, which is not installed"),
        ("odd_environments", r"has no env\(\)"),
        ("odd_environments:nothing", r"has no nothing\(\)"),
        ("json", r"json has no env\(\)"),
    ],
)
def test_what_cannot_be_played_is_named_in_one_line(name, message):
    with pytest.raises(GameError, match=message) as caught:
        make_game(name, 1)
    assert "\n" not in str(caught.value)
    assert name.partition(":")[0] in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("conect_four", "did you mean 'connect_four'"),
        ("ches_v6", "did you mean 'chess_v6'"),
        ("chess_v5", "did you mean 'chess_v6'"),
        ("pettingzoo.classic.ches_v6", "did you mean 'pettingzoo.classic.chess_v6'"),
        ("nobody.has.this", "no game 'nobody.has.this'"),
        ("three_seats.deeper", "no game"),
        ("", "no game ''"),
        ("..", "no game"),
        ("os; print(1)", "no game"),
        ("three_seats:env()", "no game"),
    ],
)
def test_unknown_names(name, message):
    with pytest.raises(UnknownGameError, match=message) as caught:
        game_spec(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "package"), [("chess_v6", "chess"), ("leduc_holdem_v4", "rlcard")])
def test_a_missing_package_of_a_classic_game(name, package, monkeypatch):
    for module in [module for module in sys.modules if module.startswith(("pettingzoo.classic", package))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [_Hides(package), *sys.meta_path])
    with pytest.raises(MissingExtraError, match=f"{package} is not installed: {re.escape(installing('classic'))}"):
        find_factory(full_name(name))


def test_a_missing_package_that_is_imported_late(monkeypatch):
    for module in [module for module in sys.modules if module.startswith(("shimmy", "pyspiel"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [_Hides("pyspiel"), _Hides("shimmy"), *sys.meta_path])
    name = full_name("hanabi_v5")
    with pytest.raises(MissingExtraError, match="is not installed"):
        build(name, find_factory(name))


class _Hides:
    """An import finder that makes one package look as if it were not installed."""

    def __init__(self, package):
        self.package = package

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_specs_say_what_is_known():
    chess = game_spec("chess_v6")
    assert (chess.name, chess.seats, chess.shape, chess.actions) == (f"{CLASSIC}chess_v6", 2, (8, 8, 111), 4672)
    assert chess.deterministic
    assert not chess.batched
    assert game_spec(f"{CLASSIC}chess_v6") == chess
    leduc = game_spec("leduc_holdem_v4")
    assert not leduc.deterministic
    assert leduc.bots == ("uniform",)
    three = game_spec("three_seats")
    assert (three.name, three.seats, three.shape, three.actions) == ("three_seats", 3, (4,), 3)


def test_render_uses_ansi_where_there_is_one():
    game = make_game("odd_environments:Ansi", 1)
    game.step(torch.tensor([0]))
    assert game.render(0) == "step 1 of 5"
    assert make_game("chess_v6", 1).render(0).splitlines()[0] == "r n b q k b n r"
    game = make_game("odd_environments:PromisesAnsi", 1)
    assert "left to move" in game.render(0)
    assert "legal actions 0, 1" in game.render(0)
    while not game.step(torch.tensor([0])).done[0]:
        pass
    assert game.render(0) == "the game is over", "no zeros, of which everything is legal"


def test_importing_games_does_not_import_pettingzoo():
    code = "import sys, league.games; sys.exit('pettingzoo' in sys.modules or 'gymnasium' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pettingzoo_is_not_loud_about_its_registry():
    code = "from league.games import make_game; make_game('tictactoe_v3', 1)"
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_adapter_tensors_are_on_the_device():
    game = make_game("three_seats", 4, device="cuda")
    legal = game.legal()
    step = game.step(legal.float().argmax(dim=1))
    tensors = [legal, game.observe(), game.to_move(), *step]
    assert all(tensor.device.type == "cuda" for tensor in tensors)
    game.reset(torch.ones(4, dtype=torch.bool, device="cuda"))
