"""Print the versions of `uv.lock` as constraints that pip takes: `make` installs with them.

python cluster/locked.py > constraints.txt
"""

from __future__ import annotations

import tomllib
from pathlib import Path

LOCK = Path(__file__).parents[1] / "uv.lock"


def locked() -> dict[str, list[str]]:
    """Every package of the lock with its versions, without this project itself."""
    found: dict[str, list[str]] = {}
    for one in tomllib.loads(LOCK.read_text(encoding="utf-8"))["package"]:
        if "registry" in one["source"]:
            found.setdefault(one["name"], []).append(one["version"])
    return found


if __name__ == "__main__":
    # What has several versions has them for several systems: pip is to choose.
    print("\n".join(f"{name}=={versions[0]}" for name, versions in locked().items() if len(versions) == 1))
