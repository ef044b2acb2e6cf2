"""Write `constraints.txt`, the version of every package in the image: those of this environment, where the tests ran.

    python cluster/constraints.py

Torch's packages for CUDA are not among them: torch itself says which it takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

HERE = Path(__file__).parent
FILE = HERE / "constraints.txt"


def extras() -> list[str]:
    """Of this project, that the Dockerfile installs."""
    (listed,) = re.findall(r"'\.\[([\w,]+)\]'", (HERE.parent / "Dockerfile").read_text(encoding="utf-8"))
    return str(listed).split(",")


def requirements(name: str, extras: Iterable[str]) -> list[Requirement]:
    """What a package that is installed needs here, with some of its extras."""
    every = [Requirement(line) for line in requires(name) or []]
    return [
        one
        for one in every
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


def closure(extras: Iterable[str]) -> dict[str, set[str]]:
    """All packages that this project needs with these extras, and of each of them the extras that are needed."""
    found: dict[str, set[str]] = {}
    waiting = [("league", set(extras))]
    while waiting:
        for one in requirements(*waiting.pop()):
            name = canonicalize_name(one.name)
            if name not in found or not one.extras <= found[name]:
                found.setdefault(name, set()).update(one.extras)
                waiting.append((name, found[name]))
    return found


def text() -> str:
    """The file."""
    lines = [f"{name}=={Version(version(name)).public}\n" for name in sorted(closure(extras()))]
    return "# Written by cluster/constraints.py: see there.\n" + "".join(lines)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
