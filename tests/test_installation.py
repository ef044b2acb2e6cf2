"""The command that adds an extra to where the package is installed, from real metadata of a distribution."""

from __future__ import annotations

import json
import shlex
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from league import installation
from league.errors import MissingExtraError
from league.installation import DISTRIBUTION, installing, version

ROOT = Path(__file__).parents[1]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put metadata of the distribution, as pip writes them, before those of the environment that the tests run in."""

    def install(**origin: Any) -> Path:
        place = tmp_path / "site-packages"
        info = place / "selfplay_league-7.8.9.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 7.8.9\n")
        if origin:
            (info / "direct_url.json").write_text(json.dumps(origin))
        monkeypatch.syspath_prepend(str(place))
        return place

    return install


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "somebody's clone"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    return folder


def words(extra: str = "plot") -> list[str]:
    return shlex.split(installing(extra))


def test_the_distribution_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == DISTRIBUTION
    assert version() in (project["version"], "none")


@pytest.mark.parametrize("editable", [True, False])
def test_a_clone_is_installed_as_it_was(
    editable: bool, installed: Callable[..., Path], clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(url=clone.as_uri(), dir_info={"editable": True} if editable else {})
    assert version() == "7.8.9"
    assert words()[-1] == f"{clone}[plot]"
    assert ("-e" in words()) == editable
    monkeypatch.chdir(clone)
    assert words()[-1] == ".[plot]"


def test_a_clone_that_is_gone_and_a_package_of_an_index_go_by_name(installed: Callable[..., Path], clone: Path) -> None:
    place = installed(url=(clone / "gone").as_uri(), dir_info={"editable": True})
    assert words()[-1] == f"{DISTRIBUTION}[plot]"
    next(place.glob("*/direct_url.json")).unlink()
    assert words()[-1] == f"{DISTRIBUTION}[plot]"


def test_a_repository_goes_by_its_address(installed: Callable[..., Path]) -> None:
    installed(url="https://git.example/league.git", vcs_info={"vcs": "git", "commit_id": "0" * 40})
    assert words()[-1] == f"{DISTRIBUTION}[plot] @ git+https://git.example/league.git"


def test_a_source_tree_that_was_never_installed_goes_by_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "DISTRIBUTION", "a-distribution-that-nobody-has")
    monkeypatch.chdir("/")
    assert version() == "none"
    assert words()[-2:] == ["-e", f"{ROOT}[plot]"]


def test_the_pip_of_this_environment_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the environment was entered or not, and where there is no pip in it, as in one that uv made."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "a home" / "bin" / "python"))
    other = tmp_path / "other" / "pip"
    for pip in (other, tmp_path / "a home" / "bin" / "pip"):
        pip.parent.mkdir(parents=True)
        pip.touch(mode=0o755)
    monkeypatch.setattr(installation, "find_spec", lambda name: object())
    monkeypatch.setenv("PATH", str(tmp_path / "a home" / "bin"))
    monkeypatch.delenv("UV", raising=False)
    assert words()[:2] == ["pip", "install"]
    monkeypatch.setenv("UV", "/home/anna/.local/bin/uv")
    assert words()[:5] == ["uv", "pip", "install", "--python", sys.executable], (
        "uv run leaves its PATH with its command"
    )
    monkeypatch.delenv("UV")
    monkeypatch.setenv("PATH", str(other.parent))
    assert words()[:4] == [sys.executable, "-m", "pip", "install"]
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    assert words()[:5] == ["uv", "pip", "install", "--python", sys.executable]


def test_a_missing_extra_says_it() -> None:
    assert str(MissingExtraError("jinja2", "dashboard")) == f"jinja2 is not installed: {installing('dashboard')}"


def test_nobody_is_told_to_install_what_is_somebody_elses() -> None:
    files = [p for folder in ("league", "docs", "cluster", "k8s", "benchmarks") for p in (ROOT / folder).rglob("*.*")]
    texts = {
        p: p.read_text(encoding="utf-8")
        for p in [*files, *ROOT.glob("*.*"), ROOT / "Makefile", ROOT / "Dockerfile"]
        if p.is_file() and p.suffix in ("", ".md", ".py", ".toml", ".yaml", ".sh", ".txt", ".html")
    }
    assert len(texts) > 100
    for path, text in texts.items():
        if path.name not in ("installation.py", "CHANGELOG.md"):
            assert "pip install league" not in text, path
            assert "'league[" not in text, path
