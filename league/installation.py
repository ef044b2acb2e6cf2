"""How this project is installed: its version, and the command that adds one of its extras to where it is.

`league` is its package; on an index that name is somebody else's distribution, so ours has another.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from shutil import which
from typing import Final
from urllib.parse import unquote, urlsplit

DISTRIBUTION: Final = "selfplay-league"
"""Its name for pip; `pip install league` would bring another project."""


def version() -> str:
    """The installed version; `none` for a source tree that was never installed."""
    found = _distribution()
    return "none" if found is None else found.version


def installing(extra: str) -> str:
    """The command line that adds an extra to this environment, from wherever the package came."""
    return f"{_installer()} {_source(extra)}"


def _distribution() -> Distribution | None:
    try:
        return distribution(DISTRIBUTION)
    except PackageNotFoundError:
        return None


def _installer() -> str:
    """Of this Python's environment, which need not be entered: the `pip` that a shell finds may be another's.

    `uv run` (it sets `UV`) enters it for its command alone, and the shell is outside of it again.
    """
    if find_spec("pip") is None or "UV" in os.environ:
        return f"uv pip install --python {quote(sys.executable)}"
    found = which("pip")
    here = found is not None and Path(found).parent.resolve() == Path(sys.executable).parent.resolve()
    return "pip install" if here else f"{quote(sys.executable)} -m pip install"


def _source(extra: str) -> str:
    """What to install, as a word of a shell: the folder that it came from as long as it is there, else the name.

    A folder by its path is installed as it was, so that a clone that is worked on (`-e`) does not become a copy.
    """
    found = _distribution()
    origin = json.loads((found.read_text("direct_url.json") if found is not None else None) or "{}")
    url = str(origin.get("url", ""))
    folder = Path(unquote(urlsplit(url).path)) if "dir_info" in origin else None
    if found is None:  # A source tree: this file's.
        folder, origin = Path(__file__).parents[1], {"dir_info": {"editable": True}}
    if folder is not None and (folder / "pyproject.toml").is_file():
        editable = "-e " if origin["dir_info"].get("editable") else ""
        return editable + quote(f"{'.' if folder == _here() else folder}[{extra}]")
    if "vcs_info" in origin:
        return quote(f"{DISTRIBUTION}[{extra}] @ {origin['vcs_info']['vcs']}+{url}")
    return quote(f"{DISTRIBUTION}[{extra}]")


def _here() -> Path | None:
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None
