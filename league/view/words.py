"""Numbers and evidence in words, the same in every interface."""

from __future__ import annotations

import math
import re
import time
from typing import Final

from league.ladder.records import Promotion

NAME: Final = 80
"""Most characters that are shown of a policy's name, which may be of any length."""


def short(name: str) -> str:
    """A policy's name as it is shown to people: no longer than leaves room for what it is shown beside."""
    return name if len(name) <= NAME else f"{name[:NAME]}…"


def uncoloured(text: str) -> str:
    """A text without the escape sequences by which a terminal colours it."""
    return re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text)


def percent(share: float) -> str:
    """`0.625` as `62.5%`; nothing for NaN."""
    return "" if math.isnan(share) else f"{100 * share:.1f}%"


def counted(number: int, what: str) -> str:
    """`1 snapshot`, `2,000 snapshots`; of `match`, `matches`."""
    plural = f"{what}es" if what.endswith(("s", "x", "ch", "sh")) else f"{what}s"
    return f"{number:,} {what if number == 1 else plural}"


def moment(at_s: float) -> str:
    """Unix time in seconds as local date and time; one that no calendar holds as it is."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_s))
    except (OverflowError, ValueError, OSError):
        return f"{at_s:g} s"


def duration(seconds: float) -> str:
    """`95` as `1 min 35 s`: the two largest units."""
    units = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))
    left, parts = round(seconds), []
    for name, size in units:
        if left >= size:
            parts.append(f"{left // size} {name}")
            left %= size
    return " ".join(parts[:2]) or "0 s"


def size(count: float) -> str:
    """A number of bytes in words: `3.4 MB`."""
    if count < 1000:
        return f"{count:.0f} B"
    power = min(int(math.log(count, 1000)), 4)
    return f"{count / 1000**power:.1f} {'kMGT'[power - 1]}B"


def evidence(promotion: Promotion) -> str:
    """The evidence of a promotion in a few words; nothing for one that has none."""
    if promotion.how == "forced":
        return "forced"
    if promotion.how == "rollback":
        return f"took back {promotion.against}"
    evidence, parts = promotion.evidence, []
    if "llr" in evidence:
        llr, (lower, upper) = evidence["llr"], evidence["llr_bounds"]
        words = f"{llr:+z.2f} ({lower:+z.2f} refuses, {upper:+z.2f} passes)"
        parts.append(f"{words}, {counted(evidence['games'], 'game')}")
    if "regression" in evidence:
        others = evidence["regression"]["snapshots"]
        parts.append(f"tried against {counted(others, 'other snapshot')}" if others else "no other snapshot was there")
    return "; ".join(parts)
