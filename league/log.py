"""Where this project's own log goes in an actor: to stderr, which Ray keeps in a file of the process."""

from __future__ import annotations

import logging


def keep_log() -> None:
    """Have what `league` logs written, with the whole traceback of what an environment raised."""
    logger = logging.getLogger("league")
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler())
    logger.setLevel(logging.INFO)
