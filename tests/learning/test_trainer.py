"""A learner on a real Ray: it learns, it can be saved, it says when it has diverged, it works over processes."""

import math
import os
import signal
import time

import numpy as np
import pytest
import torch

from league.cluster.plan import Hardware
from league.cluster.session import ray_session
from league.config import LeagueConfig, NetworkConfig
from league.errors import ClusterError, DivergedError, GameError, LeagueError, PolicyError
from league.games import game_spec, make_bot, make_game
from league.learning import memory
from league.learning.checkpoint import pack_state, unpack_state
from league.learning.runner import LEARNER_MODULE
from league.learning.trainer import Trainer
from league.policies.player import NetworkPlayer
from league.policies.weights import fresh, pack, unpack
from league.rollout.arena import play_match
from league.rollout.opponents import Opponents

SPEC = game_spec("tic_tac_toe")
SMALL = {
    "game": "tic_tac_toe",
    "network": {"kind": "mlp", "hidden": [32]},
    "rollout": {"games": 128, "plies": 16, "exploring_share": 0.1, "exploring_plies": 2},
    "learning": {"lr": 1e-2, "num_epochs": 4, "minibatch_size": 256, "lookahead": False},
}


def config(**sections):
    return LeagueConfig.from_dict({**SMALL, **{name: {**SMALL[name], **knobs} for name, knobs in sections.items()}})


@pytest.fixture(scope="module", autouse=True)
def ray_for_all(tmp_path_factory):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # On a busy machine threads wait for one another far longer than they work.
    with ray_session():
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def train():
    """Build a trainer that is stopped after the test."""
    built = []

    def build(*, seed=0, hardware=None, **sections):
        built.append(Trainer(SPEC, config(**sections), seed=seed, hardware=hardware or Hardware()))
        return built[-1]

    yield build
    for trainer in built:
        trainer.stop()


@pytest.fixture(scope="module")
def trained():
    """One that most tests share; each leaves it in a state from which the next can go on."""
    trainer = Trainer(SPEC, config(), seed=0, hardware=Hardware())
    yield trainer
    trainer.stop()


def initial(seed=0, hidden=(32,)):
    return pack(fresh(SPEC, NetworkConfig(kind="mlp", hidden=hidden), seed))


def score_against_uniform(weights):
    game = make_game("tic_tac_toe", 400)
    player = NetworkPlayer(unpack(weights, SPEC), sample=False)
    results = play_match(game, player, make_bot("uniform", SPEC), opening_plies=2, max_plies=20, seed=1).results
    return results["01"].plus(results["10"]).score


def assert_equal_trees(one, other):
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal_trees(one[key], other[key])
    elif isinstance(one, list | tuple):
        for a, b in zip(one, other, strict=True):
            assert_equal_trees(a, b)
    elif hasattr(one, "shape"):
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other))
    else:
        assert one == other


def moments(trainer):
    """Adam's state of every weight."""
    return [
        moment
        for optimiser in unpack_state(trainer.save())["optimizer"].values()
        for moment in optimiser["state"]["state"].values()
    ]


def played_weights(trainer):
    """By what the runner inside the trainer has played."""
    return trainer.algorithm.env_runner_group.local_env_runner.module.network.state_dict()


def test_it_begins_with_the_weights_of_its_seed(trained):
    assert trained.weights() == initial()


def test_it_learns_to_beat_uniform(trained):
    before = score_against_uniform(trained.weights())
    iterations = [trained.iterate() for _ in range(20)]
    assert score_against_uniform(trained.weights()) > max(0.85, before + 0.1)
    steps = sum(iteration.steps for iteration in iterations)
    plies = sum(iteration.plies for iteration in iterations)
    assert plies == 20 * 128 * 16
    assert 0.8 * plies < steps < plies, "all but openings and what waits"
    for iteration in iterations:
        assert {"total_loss", "policy_loss", "vf_loss", "entropy"} <= iteration.losses.keys()
        assert all(math.isfinite(loss) for loss in iteration.losses.values())
        assert iteration.games > 50
        assert (iteration.dropped, iteration.error, iteration.results) == (0, None, {})
        assert iteration.sample_s > 0
        assert iteration.learn_s > 0


