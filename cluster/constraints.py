"""Write `constraints.txt`: of every package that the extras, the tests and the image need, the version that is here.

    python cluster/constraints.py

It is to be run where the tests passed. What another Python or system needs beside them is not among them, nor are
torch's packages for CUDA: torch itself says which it takes.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from league.installation import DISTRIBUTION

HERE = Path(__file__).parent
FILE = HERE / "constraints.txt"
HEAD = """\
# Versions with which the tests passed, on Python {python} and {system}; each exists for Python 3.11 to 3.13.
# Written by cluster/constraints.py: see there. pip and uv take it: pip install --constraint cluster/constraints.txt .
"""


def everything() -> list[str]:
    """The extras whose packages the file has: of the image, and of the tests."""
    return ["dev", *extras()]


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
    waiting = [(DISTRIBUTION, set(extras))]
    while waiting:
        for one in requirements(*waiting.pop()):
            name = canonicalize_name(one.name)
            if name not in found or not one.extras <= found[name]:
                found.setdefault(name, set()).update(one.extras)
                waiting.append((name, found[name]))
    return found


def text() -> str:
    """The file; without the local part of a version, which names a build and not what was released."""
    head = HEAD.format(python=platform.python_version(), system=platform.system())
    names = sorted(closure(everything()))
    return head + "".join(f"{name}=={Version(version(name)).public}\n" for name in names)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
