"""Rollouts for training, against a ledger of what was really played."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate

import pytest
import torch
from ledger_game import LedgerGame, LedgerNetwork, places, value_of

from league.config import NetworkConfig, RolloutConfig
from league.errors import GameError
from league.games import make_game, sample_uniform
from league.games.base import Player
from league.ladder.matchmaking import SELF
from league.ladder.records import Tally
from league.policies.network import ILLEGAL
from league.policies.weights import fresh
from league.rollout.collect import LEARNER, Collector
from league.rollout.moves import Moves
from league.rollout.opponents import Opponents

MIRROR = RolloutConfig(exploring_share=0.0)
AGAINST = RolloutConfig(exploring_share=0.0)
EXPLORING = RolloutConfig(exploring_share=0.6, exploring_plies=4)
FRAGMENTS = (5, 2, 9, 16, 3)


class First(Player):
    """Plays the first legal action, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def choose(self, turn):
        self.asked.append(turn.observation)
        return turn.legal.long().argmax(dim=1)


@dataclass(frozen=True, kw_only=True)
class Strangers(Opponents):
    """Every one of them is `First`."""

    made: list = field(default_factory=list)
    """Of whom a player was made."""

    def player(self, name, game):
        self.made.append(name)
        return First()


def collect(game, config, opponents=(), fragments=FRAGMENTS, gamma=1.0, lambda_=1.0, self_play=0.5):
    """Play the fragments; returns the collector and what each brought home."""
    collector = Collector(game, LedgerNetwork(), config, seed=3)
    game.table = collector.table
    if opponents:
        shares = {SELF: self_play, **dict.fromkeys(opponents, (1 - self_play) / len(opponents))}
        collector.set_opponents(Strangers(shares=shares))
        collector._begin(torch.ones(game.num_games, dtype=torch.bool))
    return collector, [collector.collect(plies, gamma, lambda_) for plies in fragments]


def own(playthrough, ply):
    """Whether the learner chose this ply."""
    played = playthrough.plies[ply]
    return played.asked and playthrough.seatings[ply][played.mover] == LEARNER


def own_moves(game):
    """Every move of the learner: its place, the game it was made in, and its seat."""
    for board, games in enumerate(game.ledger):
        for number, playthrough in enumerate(games):
            for ply, played in enumerate(playthrough.plies):
                if own(playthrough, ply):
                    yield (board, number, ply), playthrough, played.mover


def next_of_seat(playthrough, ply):
    """The learner's next ply from the same seat in this game, if there was one."""
    seat = playthrough.plies[ply].mover
    later = range(ply + 1, len(playthrough.plies))
    return next((t for t in later if own(playthrough, t) and playthrough.plies[t].mover == seat), None)


def fragment_of(played):
    """In which of `FRAGMENTS` a ply was played."""
    return next(i for i, end in enumerate(accumulate(FRAGMENTS)) if played.clock < end)


def comes_back(playthrough, ply):
    """Whether a move is returned: its outcome is known, and its game was not known to be broken by then."""
    following = next_of_seat(playthrough, ply)
    if not playthrough.dropped:
        return playthrough.done or following is not None
    broke = fragment_of(playthrough.plies[-1])
    return following is not None and fragment_of(playthrough.plies[following]) < broke


@pytest.mark.parametrize("seats", [1, 2, 3])
@pytest.mark.parametrize("config", [MIRROR, AGAINST, EXPLORING], ids=["mirror", "against", "exploring"])
@pytest.mark.parametrize("broken", [0.0, 0.4], ids=["sound", "broken"])
def test_every_move_comes_back_exactly_once(seats, config, broken):
    """All of the learner's moves, nobody else's, no opening's, no broken game's, except what still waits."""
    game = LedgerGame(11, seats, broken=broken)
    _, brought = collect(game, config, () if config is MIRROR else ("a", "b"))
    returned = sum((places(experience.moves) for experience in brought), start=Counter())
    moves = [(place, comes_back(playthrough, place[2])) for place, playthrough, _ in own_moves(game)]
    expected = {place for place, comes in moves if comes}
    assert set(returned) == expected
    assert set(returned.values()) == {1}
    assert 80 < len(expected) < len(moves)


