"""Who beats whom, on the first page: a small part of the payoff, chosen so that most of its cells have games."""

from __future__ import annotations

from typing import Final, NamedTuple

from league.ladder.payoff import Payoff
from league.pool.store import Store
from league.view.overview import Overview

HEAT: Final = 10
"""Policies in the heat map."""
HEAT_OF: Final = 20
"""The strongest, of whom they are chosen."""


class HeatMap(NamedTuple):
    """A part of the payoff."""

    names: list[str]
    """Names of the policies, the strongest first."""
    payoff: Payoff
    """Of `names`, and of few others."""

    def cell(self, row: str, column: str) -> tuple[int, int, str] | None:
        """Score of the row in %, games, and its step of the colour scale, `h0` (lost) to `h8`; None without games."""
        tally = self.payoff.tally(row, column)
        return (round(100 * tally.score), tally.games, f"h{round(8 * tally.score)}") if tally.games else None


def heat_map(store: Store, overview: Overview) -> HeatMap:
    """Of the champion, the bots and some of the strongest; reads only what these few have played."""
    rated = [row for row in overview.rows if row.games]
    wanted = [row.policy for row in rated if row.champion or row.kind == "bot"]
    among = list(dict.fromkeys([*wanted, *(row.policy for row in rated[:HEAT_OF])]))
    payoff = store.payoff_among(among, overview.seatings)
    return HeatMap(who_met(payoff, wanted[:HEAT], [row.policy for row in rated if row.policy in among], HEAT), payoff)


def who_met(payoff: Payoff, wanted: list[str], ranked: list[str], count: int) -> list[str]:
    """`count` of `ranked`, in its order: those `wanted`, then whoever met most of the chosen, the stronger first."""
    chosen, left = list(wanted), [name for name in ranked if name not in wanted]
    met = {name: {other for pair in payoff.pairs() if name in pair for other in pair} for name in ranked}
    while left and len(chosen) < count:
        best = max(left, key=lambda name: len(met[name].intersection(chosen)))
        chosen.append(best)
        left.remove(best)
    return [name for name in ranked if name in chosen]
