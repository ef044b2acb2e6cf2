"""From whom an environment's state is read."""

import pytest
from bookkeeping import Sound
from pettingzoo.utils.wrappers import (
    AssertOutOfBoundsWrapper,
    BaseWrapper,
    OrderEnforcingWrapper,
    TerminateIllegalWrapper,
)

from league.games.aec_wrappers import SAID, actor, is_settled, speaker


class Adds(BaseWrapper):
    """May get a book of its own."""


class Asks(BaseWrapper):
    def __getattr__(self, name):
        return {} if name == "rewards" else super().__getattr__(name)


class Shows(BaseWrapper):
    @property
    def rewards(self):
        return {}


class Hides(BaseWrapper):
    def __getattribute__(self, name):
        return {} if name == "rewards" else super().__getattribute__(name)


def test_wrappers_that_only_hand_on_are_passed():
    env = Sound()
    wrapped = OrderEnforcingWrapper(AssertOutOfBoundsWrapper(env))
    wrapped.reset(seed=0)
    assert speaker(wrapped) is env
    assert all(getattr(wrapped, name) is getattr(env, name) for name in SAID)


def test_only_wrappers_of_pettingzoos_own_settle_who_is_asked():
    env = Sound()
    assert is_settled(env)
    assert is_settled(OrderEnforcingWrapper(AssertOutOfBoundsWrapper(TerminateIllegalWrapper(env, -1))))
    assert not is_settled(OrderEnforcingWrapper(Adds(env)))


def test_who_acts_is_past_what_finds_nothing_to_object_to():
    terminates = TerminateIllegalWrapper(Sound(), -1)
    assert actor(terminates) == (terminates, False)
    assert actor(OrderEnforcingWrapper(terminates)) == (terminates, False)
    assert actor(OrderEnforcingWrapper(AssertOutOfBoundsWrapper(terminates))) == (terminates, True)
    adds = Adds(OrderEnforcingWrapper(terminates))
    assert actor(OrderEnforcingWrapper(adds)) == (adds, False)


@pytest.mark.parametrize("kind", [Asks, Shows, Hides])
def test_a_wrapper_that_says_something_itself_is_asked(kind):
    inner = kind(OrderEnforcingWrapper(Sound()))
    wrapped = OrderEnforcingWrapper(inner)
    wrapped.reset(seed=0)
    assert speaker(wrapped) is inner
    assert speaker(wrapped).rewards == wrapped.rewards == {}
