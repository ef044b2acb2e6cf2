"""Lets the environments that are written for the tests of games be found by name here too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "games"))
