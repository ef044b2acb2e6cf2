"""Whether somebody's game is fit to be trained on: it is played as training will, and faults are named."""

from league.games.checking.findings import Finding
from league.games.checking.whole import check_game

__all__ = ["Finding", "check_game"]
