"""Where an environment keeps what it says of a game: in itself, or in what its wrappers only hand on."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from pettingzoo.utils.wrappers import (
    AssertOutOfBoundsWrapper,
    BaseWrapper,
    ClipOutOfBoundsWrapper,
    OrderEnforcingWrapper,
    TerminateIllegalWrapper,
)

from league.games.aec_factory import AecEnv

SAID: Final = frozenset(
    {
        "possible_agents",
        "agents",
        "agent_selection",
        "terminations",
        "truncations",
        "rewards",
        "_cumulative_rewards",
        "infos",
    }
)
"""Names under which an environment says how a game stands."""
_SILENT: Final = frozenset(
    {
        AssertOutOfBoundsWrapper,
        BaseWrapper,
        ClipOutOfBoundsWrapper,
        OrderEnforcingWrapper,
        TerminateIllegalWrapper,
    }
)
"""Wrappers, themselves and nothing derived of them, that never get one of these."""


def speaker(env: AecEnv) -> AecEnv:
    """The environment from which all of `SAID` is read as from `env`, past wrappers that hand each of them on.

    A wrapper of PettingZoo's looks for a name in vain before it asks what it wraps, which takes as long as this does
    for all of them. It may get a name of its own with any step, so this is to be asked again after one, but where it
    `is_settled`.
    """
    while _hands_on(type(env)) and SAID.isdisjoint(vars(env)):
        env = vars(env)["env"]
    return env


def actor(env: AecEnv) -> tuple[AecEnv, bool]:
    """What acts as `env` does once that was reset, and whether it was past a check that actions are in their space.

    Which is what PettingZoo's two outermost wrappers see to: that nobody steps before `reset` or after the end, and
    that check, each of which asks through all that are wrapped.
    """
    checks = False
    while type(env) in (OrderEnforcingWrapper, AssertOutOfBoundsWrapper):
        checks |= type(env) is AssertOutOfBoundsWrapper
        env = vars(env)["env"]
    return env, checks


def is_settled(env: AecEnv) -> bool:
    """Whether `speaker` gives the same for good: around the environment there are PettingZoo's own wrappers only."""
    while type(env) in _SILENT:
        env = vars(env)["env"]
    return not _hands_on(type(env))


@lru_cache(maxsize=256)
def _hands_on(kind: type) -> bool:
    """Whether objects of a class have none of `SAID` but in their own dictionary, and else ask what they wrap."""
    return (
        getattr(kind, "__getattr__", None) in (BaseWrapper.__getattr__, OrderEnforcingWrapper.__getattr__)
        and "__getattribute__" not in {name for one in kind.__mro__[:-1] for name in vars(one)}
        and all(SAID.isdisjoint(vars(one)) for one in kind.__mro__)
    )