@pytest.mark.parametrize("seats", [2, 3])
def test_without_discount_an_advantage_is_what_the_seat_still_receives_less_its_value(seats):
    """With gamma = lambda = 1, up to the end of the game, or to the seat's last move before a fragment's end."""
    game = LedgerGame(7, seats)
    collector = Collector(game, LedgerNetwork(), AGAINST, seed=3)
    game.table = collector.table
    collector.set_opponents(Strangers(shares={"a": 0.7, SELF: 0.3}))
    for plies in FRAGMENTS:
        experience = collector.collect(plies, 1.0, 1.0)
        rows = zip(
            experience.moves.observation.tolist(),
            experience.advantage.tolist(),
            experience.value_target.tolist(),
            strict=True,
        )
        for place, advantage, target in rows:
            board, number, ply = map(int, place)
            playthrough = game.ledger[board][number]
            seat = playthrough.plies[ply].mover
            until, bootstrap = len(playthrough.plies), 0.0
            if not playthrough.done:
                mine = [t for t in range(until) if own(playthrough, t) and playthrough.plies[t].mover == seat]
                until = mine[-1]
                bootstrap = float(value_of(torch.tensor([[board, number, until]], dtype=torch.float32)))
            received = sum(played.rewards[seat] for played in playthrough.plies[ply:until]) + bootstrap
            value = float(value_of(torch.tensor([place])))
            assert advantage == pytest.approx(received - value, abs=1e-4)
            assert target == pytest.approx(received, abs=1e-4)


def test_moves_are_what_the_network_saw_and_said():
    _, brought = collect(LedgerGame(6), MIRROR)
    moves = Moves.cat([experience.moves for experience in brought])
    boards = moves.observation[:, 0].long()
    assert torch.equal(moves.legal[:, 2], boards % 2 == 0)
    assert torch.equal(moves.value, value_of(moves.observation))
    assert bool(moves.legal.gather(1, moves.action[:, None]).all())
    assert torch.equal(moves.logits == ILLEGAL, ~moves.legal)
    assert set(moves.action.tolist()) == {0, 1, 2}


@pytest.mark.parametrize("seats", [2, 3])
def test_seats_are_fixed_for_a_whole_game(seats):
    game = LedgerGame(13, seats)
    collector, _ = collect(game, EXPLORING, ("a", "b", "c"), fragments=(20,))
    collector.set_opponents(Strangers(shares={"d": 0.5, SELF: 0.5}))
    collector.collect(20, 1.0, 1.0)
    seatings = set()
    for games in game.ledger:
        for playthrough in games:
            assert len(set(playthrough.seatings)) <= 1
            seatings |= set(playthrough.seatings)
    assert all(LEARNER in seating for seating in seatings)
    assert (LEARNER,) * seats in seatings
    assert {seating.index(LEARNER) for seating in seatings if seating != (LEARNER,) * seats} == set(range(seats))


def test_each_player_is_asked_once_per_ply_for_all_its_boards():
    game = LedgerGame(40)
    collector, _ = collect(game, AGAINST, ("a", "b"), fragments=(3,))
    others = [player for index, player in collector.table.players.items() if index != LEARNER]
    forward = collector.player.network
    seen = []

    def network(observation, legal):
        seen.append(observation)
        return forward(observation, legal)

    collector.player.network = network
    for _ in range(12):
        seen.clear()
        for player in others:
            player.asked.clear()
        collector.table.ply()
        assert len(seen) == 1
        assert [len(player.asked) for player in others] == [1, 1]
        boards = torch.cat([seen[0], *(player.asked[0] for player in others)])[:, 0]
        assert sorted(boards.tolist()) == list(range(40))
        collector._begin(torch.tensor([games[-1].done for games in game.ledger]))


@pytest.mark.parametrize("seats", [2, 3])
def test_results_are_those_of_the_games_that_ended(seats):
    game = LedgerGame(15, seats, broken=0.2)
    collector, brought = collect(game, EXPLORING, ("a", "b"))
    expected, finished, dropped = {}, 0, 0
    for playthrough in (one for games in game.ledger for one in games if one.done):
        dropped += playthrough.dropped
        if playthrough.dropped or not playthrough.plies[-1].asked:
            continue  # Broken, or over within its opening.
        finished += 1
        if not playthrough.plies[0].asked:
            continue  # It began at random, which is no result.
        returns = [sum(played.rewards[seat] for played in playthrough.plies) for seat in range(seats)]
        seating = playthrough.seatings[0]
        if set(seating) == {LEARNER}:
            continue
        mine = returns[seating.index(LEARNER)]
        for index, theirs in zip(seating, returns, strict=True):
            if index != LEARNER:
                one = Tally(int(mine > theirs), int(mine == theirs), int(mine < theirs))
                name = collector._names[index]
                expected[name] = expected.get(name, Tally()).plus(one)
    found = {}
    for experience in brought:
        for name, tally in experience.results.items():
            found[name] = found.get(name, Tally()).plus(tally)
    assert found == expected
    assert set(found) == {"a", "b"}
    assert sum(experience.games for experience in brought) == finished
    assert sum(experience.dropped for experience in brought) == dropped > 0
    assert sum(experience.plies for experience in brought) == 15 * sum(FRAGMENTS)


