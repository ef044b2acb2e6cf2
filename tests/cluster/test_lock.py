"""`uv.lock`: of the same versions as the image, and of all that the project asks for."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKED: dict[str, list[str]] = runpy.run_path(str(ROOT / "cluster" / "locked.py"))["locked"]()


def test_the_lock_has_the_versions_of_the_image() -> None:
    """`make lock` writes it."""
    lines = (ROOT / "cluster" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert {name: version for name, version in pinned.items() if version not in LOCKED.get(name, [])} == {}


def test_the_lock_has_all_that_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    for one in map(Requirement, asked):
        versions = LOCKED.get(canonicalize_name(one.name), [])
        assert versions, one
        assert all(one.specifier.contains(version, prereleases=True) for version in versions), one


def test_make_installs_what_is_locked() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^CONSTRAINTS \?= \.venv/constraints\.txt$", makefile, re.MULTILINE)
    assert re.search(r"^\.venv/constraints\.txt: .*\buv\.lock\b", makefile, re.MULTILINE)


def test_uv_takes_it() -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed here")
    done = subprocess.run([uv, "sync", "--frozen", "--dry-run"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode and "error sending request" in done.stderr:
        pytest.skip("there is no registry to ask")
    assert done.returncode == 0, done.stderr
    assert f"openskill=={LOCKED['openskill'][0]}" in done.stderr
    check = subprocess.run([uv, "lock", "--check", "--offline"], cwd=ROOT, capture_output=True, text=True)
    assert check.returncode == 0, f"pyproject.toml has changed since: make lock\n{check.stderr}"


def refusal(url: str) -> str | None:
    """What a registry says that does not have what stands there."""
    try:
        urllib.request.urlopen(url, timeout=30).close()
    except urllib.error.URLError as error:
        return str(error)
    return None


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_poetry_takes_the_project(tmp_path: Path) -> None:
    """Poetry locks for itself: our lock is uv's, and versions that are locked twice drift apart."""
    poetry = shutil.which("poetry")
    if poetry is None:
        pytest.skip("poetry is not installed here")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([poetry, "--no-ansi", *words], cwd=tmp_path, capture_output=True, text=True)

    check = ask("check")
    assert check.returncode == 0, check.stderr
    locked = ask("lock")
    if locked.returncode and (said := re.search(r"All attempts to connect to \S+ failed", locked.stderr)):
        pytest.skip(f"there is no registry to ask: {said[0]}")
    if locked.returncode and (missing := re.search(r"Package (\S+) \((\S+?)\) not found", locked.stderr)):
        refused = refusal(url := "https://pypi.org/pypi/{}/{}/json".format(*missing.groups()))
        if refused is not None:
            pytest.skip(f"the registry lacks what Poetry asks for of each version: {url}: {refused}")
    assert locked.returncode == 0, locked.stderr
    done = ask("sync", "--no-root", "--dry-run")
    assert done.returncode == 0, done.stderr
