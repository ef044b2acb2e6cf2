"""What a league had at marks of the clock: its champion, and the newest snapshot of its main learner."""

from __future__ import annotations

from typing import NamedTuple

from league.errors import UnknownPolicyError
from league.pool.store import Store


class Mark(NamedTuple):
    """One moment of a league's training."""

    seconds: float
    """Since it began."""
    champion: str | None
    """None: there was none yet, or its weights were pruned."""
    main: str
    """The newest snapshot of a main learner that still has its weights."""


def marks(store: Store, began_s: float | None, count: int) -> list[Mark]:
    """`count` moments, the last of which is the end, as the store has it now; those before the first snapshot left out.

    Args:
        store: of a league whose first role is called `main`, as in all presets.
        began_s: Unix time in seconds; None: when the first snapshot was frozen.
        count: marks, all equally far from the next.

    Raises `UnknownPolicyError` where there are no snapshots.
    """
    frozen = [snapshot for snapshot in store.present() if snapshot.role == "main"]
    if not frozen:
        raise UnknownPolicyError(f"the league at {store.address} has no snapshots of a main learner yet")
    promotions, here = store.promotions(), {snapshot.name for snapshot in store.present()}
    began = frozen[0].created_s if began_s is None else began_s
    last = max(frozen[-1].created_s, *(promotion.promoted_s for promotion in promotions), began)
    found = []
    for number in range(1, count + 1):
        at = began + (last - began) * number / count
        main = [snapshot.name for snapshot in frozen if snapshot.created_s <= at]
        champion = [promotion.policy for promotion in promotions if promotion.promoted_s <= at]
        if main:
            known = champion[-1] if champion and champion[-1] in here else None
            found.append(Mark(seconds=at - began, champion=known, main=main[-1]))
    return found
