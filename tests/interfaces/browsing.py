"""What tests in a real browser share; the browser itself is the fixture `browser`."""

from __future__ import annotations

import os
import time
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

PHONE, DESK = (390, 844), (1280, 800)
CHANGES_S = 5.0
"""Within which everything on a page has the colour that it keeps."""


def serious(page: Page, axe: str) -> list[str]:
    """What axe-core finds serious or critical; and the page must not be wider than the screen.

    Looked at again for a while where there is something: a colour may be on its way to another.
    """
    ends = time.monotonic() + CHANGES_S
    while (found := _serious(page, axe)) and time.monotonic() < ends:
        page.wait_for_timeout(100)
    return found


def _serious(page: Page, axe: str) -> list[str]:
    found = page.evaluate(f"{axe}; axe.run().then(report => report.violations)")
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in grave] + ["wider than the screen"] * wide


def picture(page: Page, name: str) -> None:
    """Write a picture for the documentation, if somebody wants any; few colours make it small."""
    folder = os.environ.get("LEAGUE_SCREENSHOTS")
    if folder:
        from PIL import Image

        taken = Image.open(BytesIO(page.screenshot()))
        taken.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(Path(folder) / name, optimize=True)
