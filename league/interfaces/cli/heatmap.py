"""The payoff table as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from league.errors import LeagueError, MissingExtraError
from league.ladder.payoff import Payoff

FORMATS: Final = ("png", "svg", "pdf")
VALUES_UP_TO: Final = 20
"""With more policies there is no room for numbers in the cells."""


def image_format(path: Path) -> str:
    """The format that a file's name asks for.

    Raises `LeagueError` for an unknown one, `MissingExtraError` without the extra `plot`.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise LeagueError(f"--image {path}: the name must end with {', '.join(f'.{one}' for one in FORMATS)}")
    if find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "plot")
    return kind


def draw_heatmap(policies: Sequence[str], payoff: Payoff, path: Path, *, title: str, kind: str) -> None:
    """Draw the score in % of each row against each column; a pair without games stays grey.

    The colours run from red over white at 50% to blue, a scale that colour-blind people can read.
    """
    from matplotlib.figure import Figure

    scores = np.array([[100 * payoff.tally(row, column).score for column in policies] for row in policies])
    count = len(policies)
    cell = 0.62 if count <= VALUES_UP_TO else 0.22
    side = max(3.0, cell * count)
    figure = Figure(figsize=(side + 2.6, side + 1.6), dpi=150, layout="constrained")
    axes: Any = figure.add_subplot()
    axes.set_facecolor("0.78")
    picture = axes.imshow(np.ma.masked_invalid(scores), cmap="RdBu", vmin=0, vmax=100, interpolation="nearest")
    size = 9 if count <= VALUES_UP_TO else 6
    axes.set_xticks(range(count), labels=policies, rotation=90, fontsize=size)
    axes.set_yticks(range(count), labels=policies, fontsize=size)
    axes.tick_params(length=0, labeltop=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=11, pad=10)
    axes.set_xlabel("column, strongest first", fontsize=9)
    axes.set_ylabel("row, strongest first", fontsize=9)
    if count <= VALUES_UP_TO:
        _write_values(axes, scores)
    figure.colorbar(picture, ax=axes, label="score of the row, % of the points", shrink=0.8)
    figure.savefig(path, format=kind)


def _write_values(axes: Any, scores: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    for (row, column), score in np.ndenumerate(scores):
        if not np.isnan(score):
            colour = "white" if abs(score - 50) > 32 else "black"
            axes.text(column, row, f"{score:.0f}", ha="center", va="center", fontsize=8, color=colour)