def assert_equal_weights(playing, learned):
    """What a runner plays by, and packed weights."""
    learned = unpack(learned, SPEC).state_dict()
    assert all(torch.equal(torch.as_tensor(playing[name]), learned[name]) for name in learned)


def test_what_plays_is_what_was_learned(trained):
    trained.iterate()
    learned = trained.weights()
    assert trained.iterate().staleness == 0
    assert_equal_weights(played_weights(trained), learned)


def test_a_restored_learner_is_the_same(trained, train):
    trained.iterate()
    saved = trained.save()
    other = train(seed=5)
    assert other.weights() != trained.weights()
    other.restore(saved)
    assert other.weights() == trained.weights()
    assert_equal_trees(unpack_state(other.save()), unpack_state(saved))
    assert any(float(torch.as_tensor(moment["exp_avg_sq"]).sum()) > 0 for moment in moments(other))
    steps = [float(moment["step"]) for moment in moments(other)]
    assert other.iterate().steps > 0
    assert_equal_weights(played_weights(other), trained.weights())
    assert all(float(moment["step"]) > step for moment, step in zip(moments(other), steps, strict=True))


def test_a_restored_learner_takes_the_step_size_of_its_configuration(trained, train):
    other = train(learning={"lr": 1e-4})
    trained.iterate()
    other.restore(trained.save())
    other.iterate()
    groups = [o["state"]["param_groups"] for o in unpack_state(other.save())["optimizer"].values()]
    assert [group["lr"] for one in groups for group in one] == [pytest.approx(1e-4, rel=0.01)]


def step_size(trainer):
    """Of the gradient steps to come."""
    (optimiser,) = unpack_state(trainer.save())["optimizer"].values()
    (group,) = optimiser["state"]["param_groups"]
    return group["lr"]


def test_schedules_go_by_how_far_the_training_is(train):
    trainer = train(learning={"anneal_to": 0.2})
    for progress, expected in ((0.0, 1.0), (0.5, 0.6), (1.0, 0.2)):
        trainer.progress = progress
        trainer.iterate()
        assert step_size(trainer) == pytest.approx(1e-2 * expected, rel=1e-3)


def test_without_a_limit_schedules_go_by_the_steps_since_it_began(train):
    trainer = train(learning={"anneal_to": 0.2, "anneal_steps": 1000})
    trainer.steps, trainer.began_at = 10_500, 10_000
    trainer.iterate()
    assert step_size(trainer) == pytest.approx(1e-2 * 0.6, rel=1e-3)
    trainer.iterate()
    assert step_size(trainer) == pytest.approx(1e-2 * 0.2, rel=1e-3)
    assert train().config.learning.anneal_steps == 2000 * 256


@pytest.mark.parametrize("runners", [0, 1])
def test_what_the_game_can_is_the_default(train, runners):
    """Tables and lookahead: a short training plays tic-tac-toe well, and says what it learns; also playing ahead."""
    trainer = train(
        network={"kind": None, "hidden": None},
        rollout={"exploring_share": None, "exploring_plies": None},
        learning={"lookahead": None, "num_epochs": 1},
        hardware=Hardware(runners=runners),
    )
    assert trainer.config.network.kind == "tables"
    assert trainer.config.learning.lookahead
    iterations = [trainer.iterate() for _ in range(15)]
    first, last = (iterations[at].losses["lookahead_loss"] for at in (0, -1))
    assert 0 < last < first
    weights = trainer.weights()
    assert pack(unpack(weights, SPEC)) == weights
    assert score_against_uniform(weights) > 0.9, "perfect play scores 0.936 from these openings"
    trainer.reset_to(weights)
    assert trainer.weights() == weights
    assert trainer.iterate().steps > 0


