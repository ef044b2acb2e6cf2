"""Playing ahead: what is played, in which order, and by which weights."""

import threading

import pytest

from league.learning.ahead import Ahead


class Board:
    """Counts what is played on it, and notes by which weights and in which thread."""

    def __init__(self):
        self.weights, self.played, self.threads = 0, [], set()

    def play(self):
        self.threads.add(threading.current_thread())
        self.played.append(self.weights)
        return len(self.played)


def learn(ahead, board, iterations):
    """So many iterations: the number of the fragment of each, then new weights."""
    fragments = []
    for number in range(1, iterations + 1):
        fragments.append(ahead.take())
        ahead.change(lambda number=number: setattr(board, "weights", number))
    return fragments


def test_without_overlap_each_fragment_is_played_by_the_newest_weights():
    board = Board()
    assert learn(Ahead(board.play, overlaps=False), board, 4) == [1, 2, 3, 4]
    assert board.played == [0, 1, 2, 3]
    assert board.threads == {threading.current_thread()}


def test_with_overlap_the_weights_are_one_update_older():
    board = Board()
    ahead = Ahead(board.play, overlaps=True)
    assert learn(ahead, board, 4) == [1, 2, 3, 4]
    ahead.drop()
    assert board.played == [0, 0, 1, 2, 3]
    assert threading.current_thread() not in board.threads
    assert len(board.threads) == 1


def test_what_was_dropped_is_not_learned_from():
    board = Board()
    ahead = Ahead(board.play, overlaps=True)
    ahead.take()
    ahead.drop()
    ahead.drop()
    ahead.change(lambda: setattr(board, "weights", 9))
    assert ahead.take() == 3
    ahead.drop()
    assert board.played[2:] == [9, 9]


def test_what_breaks_is_raised_where_it_is_asked_for():
    def broken():
        raise ValueError("the table fell over")

    ahead = Ahead(broken, overlaps=True)
    for _ in range(2):
        with pytest.raises(ValueError, match="the table fell over"):
            ahead.take()
