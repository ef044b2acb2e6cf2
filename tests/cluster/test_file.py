"""`league cluster check`: a cluster file before `ray up`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("jsonschema", reason="needs the extra cluster")

from league.cluster.file import SECRETS, faults
from league.interfaces.cli import run
from tests.interfaces.cli.test_keys import check

ROOT = Path(__file__).parents[2]
CHANGES = {
    "cluster.yaml": {},
    "gcp.yaml": {"project_id": "chess-1234"},
    "on-prem.yaml": {"head_ip": "10.0.0.1", "worker_ips": "[10.0.0.2, 10.0.0.3]"},
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of somebody who has made what the files ask for, and has the programs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("ssh", "rsync"):
        (programs / name).touch(mode=0o700)
    for folder in (".league", ".ssh"):
        (tmp_path / folder).mkdir(mode=0o700)
    (tmp_path / ".ssh" / "id_ed25519").touch()
    secrets = tmp_path / ".league" / "cluster.env"
    secrets.touch(mode=0o600)
    secrets.write_text("".join(f"{name}=0123\n" for name in SECRETS))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("RAY_UP_enable_autoscaler_v2", "0")
    return tmp_path


Write = Callable[..., Path]


@pytest.fixture
def write(home: Path) -> Write:
    """A file of the repository, made somebody's own, with further changes of lines, by their keys."""

    def make(name: str = "on-prem.yaml", **changes: str) -> Path:
        text = (ROOT / "cluster" / name).read_text().replace("registry.example/", "registry.chess.example/")
        for key, value in (CHANGES[name] | changes).items():
            text, found = re.subn(rf"^( *{key}:) .*$", rf"\1 {value}", text, flags=re.MULTILINE)
            assert found, key
        file = home / name
        file.write_text(text)
        return file

    return make


@pytest.mark.parametrize("name", CHANGES)
def test_a_file_that_is_ready(name: str, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(name)
    assert faults(file) == []
    assert run(["cluster", "check", str(file)]) == 0
    assert "ready for ray up" in capsys.readouterr().out


def test_the_local_cluster_needs_nothing(home: Path) -> None:
    (home / ".league" / "cluster.env").unlink()
    assert faults(ROOT / "cluster" / "local.yaml") == []


@pytest.mark.parametrize("name", CHANGES)
def test_as_it_comes_it_names_every_example(name: str, home: Path) -> None:
    found = faults(ROOT / "cluster" / name)
    text = (ROOT / "cluster" / name).read_text()
    examples = len(re.findall(r"^ *\w*image: registry.example", text, re.MULTILINE))
    examples += {"cluster.yaml": 0, "gcp.yaml": 1, "on-prem.yaml": 3}[name]
    assert [one for one in found if "is an example" not in one] == []
    assert len(found) == examples


def test_secrets_that_are_not_there(home: Path, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    file, secrets = write(), home / ".league" / "cluster.env"
    secrets.chmod(0o640)
    assert faults(file) == [f"{secrets} holds passwords, and others on this machine may read it: chmod 600 {secrets}"]
    secrets.chmod(0o600)
    secrets.write_text(f"{SECRETS[0]}=0123\n{SECRETS[1]}=\n")
    assert [one.partition(":")[0] for one in faults(file)] == [f"{secrets} has no {name}" for name in SECRETS[1:]]
    secrets.unlink()
    (only,) = faults(file)
    assert only.startswith(f"{secrets} cannot be read (No such file or directory)")
    secrets.parent.rmdir()
    assert run(["cluster", "check", str(file), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    check(found)
    (only,) = found["faults"]
    assert only.startswith("file_mounts: ~/.league is not on this machine: the top of cluster/cluster.yaml says how")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ssh_private_key": "~/.ssh/other"}, "auth.ssh_private_key: ~/.ssh/other is not on this machine"),
        ({"max_workers": "3"}, "max_workers is 3, and there are 2 worker_ips: make them the same"),
        ({"head_ip": "192.0.2.7"}, "provider: 192.0.2.7 is an example: name yours"),
        (
            {"head_image": "db.example/league:9.9.9"},
            "docker.head_image: db.example/league:9.9.9 is of version 9.9.9, and",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_what_would_fail_is_said(changes: dict[str, str], said: str, write: Write) -> None:
    (only,) = faults(write(**changes))
    assert only.startswith(said)


def test_programs_and_the_autoscaler(home: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write()
    (home / "bin" / "rsync").unlink()
    monkeypatch.delenv("RAY_UP_enable_autoscaler_v2")
    first, second = faults(file)
    assert first.startswith("rsync is not on this machine")
    assert second.startswith("RAY_UP_enable_autoscaler_v2 is not 0")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("provider: {type: aws", "is not YAML: "),
        ("- a list", "is no cluster file of Ray: it has no table 'provider'"),
        ("provider: {type: aws, region: us-west-2}\nnonsense: 1", "Ray refuses it: "),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_cluster_file(text: str | None, said: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = home / "cluster.yaml"
    if text is not None:
        file.write_text(text)
    assert run(["cluster", "check", str(file)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
