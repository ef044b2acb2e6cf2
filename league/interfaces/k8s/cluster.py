"""One namespace of a Kubernetes cluster, over HTTP: objects as plain dictionaries, errors for people."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from league.errors import KubernetesError, MissingExtraError
from league.interfaces.k8s.manifests import Object
from league.interfaces.k8s.refusals import refusal

FIELD_MANAGER: Final = "league"
"""Who owns the fields that we apply."""

TIMEOUT_S: Final = (5.0, 60.0)
"""To connect, and to wait for an answer."""

INSTALL: Final = {
    "ray.io": "KubeRay is not installed: helm install kuberay-operator kuberay-operator "
    "--repo https://ray-project.github.io/kuberay-helm/ --version 1.7.0",
    "monitoring.coreos.com": "Prometheus's operator is not installed: see https://prometheus-operator.dev",
    "kueue.x-k8s.io": "Kueue is not installed: see https://kueue.sigs.k8s.io/docs/installation/",
}
"""What to do where an API group is missing."""


@dataclass(frozen=True)
class Kind:
    """A kind of object that the API server knows."""

    api_version: str
    name: str
    plural: str
    namespaced: bool


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

    def object(self) -> Object | None:
        """The JSON object that it printed; None if it did not."""
        try:
            found = json.loads(self.output)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None


class Cluster:
    """Every method raises `KubernetesError` where the API server cannot be reached, or refuses."""

    def __init__(self, client: Any, namespace: str) -> None:
        """Use an `ApiClient` of the `kubernetes` package."""
        self._client = client
        self.namespace = namespace
        self._kinds: dict[str, dict[str, Kind]] = {}

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
            if (
                file is None
                and "KUBERNETES_SERVICE_HOST" in os.environ
                and not Path("~/.kube/config").expanduser().exists()
            ):
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

    def kind(self, api_version: str, name: str) -> Kind | None:
        """What the API server calls objects of that kind; None if it knows none."""
        if api_version not in self._kinds:
            path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            try:
                listed = self._request("GET", path, doing=f"read the API {api_version}")["resources"]
            except KubernetesError as error:
                if error.code != 404:
                    raise
                listed = []
            self._kinds[api_version] = {
                one["kind"]: Kind(api_version, one["kind"], one["name"], one["namespaced"])
                for one in listed
                if "/" not in one["name"]
            }
        return self._kinds[api_version].get(name)

    def require_kind(self, api_version: str, name: str) -> Kind:
        """Like `kind`, but raises `KubernetesError`, which says what to install."""
        found = self.kind(api_version, name)
        if found is None:
            advice = INSTALL.get(api_version.partition("/")[0], "install what defines it")
            raise KubernetesError(f"the cluster at {self.server} knows no {name} ({api_version}): {advice}", 404)
        return found

    def get(self, api_version: str, kind: str, name: str) -> Object | None:
        """One object; None if it is not there."""
        known = self.require_kind(api_version, kind)
        try:
            return self._object("GET", known, name, verb="get")
        except KubernetesError as error:
            if error.code == 404:
                return None
            raise

    def find(self, api_version: str, kind: str, **query: str) -> list[Object]:
        """Objects of this namespace, or of the cluster where the kind has none; `labelSelector` and the like narrow."""
        known = self.require_kind(api_version, kind)
        items: list[Object] = self._object("GET", known, None, verb="list", query=query)["items"]
        return items

    def create(self, manifest: Object) -> Object:
        """Make an object; the error has code 409 where it is there already."""
        known = self.require_kind(manifest["apiVersion"], manifest["kind"])
        query = {"fieldManager": FIELD_MANAGER}
        return self._object("POST", known, None, verb="create", query=query, body=manifest, of=manifest)

    def apply(self, manifest: Object, *, force: bool = False) -> Object:
        """Server-side apply; a field that someone else has set is a conflict, unless `force` takes it over."""
        known = self.require_kind(manifest["apiVersion"], manifest["kind"])
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        name = manifest["metadata"]["name"]
        kind = "application/apply-patch+yaml"
        return self._object("PATCH", known, name, verb="patch", query=query, body=manifest, content=kind)

    def patch(self, api_version: str, kind: str, name: str, operations: list[Object]) -> Object:
        """JSON Patch."""
        known = self.require_kind(api_version, kind)
        query = {"fieldManager": FIELD_MANAGER}
        content = "application/json-patch+json"
        return self._object("PATCH", known, name, verb="patch", query=query, body=operations, content=content)

    def delete(self, api_version: str, kind: str, name: str) -> bool:
        """Delete an object, and what belongs to it, in the background; False if it was not there."""
        known = self.require_kind(api_version, kind)
        try:
            self._object("DELETE", known, name, verb="delete", query={"propagationPolicy": "Background"})
        except KubernetesError as error:
            if error.code == 404:
                return False
            raise
        return True

    def running(self, selector: str, what: str) -> str:
        """Name of a pod that runs; raises where there is none, and says what there is instead."""
        pods = self.find("v1", "Pod", labelSelector=selector)
        for pod in pods:
            if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
                return str(pod["metadata"]["name"])
        seen = (
            ", ".join(f"{pod['metadata']['name']} is {pod['status'].get('phase')}" for pod in pods) or "none is there"
        )
        raise KubernetesError(f"no pod of {what} runs in namespace {self.namespace}: {seen}")

    def log(self, pod: str, container: str, *, follow: bool, tail: int) -> Iterator[str]:
        """Lines of a container's log."""
        query = {"container": container, "follow": "true" if follow else "false", "tailLines": str(tail)}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/log"
        doing = f"get pods/log {pod}"
        response = self._send(
            "GET", path, query=query, doing=doing, timeout=(TIMEOUT_S[0], None) if follow else TIMEOUT_S
        )
        rest = b""
        for part in response.response.stream(decode_content=True):
            *lines, rest = (rest + part).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
        if rest:
            yield rest.decode(errors="replace")

    def follow(self, pod: str, container: str, command: list[str]) -> Iterator[str | Finished]:
        """Run a command in a container: its output as it comes, and at last how it ended."""
        from kubernetes.client import CoreV1Api
        from kubernetes.client.exceptions import ApiException
        from kubernetes.stream import stream

        doing = f"create pods/exec {pod}"
        try:
            shell = stream(
                CoreV1Api(self._client).connect_get_namespaced_pod_exec,
                pod, self.namespace, container=container, command=command,
                stdout=True, stderr=True, stdin=False, tty=False, _preload_content=False,
            )  # fmt: skip
        except ApiException as error:
            raise refusal(self.server, self.namespace, doing, error.status or _handshake(error.reason), "") from error
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

    def execute(self, pod: str, container: str, command: list[str]) -> Finished:
        """Run a command in a container, and wait for it."""
        *_, last = self.follow(pod, container, command)
        assert isinstance(last, Finished)
        return last

    def _object(
        self, method: str, kind: Kind, name: str | None, *, verb: str, of: Object | None = None, **request: Any
    ) -> Object:
        root = f"/apis/{kind.api_version}" if "/" in kind.api_version else f"/api/{kind.api_version}"
        inside = f"/namespaces/{self.namespace}" if kind.namespaced else ""
        shown = name or (of or {}).get("metadata", {}).get("name")
        doing = f"{verb} {kind.plural}" + (f"/{shown}" if shown else "")
        answer: Object = self._request(
            method, f"{root}{inside}/{kind.plural}" + (f"/{name}" if name else ""), doing=doing, **request
        )
        return answer

    def _request(self, method: str, path: str, **request: Any) -> Any:
        response = self._send(method, path, **request)
        return json.loads(response.read())

    def _send(
        self,
        method: str,
        path: str,
        *,
        doing: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content: str = "application/json",
        timeout: Any = TIMEOUT_S,
    ) -> Any:
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json", "Content-Type": content}
        # The client turns only plain JSON into text by itself, and takes a JSON Patch as a list.
        text = json.dumps(body) if content.startswith("application/apply") else body
        try:
            method, url, headers, text, _ = self._client.param_serialize(
                method, path, query_params=list((query or {}).items()), header_params=headers, body=text,
                auth_settings=["BearerToken"],
            )  # fmt: skip
            response = self._client.call_api(method, url, headers, text, _request_timeout=timeout)
        except HTTPError as error:
            reason = str(getattr(error, "reason", None) or error).rpartition(": ")[2]
            raise KubernetesError(
                f"no Kubernetes cluster answers at {self.server}: {reason}; see kubectl config current-context"
            ) from error
        if response.status >= 300:
            raise refusal(self.server, self.namespace, doing, response.status, response.read())
        return response


def _handshake(reason: str | None) -> int:
    """The HTTP status in the message of a websocket that was refused; 0 if there is none."""
    words = (reason or "").split()
    return next((int(word) for word in words if word.isdigit() and len(word) == 3), 0)
