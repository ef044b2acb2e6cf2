"""A small Kubernetes API server: discovery, objects, server-side apply with conflicts, JSON Patch, logs, and exec.

Objects live in a dictionary and nothing acts on them; `after` lets a test do what a controller would. `execs` runs a
command for real or says what it prints. `refusals` are answers to requests that match.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import WSMsgType, web

Object = dict[str, Any]

CORE = {
    "v1": ["Namespace", "Pod", "Service", "Secret", "ConfigMap", "ServiceAccount", "PersistentVolumeClaim", "Event"],
    "apps/v1": ["Deployment", "StatefulSet"],
    "batch/v1": ["CronJob", "Job"],
    "networking.k8s.io/v1": ["NetworkPolicy"],
    "policy/v1": ["PodDisruptionBudget"],
    "rbac.authorization.k8s.io/v1": ["Role", "RoleBinding"],
}
KUBERAY = {"ray.io/v1": ["RayCluster", "RayJob", "RayService"]}
PROMETHEUS = {"monitoring.coreos.com/v1": ["PodMonitor", "PrometheusRule"]}
KUEUE = {"kueue.x-k8s.io/v1beta2": ["ClusterQueue", "LocalQueue", "ResourceFlavor"]}
TOKEN = "not-a-real-one"
OF_THE_CLUSTER = ("Namespace", "ClusterQueue", "ResourceFlavor")


def plural(kind: str) -> str:
    return kind.lower()[:-1] + "ies" if kind.endswith("y") else kind.lower() + "s"


class ApiServer:
    """Listens on 127.0.0.1, any free port."""

    def __init__(self) -> None:
        self.apis: dict[str, list[str]] = {**CORE, **KUBERAY, **PROMETHEUS}
        self.objects: dict[tuple[str, str], Object] = {}
        """By kind and name; one namespace is enough for these tests."""
        self.managers: dict[tuple[str, str], dict[str, str]] = {}
        """Who set each field, by its path."""
        self.requests: list[tuple[str, str, Object]] = []
        """Method, path with query, body."""
        self.refusals: list[tuple[str, str, int, str]] = []
        """Method, pattern of the path, status and message."""
        self.after: Callable[[str, Object], None] = lambda method, live: None
        self.execs: Callable[[str, str, list[str]], tuple[int, str, str]] = lambda pod, container, command: (0, "", "")
        """Pod, container, command; exit code, output, errors."""
        self.logs: dict[str, str] = {}
        """By pod and container: `pod/container`."""
        self.ahead = timedelta()
        """How far its clock is before the reader's."""
        self.url = ""

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def put(self, live: Object) -> Object:
        live["metadata"].setdefault("creationTimestamp", self.now().strftime("%Y-%m-%dT%H:%M:%SZ"))
        self.objects[live["kind"], live["metadata"]["name"]] = live
        return live

    def writes(self) -> list[tuple[str, str, Object]]:
        return [one for one in self.requests if one[0] != "GET"]

    @contextmanager
    def running(self) -> Iterator[ApiServer]:
        loop = asyncio.new_event_loop()
        app = web.Application()
        app.on_response_prepare.append(self._date)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)

        async def start() -> None:
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"

        loop.run_until_complete(start())
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()

    async def _date(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = format_datetime(self.now(), usegmt=True)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        self.requests.append((request.method, request.path_qs, json.loads(text) if text else {}))
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return failed(401, "Unauthorized")
        for method, pattern, code, message in self.refusals:
            if request.method == method and re.search(pattern, request.path):
                return failed(code, message)
        path = re.fullmatch(
            r"/(?:api/(v1)|apis/([^/]+/[^/]+))(?:/namespaces/([^/]+))?(?:/([a-z]+))?(?:/([^/]+))?(?:/(\w+))?",
            request.path,
        )
        if path is None:
            return failed(404, "the server could not find the requested resource")
        core, group, namespace, resource, name, sub = path.groups()
        api = core or group
        if api not in self.apis:
            return failed(404, "the server could not find the requested resource")
        if resource is None and namespace is None:
            return web.json_response(
                {"kind": "APIResourceList", "resources": [self._described(k) for k in self.apis[api]]}
            )
        if resource is None:
            resource, name = "namespaces", namespace
        kind = next((one for one in self.apis[api] if plural(one) == resource), None)
        if kind is None:
            return failed(404, "the server could not find the requested resource")
        if sub == "exec":
            return await self._exec(request, name)
        if sub == "log":
            return self._log(request, name)
        writes = request.method in ("POST", "PATCH")
        if writes and namespace and kind != "Namespace" and ("Namespace", namespace) not in self.objects:
            return failed(404, f'namespaces "{namespace}" not found')
        return self._object(request, api, kind, name, json.loads(text) if text else {})

    @staticmethod
    def _described(kind: str) -> Object:
        return {"kind": kind, "name": plural(kind), "namespaced": kind not in OF_THE_CLUSTER}

    def _object(self, request: web.Request, api: str, kind: str, name: str | None, body: Any) -> web.Response:
        live = self.objects.get((kind, name or ""))
        match request.method:
            case "GET" if name is None:
                wanted = request.query.get("labelSelector", "")
                return web.json_response({"items": [one for one in self._of(kind) if labelled(one, wanted)]})
            case "POST":
                if (kind, body["metadata"]["name"]) in self.objects:
                    return failed(409, f'{plural(kind)} "{body["metadata"]["name"]}" already exists', "AlreadyExists")
                live = self.put(body)
            case "PATCH" if request.content_type == "application/apply-patch+yaml":
                answer = self._apply(request, kind, body)
                if answer is not None:
                    return answer
                live = self.objects[kind, body["metadata"]["name"]]
            case _ if live is None:
                return failed(404, f'{plural(kind)} "{name}" not found')
            case "PATCH":
                before = fields(copy.deepcopy(live))
                try:
                    patch(live, body)
                except AssertionError:
                    return failed(422, "the server rejected our request due to an error in our request: test failed")
                # Whoever updates is another owner than whoever applies, also under the same name.
                owner = f"{request.query['fieldManager']} (Update)"
                changed = {path for path, value in fields(live).items() if before.get(path) != value}
                self.managers.setdefault((kind, str(name)), {}).update(dict.fromkeys(changed, owner))
            case "DELETE":
                del self.objects[kind, str(name)]
                self.managers.pop((kind, str(name)), None)
        self.after(request.method, live)
        return web.json_response(live)

    def _of(self, kind: str) -> list[Object]:
        return [one for (found, _), one in self.objects.items() if found == kind]

    def _apply(self, request: web.Request, kind: str, body: Object) -> web.Response | None:
        assert request.query["fieldManager"]
        key = (kind, body["metadata"]["name"])
        owners = self.managers.setdefault(key, {})
        before = fields(self.objects.get(key, {}))
        wanted = fields(body)
        clashes = {
            path: owners[path]
            for path, value in wanted.items()
            if owners.get(path, "league") != request.query["fieldManager"] and before.get(path) != value
        }
        if clashes and request.query.get("force") != "true":
            causes = [
                {"reason": "FieldManagerConflict", "message": f'conflict with "{owner}"', "field": path}
                for path, owner in clashes.items()
            ]
            return failed(409, f"Apply failed with {len(clashes)} conflict", "Conflict", {"causes": causes})
        live = self.objects.get(key)
        wrong = None if live is None else invalid(kind, live, body)
        if wrong is not None:
            return failed(422, f'{kind} "{key[1]}" is invalid: {wrong}', "Invalid")
        owners.update(dict.fromkeys(wanted, request.query["fieldManager"]))
        if live is None:
            self.put(body)
        else:
            kept = {key: live[key] for key in ("status",) if key in live}
            metadata = {**live["metadata"], **body["metadata"]}
            live.clear()
            live.update({**body, "metadata": metadata, **kept})
        for group in self.objects[key].get("spec", {}).get("workerGroupSpecs", []):
            group.setdefault("replicas", 0)  # As the schema of a RayCluster has it.
        return None

    def _log(self, request: web.Request, pod: str) -> web.Response:
        text = self.logs.get(f"{pod}/{request.query['container']}")
        if text is None:
            return failed(400, f"container {request.query['container']} is not valid for pod {pod}")
        lines = text.splitlines(keepends=True)
        return web.Response(text="".join(lines[-int(request.query["tailLines"]) :]))

    async def _exec(self, request: web.Request, pod: str) -> web.StreamResponse:
        if ("Pod", pod) not in self.objects:
            return failed(404, f'pods "{pod}" not found')
        socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
        await socket.prepare(request)
        container, command = request.query["container"], request.query.getall("command")
        code, output, errors = await asyncio.to_thread(self.execs, pod, container, command)
        for channel, text in ((1, output), (2, errors)):
            if text:
                await socket.send_bytes(bytes([channel]) + text.encode())
        status: Object = {"status": "Success"}
        if code:
            causes = [{"reason": "ExitCode", "message": str(code)}]
            status = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}
        await socket.send_bytes(b"\x03" + json.dumps(status).encode())
        await socket.close()
        async for message in socket:
            assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
        return socket


