"""`league export`: a policy as a file that runs without this project, or as a Space that plays it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from league.errors import LeagueError
from league.interfaces.cli import options
from league.interfaces.cli.console import facts, show_page
from league.interfaces.cli.files import replacing
from league.interfaces.cli.starting import loading
from league.view.words import size

if TYPE_CHECKING:
    from league.games import GameSpec
    from league.interfaces.hub.contents import Files
    from league.pool.store import Store

Format = Literal["onnx", "safetensors", "torch.export", "space", "hf-model"]
ENDINGS = {"torch.export": "pt2"}


def export(
    policy: options.SnapshotArgument,
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    format: Annotated[
        Format,
        typer.Option(
            metavar="FORMAT",
            help="onnx runs anywhere (extra: onnx); safetensors are the weights as they are stored; torch.export "
            "needs torch alone; space is a folder with a page that plays it, hf-model one of files (extra: hub).",
        ),
    ] = "onnx",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file or folder; else it is named for the policy.")
    ] = None,
    sdk: Annotated[
        Literal["static", "gradio"] | None,
        typer.Option(help="Of a Space: static plays in the browser and is free to host; gradio needs a server."),
    ] = None,
    vendor: Annotated[
        Path | None,
        typer.Option(help="The folder onnxruntime-web of npm, for a static Space that needs no other host."),
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Write a policy to a file or a folder, and print what it takes and gives."""
    _check(format, sdk, vendor)
    with options.open_league(store, league) as (opened, _):
        if format in ("space", "hf-model"):
            found = _folder(opened, policy, format, sdk or "static", vendor, output)
        else:
            found = _file(opened, policy, format, output)
    rows = {("size" if key == "bytes" else key): value for key, value in found.items()} | {"size": size(found["bytes"])}
    show_page([facts(rows)], lambda: found, json=json)


def _check(format: Format, sdk: str | None, vendor: Path | None) -> None:
    if sdk is not None and format != "space":
        raise LeagueError(f"--sdk {sdk}: only --format space has one, not {format}")
    if vendor is not None and (format != "space" or sdk == "gradio"):
        raise LeagueError(f"--vendor: only a static Space runs onnxruntime-web, not {sdk or format}")


def _folder(
    store: Store, policy: str, format: Format, sdk: str, vendor: Path | None, output: Path | None
) -> dict[str, Any]:
    from league.interfaces.hub import contents
    from league.interfaces.hub.folder import write_folder
    from league.interfaces.hub.markup import as_file
    from league.interfaces.hub.release import Release

    release = Release.read(store, policy)
    files: Files
    if format == "hf-model":
        files = contents.model_repository(release)
    elif sdk == "gradio":
        files = contents.gradio_space(release)
    else:
        files = contents.static_space(release, vendor)
    path = output or Path(f"{as_file(release.name)}-{format}")
    write_folder(path, files)
    return {
        "policy": release.name,
        "game": release.spec.name,
        "folder": str(path),
        "files": len(files),
        "bytes": sum(map(len, files.values())),
        "sha256": release.snapshot.digest,
    }


def _file(store: Store, policy: str, format: Format, output: Path | None) -> dict[str, Any]:
    with loading():
        from league.games import bot_names, game_spec
        from league.interfaces.hub.markup import as_file
        from league.policies.onnx import export_onnx
        from league.policies.program import export_program
        from league.policies.weights import unpack

    spec = game_spec(store.require_config().game)
    named = store.resolve(policy, bot_names(spec, policy))
    digest = named.require_digest()
    weights = store.weights(digest)
    network = unpack(weights, spec)
    path = output or Path(f"{as_file(named.name)}.{ENDINGS.get(format, format)}")
    with replacing(path) as part:
        if format == "onnx":
            export_onnx(network, part, policy=named.name, digest=digest)
        elif format == "torch.export":
            export_program(network, part, policy=named.name, digest=digest)
        else:
            part.write_bytes(weights)
    return _describe(named.name, digest, path, spec, format)


def _describe(name: str, digest: str, path: Path, spec: GameSpec, format: str) -> dict[str, Any]:
    """What was written, and what it takes and gives if it can be run."""
    written = path.read_bytes()
    found: dict[str, Any] = {
        "policy": name,
        "game": spec.name,
        "file": str(path),
        "bytes": len(written),
        "file_sha256": hashlib.sha256(written).hexdigest(),
        "sha256": digest,
    }
    if format != "safetensors":
        shape = ", ".join(map(str, spec.shape))
        found["inputs"] = f"observation float32 [N, {shape}], action_mask float32 [N, {spec.actions}]"
        found["outputs"] = f"logits float32 [N, {spec.actions}], value float32 [N]"
    return found
