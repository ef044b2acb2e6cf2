"""Lets the environments that are written here be found by name, as a user's own module would be."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
