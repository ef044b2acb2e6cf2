"""The picture of `benchmarks.strength`: scores and mistakes by minutes of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.yardsticks import INDEPENDENT
from league.interfaces.cli.heatmap import image_format


def draw(report: Mapping[str, Any], path: Path) -> None:
    """Draw the champions of all seeds, and their median. Raises `LeagueError` for a name, or without matplotlib."""
    kind = image_format(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), dpi=150, layout="constrained")
    scores, mistakes = figure.subplots(1, 2)
    for number, name in enumerate(INDEPENDENT):
        _lines(scores, report, ("scores", name, "score"), name, f"C{number}")
    for number, stage in enumerate(("early", "middle", "late", "mean")):
        _lines(mistakes, report, ("mistakes", stage), stage, "black" if stage == "mean" else f"C{number}")
    scores.set(title="score of the champion", xlabel="minutes", ylabel="% of the points", ylim=(0, 100))
    mistakes.set(title="its mistakes on solved positions", xlabel="minutes", ylabel="% of the moves", ylim=(0, None))
    for axes in (scores, mistakes):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, format=kind)


def _lines(axes: Any, report: Mapping[str, Any], keys: Sequence[str], label: str, colour: str) -> None:
    for league in report["leagues"]:
        axes.plot(*_points(league, keys), color=colour, alpha=0.25, linewidth=1)
    axes.plot(*_points(report["median"], keys), color=colour, marker="o", label=label)


def _points(league: Mapping[str, Any], keys: Sequence[str]) -> tuple[list[float], list[float]]:
    """Minutes and per cent, by mark, of the champion or, before there was one, of the main learner."""
    minutes, shares = [], []
    for mark in league["marks"]:
        value = mark["champion"] or mark["main"]
        for key in keys:
            value = value[key]
        minutes.append(mark["seconds"] / 60)
        shares.append(100 * value)
    return minutes, shares