def test_it_goes_back_to_a_snapshot(trained):
    snapshot = initial(seed=9)
    trained.iterate()
    trained.reset_to(snapshot)
    assert trained.weights() == snapshot
    assert moments(trained) == [], "the optimiser begins anew"
    assert trained.iterate().steps > 0
    assert_equal_weights(played_weights(trained), snapshot)
    assert trained.weights() != snapshot


@pytest.mark.parametrize("data", [b"", b"garbage", initial(), pack_state({}), pack_state([1]), pack_state({"a": 1})])
def test_a_checkpoint_that_is_none_is_refused(trained, data):
    before = trained.weights()
    with pytest.raises(PolicyError) as caught:
        trained.restore(data)
    assert "\n" not in str(caught.value)
    assert trained.weights() == before


def test_a_checkpoint_of_another_network_is_refused(trained, train):
    other = train(network={"hidden": [16]})
    with pytest.raises(PolicyError, match="does not fit this learner") as caught:
        other.restore(trained.save())
    assert "\n" not in str(caught.value)
    assert other.iterate().steps > 0


def test_poisoned_weights_are_a_divergence_that_it_recovers_from(trained):
    good = initial(seed=3)
    network = unpack(good, SPEC)
    with torch.no_grad():
        network.policy.bias[4] = math.nan
    trained.reset_to(pack(network))
    with pytest.raises(DivergedError, match=r"nan|not finite") as caught:
        trained.iterate()
    assert "\n" not in str(caught.value)
    trained.reset_to(good)
    assert all(math.isfinite(loss) for _ in range(2) for loss in trained.iterate().losses.values())


def test_a_step_size_that_explodes_is_a_divergence(train):
    trainer = train(learning={"lr": 1e30})

    def a_few():
        for _ in range(4):
            trainer.iterate()

    with pytest.raises(DivergedError):
        a_few()
    trainer.reset_to(initial())
    assert trainer.weights() == initial()


def test_opponents(trained):
    trained.set_opponents(
        Opponents(
            shares={"uniform": 1.0, "main-0000": 2.0, "main-0001": 0.0},
            weights={"main-0000": initial(seed=1), "main-0001": initial(seed=2)},
        )
    )
    games = {}
    for _ in range(3):
        iteration = trained.iterate()
        assert 0 < iteration.steps < iteration.plies
        for name, tally in iteration.results.items():
            games[name] = games.get(name, 0) + tally.games
    assert games.keys() == {"uniform", "main-0000"}
    assert games["main-0000"] > games["uniform"] > 0
    trained.set_opponents(Opponents())


def test_opponents_of_another_game_are_refused(trained):
    theirs = pack(fresh(game_spec("connect_four"), NetworkConfig(hidden=(8,)), 0))
    trained.set_opponents(Opponents(shares={"main-0007": 1.0}, weights={"main-0007": theirs}))
    with pytest.raises(PolicyError, match="connect_four"):
        trained.iterate()
    trained.set_opponents(Opponents())
    assert trained.iterate().steps > 0


def test_a_minibatch_larger_than_the_batch(train):
    trainer = train(rollout={"games": 4, "plies": 4}, learning={"minibatch_size": 100_000})
    before = trainer.weights()
    assert sum(trainer.iterate().steps for _ in range(3)) > 0
    assert trainer.weights() != before


def test_an_iteration_without_a_move_to_learn_from(train):
    trainer = train(rollout={"games": 1, "plies": 2, "exploring_share": 1.0, "exploring_plies": 1000})
    steps = [trainer.iterate().steps for _ in range(3)]
    assert 0 in steps


def runners(trainer, ask):
    """What each runner process answers, once it has played what it plays now."""
    return trainer.algorithm.env_runner_group.foreach_env_runner(ask, local_env_runner=False)