def test_who_never_loses_never_loses():
    game = make_game("tic_tac_toe", 32)
    collector = Collector(game, fresh(game.spec, NetworkConfig(kind="mlp", hidden=(8,)), 0), AGAINST, seed=0)
    collector.set_opponents(Opponents(shares={"perfect": 0.7, SELF: 0.3}))
    tally = Tally()
    for _ in range(4):
        tally = tally.plus(collector.collect(16, 1.0, 1.0).results.get("perfect", Tally()))
    assert tally.wins == 0
    assert tally.losses > 40


def test_broken_games_teach_nothing():
    game = make_game("odd_environments:RaisesInStep", 4)
    collector = Collector(game, fresh(game.spec, NetworkConfig(kind="mlp", hidden=(4,)), 0), MIRROR, seed=0)
    brought = [collector.collect(7, 1.0, 1.0) for _ in range(3)]
    assert all(len(experience.advantage) == 0 and experience.results == {} for experience in brought)
    assert [experience.games for experience in brought] == [0, 0, 0]
    assert sum(experience.dropped for experience in brought) == 4 * (21 // 3)
    assert "the table fell over" in game.last_error


def test_openings_are_random_and_not_learned_from():
    config = RolloutConfig(exploring_share=1.0, exploring_plies=3)
    game = LedgerGame(20)
    _, brought = collect(game, config)
    lengths = set()
    for playthrough in (one for games in game.ledger for one in games if one.done):
        lengths.add(sum(not played.asked for played in playthrough.plies))
    assert lengths == {1, 2, 3}
    assert all(ply >= 1 for experience in brought for _, _, ply in places(experience.moves))


def test_random_moves_later_are_neither_learned_from_nor_results():
    config = RolloutConfig(exploring_share=0.5, exploring_plies=2, exploring_moves=0.3)
    game = LedgerGame(20)
    collector = Collector(game, LedgerNetwork(), config, seed=3)
    game.table = collector.table
    collector.set_opponents(Strangers(shares={"a": 0.5, SELF: 0.5}))
    plain, strays = collector.table.ply, Counter()

    def ply():
        seen, left = game.observe(), collector.table.opening_left.clone()
        played = plain()
        strays.update(tuple(map(int, place)) for place in seen[played.opening & (left == 0)].tolist())
        return played

    collector.table.ply = ply
    learned = sum((places(collector.collect(16, 1.0, 0.9).moves) for _ in range(4)), start=Counter())
    assert len(strays) > 50
    assert not strays.keys() & learned.keys()
    begun = {
        (board, number)
        for board, games in enumerate(game.ledger)
        for number, one in enumerate(games)
        if one.plies and not one.plies[0].asked
    }
    assert {place[:2] for place in strays} <= begun, "games that count as results have none"
    later = [place for place in learned if place[:2] in begun]
    assert later, "and what follows them is"


def test_starts_reach_the_whole_game_and_do_not_end_it():
    game = make_game("connect_four", 512)
    config = RolloutConfig(exploring_share=1.0)
    collector = Collector(game, fresh(game.spec, NetworkConfig(kind="mlp", hidden=(4,)), 0), config, seed=0)
    assert collector.config.exploring_plies == 36
    left = collector.table.opening_left.clone()
    assert set(left.tolist()) == set(range(1, 37))
    over = torch.zeros(512, dtype=torch.bool)
    for _ in range(36):
        opening = collector.table.opening_left > 0
        done = collector.table.ply().step.done
        over |= done & opening
        collector.table.opening_left.masked_fill_(done, 0)
        game.reset(done)
    assert float(over.float().mean()) < 0.05, "only where every legal move wins"
    uniform = make_game("connect_four", 512)
    generator, ended = torch.Generator().manual_seed(0), torch.zeros(512, dtype=torch.bool)
    for _ in range(36):
        ended |= uniform.step(sample_uniform(uniform.legal(), generator)).done
    assert float(ended.float().mean()) > 0.9, "which plain random play does not keep up"


def test_a_fragment_in_which_the_learner_never_moves():
    config = RolloutConfig(exploring_share=1.0, exploring_plies=1000)
    game = LedgerGame(1)
    _, brought = collect(game, config, fragments=(2, 2))
    assert [len(experience.advantage) for experience in brought] == [0, 0]
    assert brought[0].moves.observation.shape == (0, 3)
    assert brought[0].moves.logits.shape == (0, 3)


def test_new_opponents_sit_down_at_new_games_and_old_ones_finish_theirs():
    game = LedgerGame(30)
    collector, _ = collect(game, AGAINST, ("old",), fragments=(2,), self_play=0.0)
    before, under_way = collector.table.seating.clone(), [games[-1] for games in game.ledger]
    made = []

    def names():
        return sorted(collector._names.values())

    collector.set_opponents(Strangers(shares={"new": 1.0, "newer": 0.5}, made=made))
    assert made == ["new", "newer"]
    assert torch.equal(collector.table.seating, before)
    assert names() == ["new", "newer", "old"], "its games go on"
    results = {}
    for _ in range(8):
        for name, tally in collector.collect(2, 1.0, 1.0).results.items():
            results[name] = results.get(name, Tally()).plus(tally)
    assert all(playthrough.done for playthrough in under_way)
    assert results["old"].games == len(under_way)
    collector.set_opponents(Strangers(shares={"new": 1.0}, made=made))
    assert made == ["new", "newer"], "who is at the table is not loaded again"
    assert "old" not in names(), "nobody plays it any more"
    assert set(collector.table.players) == {LEARNER, *collector._names}
    for _ in range(8):
        collector.collect(2, 1.0, 1.0)
    collector.set_opponents(Strangers(shares={"new": 1.0, "old": 1.0}, made=made))
    assert names() == ["new", "old"]
    assert made == ["new", "newer", "old"]


def test_what_was_forgotten_does_not_come_back():
    game = LedgerGame(20)
    collector, _ = collect(game, MIRROR, fragments=(5,))
    under_way = {(board, len(games) - 1): len(games[-1].plies) for board, games in enumerate(game.ledger)}
    collector.forget()
    moves = collector.collect(9, 1.0, 1.0).moves
    assert places(moves)
    assert all(ply >= under_way.get((board, number), 0) for board, number, ply in places(moves))


def test_a_share_of_zero_is_never_drawn():
    game = LedgerGame(20)
    collector = Collector(game, LedgerNetwork(), AGAINST, seed=0)
    collector.set_opponents(Strangers(shares={"a": 3.0, "b": 0.0}))
    results = [collector.collect(16, 1.0, 1.0).results for _ in range(3)]
    assert {name for one in results for name in one} == {"a"}


@pytest.mark.parametrize("name", ["three_seats", "tic_tac_toe", "leduc_holdem_v4"])
def test_real_games(name):
    if name == "leduc_holdem_v4":
        pytest.importorskip("rlcard")
    game = make_game(name, 8)
    collector = Collector(game, fresh(game.spec, NetworkConfig(kind="mlp", hidden=(8,)), 0), EXPLORING, seed=0)
    collector.set_opponents(Opponents(shares={"uniform": 0.5, SELF: 0.5}))
    brought = [collector.collect(24, 1.0, 0.9) for _ in range(4)]
    assert sum(experience.games for experience in brought) > 20
    assert sum(experience.results["uniform"].games for experience in brought) > 5
    assert sum(experience.dropped for experience in brought) == 0
    for experience in brought:
        moves, count = experience.moves, len(experience.advantage)
        assert 0 < count <= experience.plies
        assert moves.observation.shape == (count, *game.spec.shape)
        assert bool(moves.legal.gather(1, moves.action[:, None]).all())
        assert bool(torch.isfinite(experience.advantage).all())
        assert bool(torch.isfinite(experience.value_target).all())


def test_equal_seeds_bring_equal_experience():
    def bring(seed):
        game = make_game("tic_tac_toe", 16)
        collector = Collector(game, fresh(game.spec, NetworkConfig(kind="mlp", hidden=(8,)), 0), EXPLORING, seed)
        return collector.collect(20, 1.0, 0.9)

    one, same, other = bring(1), bring(1), bring(2)
    assert torch.equal(one.moves.action, same.moves.action)
    assert torch.equal(one.advantage, same.advantage)
    assert not torch.equal(one.moves.action[:50], other.moves.action[:50])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_on_a_gpu():
    game = make_game("connect_four", 64, device="cuda")
    network = fresh(game.spec, NetworkConfig(kind="mlp", hidden=(8,)), 0).cuda()
    collector = Collector(game, network, EXPLORING, seed=0)
    collector.set_opponents(Opponents(shares={"uniform": 0.5, SELF: 0.5}))
    experience = [collector.collect(32, 1.0, 0.9) for _ in range(2)][-1]
    assert experience.moves.observation.device.type == experience.advantage.device.type == "cuda"
    assert experience.results["uniform"].games > 0


@pytest.mark.parametrize("error", [ValueError("nowhere to go"), SystemExit("enough")])
def test_what_a_users_game_or_bot_raises_is_named_with_its_line(error, monkeypatch):
    def fail(*arguments):
        raise error

    game = make_game("tic_tac_toe", 4)
    network = fresh(game.spec, NetworkConfig(kind="mlp", hidden=(8,)), seed=0)
    collector = Collector(game, network, MIRROR, seed=0)
    for owner, method in ((type(game), "step"), (type(collector.player), "choose")):
        with monkeypatch.context() as broken:
            broken.setattr(owner, method, fail)
            with pytest.raises(GameError, match=rf"tic_tac_toe: {error!r}".partition("(")[0]) as caught:
                collector.collect(2, 1.0, 1.0)
        assert f"{error} (tests/rollout/test_collect.py:" in str(caught.value)
