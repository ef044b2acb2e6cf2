"""The two estimates of the ratings side by side: OpenSkill's, match by match, and Bradley-Terry's, all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from league.config import RatingConfig
from league.ladder.bradley_terry import BradleyTerry
from league.ladder.payoff import Payoff
from league.ladder.ratings import Elo, Ratings, elo


@dataclass(frozen=True, kw_only=True)
class Estimates:
    """Both estimates of one policy, on the scale where `uniform` is 0."""

    policy: str
    games: int
    openskill: Elo
    bradley_terry: Elo

    @property
    def difference(self) -> float:
        """OpenSkill's less Bradley-Terry's, in Elo."""
        return self.openskill.points - self.bradley_terry.points

    @property
    def apart(self) -> bool:
        """Whether the two 95% intervals have no point in common.

        Both come from the same games, so chance alone does not do it: the results depend on their order, or on who
        met whom because the league is not transitive.
        """
        return abs(self.difference) > self.openskill.interval + self.bradley_terry.interval

    @property
    def _both(self) -> dict[str, Elo]:
        return {"openskill": self.openskill, "bradley_terry": self.bradley_terry}

    def to_json(self) -> dict[str, Any]:
        """The row as plain data for JSON, under the names of the fields."""
        both = {name: {"elo": one.points, "interval": one.interval} for name, one in self._both.items()}
        return {**vars(self), **both, "difference": self.difference, "apart": self.apart}


def estimates(ratings: Ratings, payoff: Payoff, config: RatingConfig) -> list[Estimates]:
    """Everyone with both a rating and games in the payoff, the strongest by OpenSkill first."""
    second = BradleyTerry.fit(payoff).elo()
    return [
        Estimates(
            policy=name,
            games=ratings[name].games,
            openskill=elo(ratings[name], ratings, config),
            bradley_terry=second[name],
        )
        for name in sorted(second.keys() & ratings.keys(), key=lambda name: (-ratings[name].mu, name))
    ]
