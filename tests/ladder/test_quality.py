"""Quality scores as in OpenAI Five."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from league.ladder.quality import ETA, Qualities

NAMES = ["a", "b", "c"]


def test_a_win_lowers_the_quality_by_the_published_step():
    qualities = Qualities({"a": 1.0, "b": 0.0, "c": 0.0})
    probability = np.e / (np.e + 2)
    assert qualities.probabilities(NAMES)[0] == pytest.approx(probability)
    qualities.beaten("a", 1, NAMES)
    assert qualities.to_json() == {"a": pytest.approx(1 - ETA / (3 * probability)), "b": 0.0, "c": 0.0}


def test_losses_change_nothing_and_strangers_neither():
    qualities = Qualities({"a": 1.0})
    qualities.beaten("a", 0, NAMES)
    qualities.beaten("stranger", 5, NAMES)
    assert qualities.to_json() == {"a": 1.0}


def test_a_new_one_is_as_good_as_the_best():
    qualities = Qualities({"a": -3.0, "b": -1.0})
    np.testing.assert_allclose(qualities.probabilities(NAMES)[1:], qualities.probabilities(NAMES)[1])
    assert qualities.to_json()["c"] == -1.0


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 10**6)), max_size=30))
def test_probabilities_whatever_is_won(wins):
    qualities = Qualities()
    for name, count in wins:
        qualities.beaten(name, count, NAMES)
    again = Qualities.from_json(json.loads(json.dumps(qualities.to_json())))
    for one in (qualities, again):
        probabilities = one.probabilities(NAMES)
        assert np.all(probabilities >= 0)
        assert probabilities.sum() == pytest.approx(1)
    assert Qualities().probabilities([]).shape == (0,)
