"""Matches between two frozen players: every seating, equal openings, and results that add up."""

from collections import Counter

import pytest
import torch
from ledger_game import LedgerGame

from league.config import NetworkConfig
from league.games import make_bot, make_game
from league.games.base import GameSpec, Player, Step
from league.ladder.records import Tally
from league.policies.player import NetworkPlayer
from league.policies.weights import fresh
from league.rollout.arena import play_match, rounded, seatings
from league.rollout.openings import draw_openings


class Spy(Player):
    """Lets another player choose, and remembers the first position that it saw on every board."""

    def __init__(self, player):
        self.player = player
        self.first = {}
        self.calls = []

    def choose(self, turn):
        self.calls.append(turn.rows.tolist())
        for row, seen in zip(turn.rows.tolist(), turn.observation, strict=True):
            self.first.setdefault(row, seen.clone())
        return self.player.choose(turn)


class Race:
    """A game of one ply for each seat, in which seat s receives `paid[s]`."""

    last_error = None

    def __init__(self, boards, paid):
        seats = len(paid)
        self.spec = GameSpec(name="race", seats=seats, shape=(1,), actions=2, batched=True, deterministic=True)
        self.num_games, self.device, self.paid = boards, torch.device("cpu"), torch.tensor(paid)
        self.turn = torch.zeros(boards, dtype=torch.long)

    def reset(self, mask=None, seeds=None):
        self.turn = torch.zeros_like(self.turn) if mask is None else self.turn.masked_fill(mask, 0)

    def observe(self):
        return self.turn[:, None].float()

    def legal(self):
        return torch.ones(self.num_games, 2, dtype=torch.bool)

    def to_move(self):
        return self.turn % self.spec.seats

    def step(self, actions):
        self.turn = self.turn + 1
        done = self.turn >= self.spec.seats
        return Step(self.paid.expand(self.num_games, -1) * done[:, None], done, torch.zeros_like(done))


def network_player(spec, seed, *, sample=False):
    return NetworkPlayer(fresh(spec, NetworkConfig(kind="mlp", hidden=(16,)), seed), sample=sample)


def play(game, row, column, *, opening_plies=4, max_plies=100, seed=0):
    return play_match(game, row, column, opening_plies=opening_plies, max_plies=max_plies, seed=seed)[:2]


def groups_of(game, row, column, *, opening_plies=4, max_plies=100, seed=0):
    return play_match(game, row, column, opening_plies=opening_plies, max_plies=max_plies, seed=seed).groups


def test_seatings():
    assert seatings(2) == ["01", "10"]
    assert seatings(3) == ["011", "101", "110", "100", "010", "001"]
    assert [rounded(games, 2) for games in (1, 2, 3, 40)] == [2, 2, 4, 40]
    assert [rounded(games, 3) for games in (1, 6, 7)] == [6, 6, 12]


def test_both_seats_are_played_equally_often():
    game = make_game("tic_tac_toe", 60)
    results, dropped = play(game, make_bot("perfect", game.spec), make_bot("uniform", game.spec), opening_plies=0)
    assert dropped == 0
    assert {seating: tally.games for seating, tally in results.items()} == {"01": 30, "10": 30}
    assert all(tally.losses == 0 and tally.wins > 15 for tally in results.values())


def test_a_pair_has_one_opening():
    game = make_game("connect_four", 40)
    row, column = Spy(make_bot("uniform", game.spec)), Spy(make_bot("uniform", game.spec))
    play(game, row, column, opening_plies=6)
    stones = []
    for board in range(0, 40, 2):
        # The player who was asked first saw fewer stones; in the other game of the pair it is the other player.
        firsts = [min((spy.first[b] for spy in (row, column)), key=lambda seen: seen.sum()) for b in (board, board + 1)]
        assert torch.equal(*firsts)
        stones.append(int(firsts[0].sum()))
    assert {3, 4, 5, 6} <= set(stones) <= set(range(7))


def test_a_pair_has_one_chance():
    """Equal deals: the pile of stones is drawn by the environment."""
    game = make_game("three_seats", 24)
    row, column = Spy(make_bot("uniform", game.spec)), Spy(make_bot("uniform", game.spec))
    play(game, row, column, opening_plies=0)
    in_seat_0 = [(row, column)[int(seating[0])] for seating in seatings(3)]
    piles = [int(in_seat_0[board % 6].first[board][0]) for board in range(24)]
    assert piles == [pile for pile in piles[::6] for _ in range(6)]
    assert len(set(piles)) > 1


