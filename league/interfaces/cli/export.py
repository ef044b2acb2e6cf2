"""`league export`: a policy as a file that runs without this project."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from league.interfaces.cli import options
from league.interfaces.cli.console import facts, show_page
from league.interfaces.cli.files import replacing
from league.view.words import size

if TYPE_CHECKING:
    from league.games import GameSpec


def export(
    policy: options.SnapshotArgument,
    store: options.StoreOption = options.STORE,
    league: options.LeagueOption = options.LEAGUE,
    format: Annotated[
        Literal["onnx", "safetensors"],
        typer.Option(help="onnx runs anywhere (extra: onnx); safetensors are the weights as they are stored."),
    ] = "onnx",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file; else ./POLICY.FORMAT.")] = None,
    json: options.JsonOption = False,
) -> None:
    """Write a policy to a file, and print what it takes and gives."""
    from league.games import bot_names, game_spec
    from league.policies.onnx import export_onnx
    from league.policies.weights import unpack

    with options.open_league(store, league) as (opened, config):
        spec = game_spec(config.game)
        named = opened.resolve(policy, bot_names(spec, policy))
        digest = named.require_digest()
        weights = opened.weights(digest)
    network = unpack(weights, spec)
    path = output or Path(f"{named.name}.{format}")
    with replacing(path) as part:
        if format == "onnx":
            export_onnx(network, part, policy=named.name, digest=digest)
        else:
            part.write_bytes(weights)
    found = _describe(named.name, digest, path, spec, format)
    show_page([facts({**found, "bytes": size(found["bytes"])})], lambda: found, json=json)


def _describe(name: str, digest: str, path: Path, spec: GameSpec, format: str) -> dict[str, Any]:
    """What was written, and for ONNX what it takes and gives."""
    written = path.read_bytes()
    found: dict[str, Any] = {
        "policy": name,
        "game": spec.name,
        "file": str(path),
        "bytes": len(written),
        "file_sha256": hashlib.sha256(written).hexdigest(),
        "sha256": digest,
    }
    if format == "onnx":
        shape = ", ".join(map(str, spec.shape))
        found["inputs"] = f"observation float32 [N, {shape}], action_mask float32 [N, {spec.actions}]"
        found["outputs"] = f"logits float32 [N, {spec.actions}], value float32 [N]"
    return found
