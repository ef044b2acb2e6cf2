"""What an iteration of a learner brings: each number is declared once, here, and carried whole from there on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Final

from league.ladder.records import Tallies, Tally


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """What was played for a learner, by one runner or by all of them."""

    results: Mapping[str, Tally] = field(default_factory=dict)
    """Finished games against each opponent, from the learner's side."""
    plies: int = 0
    """Plies of all boards, whoever moved."""
    games: int = 0
    """Games that ended with a result."""
    decided: int = 0
    """Of those, games in which not all seats received the same."""
    largest_return: float = 0.0
    """The most that a seat won or lost in one of them."""
    dropped: int = 0
    """Games that broke and have no result."""
    error: str | None = None
    """Why one of them broke, or that nobody played."""
    gpu_bytes: int = 0
    """GPU memory that torch had reserved to play, in bytes."""
    memory: tuple[str, ...] = ()
    """What a GPU's memory does not hold, and what is done about it, in words."""

    def rollout(self) -> Rollout:
        """This alone, of whatever more it is a part."""
        return Rollout(**{f.name: getattr(self, f.name) for f in fields(Rollout)})

    @staticmethod
    def together(parts: Iterable[Rollout]) -> Rollout:
        """The sum of several runners' rollouts; of their errors, the first one that cost a game."""
        played, results = list(parts), Tallies[str]()
        for name, tally in (entry for part in played for entry in part.results.items()):
            results.add(name, tally)
        counts = {name: sum(getattr(part, name) for part in played) for name in _COUNTS}
        largest = max((part.largest_return for part in played), default=0.0)
        error = next((part.error for part in played if part.dropped), None)
        memory = tuple(dict.fromkeys(text for part in played for text in part.memory))
        return Rollout(results=results, largest_return=largest, error=error, memory=memory, **counts)


_COUNTS: Final = ("plies", "games", "decided", "dropped", "gpu_bytes")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a learner held after its last iteration."""

    gpu_bytes: int = 0
    """GPU memory that torch had reserved, in all of its processes, in bytes."""
    runners: int = 0
    """Runner processes that answered the last call."""
    runners_lost: int = 0
    """Runner processes that did not, which RLlib restarts."""
    parts: int = 1
    """In so many parts, one after another, a minibatch is taken so that it fits the GPU's memory."""
    runner_restarts: int = 0
    """Runner processes that came back since the iteration before."""


LOSSES: Final = {
    "total_loss": "loss",
    "policy_loss": "policy loss",
    "vf_loss": "value loss",
    "vf_explained_var": "value explained",
    "entropy": "entropy",
    "mean_kl_loss": "KL",
    "lookahead_loss": "lookahead loss",
    "gradients_default_optimizer_global_norm": "gradient",
}
"""Losses and statistics of an update, by RLlib's names, and what people are told that they are."""


@dataclass(frozen=True, kw_only=True)
class Iteration(Rollout):
    """What one iteration of a learner did: what was played, and what it learned from that."""

    steps: int
    """Moves of the learner that were learned from."""
    losses: Mapping[str, float]
    """Losses and statistics of the update, by RLlib's names."""
    sample_s: float
    """Seconds that the learner waited for games."""
    learn_s: float
    """Seconds spent on gradient steps."""
    usage: Usage
    staleness: float = 0.0
    """Updates by which the policy that played was older than the one that learned, mean."""
    stale: int = 0
    """Moves of the learner that were too old to be learned from."""
    remark: str | None = None
    """What is odd about the update."""
