"""What the page says on the standard error: who asked for what, from where, and when."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from starlette.types import Scope


def note(text: str) -> None:
    """Print one line, with the time."""
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}  {text}", file=sys.stderr, flush=True)


def address_of(scope: Scope) -> str:
    """Whose connection it is; of a proxy where there is one before the page."""
    client = scope.get("client")
    return client[0] if client else "an unknown address"
