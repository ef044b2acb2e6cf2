"""What is in a Space, static or of Gradio, and in a model repository."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any, Final

from league.errors import GameError, MissingExtraError
from league.interfaces.board import ASSETS, asset, describe, title
from league.interfaces.hub import runtime
from league.interfaces.hub.card import readme
from league.interfaces.hub.folder import FORMAT, MANIFEST, attributes
from league.interfaces.hub.markup import in_html, in_markdown, short
from league.interfaces.hub.release import Release
from league.policies.onnx import export_onnx

MODEL: Final = "policy.onnx"
PAGE: Final = ("index.html", "page.css", "play.js", "policy.js", "icon.svg")
APP: Final = ("app.py", "requirements.txt")
GRADIO: Final = "6.31.0"
PYTHON: Final = "3.11.13"

Files = dict[str, bytes]


def check_playable(name: str, describable: Mapping[str, Any] | None) -> None:
    """Raise `GameError` for a game whose rules the page does not know."""
    if describable is None:
        raise GameError(
            f"a Space plays connect_four and tic_tac_toe, not {name}: use --format hf-model, which any game has"
        )


def static_space(release: Release, vendor: Path | None) -> Files:
    """A page that plays by itself; with `vendor`, a folder of the npm package, it needs no other host."""
    game = describe(release.spec)
    check_playable(release.spec.name, game)
    assert game is not None
    files = {} if vendor is None else runtime.vendored(vendor)  # Before what takes time.
    files |= _shared(release)
    described = runtime.described(vendored=vendor is not None)
    manifest = {"kind": "space", "sdk": "static", "game": game, "runtime": described}
    values = {
        "title": game["title"],
        "policy": in_html(release.name),
        "connect": "'self'" if vendor is not None else f"'self' {runtime.HOST}",
        "version": runtime.VERSION,
    }
    files |= {name: Template(_text("page", name)).substitute(values).encode() for name in ("index.html",)}
    files |= {name: _text("page", name).encode() for name in PAGE if name != "index.html"}
    if vendor is not None:
        files[f"{runtime.FOLDER}LICENSE.txt"] = Template(_text("page", "MIT.txt")).substitute(values).encode()
    front = {**_space_front(release), "sdk": "static", "app_file": "index.html"}
    about = (
        f"A page to play {game['title']} against {in_markdown(release.name)}, at full strength, on a phone or a desk.\n"
        f"The policy runs in the browser, by onnxruntime-web {runtime.VERSION}: there is no server behind it.\n"
        "`python -m http.server` in this folder serves it, too."
    )
    return _finished(release, files, manifest, front, about)


def gradio_space(release: Release) -> Files:
    """A Gradio app that plays by onnxruntime."""
    game = describe(release.spec)
    check_playable(release.spec.name, game)
    assert game is not None
    files = _shared(release) | {name: _text("gradio", name).encode() for name in APP}
    manifest = {"kind": "space", "sdk": "gradio", "game": game}
    front = {
        **_space_front(release),
        "sdk": "gradio",
        "sdk_version": GRADIO,
        "python_version": PYTHON,
        "app_file": "app.py",
    }
    about = (
        f"A Gradio app to play {game['title']} against {in_markdown(release.name)}.\n"
        "`pip install -r requirements.txt` and `python app.py` start it anywhere."
    )
    return _finished(release, files, manifest, front, about)


def model_repository(release: Release) -> Files:
    """The policy as ONNX and as its league stores it, of any game."""
    files = _onnx(release) | {"model.safetensors": release.weights}
    manifest = {"kind": "model", "game": {"name": release.spec.name}}
    front = {"library_name": "onnx", "pipeline_tag": "reinforcement-learning"}
    about = (
        f"A policy that learned {release.spec.name} by playing itself, as ONNX (`{MODEL}`) and as safetensors "
        "(`model.safetensors`, the bytes that its league stores)."
    )
    return _finished(release, files, manifest, front, about)


def _space_front(release: Release) -> dict[str, Any]:
    short = f"Play {title(release.spec.name)} against a self-play champion"  # The hub takes 60 characters.
    return {"emoji": "🔴", "colorFrom": "blue", "colorTo": "yellow", "pinned": False, "short_description": short}


def _shared(release: Release) -> Files:
    return _onnx(release) | {name: asset(name).encode() for name in ASSETS}


def _onnx(release: Release) -> Files:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        export_onnx(release.network, path, policy=release.name, digest=release.snapshot.digest)
        return {MODEL: path.read_bytes()}


def _finished(
    release: Release, files: Files, manifest: Mapping[str, Any], front: Mapping[str, Any], about: str
) -> Files:
    try:
        from league.interfaces.hub.replay import gif
    except ImportError as error:
        raise MissingExtraError("pillow", "hub") from error

    model = {"file": MODEL, "integrity": runtime.integrity(files[MODEL])}
    elo = round(release.standing.elo) if release.standing.games else None
    names = {"policy": release.name, "called": short(release.name)}
    said = {"format": FORMAT, **manifest, **names, "elo": elo, "model": model}
    files = {
        **files,
        MANIFEST: _json(said),
        "README.md": readme(release, front, about).encode(),
        "results.json": _json(release.results()),
        "training.toml": release.config.to_toml().encode(),
        "replay.gif": gif(release),
    }
    return {".gitattributes": attributes(files).encode(), **files}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _text(folder: str, name: str) -> str:
    return (Path(__file__).parent / folder / name).read_text(encoding="utf-8")
