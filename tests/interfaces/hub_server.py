"""A stand-in of the Hugging Face hub: as much of its HTTP API as making a repository and committing to it takes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_a_token_of_these_tests"
LARGE = 1_000_000


@dataclass
class Repository:
    kind: str
    sdk: str | None
    private: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    lfs: set[str] = field(default_factory=set)
    """Names of the files that are pointers."""
    commits: int = 0


@dataclass
class Hub:
    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    """By kind and name: `spaces/anna/one`."""
    objects: dict[str, bytes] = field(default_factory=dict)
    """What was uploaded by LFS, by sha256."""
    requests: list[str] = field(default_factory=list)
    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By the end of a path: the status and the words with which it is refused."""


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.answer()

        do_POST = do_PUT = do_GET

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hub.requests.append(f"{self.command} {self.path}")
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}" or self.path.startswith("/lfs/")
            for end, (status, words) in hub.refuse.items():
                if self.path.endswith(end):
                    return self.say(status, {"error": words})
            if not known:
                return self.say(401, {"error": "Invalid credentials in Authorization header"})
            return self.say(*self.route(body))

        def say(self, status: int, data: Any) -> None:
            text = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            if isinstance(data, dict) and "error" in data:
                self.send_header("X-Error-Message", data["error"])
            if status == 404:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()
            self.wfile.write(text)

        def route(self, body: bytes) -> tuple[int, Any]:
            if self.path == "/api/validate-yaml":
                return 200, {"errors": [], "warnings": []}
            if self.path == "/api/repos/create":
                return self.create(json.loads(body))
            if found := re.fullmatch(r"/lfs/([0-9a-f]{64})", self.path):
                assert hashlib.sha256(body).hexdigest() == found[1]
                hub.objects[found[1]] = body
                return 200, {}
            if self.path == "/lfs/verify":
                said = json.loads(body)
                return (200, {}) if len(hub.objects[said["oid"]]) == said["size"] else (422, {"error": "size"})
            if found := re.fullmatch(r"/(?:(spaces)/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", self.path):
                return 200, self.batch(json.loads(body))
            if found := re.fullmatch(r"/api/(spaces|models)/([^/]+/[^/]+)(?:/(preupload|commit)/main)?", self.path):
                key = f"{found[1]}/{found[2]}"
                if key not in hub.repositories:
                    return 404, {"error": "Repository not found"}
                if found[3] == "preupload":
                    return 200, {"files": self.modes(json.loads(body))}
                return (200, self.commit(key, body)) if found[3] else (200, self.info(key))
            return 404, {"error": f"no {self.path}"}

        def modes(self, said: dict[str, Any]) -> list[dict[str, Any]]:
            """How each file is to come: by LFS what is large, or binary by its first bytes."""
            found = []
            for one in said["files"]:
                large = one["size"] > LARGE or b"\0" in base64.b64decode(one["sample"])
                mode = "lfs" if large else "regular"
                found.append({"path": one["path"], "uploadMode": mode, "shouldIgnore": False})
            return found

        def create(self, said: dict[str, Any]) -> tuple[int, Any]:
            kind = said.get("type", "model")
            name = f"{said['organization']}/{said['name']}"
            key = f"{kind}s/{name}"
            if key in hub.repositories:
                return 409, {"error": "You already created this repo"}
            hub.repositories[key] = Repository(kind, said.get("sdk"), said.get("visibility") == "private")
            return 200, {"url": f"{hub.url}/{'spaces/' if kind == 'space' else ''}{name}", "name": name}

        def info(self, key: str) -> dict[str, Any]:
            one = hub.repositories[key]
            files = [{"rfilename": name} for name in one.files]
            return {"id": key.partition("/")[2], "sha": "0" * 40, "siblings": files, "sdk": one.sdk, "tags": []}

        def batch(self, said: dict[str, Any]) -> dict[str, Any]:
            def actions(one: dict[str, Any]) -> dict[str, Any]:
                href = f"{hub.url}/lfs/{one['oid']}"
                return {"upload": {"href": href}, "verify": {"href": f"{hub.url}/lfs/verify"}}

            return {"transfer": "basic", "objects": [{**one, "actions": actions(one)} for one in said["objects"]]}

        def commit(self, key: str, body: bytes) -> dict[str, Any]:
            one = hub.repositories[key]
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    one.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    pointer = f"oid {value['algo']}:{value['oid']}\nsize {value['size']}\n"
                    one.files[value["path"]] = f"version https://git-lfs.github.com/spec/v1\n{pointer}".encode()
                    one.lfs.add(value["path"])
                elif line["key"] == "deletedFile":
                    del one.files[value["path"]]
            one.commits += 1
            url = f"{hub.url}/{key.removeprefix('models/')}/commit/{one.commits:040d}"
            return {"success": True, "commitOid": f"{one.commits:040d}", "commitUrl": url}

    return Handler


@contextmanager
def hub_server() -> Iterator[Hub]:
    hub = Hub()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub)) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
