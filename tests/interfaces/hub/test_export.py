"""`league export` as a Space, a model repository and a program: what is in the folders, and what is refused."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from PIL import Image
from small_league import Command

from league.config import LeagueConfig, load_config
from league.errors import LeagueError
from league.interfaces.cli import run
from league.interfaces.hub.folder import MANIFEST, write_folder
from league.interfaces.hub.markup import as_file, in_markdown
from league.interfaces.hub.replay import LETTER
from league.interfaces.hub.replay import _text as text_picture
from league.interfaces.hub.runtime import PACKAGE, VERSION
from league.policies.network import PolicyNetwork
from league.pool.store import Store
from league.view.words import counted

from .conftest import MARKUP, add


def front(folder: Path) -> dict[str, Any]:
    """The front matter of a README."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text.split("---\n")[1])
    return found


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


COMMON = {".gitattributes", "README.md", "league.json", "results.json", "training.toml", "replay.gif", "policy.onnx"}
BOARD = {"board.js", "board.css", "rules.js"}


def test_a_static_space_has_all_it_needs(space: Path, shared: tuple[Store, PolicyNetwork], game: str) -> None:
    page = {"index.html", "page.css", "play.js", "policy.js", "icon.svg"}
    assert files(space) == COMMON | BOARD | page
    said = front(space)
    assert (said["sdk"], said["app_file"], said["license"]) == ("static", "index.html", "apache-2.0")
    metrics = {one["name"]: one["value"] for one in said["model-index"][0]["results"][0]["metrics"]}
    assert metrics["Rated games"] > 0
    assert 0 <= metrics["Score against uniform"] <= 1
    large = {line.split()[0] for line in (space / ".gitattributes").read_text().splitlines()}
    assert large >= {path.name for path in space.iterdir() if path.stat().st_size > 1_000_000}
    assert large == {"policy.onnx", "replay.gif"}
    results = json.loads((space / "results.json").read_text())
    snapshot = shared[0].snapshot("main-0001")
    assert (results["policy"], results["sha256"], results["game"]) == ("main-0001", snapshot.digest, game)
    assert {one["policy"] for one in results["opponents"]} > {"uniform"}
    tally = shared[0].payoff().tally("main-0001", "uniform")
    assert next(one["results"] for one in results["opponents"] if one["policy"] == "uniform") == tally._asdict()
    card = (space / "README.md").read_text()
    assert f"| `uniform` | bot | +0 | {'/'.join(map(str, tally))} |" in card
    assert snapshot.digest in card
    assert "No games of people, no solver" in card
    with Image.open(space / "replay.gif") as picture:
        assert picture.n_frames == len(results["replay"]["moves"]) + 1
    opening = results["replay"]["opening"]
    after = f" after {counted(opening, 'random move')}" if opening else ""
    assert f"The picture is a game against `{results['replay']['against']}`{after}." in card


def test_its_configuration_is_read_by_league_train(space: Path, shared: tuple[Store, PolicyNetwork]) -> None:
    config: LeagueConfig = load_config(file=space / "training.toml")
    assert config == shared[0].require_config()