def playing(runner):
    """The weights by which a runner played its last fragment."""
    state = runner.get_state()["rl_module"]["learner"]
    return {name.removeprefix("network."): weights for name, weights in state.items()}


@pytest.mark.long
def test_runners_of_their_own(train):
    trainer = train(hardware=Hardware(runners=2), learning={"staleness": 0})
    trainer.set_opponents(Opponents(shares={"uniform": 1.0, "main-0000": 1.0}, weights={"main-0000": initial(seed=1)}))
    before = trainer.weights()
    trainer.iterate()
    learned = trainer.weights()
    assert learned != before
    iteration = trainer.iterate()
    assert (iteration.plies, iteration.staleness, iteration.stale) == (2 * 128 * 16, 0, 0)
    assert iteration.results.keys() == {"uniform", "main-0000"}
    for weights in runners(trainer, playing):
        assert_equal_weights(weights, learned)


@pytest.mark.long
@pytest.mark.parametrize("processes", [0, 1])
def test_what_a_users_game_raises_is_raised_with_its_line_wherever_it_is_played(processes):
    spec = game_spec("tests.learning.breaking_tensors:Breaks")
    trainer = Trainer(spec, config(), seed=0, hardware=Hardware(runners=processes))
    with pytest.raises(GameError, match=r"Breaks: RuntimeError: the boards collapsed \(.*breaking_tensors.py:15, in"):
        trainer.iterate()
    trainer.stop()


@pytest.mark.long
def test_a_game_that_only_runners_cannot_build_is_refused_with_its_line():
    """RLlib goes on without such a runner, and Ray starts it never again."""
    spec = game_spec("tests.learning.refusing_game")
    with pytest.raises(LeagueError, match=r"RuntimeError: not here \(.*refusing_game.py:9, in env: raise"):
        Trainer(spec, config(), seed=0, hardware=Hardware(runners=1))


@pytest.mark.long
@pytest.mark.parametrize("staleness", [0, 1])
def test_a_runner_that_dies_comes_back_with_the_present_weights_and_opponents(train, staleness):
    trainer = train(hardware=Hardware(runners=1), learning={"staleness": staleness})
    trainer.set_opponents(Opponents(shares={"main-0000": 1.0}, weights={"main-0000": initial(seed=1)}))
    trainer.iterate()
    (pid,) = runners(trainer, lambda runner: os.getpid())
    os.kill(pid, signal.SIGKILL)
    lost = trainer.iterate()
    if staleness and lost.steps:
        lost = trainer.iterate()  # What it had played on by then is learned from.
    assert (lost.steps, lost.losses) == (0, {}), "nobody played, and that is no divergence"
    assert "no runner answered" in lost.error
    learned = trainer.weights()
    again = trainer.iterate()
    assert again.plies == 128 * 16
    assert again.results.keys() == {"main-0000"}
    (now,) = runners(trainer, lambda runner: (playing(runner), os.getpid()))
    assert now[1] != pid
    assert_equal_weights(now[0], learned)


def slowed(seconds, *numbers):
    """Has the runners of these numbers take so long for a fragment, or for every one of them."""

    def slow(runner):
        collect = runner.collector.collect

        def collected(*args):
            time.sleep(seconds)
            return collect(*args)

        if runner.worker_index in numbers:
            runner.collector.collect = collected

    return slow


