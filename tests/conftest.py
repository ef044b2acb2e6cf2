"""Shared by all tests: Ctrl-C reaches processes, and no example fails because the machine is busy."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# A shell has what it starts in the background ignore SIGINT, and so has whatever that starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Files run side by side: threads of each would only wait for one another's. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest of the files that would begin last begins first: at the end it would have one worker to itself."""
    items.sort(key=lambda item: item.path.name != "test_docs.py")
