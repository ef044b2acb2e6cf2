"""Playing ahead: what is played, in which order, by which weights, and who is waited for."""

from concurrent.futures import Future

import pytest

from league.learning.ahead import Ahead


class Table:
    """Players whose fragments are played when the test says so; a fragment is (player, weights that played)."""

    def __init__(self, *numbers):
        self.weights, self.playing, self.begun = 0, {}, []
        self.players = {number: lambda number=number: self.begin(number) for number in numbers}

    def begin(self, number):
        assert number not in self.playing, "it plays one fragment at a time"
        self.begun.append((number, self.weights))
        self.playing[number] = Future()
        return self.playing[number]

    def end(self, *numbers):
        for number in numbers:
            weights = next(weights for player, weights in reversed(self.begun) if player == number)
            self.playing.pop(number).set_result((number, weights))


class Quick(Table):
    """Players who have played as soon as they begin; `slow` ones only when the test says so."""

    def __init__(self, *numbers, slow=()):
        super().__init__(*numbers)
        self.slow = slow

    def begin(self, number):
        future = super().begin(number)
        if number not in self.slow:
            self.end(number)
        return future


def fail(number, error):
    raise error


def learn(ahead, table, size, updates):
    """So many updates, each of which makes new weights: what they were made from."""
    found = []
    for _ in range(updates):
        found.append(ahead.take(table.players, size, fail))
        table.weights += 1
    return found


def test_without_staleness_everything_is_played_by_the_newest_weights():
    table = Quick(1, 2)
    taken = learn(Ahead(0), table, 2, 3)
    assert [one.fresh for one in taken] == [((1, n), (2, n)) for n in range(3)]
    assert {one.ages for one in taken} == {(0, 0)}
    assert not table.playing


def test_one_player_who_plays_on_is_one_update_behind():
    table = Quick(0)
    taken = learn(Ahead(1), table, 1, 4)
    assert [one.fresh for one in taken] == [((0, 0),), ((0, 0),), ((0, 1),), ((0, 2),)]
    assert [one.ages for one in taken] == [(0,), (1,), (1,), (1,)]


def test_nobody_waits_for_a_slow_player_and_what_it_brings_too_late_is_not_learned_from():
    table = Quick(1, 2, 3, slow={3})
    ahead = Ahead(2)
    taken = learn(ahead, table, 2, 5)
    assert all(len(one.fresh) == 2 and 3 not in dict(one.fresh) for one in taken)
    assert max(age for one in taken for age in one.ages) <= 2
    table.end(3)
    late = ahead.take(table.players, 2, fail)
    assert late.stale == ((3, 0),)
    assert len(late.fresh) == 2
    assert [number for number, _ in table.begun].count(3) == 2, "it plays on, by the present weights"
    assert table.begun[-1][1] == 5 or (3, 5) in table.begun


@pytest.mark.parametrize(("staleness", "size", "players"), [(1, 4, 4), (2, 1, 8), (3, 2, 3), (4, 25, 100)])
def test_staleness_is_bounded_and_nothing_is_played_in_vain(staleness, size, players):
    table = Quick(*range(players))
    taken = learn(Ahead(staleness), table, size, 20)
    for number, one in enumerate(taken):
        assert len(one.fresh) == size
        assert not one.stale
        assert one.ages == tuple(number - weights for _, weights in one.fresh)
        assert max(one.ages) <= staleness
    ahead = len(table.begun) - 20 * size
    assert ahead <= staleness * size


def test_a_player_that_breaks_is_named_and_the_others_go_on():
    table, lost = Table(1, 2), []
    ahead = Ahead(1)
    begin = table.players[1]

    def broken():
        future = begin()
        table.playing.pop(1)
        future.set_exception(OSError("gone"))
        return future

    def ends():
        future = table.begin(2)
        table.end(2)
        return future

    taken = ahead.take({1: broken, 2: ends}, 2, lambda number, error: lost.append((number, str(error))))
    assert taken.fresh == ((2, 0), (2, 0))
    assert lost == [(1, "gone")]
    nobody = Ahead(1).take({1: broken}, 1, lambda number, error: lost.append(number))
    assert nobody.fresh == nobody.stale == ()
    assert lost[1:] == [1]


def test_what_breaks_here_is_raised_where_it_is_asked_for():
    ahead = Ahead(1)

    def broken():
        future = Future()
        future.set_exception(ValueError("the table fell over"))
        return future

    for _ in range(2):
        with pytest.raises(ValueError, match="the table fell over"):
            ahead.take({0: broken}, 1, fail)


def test_what_is_forgotten_is_not_learned_from():
    table = Table(1)
    ahead = Ahead(1)
    table.begin(1)
    first = table.playing.pop(1)
    first.set_result((1, "old"))
    ahead.take({1: lambda: first}, 1, fail)
    ahead.forget()
    assert ahead.take(Quick(2).players, 1, fail).fresh == ((2, 0),)