@pytest.mark.long
def test_nobody_waits_for_a_runner_that_is_killed_nor_for_a_slow_one(train):
    trainer = train(hardware=Hardware(runners=2), rollout={"games": 16}, learning={"staleness": 2, "batch_size": 512})
    iterations = [trainer.iterate()]
    os.kill(runners(trainer, lambda runner: os.getpid())[1], signal.SIGKILL)
    began = time.monotonic()
    while not iterations[-1].usage.runners_lost and time.monotonic() < began + 90:
        iterations.append(trainer.iterate())
    while iterations[-1].usage.runners < 2 and time.monotonic() < began + 90:
        iterations.append(trainer.iterate())
    assert max(iteration.usage.runners_lost for iteration in iterations) == 1
    assert iterations[-1].usage.runners == 2
    runners(trainer, slowed(100.0, 1))
    began = time.monotonic()
    iterations += [trainer.iterate() for _ in range(6)]
    assert time.monotonic() < began + 90, "the slow one has not brought anything yet"
    assert all(iteration.steps > 256 for iteration in iterations), "updates are as large, whoever brings them"
    assert max(iteration.staleness for iteration in iterations) <= 2


@pytest.mark.long
@pytest.mark.parametrize("runners", [1, 2])
def test_an_update_is_as_large_with_more_runners(train, runners):
    """Moves are taken as they come, whoever plays them."""
    learning = {"staleness": 3, "batch_size": 1024}
    trainer = train(hardware=Hardware(runners=runners), rollout={"games": 32}, learning=learning)
    iterations = [trainer.iterate() for _ in range(6)]
    assert all(0.8 * 1024 < iteration.steps < 1.1 * 1024 for iteration in iterations)
    assert max(iteration.staleness for iteration in iterations) <= 3


def test_learners_that_step_together(train):
    """Two learner processes must see equally many minibatches, or they wait for one another for ever."""
    trainer = train(rollout={"games": 31, "plies": 5}, learning={"num_learners": 2, "minibatch_size": 32})
    before = trainer.weights()
    for _ in range(3):
        iteration = trainer.iterate()
        assert iteration.steps % 2 == 0
        assert all(math.isfinite(loss) for loss in iteration.losses.values())
    assert trainer.weights() != before
    saved = trainer.save()
    trainer.reset_to(initial(seed=4))
    trainer.restore(saved)
    assert_equal_trees(unpack_state(trainer.save()), unpack_state(saved))
    assert trainer.iterate().steps > 0


def test_a_minibatch_that_memory_does_not_hold_is_taken_in_parts_with_the_same_gradient(train, monkeypatch):
    trainer = train(learning={"precision": "float32"})
    learner = trainer.algorithm.learner_group._learner
    forward, apply = learner.module.forward_train, learner.apply_gradients
    stepped = []

    def gradients(batch):
        found = []
        monkeypatch.setattr(learner, "apply_gradients", found.append)
        type(learner)._in_parts(learner, batch)
        return found[0]

    def update(batch, view):
        rows = len(batch[LEARNER_MODULE])

        def small(part):
            if len(part[LEARNER_MODULE]) > rows / 3:
                raise torch.OutOfMemoryError
            return forward(part)

        learner.parts = 1
        monkeypatch.setattr(learner.module, "forward_train", forward)
        whole = gradients(batch)
        monkeypatch.setattr(learner.module, "forward_train", small)
        parts = gradients(batch)
        assert learner.parts == 4
        for name, gradient in whole.items():
            assert torch.allclose(gradient, parts[name], rtol=1e-4, atol=1e-6)
        stepped.append(rows)
        apply(parts)
        return None, {}, {}

    monkeypatch.setattr(learner, "_in_parts", update)
    iteration = trainer.iterate()
    assert stepped
    assert iteration.usage.parts == 4


def test_where_torch_cannot_use_the_gpu_that_ray_gives_it_learns_on_the_cpu_and_says_why(train, monkeypatch):
    def start():
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040).")

    monkeypatch.setattr(torch.cuda, "_lazy_init", start)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    trainer = train(hardware=Hardware(gpus=1.0))
    assert trainer.no_gpu == "cuda is not there: The NVIDIA driver on your system is too old (found version 11040)."
    assert trainer.iterate().steps > 0


