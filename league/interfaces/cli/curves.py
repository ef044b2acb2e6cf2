"""Elo of several leagues as a picture: over steps, and over time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from league.api.comparison import Comparison


def draw_curves(found: Comparison, path: Path, *, kind: str) -> None:
    """One line per league, as `Side.line` has it, its snapshots as they are rated today, with their 95% intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    over = figure.subplots(1, 2, sharey=True)
    for axes, (field, unit, scale) in zip(
        over, (("steps", "steps of the learner", 1.0), ("seconds", "minutes", 60.0)), strict=True
    ):
        for side in found.sides:
            curve = sorted(side.line, key=lambda point: getattr(point, field))
            across = [getattr(point, field) / scale for point in curve]
            (line,) = axes.plot(across, [point.elo for point in curve], marker="o", markersize=3, label=side.name)
            low, high = ([point.elo + sign * point.interval for point in curve] for sign in (-1, 1))
            axes.fill_between(across, low, high, alpha=0.15, color=line.get_color(), linewidth=0)
        axes.set_xlabel(unit)
        axes.grid(alpha=0.3)
    over[0].set_ylabel("Elo above uniform")
    over[0].legend()
    figure.suptitle(f"{found.game}: {len(found.sides)} leagues")
    figure.savefig(path, format=kind)
