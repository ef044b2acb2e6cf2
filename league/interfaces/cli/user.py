"""Who types the commands."""

from __future__ import annotations

import getpass
import os


def user() -> str:
    """The login name; in a container without one, the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