def test_swapped_players_mirror_the_results():
    game = make_game("connect_four", 40)
    one, other = network_player(game.spec, 1), network_player(game.spec, 3)
    there, _ = play(game, one, other)
    back, _ = play(game, other, one)
    assert back == {"01": there["10"].mirrored(), "10": there["01"].mirrored()}
    assert there["01"] != back["01"], "one of them is better"


def test_a_player_against_its_equal_is_even_in_every_pair():
    game = make_game("connect_four", 40)
    results, _ = play(game, network_player(game.spec, 1), network_player(game.spec, 1))
    assert results["01"] == results["10"].mirrored()


@pytest.mark.parametrize("name", ["tic_tac_toe", "three_seats"])
def test_equal_seeds_are_equal_matches(name):
    game = make_game(name, 24)
    one, other = network_player(game.spec, 1, sample=True), make_bot("uniform", game.spec)
    first, again, different = (play(game, one, other, seed=seed) for seed in (7, 7, 8))
    assert first == again
    assert first != different


def test_each_player_is_asked_once_per_ply():
    game = make_game("tic_tac_toe", 20)
    row, column = Spy(make_bot("uniform", game.spec)), Spy(make_bot("uniform", game.spec))
    play(game, row, column, opening_plies=0)
    assert len(row.calls) <= 9
    assert len(column.calls) <= 9
    for mine, theirs in list(zip(row.calls, column.calls, strict=False))[:5]:
        assert sorted(mine + theirs) == list(range(20))


def test_no_game_has_ended_in_its_opening():
    game = make_game("tic_tac_toe", 200)
    row, column = Spy(make_bot("uniform", game.spec)), Spy(make_bot("uniform", game.spec))
    results, dropped = play(game, row, column, opening_plies=9)
    assert dropped == 0
    assert sum(tally.games for tally in results.values()) == 200
    assert set(row.first) | set(column.first) == set(range(200)), "somebody was asked on every board"


def counted(game, row, column, *, opening_plies=6, seed=0):
    """What was played on each board: seating and moves of the games that count."""
    replays = play_match(game, row, column, opening_plies=opening_plies, max_plies=100, seed=seed).replays
    return [(replay.seating, replay.moves) for replay in replays if replay.points is not None]


@pytest.mark.parametrize(("name", "least"), [("connect_four", 36), ("tic_tac_toe", 28)])
def test_deterministic_policies_play_no_game_twice(name, least):
    game = make_game(name, 40)
    one, other = network_player(game.spec, 1), network_player(game.spec, 2)
    for seed in range(10):
        played = counted(game, one, other, seed=seed)
        assert len(set(played)) == len(played)
        assert len(played) >= least
    groups = groups_of(game, one, other, opening_plies=0)
    assert sum(groups) == 1, "from one position there is one pair of games"


def test_chance_may_play_a_game_twice():
    game = make_game("tic_tac_toe", 200)
    played = counted(game, make_bot("perfect", game.spec), make_bot("perfect", game.spec), opening_plies=1)
    assert len(played) == 200
    assert len(set(played)) < 200
    game = make_game("rock_paper_scissors", 40)
    assert len(counted(game, network_player(game.spec, 1), network_player(game.spec, 2))) == 40


def test_openings_of_a_match_lead_to_different_positions():
    game = make_game("connect_four", 60)
    group = torch.arange(60) // 2
    drawn = draw_openings(game, group, 3, torch.zeros(60, dtype=torch.long), torch.Generator().manual_seed(1))
    assert drawn.moves.shape == (30, 3)
    assert {2, 3} <= set(drawn.lengths.tolist()) <= {0, 1, 2, 3}
    reached = set()
    for length, moves in zip(drawn.lengths.tolist(), drawn.moves, strict=True):
        board = make_game("connect_four", 1)
        for action in moves[:length].tolist():
            board.step(torch.tensor([action]))
        reached.add((int(board.to_move()), board.render(0)))
    assert len(reached) == 30


