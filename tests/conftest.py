"""Shared by all tests: a user's own modules are found from the repository's root, and Ctrl-C reaches processes."""

import signal
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# A shell has what it starts in the background ignore SIGINT, and so has whatever that starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
