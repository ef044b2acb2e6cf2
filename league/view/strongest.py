"""The strongest policies of a league, and how they did against each other: what a table or a fit can be made of.

A table of everyone who ever was has a cell for every pair, and a fit over it takes minutes in a league of weeks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # A command names `STRONGEST` in its help.
    from league.ladder.payoff import Payoff
    from league.pool.store import Store
    from league.view.overview import Overview

STRONGEST: Final = 200
"""Policies of whom a table or a fit is made, unless somebody asks for more."""
SEATINGS: Final = 12
"""The last so many matches say which seatings there are."""


def strongest(overview: Overview, count: int) -> list[str]:
    """Names of the `count` highest rated, of the champion and of the bots; the strongest first."""
    ratings, champion = overview.ratings, overview.champion
    ranked = sorted(ratings, key=lambda name: -ratings[name].mu)
    always = {*overview.bots, *([champion.policy] if champion is not None else [])}
    return [name for number, name in enumerate(ranked) if number < count or name in always]


def payoff_of(store: Store, overview: Overview, names: list[str]) -> Payoff:
    """What these have played among each other; of everyone simply all."""
    return store.payoff() if len(names) == len(overview.ratings) else store.payoff_of(names)


def left_out(overview: Overview, names: list[str]) -> str:
    """For people, whom a table leaves out; nothing where nobody is."""
    everyone = len(overview.ratings)
    return (
        f"; the strongest {len(names):,} of {everyone:,} policies: --top N takes more" if len(names) < everyone else ""
    )
