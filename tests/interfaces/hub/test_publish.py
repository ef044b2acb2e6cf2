"""`league publish`, against a stand-in of the hub."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub_server import TOKEN, Hub, Repository, hub_server
from small_league import Command

from league.interfaces.hub.folder import MANIFEST, write_folder
from tests.interfaces.cli.test_keys import check

FILES = {
    ".gitattributes": b"policy.onnx filter=lfs diff=lfs merge=lfs -text\n",
    "README.md": b"---\ntitle: x\nsdk: static\n---\n# x\n",
    "index.html": b"<!doctype html>",
    "policy.onnx": bytes(range(256)) * 8000,
    "vendor/one.mjs": b"export {}",
}
URL = "anna/connect-four"


def written(folder: Path, kind: str = "space", sdk: str | None = "static") -> Path:
    said = {"format": 1, "kind": kind, "sdk": sdk, "policy": "main-0001", "game": {"name": "connect_four"}}
    write_folder(folder, {**FILES, MANIFEST: json.dumps(said).encode()})
    return folder


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_server() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub


@pytest.fixture
def told(refused: Callable[..., str]) -> Callable[..., str]:
    """A refusal, which never shows the token."""

    def call(*arguments: object) -> str:
        text = refused(*map(str, arguments))
        assert TOKEN not in text
        return text

    return call


def test_exactly_these_files_arrive_the_large_one_by_lfs(hub: Hub, league: Command, tmp_path: Path) -> None:
    folder = written(tmp_path / "one")
    (folder / ".secret").write_text("left at home")
    said = league("publish", str(folder), "--repo", URL, "--json")
    assert said.code == 0, said.err
    one = hub.repositories[f"spaces/{URL}"]
    assert (one.kind, one.sdk, one.private, one.commits) == ("space", "static", False, 1)
    assert one.files.keys() == FILES.keys() | {MANIFEST}
    assert one.lfs == {"policy.onnx"}
    sha256 = hashlib.sha256(FILES["policy.onnx"]).hexdigest()
    assert hub.objects == {sha256: FILES["policy.onnx"]}
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(FILES['policy.onnx'])}\n"
    assert one.files["policy.onnx"].decode() == pointer
    assert {name: one.files[name] for name in FILES if name != "policy.onnx"} == {
        name: data for name, data in FILES.items() if name != "policy.onnx"
    }
    check(said.json)
    assert said.json == {
        "url": f"{hub.url}/spaces/{URL}",
        "commit": f"{hub.url}/spaces/{URL}/commit/{1:040d}",
        "new": True,
        "deleted": [],
    }


def test_published_again_what_is_gone_is_deleted(hub: Hub, league: Command, tmp_path: Path) -> None:
    folder = written(tmp_path / "one")
    assert league("publish", str(folder), "--repo", URL).code == 0
    (folder / "index.html").unlink()
    (folder / "README.md").write_text("---\ntitle: y\n---\n")
    said = league("publish", str(folder), "--repo", URL, "--json")
    assert (said.json["new"], said.json["deleted"]) == (False, ["index.html"])
    one = hub.repositories[f"spaces/{URL}"]
    assert "index.html" not in one.files
    assert b"title: y" in one.files["README.md"]


def test_a_model_repository_and_a_private_one(hub: Hub, league: Command, tmp_path: Path) -> None:
    folder = written(tmp_path / "one", kind="model", sdk=None)
    assert league("publish", str(folder), "--repo", URL, "--private").code == 0
    assert hub.repositories.keys() == {f"models/{URL}"}
    assert hub.repositories[f"models/{URL}"].private


def test_a_dry_run_lists_files_and_sizes_and_asks_nobody(
    hub: Hub, league: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    folder = written(tmp_path / "one")
    said = league("publish", str(folder), "--repo", URL, "--dry-run", "--json")
    assert {row["file"]: row["bytes"] for row in said.json} == {
        name: (folder / name).stat().st_size for name in (*FILES, MANIFEST)
    }
    assert [row["file"] for row in said.json if row["lfs"]] == ["policy.onnx"]
    check(said.json)
    people = league("publish", str(folder), "--repo", URL, "--dry-run").out
    assert "2.0 MB" in people
    assert "6 files" in people
    assert hub.requests == []


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/repos/create", 402, "static Spaces are free"),
        ("/api/repos/create", 403, "write access"),
        ("/objects/batch", 403, "write access"),
        ("/commit/main", 403, "write access"),
        ("/commit/main", 418, "answered 418: it broke {0}"),
    ],
)
def test_what_the_hub_refuses_is_one_line(
    hub: Hub, told: Callable[..., str], tmp_path: Path, path: str, status: int, words: str
) -> None:
    hub.refuse[path] = (status, "it broke {0}")
    assert words in told("publish", written(tmp_path / "one", sdk="gradio"), "--repo", URL)


def test_an_upload_that_was_cut_off_can_be_repeated(
    hub: Hub, told: Callable[..., str], league: Command, tmp_path: Path
) -> None:
    folder = written(tmp_path / "one")
    hub.refuse["/commit/main"] = (403, "not now")
    told("publish", folder, "--repo", URL)
    hub.refuse.clear()
    assert league("publish", str(folder), "--repo", URL).code == 0


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (Repository("space", "static", files={"app.js": b"", "README.md": b""}), "league publish has not made it"),
        (Repository("space", "gradio", files={MANIFEST: b"{}"}), "it is a gradio Space"),
    ],
)
def test_what_is_not_ours_is_left_alone(
    hub: Hub, told: Callable[..., str], tmp_path: Path, there: Repository, words: str
) -> None:
    hub.repositories[f"spaces/{URL}"] = there
    before = dict(there.files)
    assert words in told("publish", written(tmp_path / "one"), "--repo", URL)
    assert (there.files, there.commits, hub.objects) == (before, 0, {})


def test_without_a_token_or_with_a_wrong_one(
    hub: Hub, told: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(tmp_path / "one")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "does not know this token" in told("publish", folder, "--repo", URL)
    for broken in (f"{TOKEN}\nx", f"{TOKEN} x", f"{TOKEN}é"):
        monkeypatch.setenv("HF_TOKEN", broken)
        assert "letters that no token has" in told("publish", folder, "--repo", URL)
    for none in ("", " \n"):
        monkeypatch.setenv("HF_TOKEN", none)
        assert "no token: HF_TOKEN" in told("publish", folder, "--repo", URL)
    monkeypatch.delenv("HF_TOKEN")
    assert "HF_TOKEN" in told("publish", folder, "--repo", URL)
    assert not hub.repositories


def test_a_token_from_a_file_ends_in_a_new_line(
    hub: Hub, league: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", f"{TOKEN}\n")
    assert league("publish", str(written(tmp_path / "one")), "--repo", URL).code == 0
    assert hub.repositories[f"spaces/{URL}"].commits == 1


def test_a_hub_that_is_not_there(told: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert "cannot be reached" in told("publish", written(tmp_path / "one"), "--repo", URL)


@pytest.mark.parametrize("name", ["anna", "a/b/c", "../x", "an na/x", "", "a/" + "b" * 300, "https://x/y"])
def test_a_repository_is_user_and_name(told: Callable[..., str], tmp_path: Path, name: str) -> None:
    assert "USER/NAME" in told("publish", written(tmp_path / "one"), "--repo", name, "--dry-run")


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"format": 1, "kind": "space"}', "{" * 100_000])
def test_a_folder_that_is_none_of_ours(told: Callable[..., str], tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / MANIFEST).write_text(content)
    assert MANIFEST in told("publish", tmp_path, "--repo", URL, "--dry-run")
    assert "is no folder" in told("publish", tmp_path / "nowhere", "--repo", URL, "--dry-run")


def test_a_link_is_not_followed(told: Callable[..., str], tmp_path: Path) -> None:
    folder = written(tmp_path / "one")
    (folder / "passwords.txt").symlink_to("/etc/passwd")
    assert "is a link" in told("publish", folder, "--repo", URL, "--dry-run")
