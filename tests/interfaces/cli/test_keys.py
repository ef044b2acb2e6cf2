"""What commands print for programs: every key is declared, has one type everywhere, and stands in the documentation."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_league import Command

from league.interfaces import cli
from league.interfaces.cli.app import app
from league.interfaces.cli.keys import KEYS, MAPS, Kind
from league.pool.store import Store
from league.view import plain

COMMANDS = (
    ["leaderboard"],
    ["matches"],
    ["matches", "--last", "3"],
    ["matches", "--cycles"],
    ["matches", "--nash"],
    ["ratings"],
    ["ratings", "recompute"],
    ["status"],
    ["status", "--verify"],
    ["leaderboard", "--people"],
    ["champion"],
    ["champion", "--history"],
    ["evaluate", "main-0002", "--against", "uniform", "--games", "2"],
    ["pool", "list"],
    ["pool", "show", "main-0001"],
    ["pool", "prune", "--dry-run"],
    ["pool", "prune", "--set", "retention.newest=1", "--yes"],
    ["promote", "main-0002", "--force"],
    ["promote", "main-0002", "--games", "46"],
    ["games"],
)
ELSEWHERE = {
    "challenge": "trains: tests/actors/test_challenge.py",
    "tune": "trains: tests/interfaces/tune",
    "compare": "of leagues: tests/api/test_comparison.py",
    "publish": "sends to a hub: tests/interfaces/hub/test_publish.py",
    "watch": "goes on until it is interrupted",
    "backup": "a file: below",
    "restore": "a file: below",
    "export": "a file: below",
    "repair": "a store of its own: below",
    "pool export": "a file: below",
    "pool import": "a file: below",
    "check": "plays for a while: below",
    "cluster check": "a file: tests/cluster/test_file.py",
    "log list": "segments: below",
    "log archive": "segments: below",
    "log export": "a file: below",
    "config": "keys of the configuration",
    "presets": "names of presets",
    "k8s status": "a cluster: tests/interfaces/k8s/test_k8s_status.py",
}
"""Commands with `--json` that are not among `COMMANDS`, and why."""
PACKAGE = Path(cli.__file__).parents[2]
TYPES: dict[Kind, tuple[type, ...]] = {
    "number": (int, float),
    "text": (str,),
    "true or false": (bool,),
    "list": (list,),
    "object": (dict,),
}


def keys(data: Any) -> Iterator[tuple[str, Any]]:
    """Each key with what stands there; of objects whose keys are names, those of what the names lead to."""
    if isinstance(data, list):
        for one in data:
            yield from keys(one)
    if isinstance(data, dict):
        for key, value in data.items():
            yield key, value
            inner = list(value.values()) if key in MAPS and isinstance(value, dict) else value
            yield from keys(inner)


def check(data: Any) -> None:
    for key, value in keys(data):
        assert key in KEYS, f"{key} = {value!r}: say in league/interfaces/cli/keys.py what it means"
        kind = KEYS[key].kind
        right = value is None or (
            isinstance(value, TYPES[kind]) and isinstance(value, bool) == (kind == "true or false")
        )
        assert right, f"{key} = {value!r}: it is a {kind} elsewhere"


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_every_key_is_declared_and_has_its_type(arguments: list[str], league: Command, own: Store) -> None:
    found = league(*arguments, "--json", at=own)
    assert found.out, found.err
    data = found.json
    check(data)
    if arguments[-1] not in ("--cycles", "--yes", "--people"):  # There is none, all are kept, nobody has played.
        assert list(keys(data)), "nothing was checked"


def test_files(league: Command, own: Store, tmp_path: Path) -> None:
    for arguments in (
        ["backup", str(tmp_path / "one.tar")],
        ["restore", str(tmp_path / "one.tar"), "--store", str(tmp_path / "restored")],
        ["repair", "--store", str(tmp_path / "restored"), "--league", own.league],
        ["export", "champion", "--output", str(tmp_path / "champion.safetensors"), "--format", "safetensors"],
        ["pool", "export", "main-0000", "--output", str(tmp_path / "pool.tar")],
        ["pool", "import", str(tmp_path / "pool.tar")],
        ["log", "archive", "--to", str(tmp_path / "segments"), "--keep", "2"],
        ["log", "list"],
        ["log", "export", str(tmp_path / "log.jsonl")],
        ["check", "tic_tac_toe"],
    ):
        found = league(*arguments, "--json", at=None if "--store" in arguments else own)
        assert found.code == 0, found.err
        check(found.json)


def test_a_line_of_watch(own: Store) -> None:
    from league.interfaces.cli.watch import _data
    from league.pool.mirror import Mirror
    from league.view.overview import Overview

    check(json.loads(json.dumps(_data(Overview.read(Mirror(own, standings=False, events=1))))))


def written() -> Iterator[object]:
    """What the package writes into a dictionary, and the fields of its classes, outside of the list of keys."""
    for path in set(PACKAGE.rglob("*.py")) - {PACKAGE / "interfaces" / "cli" / "keys.py"}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Dict(keys=keys):
                    yield from (key.value for key in keys if isinstance(key, ast.Constant))
                case ast.Subscript(slice=ast.Constant(value=key), ctx=ast.Store()):
                    yield key
                case ast.Call(func=ast.Attribute(attr="interval"), args=[ast.Constant(value=name), _]):
                    yield from plain.interval(name, (0.0, 0.0, 0.0))
                case ast.ClassDef(body=body):
                    yield from (one.target.id for one in body if isinstance(one, ast.AnnAssign))


def test_nothing_is_declared_that_nobody_prints() -> None:
    """As a key that has another name now."""
    assert set(KEYS) - set(written()) == set()
    assert set(MAPS) - set(KEYS) == set()


def test_no_command_is_left_out() -> None:
    from typer.main import get_command

    def printing(group: Any, before: str = "") -> Iterator[str]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from printing(command, f"{name} ")
            elif any("--json" in parameter.opts for parameter in command.params):
                yield before + name

    ours = {" ".join(words[: 2 if words[0] in ("pool", "log") else 1]) for words in COMMANDS}
    assert set(printing(get_command(app))) == ours | set(ELSEWHERE)