def lengths_of_openings(name, games, draws):
    """How often the openings of so many matches of so many games have each length up to 6."""
    game, group = make_game(name, games), torch.arange(games) // 2
    generator = torch.Generator().manual_seed(games)
    drawn = [draw_openings(game, group, 6, torch.zeros(games, dtype=torch.long), generator) for _ in range(draws)]
    return torch.bincount(torch.cat([one.lengths for one in drawn]), minlength=7) / (games // 2 * draws)


@pytest.mark.parametrize("name", ["connect_four", "tic_tac_toe"])
def test_small_matches_and_large_ones_have_openings_of_the_same_lengths(name):
    """Otherwise what small ones promise, by games that come back in each, large ones don't keep."""
    small, large = lengths_of_openings(name, 40, 40), lengths_of_openings(name, 400, 4)
    assert torch.allclose(small, large, atol=0.06), (small, large)
    assert max(small[0], large[0]) < 0.02, "there is one"
    assert min(small[3:].min(), large[3:].min()) > 0.1


def test_a_game_that_is_too_long_is_dropped():
    game = make_game("tic_tac_toe", 20)
    uniform = make_bot("uniform", game.spec)
    results, dropped = play(game, uniform, uniform, opening_plies=0, max_plies=4)
    assert dropped == 20
    assert results == {"01": Tally(), "10": Tally()}
    results, dropped = play(game, uniform, uniform, opening_plies=0, max_plies=7)
    assert 0 < dropped < 20
    assert sum(tally.games for tally in results.values()) == 20 - dropped


def test_a_game_that_breaks_is_dropped():
    game = make_game("odd_environments:RaisesInStep", 6)
    uniform = make_bot("uniform", game.spec)
    results, dropped = play(game, uniform, uniform)
    assert dropped == 6
    assert all(tally.games == 0 for tally in results.values())


def test_broken_and_sound_games_are_kept_apart():
    game = LedgerGame(40, broken=0.5)
    uniform = make_bot("uniform", game.spec)
    results, dropped = play(game, uniform, uniform, opening_plies=0)
    firsts = [games[0] for games in game.ledger]
    assert dropped == sum(playthrough.dropped for playthrough in firsts)
    for way, seating in enumerate(("01", "10")):
        expected = Tally()
        for playthrough in (one for one in firsts[way::2] if not one.dropped):
            first, second = (sum(played.rewards[seat] for played in playthrough.plies) for seat in range(2))
            mine, theirs = (first, second) if seating == "01" else (second, first)
            expected = expected.plus(Tally(int(mine > theirs), int(mine == theirs), int(mine < theirs)))
        assert results[seating] == expected


def test_pairs_are_counted_by_their_points():
    game = make_game("tic_tac_toe", 200)
    perfect, uniform = make_bot("perfect", game.spec), make_bot("uniform", game.spec)
    groups = groups_of(game, perfect, uniform, opening_plies=0)
    results, _ = play(game, perfect, uniform, opening_plies=0)
    assert sum(groups) == 100
    assert groups[4] > 50, "both games of most pairs are won"
    total = results["01"].plus(results["10"])
    assert sum(half * count for half, count in enumerate(groups)) == 2 * total.wins + total.draws
    assert groups_of(game, uniform, perfect, opening_plies=0)[0] > 50


def test_a_player_against_its_equal_shares_every_pair():
    game = make_game("connect_four", 40)
    groups = groups_of(game, network_player(game.spec, 1), network_player(game.spec, 1))
    assert groups[2] == sum(groups) > 15


def test_a_pair_with_a_dropped_game_is_void():
    game = LedgerGame(40, broken=0.5)
    uniform = make_bot("uniform", game.spec)
    groups = groups_of(game, uniform, uniform, opening_plies=0)
    whole, expected = 0, [0] * 5
    firsts = [games[0] for games in game.ledger]
    for first, second in zip(firsts[0::2], firsts[1::2], strict=True):
        if first.dropped or second.dropped:
            continue
        whole, half_points = whole + 1, 0
        for playthrough, mine in ((first, 0), (second, 1)):
            sums = [sum(played.rewards[seat] for played in playthrough.plies) for seat in range(2)]
            half_points += 1 + (sums[mine] > sums[1 - mine]) - (sums[mine] < sums[1 - mine])
        expected[half_points] += 1
    assert 0 < whole < 20
    assert groups == tuple(expected)


def test_a_group_of_three_seats_has_six_games():
    uniform = make_bot("uniform", Race(1, [0.0, 0.0, 0.0]).spec)
    groups = groups_of(Race(12, [3.0, 1.0, 1.0]), uniform, uniform, opening_plies=0)
    assert groups == (0,) * 6 + (2,) + (0,) * 6, "three won, three lost, twice"


def test_more_than_two_seats_are_ranked():
    """Seat 0 comes first, seats 1 and 2 share the rest: whoever has the better mean rank wins."""
    uniform = make_bot("uniform", Race(1, [0.0, 0.0, 0.0]).spec)
    results, dropped = play(Race(12, [3.0, 1.0, 1.0]), uniform, uniform, opening_plies=0)
    assert dropped == 0
    won, lost = Tally(wins=2), Tally(losses=2)
    assert results == {"011": won, "101": lost, "110": lost, "100": lost, "010": won, "001": won}
    results, _ = play(Race(6, [2.0, 1.0, 0.0]), uniform, uniform, opening_plies=0)
    assert results["101"] == Tally(draws=1), "second of three is as good as first and third"


def test_a_common_reward_is_a_draw():
    uniform = make_bot("uniform", Race(1, [0.0, 0.0]).spec)
    results, _ = play(Race(4, [7.0, 7.0]), uniform, uniform, opening_plies=0)
    assert results == {"01": Tally(draws=2), "10": Tally(draws=2)}


def test_what_everybody_receives_hides_no_winner():
    uniform = make_bot("uniform", Race(1, [0.0, 0.0]).spec)
    results, _ = play(Race(4, [1e7 + 12.5, 1e7 - 12.5]), uniform, uniform, opening_plies=0)
    assert results == {"01": Tally(wins=2), "10": Tally(losses=2)}


class Short(Race):
    """Only the seats of `there` take part, though a winner among the others would be easy to find."""

    def __init__(self, boards, paid, there):
        super().__init__(boards, paid)
        self.there = torch.tensor(there)

    def present(self):
        return self.there.expand(self.num_games, -1)


def test_seats_that_take_no_part_are_not_scored():
    uniform = make_bot("uniform", Race(1, (0.0, 0.0, 0.0)).spec)
    game = Short(12, (1.0, -1.0, 5.0), (True, True, False))
    played = play_match(game, uniform, uniform, opening_plies=0, max_plies=9, seed=0)
    # Alone at seat 0 it beats who is at seat 1; alone at seat 2 it is not there, and nobody is beaten by it.
    assert played.results["011"] == Tally(2, 0, 0)
    assert played.results["100"] == Tally(0, 0, 2)
    assert played.results["101"] == Tally(0, 0, 2)
    assert played.results["110"] == played.results["001"] == Tally(0, 0, 0)
    assert played.dropped == 4
    assert "had a seat that took part" in played.why
    assert sum(played.groups) == 2, "a game without a result of this kind leaves its group whole"
    assert all(replay.points is None for replay in played.replays if replay.seating in ("110", "001"))


def test_rewards_that_all_present_seats_share_have_no_winner():
    uniform = make_bot("uniform", Race(1, (0.0, 0.0, 0.0)).spec)
    game = Short(6, (0.3, 0.3, 0.0), (True, True, False))
    results = play_match(game, uniform, uniform, opening_plies=0, max_plies=9, seed=0).results
    assert sum((tally.wins + tally.losses for tally in results.values()), 0) == 0


def test_three_seats():
    game = make_game("three_seats", 12)
    uniform = make_bot("uniform", game.spec)
    results, dropped = play(game, uniform, network_player(game.spec, 0, sample=True))
    assert dropped == 0
    assert {seating: tally.games for seating, tally in results.items()} == dict.fromkeys(seatings(3), 2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_on_a_gpu():
    game = make_game("connect_four", 40, device="cuda")
    player = NetworkPlayer(fresh(game.spec, NetworkConfig(kind="mlp", hidden=(16,)), 0).cuda(), sample=False)
    results, dropped = play(game, player, make_bot("uniform", game.spec))
    assert dropped == 0
    assert sum(tally.games for tally in results.values()) == 40


@pytest.mark.parametrize(("name", "opening_plies"), [("tic_tac_toe", 9), ("connect_four", 6), ("leduc_poker", 2)])
def test_the_games_can_be_played_again_from_their_replays(name, opening_plies):
    game = make_game(name, 60)
    row, column = network_player(game.spec, 1, sample=True), make_bot("uniform", game.spec)
    played = play_match(game, row, column, opening_plies=opening_plies, max_plies=100, seed=3)
    assert len(played.replays) == 60
    tallies = {seating: Counter() for seating in played.results}
    for replay in played.replays:
        board = make_game(name, 1, seed=9)
        board.reset(seeds=torch.tensor([replay.seed]))
        returns, done = torch.zeros(2), False
        assert len(replay.moves) > replay.opening
        for action in replay.moves:
            assert not done
            assert board.legal()[0, action]
            step = board.step(torch.tensor([action]))
            returns, done = returns + step.rewards[0], bool(step.done[0])
        assert done
        edge = float(returns[0] - returns[1]) * (1 if replay.seating == "01" else -1)
        assert replay.points == (edge > 0) + (edge == 0) / 2
        tallies[replay.seating][replay.points] += 1
    for seating, tally in played.results.items():
        assert tally == tuple(tallies[seating][points] for points in (1.0, 0.5, 0.0))


def test_a_dropped_game_is_replayed_as_far_as_it_went():
    game = make_game("connect_four", 4)
    played = play_match(
        game, network_player(game.spec, 1), network_player(game.spec, 2), opening_plies=0, max_plies=3, seed=1
    )
    assert played.dropped == 4
    assert {(replay.points, len(replay.moves)) for replay in played.replays} == {(None, 3)}
