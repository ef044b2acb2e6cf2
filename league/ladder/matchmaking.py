"""Whom a learner trains against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from league.config import MatchmakingConfig, MixConfig, RoleConfig
from league.ladder.payoff import LivePayoff
from league.ladder.quality import Qualities
from league.ladder.records import Snapshot, Tally
from league.ladder.schedule import normalised

Vector = NDArray[np.float64]
Weighting = Literal["squared", "variance", "linear", "linear_capped", "uniform"]
_WEIGHTINGS: Final[Mapping[Weighting, Callable[[Vector], Vector]]] = {
    "squared": lambda x: (1 - x) ** 2,
    "variance": lambda x: x * (1 - x),
    "linear": lambda x: 1 - x,
    "linear_capped": lambda x: np.minimum(0.5, 1 - x),
    "uniform": np.ones_like,
}

SELF: Final = "self"
"""Name of the learner as its own opponent: it holds every seat."""

BOTS: Final = "bots"
"""Fixed bots as opponents."""

KNOWN_GAMES: Final = 20
"""A win rate rests on enough after so many games."""


def pfsp_weights(win_rates: ArrayLike, weighting: Weighting) -> NDArray[np.float64]:
    """Prioritised fictitious self-play: how often to meet each opponent.

    Vinyals et al., "Grandmaster level in StarCraft II using multi-agent reinforcement learning", Nature 575 (2019),
    Methods, "Prioritized fictitious self-play": opponent B is met with probability f(P[A beats B]) / sum over C of
    f(P[A beats C]), where f is (1 - x)^2 ("squared": the hardest), x (1 - x) ("variance": those of one's own level),
    1 - x ("linear") or min(0.5, 1 - x) ("linear_capped", from the pseudocode that the paper comes with: all that
    are not yet beaten half of the time are met alike). "uniform" is fictitious self-play (Heinrich, Lanctot and
    Silver 2015): everyone alike.

    Args:
        win_rates: [K], the learner's points per game against each opponent, in [0, 1].
        weighting: which f.

    Returns:
        [K] probabilities. Uniform where f is 0 for everyone, as when each opponent is always beaten. Empty for K = 0.

    Raises:
        ValueError: a rate is outside [0, 1] or not a number, or there is no such weighting.
    """
    x = np.asarray(win_rates, dtype=np.float64)
    if not np.all((x >= 0) & (x <= 1)):
        raise ValueError(f"win rates must be in [0, 1], not {x.tolist()}")
    if weighting not in _WEIGHTINGS:
        raise ValueError(f"no PFSP weighting {weighting!r}")
    return normalised(_WEIGHTINGS[weighting](x))


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What a learner knows of its opponents."""

    live: LivePayoff
    qualities: Qualities

    @classmethod
    def from_json(cls, data: Mapping[str, Any], memory_games: float) -> Memory:
        """Read what `to_json` gave, or begin where there is nothing; results fade as `LivePayoff` says."""
        live = LivePayoff.from_json(data.get("results", {}), memory_games)
        return cls(live=live, qualities=Qualities.from_json(data.get("qualities", {})))

    def to_json(self) -> dict[str, Any]:
        """Plain data for JSON: `results` and `qualities`, both by opponent."""
        return {"results": self.live.to_json(), "qualities": self.qualities.to_json()}


def opponents_of(source: MixConfig, pool: Sequence[Snapshot]) -> list[str]:
    """Whom a source of training games may name, before its limits on win rates; oldest first.

    Args:
        source: not self-play; if it is of bots, they are named.
        pool: the frozen policies, oldest first.
    """
    if source.against == BOTS:
        return list(source.bots or ())
    theirs = [s for s in pool if source.roles is None or s.role in source.roles]
    if source.against == "latest":
        theirs = list({s.learner: s for s in theirs}.values())
    return [s.name for s in theirs]


def training_opponents(
    role: RoleConfig,
    pool: Sequence[Snapshot],
    memory: Memory,
    config: MatchmakingConfig,
    rng: np.random.Generator,
    elo: float = 0.0,
) -> dict[str, float]:
    """Draw whom a learner meets next, at most `config.opponents` of them, with their shares of the games.

    Every source of the role's mix is given its share; sources without an opponent leave theirs to the others, in
    proportion. Where none with a share has an opponent, those with share 0 stand in, and failing them self-play.
    Opponents are drawn by systematic sampling (one random offset, evenly spaced points on the cumulated
    probabilities), under which the expected share of each is exactly that of the mix.

    Args:
        role: the learner's.
        pool: the frozen policies, oldest first.
        memory: the learner's own results.
        config: how many at once.
        rng: source of the draw.
        elo: of the learner; sources that are for less or more are passed over.

    Returns:
        Share by name, all above 0, that sum to 1; `SELF` is self-play.
    """
    wanted = [_probabilities(source, pool, memory) if source.meets_at(elo) else {} for source in role.mix]
    shares = [source.share if named else 0.0 for source, named in zip(role.mix, wanted, strict=True)]
    if not any(shares):
        shares = [float(bool(named)) for named in wanted]
    if not any(shares):
        return {SELF: 1.0}
    mixed: dict[str, float] = {}
    for share, named in zip(shares, wanted, strict=True):
        for name, probability in named.items():
            mixed[name] = mixed.get(name, 0.0) + share / sum(shares) * probability
    own = mixed.pop(SELF, 0.0)
    drawn = _drawn({name: share for name, share in mixed.items() if share > 0}, config.opponents, rng)
    others = {name: (1 - own) * share for name, share in drawn.items()}
    return {SELF: own, **others} if own else others


def fresh_starts(role: RoleConfig, learner: str, pool: Sequence[Snapshot]) -> list[str]:
    """The snapshots from which a learner may begin anew, by its role's `reset_to`; none: from its first weights.

    Args:
        role: the learner's.
        learner: its name.
        pool: the frozen policies, oldest first.
    """
    if role.reset_to == "past":
        return [s.name for s in pool if s.learner == learner]
    if role.reset_to == "opponent":
        others = [s for s in pool if s.learner != learner]
        sources = [replace(source, against="latest") for source in role.mix if source.against not in (SELF, BOTS)]
        return sorted({name for source in sources for name in opponents_of(source, others)})
    return []


def all_beaten(role: RoleConfig, pool: Sequence[Snapshot], memory: Memory, threshold: float) -> bool:
    """Whether the learner beats every opponent of its mix more often than `threshold`, each in enough games."""
    names = {
        name
        for source in role.mix
        if source.against != SELF and source.share > 0
        for name in opponents_of(source, pool)
    }
    live = memory.live
    return bool(names) and all(live.games(n) >= KNOWN_GAMES and live.win_rate(n) > threshold for n in names)


def learn_of(role: RoleConfig, pool: Sequence[Snapshot], memory: Memory, results: Mapping[str, Tally]) -> None:
    """Add the games of one iteration, by opponent and from the learner's side, to what the learner knows."""
    for name, tally in results.items():
        memory.live.add(name, tally)
        for source in role.mix:
            if source.weighting == "quality":
                memory.qualities.beaten(name, tally.wins, opponents_of(source, pool))


def _probabilities(source: MixConfig, pool: Sequence[Snapshot], memory: Memory) -> dict[str, float]:
    """Whom the source names, with probabilities; empty for nobody."""
    if source.against == SELF:
        return {SELF: 1.0}
    live, below = memory.live, source.win_rate_below
    rates = {name: live.win_rate(name) for name in opponents_of(source, pool)}
    rates = {n: x for n, x in rates.items() if x >= source.win_rate_from and (below is None or x < below)}
    names = list(rates)
    if source.weighting == "quality":
        return _named(names, memory.qualities.probabilities(names))
    return _named(names, pfsp_weights(list(rates.values()), source.weighting))


def _named(names: Iterable[str], probabilities: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(names, probabilities.tolist(), strict=True))


def _drawn(shares: Mapping[str, float], count: int, rng: np.random.Generator) -> dict[str, float]:
    """At most `count` of those with a share, with shares that sum to 1."""
    probabilities = normalised(np.array(list(shares.values())))
    if len(shares) <= count:
        return _named(shares, probabilities)
    points = (rng.random() + np.arange(count)) / count
    # The last cumulated probability may round to just below the last point.
    indices = np.minimum(np.searchsorted(np.cumsum(probabilities), points, side="right"), len(shares) - 1)
    slots = np.bincount(indices, minlength=len(shares)) / count
    return {name: slot for name, slot in _named(shares, slots).items() if slot}
