"""onnxruntime-web, which runs a policy in a page: one version, by the hashes of its files."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, Final

from league.errors import LeagueError
from league.interfaces.hub.markup import one_line

PACKAGE: Final = "onnxruntime-web"
VERSION: Final = "1.30.0"
HOST: Final = "https://cdn.jsdelivr.net"
"""Serves the files of npm packages, by version."""
CDN: Final = f"{HOST}/npm/{PACKAGE}@{VERSION}/dist/"
FILES: Final = {
    "ort.wasm.bundle.min.mjs": "sha384-PLWz+nHEVHpjwBsO0YVdvQj6n5814Iv8E3b8FG0Rp/uIAtjFMCKOpP66iPzedrIG",
    "ort-wasm-simd-threaded.wasm": "sha384-vjBJ1z7qrhkTyYsNqKeF6c7N+nOJSU94czEo+tvZcu8G75JparGq9kB+kTnEUNVM",
}
"""By name: how a browser checks it. WebAssembly for processors only, without WebGPU, is the smallest that there is."""
FOLDER: Final = "vendor/"


def integrity(data: bytes) -> str:
    """What the attribute of that name holds."""
    return f"sha384-{base64.b64encode(hashlib.sha384(data).digest()).decode()}"


def described(*, vendored: bool) -> dict[str, Any]:
    """What the page must know: where the files lie, and their hashes."""
    script, wasm = ({"file": name, "integrity": expected} for name, expected in FILES.items())
    return {"base": FOLDER if vendored else CDN, "script": script, "wasm": wasm}


def vendored(package: Path) -> dict[str, bytes]:
    """The files to put beside the page, out of a folder of the npm package.

    Raises `LeagueError` for a folder that is not that package, of another version, or changed.
    """
    get = f"npm install {PACKAGE}@{VERSION} makes node_modules/{PACKAGE}"
    try:
        said = json.loads((package / "package.json").read_text(encoding="utf-8"))
        name, version = said["name"], said["version"]
    except (OSError, ValueError, KeyError, TypeError):
        raise LeagueError(f"--vendor {one_line(package)}: is no folder of the npm package {PACKAGE}: {get}") from None
    if (name, version) != (PACKAGE, VERSION):
        found = one_line(f"{name} {version}")
        raise LeagueError(f"--vendor {one_line(package)}: is {found}, not {PACKAGE} {VERSION}: {get}")
    files = {}
    for file, expected in FILES.items():
        try:
            data = (package / "dist" / file).read_bytes()
        except OSError as error:
            raise LeagueError(f"--vendor {one_line(package)}: dist/{file}: {error.strerror}: {get}") from error
        if integrity(data) != expected:
            raise LeagueError(f"--vendor {one_line(package)}: dist/{file} is not the file of that version: {get}")
        files[FOLDER + file] = data
    return files