def failed(code: int, message: str, reason: str = "", details: Object | None = None) -> web.Response:
    """A `Status`."""
    body = {"kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": code}
    return web.json_response({**body, "details": details or {}}, status=code)


CHANGEABLE = ("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit", "minReadySeconds")


def invalid(kind: str, live: Object, body: Object) -> str | None:
    """What Kubernetes' own validation says against a change; its words."""
    from kubernetes.utils.quantity import parse_quantity

    before, after = live.get("spec", {}), body.get("spec", {})
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    if kind == "StatefulSet" and not changed <= set(CHANGEABLE):
        named = ", ".join(f"'{name}'" for name in CHANGEABLE)
        return f"spec: Forbidden: updates to statefulset spec for fields other than {named} are forbidden"
    if kind == "PersistentVolumeClaim":
        storage = [parse_quantity(spec["resources"]["requests"]["storage"]) for spec in (before, after)]
        if storage[1] < storage[0]:
            return "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
    return None


def labelled(live: Object, selector: str) -> bool:
    labels = live["metadata"].get("labels", {})
    return all(labels.get(key) == value for key, _, value in (one.partition("=") for one in selector.split(",") if one))


def fields(part: Any, path: str = "") -> dict[str, Any]:
    """Leaves by path; lists are leaves."""
    if not isinstance(part, dict):
        return {path: part}
    found = {}
    for name, value in part.items():
        found.update(fields(value, f"{path}.{name}"))
    return found


def patch(live: Object, operations: list[Object]) -> None:
    """JSON Patch: test, add and replace."""
    for one in operations:
        *way, last = one["path"].strip("/").split("/")
        target: Any = live
        for step in way:
            target = target[int(step)] if isinstance(target, list) else target[step]
        if one["op"] == "test":
            assert target[last] == one["value"]
        else:
            target[last] = one["value"]
