"""One namespace of a Kubernetes cluster: objects as plain dictionaries, errors for people."""

from __future__ import annotations

import email.utils
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from league.errors import KubernetesError, MissingExtraError
from league.interfaces.k8s.manifests import Object
from league.interfaces.k8s.refusals import refusal

FIELD_MANAGER: Final = "league"
"""Who owns the fields that we apply."""

TIMEOUT_S: Final = (5.0, 60.0)
"""To connect, and to wait for an answer."""
SILENT_S: Final = 1e6
"""How long a log that is followed may be silent: the client takes no pair of a number and none."""
PLAIN: Final[dict[str, Any]] = {"serialize": False, "_request_timeout": TIMEOUT_S}
"""Of every request of the `DynamicClient`: its answer stays as it came, and does not take for ever."""

INSTALL: Final = {
    "ray.io": "KubeRay is not installed: helm install kuberay-operator kuberay-operator "
    "--repo https://ray-project.github.io/kuberay-helm/ --version 1.7.0 --namespace kuberay-system --create-namespace",
    "monitoring.coreos.com": "Prometheus's operator is not installed: see https://prometheus-operator.dev",
    "kueue.x-k8s.io": "Kueue is not installed: see https://kueue.sigs.k8s.io/docs/installation/",
}
"""What to do where an API group is missing."""


@dataclass(frozen=True)
class Finished:
    """A command that ran in a pod."""

    code: int
    output: str
    errors: str

    @property
    def said(self) -> str:
        """The last line, for people."""
        lines = (self.errors or self.output).strip().splitlines()
        return lines[-1].removeprefix("league: ") if lines else f"exit code {self.code}"