def stepped_together(first_is_narrow):
    """What two processes have learned after one iteration; `first_is_narrow`: the first holds no 40 rows at once."""

    def narrow(learner):
        forward = learner.module.forward_train

        def small(part):
            if len(part[LEARNER_MODULE]) > 40:
                raise torch.OutOfMemoryError
            return forward(part)

        learner.module.forward_train = small

    def seeded(learner):
        np.random.seed(1)
        torch.manual_seed(1)

    settings = config(learning={"num_learners": 2, "minibatch_size": 128, "precision": "float32"})
    trainer = Trainer(SPEC, settings, seed=3, hardware=Hardware())
    try:
        group = trainer.algorithm.learner_group
        if first_is_narrow:
            group.foreach_learner(narrow, remote_actor_ids=[0])
        group.foreach_learner(seeded)
        iteration = trainer.iterate()
        assert iteration.usage.parts == (4 if first_is_narrow else 1)
        states = [result.get() for result in group.foreach_learner(lambda one: one.module[LEARNER_MODULE].get_state())]
    finally:
        trainer.stop()
    assert_equal_trees(*states)
    return states[0]


@pytest.mark.long
def test_processes_that_step_together_have_parts_of_their_own_and_the_same_gradient():
    whole, in_parts = stepped_together(False), stepped_together(True)
    for name, weights in whole.items():
        np.testing.assert_allclose(in_parts[name], weights, rtol=1e-3, atol=1e-4)


def test_memory_that_holds_not_one_move_is_an_error(train, monkeypatch):
    monkeypatch.setattr(memory, "WAITS_S", ())
    trainer = train()
    learner = trainer.algorithm.learner_group._learner

    def never(batch):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(learner.module, "forward_train", never)
    with pytest.raises(ClusterError, match="the GPU's memory does not suffice"):
        trainer.iterate()


def test_moves_that_stay_on_their_device_are_learned_from_as_those_of_arrays(train):
    """As on a GPU that learner and runner share: RLlib shuffles and cuts tensors as it does arrays."""
    learned = []
    for stays in (False, True):
        trainer = train(seed=3)
        runner = trainer.algorithm.env_runner_group.local_env_runner
        runner.stays = stays
        np.random.seed(1)
        torch.manual_seed(1)
        steps = trainer.iterate().steps
        assert steps
        learned.append((steps, trainer.weights()))
    assert learned[0] == learned[1]


def test_after_a_resume_the_entropy_coefficient_is_where_the_training_is(train):
    trainer = train(learning={"num_epochs": 1, "minibatch_size": 100_000, "entropy_coeff": 0.5, "anneal_to": 0.1})
    trainer.progress = 1.0
    losses = trainer.iterate().losses
    told = losses["policy_loss"] + 0.5 * losses["vf_loss"] - losses["total_loss"]
    assert told / losses["entropy"] == pytest.approx(0.05, rel=1e-3)


def test_a_clip_that_takes_the_values_errors_away_is_said(train):
    trainer = train(learning={"vf_clip_param": 0.01})
    assert "learning.vf_clip_param = 0.01 cuts off errors of the value" in trainer.iterate().remark
    assert train().iterate().remark is None


def test_chips_are_learned_in_a_unit_of_their_own():
    spec = game_spec("leduc_poker")
    settings = {"rollout": {"games": 256, "plies": 16}, "learning": {"minibatch_size": 512}}
    trainer = Trainer(spec, LeagueConfig.from_dict({"game": "leduc_poker", **settings}), seed=0, hardware=Hardware())
    try:
        explained = [trainer.iterate().losses["vf_explained_var"] for _ in range(25)]
        assert max(explained[-5:]) > 0.05
        network = unpack(trainer.weights(), spec)
        assert 2 < float(network.scaling.unit) < 8
        assert 5 <= float(network.scaling.largest) <= 13
        state = trainer.save()
        trainer.iterate()
        trainer.restore(state)
        assert trainer.weights() == pack(network)
    finally:
        trainer.stop()
