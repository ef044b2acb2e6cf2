"""The runbook of the alerts, as the page shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from league.view.dashboards import prometheus_folder

_ROW: Final = re.compile(r'^\| <a id="(\w+)"></a>`(\w+)` \| (\w+) \| (.+) \| (.+) \|$', re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Alert:
    """What a person who was called wants to know."""

    anchor: str
    name: str
    severity: str
    meaning: tuple[str, ...]
    """Text and code by turns, text first."""
    action: tuple[str, ...]
    """As `meaning`."""


def read_runbook() -> list[Alert]:
    """All alerts, in their order; the rules in the same folder link to their anchors."""
    text = (prometheus_folder() / "runbook.md").read_text(encoding="utf-8")
    return [
        Alert(anchor=anchor, name=name, severity=severity, meaning=tuple(means.split("`")), action=tuple(do.split("`")))
        for anchor, name, severity, means, do in _ROW.findall(text)
    ]