class Cluster:
    """Every method raises `KubernetesError` where the API server cannot be reached, or refuses."""

    def __init__(self, client: Any, namespace: str) -> None:
        """Use an `ApiClient` of the `kubernetes` package."""
        from kubernetes import dynamic

        self._client = client
        # Every discoverer of the package reads the list of all API groups first, and keeps it in a file for all users.
        self._requests = dynamic.DynamicClient(client, discoverer=lambda *_: None)
        self.namespace = namespace
        self._kinds: dict[str, dict[str, Any]] = {}
        self._ahead = timedelta()
        """How far the API server's clock, which dates all objects, is before ours."""

    @classmethod
    def connect(cls, namespace: str, context: str | None = None) -> Cluster:
        """Read the kubeconfig (or, in a pod, its service account); nothing is asked yet."""
        try:
            from kubernetes import client, config
        except ModuleNotFoundError as error:
            raise MissingExtraError("kubernetes", "k8s") from error
        settings = client.Configuration()
        try:
            file = os.environ.get("KUBECONFIG")
            configured = file is not None or Path("~/.kube/config").expanduser().exists()
            if "KUBERNETES_SERVICE_HOST" in os.environ and not configured:
                config.load_incluster_config(client_configuration=settings)
            else:
                config.load_kube_config(file, context, settings)
        except config.ConfigException as error:
            raise KubernetesError(
                f"no Kubernetes cluster is configured: {str(error).rstrip('.')}; set KUBECONFIG, or see kubectl config"
            ) from error
        settings.retries = False
        return cls(client.ApiClient(settings), namespace)

    @property
    def server(self) -> str:
        """Address of the API server."""
        return str(self._client.configuration.host)

    def now(self) -> datetime:
        """The API server's time, to a second, as it stood in its last answer; ours while there was none."""
        return datetime.now(UTC) + self._ahead

    def kind(self, api_version: str, name: str) -> Any:
        """The `kubernetes.dynamic.Resource` for objects of that kind; None if the API server knows none.

        Its `name` is the plural, `namespaced` whether its objects live in namespaces. A group is asked for once.
        """
        from kubernetes.dynamic import Resource

        if api_version not in self._kinds:
            group, _, version = api_version.rpartition("/")
            root = {"prefix": "apis" if group else "api", "group": group, "api_version": version}
            try:
                with self._asking(f"read the API {api_version}"):
                    found = self._read(self._requests.request("get", f"{root['prefix']}/{api_version}", **PLAIN))
            except KubernetesError as error:
                if error.code != 404:
                    raise
                found = {"resources": []}
            self._kinds[api_version] = {
                one["kind"]: Resource(
                    kind=one["kind"], name=one["name"], namespaced=one["namespaced"], client=self._requests, **root
                )
                for one in found["resources"]
                if "/" not in one["name"]
            }
        return self._kinds[api_version].get(name)

    def require_kind(self, api_version: str, name: str) -> Any:
        """Like `kind`, but raises `KubernetesError`, which says what to install."""
        found = self.kind(api_version, name)
        if found is None:
            advice = INSTALL.get(api_version.partition("/")[0], "install what defines it")
            raise KubernetesError(f"the cluster at {self.server} knows no {name} ({api_version}): {advice}", 404)
        return found

    def get(self, api_version: str, kind: str, name: str) -> Object | None:
        """One object; None if it is not there."""
        return self._if_there("get", self.require_kind(api_version, kind), name)

    def find(self, api_version: str, kind: str, **selector: str) -> list[Object]:
        """Objects of this namespace, or of the cluster where the kind has none.

        `label_selector` and `field_selector` narrow.
        """
        items: list[Object] = self._do("list", self.require_kind(api_version, kind), None, "get", **selector)["items"]
        return items

    def create(self, manifest: Object) -> Object:
        """Make an object; the error has code 409 where it is there already."""
        known, name = self.require_kind(manifest["apiVersion"], manifest["kind"]), manifest["metadata"]["name"]
        return self._do("create", known, name, body=manifest, field_manager=FIELD_MANAGER)

    def apply(self, manifest: Object, *, force: bool = False) -> Object:
        """Server-side apply; a field that someone else has set is a conflict, unless `force` takes it over."""
        known, name = self.require_kind(manifest["apiVersion"], manifest["kind"]), manifest["metadata"]["name"]
        how, manager = "server_side_apply", FIELD_MANAGER
        return self._do("patch", known, name, how, body=manifest, field_manager=manager, force_conflicts=force)

    def patch(self, api_version: str, kind: str, name: str, operations: list[Object]) -> Object:
        """Change an object by the operations of a JSON Patch; it is refused as a whole where one of them fails."""
        known, form = self.require_kind(api_version, kind), "application/json-patch+json"
        return self._do("patch", known, name, body=operations, field_manager=FIELD_MANAGER, content_type=form)

    def delete(self, api_version: str, kind: str, name: str) -> bool:
        """Delete an object, and what belongs to it, in the background; False if it was not there."""
        known = self.require_kind(api_version, kind)
        return self._if_there("delete", known, name, propagation_policy="Background") is not None

    def running(self, selector: str, what: str) -> str:
        """Name of a pod that runs; raises where there is none, and says what there is instead."""
        pods = self.find("v1", "Pod", label_selector=selector)
        for pod in pods:
            if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
                return str(pod["metadata"]["name"])
        seen = ", ".join(f"{pod['metadata']['name']} is {pod['status'].get('phase')}" for pod in pods)
        raise KubernetesError(f"no pod of {what} runs in namespace {self.namespace}: {seen or 'none is there'}")

    def log(self, pod: str, container: str, *, follow: bool, tail: int) -> Iterator[str]:
        """Lines of a container's log: the last `tail` and then, with `follow`, those that come."""
        from kubernetes.client import CoreV1Api

        with self._asking(f"get pods/log {pod}"):
            answer = CoreV1Api(self._client).read_namespaced_pod_log(
                pod, self.namespace, container=container, follow=follow, tail_lines=tail,
                _preload_content=False, _request_timeout=(TIMEOUT_S[0], SILENT_S) if follow else TIMEOUT_S,
            )  # fmt: skip
        for line in answer:
            yield line.decode(errors="replace").removesuffix("\n")

    def follow(self, pod: str, container: str, command: list[str]) -> Iterator[str | Finished]:
        """Run a command in a container: its output as it comes, and at last how it ended."""
        from kubernetes.client import CoreV1Api
        from kubernetes.stream import stream

        with self._asking(f"create pods/exec {pod}"):
            shell = stream(
                CoreV1Api(self._client).connect_get_namespaced_pod_exec,
                pod, self.namespace, container=container, command=command,
                stdout=True, stderr=True, stdin=False, tty=False, _preload_content=False,
            )  # fmt: skip
        output, errors = "", ""
        try:
            while shell.is_open():
                shell.update(timeout=1)
                if shell.peek_stderr():
                    errors += shell.read_stderr()
                if shell.peek_stdout():
                    part = shell.read_stdout()
                    output += part
                    yield part
        finally:
            shell.close()
        yield Finished(int(shell.returncode or 0), output, errors)

    def ask(self, pod: str, container: str, command: list[str], trouble: str = "") -> Any:
        """The JSON that a command prints in a container; the error where it prints none begins with `trouble`."""
        *_, done = self.follow(pod, container, command)
        assert isinstance(done, Finished)
        try:
            return json.loads(done.output)
        except ValueError as error:
            raise KubernetesError(f"{trouble}{done.said}") from error

    def _if_there(self, verb: str, kind: Any, name: str, **given: Any) -> Object | None:
        try:
            return self._do(verb, kind, name, **given)
        except KubernetesError as error:
            if error.code == 404:
                return None
            raise

    def _do(self, verb: str, kind: Any, name: str | None, method: str | None = None, **given: Any) -> Object:
        """What the API server answers; `method` of the resource, where it is not called as the verb is in a Role."""
        with self._asking(f"{verb} {kind.name}" + (f"/{name}" if name else "")):
            return self._read(getattr(kind, method or verb)(name=name, namespace=self.namespace, **PLAIN, **given))

    def _read(self, response: Any) -> Object:
        """The object in an answer, whose date is the server's time."""
        date = email.utils.parsedate_tz(response.headers.get("Date"))
        if date is not None:
            self._ahead = datetime.fromtimestamp(email.utils.mktime_tz(date), UTC) - datetime.now(UTC)
        answer: Object = json.loads(response.data)
        return answer

    @contextmanager
    def _asking(self, doing: str) -> Iterator[None]:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ApiException as error:
            code = error.status or _handshake(error.reason)
            raise refusal(self.server, self.namespace, doing, code, error.body or "") from error
        except HTTPError as error:
            reason = str(getattr(error, "reason", None) or error).rpartition(": ")[2]
            raise KubernetesError(
                f"no Kubernetes cluster answers at {self.server}: {reason}; see kubectl config current-context"
            ) from error


def _handshake(reason: str | None) -> int:
    """The HTTP status in the message of a websocket that was refused; 0 if there is none."""
    words = (reason or "").split()
    return next((int(word) for word in words if word.isdigit() and len(word) == 3), 0)