def test_the_code_on_the_card_runs(space: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(space)
    code = (space / "README.md").read_text().split("```python\n")[1].split("```")[0]
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("play ")


def test_a_model_repository_of_a_game_without_a_page(league: Command, own: Store, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    said = league("export", "main-0001", "--format", "hf-model", "--output", str(folder), "--json", at=own)
    assert said.code == 0, said.err
    assert files(folder) == COMMON | {"model.safetensors"}
    assert said.json["files"] == len(files(folder))
    assert said.json["bytes"] == sum(path.stat().st_size for path in folder.rglob("*"))
    data = (folder / "model.safetensors").read_bytes()
    assert hashlib.sha256(data).hexdigest() == own.snapshot("main-0001").digest
    assert "sdk" not in front(folder)
    assert "replay.gif filter=lfs" in (folder / ".gitattributes").read_text()


def test_a_gradio_space_names_its_versions_in_full(
    folder: Path, shared: tuple[Store, PolicyNetwork], tmp_path: Path
) -> None:
    output = tmp_path / "app"
    where = ["--store", str(folder), "--league", shared[0].league]
    assert run(["export", "main-0001", *where, "--format", "space", "--sdk", "gradio", "-o", str(output)]) == 0
    assert files(output) == COMMON | BOARD | {"app.py", "requirements.txt"}
    said = front(output)
    lines = [line.partition(";")[0] for line in (output / "requirements.txt").read_text().splitlines()]
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in lines)
    pins = dict(line.split("==") for line in lines)
    assert said["sdk_version"] == pins["gradio"]
    for version in (said["sdk_version"], said["python_version"]):
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert said["app_file"] == "app.py"


def test_torch_export_runs_with_torch_alone(folder: Path, shared: tuple[Store, PolicyNetwork], tmp_path: Path) -> None:
    network, path = shared[1], tmp_path / "policy.pt2"
    where = ["--store", str(folder), "--league", shared[0].league]
    assert run(["export", "main-0001", *where, "--format", "torch.export", "--output", str(path)]) == 0
    about = {"league.game": ""}
    program = torch.export.load(path, extra_files=about).module()
    assert about["league.game"] in (network.spec.name, network.spec.name.encode())
    for rows in (1, 7):
        observation, mask = torch.zeros(rows, *network.spec.shape), torch.ones(rows, network.spec.actions)
        with torch.no_grad():
            for ours, theirs in zip(network(observation, mask.bool()), program(observation, mask), strict=True):
                torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_a_name_of_any_kind_and_length(folder: Path, shared: tuple[Store, PolicyNetwork], tmp_path: Path) -> None:
    name = MARKUP + "x" * 5000
    output = tmp_path / "space"
    where = ["--store", str(folder), "--league", shared[0].league]
    assert run(["export", name, *where, "--format", "space", "--output", str(output)]) == 0
    page, card = (output / "index.html").read_text(), (output / "README.md").read_text()
    assert "<img/src" not in page
    assert "&lt;img/src" in page
    assert "<img/src" not in card.split("---\n", 2)[2]
    said = json.loads((output / MANIFEST).read_text())
    assert (said["policy"], said["called"]) == (name, name[:80] + "…")
    assert max(map(len, card.splitlines())) < 1000
    session = onnxruntime.InferenceSession(output / "policy.onnx")
    assert session.get_modelmeta().custom_metadata_map["league.policy"] == name


def test_what_stands_in_columns_does_so_in_the_picture() -> None:
    """Of a game that is shown as text, whose letters are not equally wide."""
    ink = np.array(text_picture("i.W|\n..i|\nWWW|").convert("L")) < 128
    bars = [
        np.flatnonzero(ink[8 + LETTER[1] * row : 8 + LETTER[1] * (row + 1), 8 + 3 * LETTER[0] :].any(axis=0))
        for row in range(3)
    ]
    assert all(len(bar) for bar in bars)
    assert (bars[0] == bars[1]).all()
    assert (bars[0] == bars[2]).all()


def test_names_as_text() -> None:
    assert in_markdown("main-0007+search200") == "`main-0007+search200`"
    assert set("<`*[|&") & set(in_markdown("a<b`c*d[e|f").replace("&#", "")) == set()
    assert as_file("../../etc/passwd") == "etc-passwd"
    assert as_file("<>") == "policy"
    assert len(as_file("x" * 5000)) <= 80


def test_a_folder_of_ours_is_replaced_and_another_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    said = {"format": 1, "kind": "model", "sdk": None, "policy": "main-0001", "game": {"name": "tic_tac_toe"}}
    ours = {MANIFEST: json.dumps(said).encode(), "vendor/one.js": b"1"}
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(LeagueError, match="is not one of league export"):
        write_folder(folder, ours)
    assert files(folder) == {"thesis.txt"}
    (folder / "thesis.txt").unlink()
    write_folder(folder, ours)
    (folder / "old.txt").write_text("of an earlier version")
    write_folder(folder, ours)
    assert files(folder) == set(ours)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    file = tmp_path / "a file"
    file.write_text("kept")
    with pytest.raises(LeagueError, match="not a folder"):
        write_folder(file, ours)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--format", "onnx", "--sdk", "static"), "only --format space has one"),
        (("--format", "space", "--sdk", "gradio", "--vendor", "x"), "only a static Space"),
        (("--format", "hf-model", "--vendor", "x"), "only a static Space"),
        (("--format", "space", "--vendor", "nowhere"), f"npm install {PACKAGE}@{VERSION}"),
        (("--format", "spaceship"), "--format"),
    ],
)
def test_options_that_do_not_fit(refused: Callable[..., str], options: tuple[str, ...], words: str) -> None:
    assert words in refused("export", "main-0001", *options)


def test_another_version_of_the_package_or_a_changed_file(refused: Callable[..., str], tmp_path: Path) -> None:
    vendor = ("export", "main-0001", "--format", "space", "--vendor", str(tmp_path))
    (tmp_path / "package.json").write_text(json.dumps({"name": PACKAGE, "version": "1.17.0"}))
    assert f"is {PACKAGE} 1.17.0, not {PACKAGE} {VERSION}" in refused(*vendor)
    (tmp_path / "package.json").write_text(json.dumps({"name": PACKAGE, "version": VERSION}))
    assert "No such file" in refused(*vendor)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "ort.wasm.bundle.min.mjs").write_text("alert(1)")
    assert "is not the file of that version" in refused(*vendor)


def test_a_bot_and_a_game_that_the_page_cannot_play(
    refused: Callable[..., str], league: Command, folder: Path, tmp_path: Path
) -> None:
    assert "uniform is a fixed bot" in refused("export", "uniform", "--format", "space")
    with Store.open(str(folder), "leduc") as store:
        mix = [{"against": "self", "share": 0.5}, {"against": "bots", "share": 0.5}]
        network = {"kind": "mlp", "hidden": [8]}
        store.create(
            LeagueConfig.from_dict({"game": "leduc_poker", "network": network, "roles": {"main": {"mix": mix}}})
        )
        add(store, "main-0000", 0, kind="mlp", hidden=(8,))
        assert "not leduc_poker: use --format hf-model" in refused("export", "main-0000", "--format", "space", at=store)
        model = tmp_path / "model"
        assert league("export", "main-0000", "--format", "hf-model", "--output", str(model), at=store).code == 0
        card = (model / "README.md").read_text()
        assert "softmax" in card
        assert "has not been rated" in card
        assert "were against fixed bots: `uniform`" in card


def test_the_current_folder_is_no_file(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "it is a folder" in refused("export", "main-0001", "--output", ".")
    (tmp_path / "thesis.txt").write_text("years of work")
    assert "it exists already" in refused("export", "main-0001", "--format", "hf-model", "--output", ".")
