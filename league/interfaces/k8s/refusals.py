"""What the API server says when it refuses, for people."""

from __future__ import annotations

import json
import re
from typing import Any

from league.errors import KubernetesError


def refusal(server: str, namespace: str, doing: str, code: int, body: str | bytes) -> KubernetesError:
    """The error for an answer with that HTTP status; `doing` is a verb and a resource: `patch rayclusters/league`."""
    status = _status(body)
    message = str(status.get("message") or "").strip() or f"HTTP {code}"
    conflicts = tuple(cause["field"] for cause in _causes(status)) if code == 409 else ()
    return KubernetesError(_words(server, namespace, doing, code, message, status), code, conflicts)


def _words(server: str, namespace: str, doing: str, code: int, message: str, status: dict[str, Any]) -> str:
    quota = re.search(r"exceeded quota: (.*)", message)
    if quota:
        return f"cannot {doing}: the quota of namespace {namespace} is used up: {quota[1]}; raise it, or scale down"
    volume = re.search(r"patch persistentvolumeclaims/(\S+)", doing)
    if volume and "support resize" in message:
        return (
            f"volume {volume[1]} cannot grow: its storage class has no allowVolumeExpansion; set that, or restore a "
            "backup into a new volume"
        )
    match code:
        case 0:
            return f"cannot {doing}: {server} does not answer"
        case 401:
            return f"{server} does not accept these credentials: log in again, or see kubectl config current-context"
        case 403 if "is forbidden: User" in message or "cannot" in message or message == "HTTP 403":
            user = re.search(r'User "([^"]+)"', message)
            return (
                f"no permission to {doing} in namespace {namespace}"
                + (f" for {user[1]}" if user else "")
                + ": an administrator grants it, for daily use by binding the Role league-user"
            )
        case 404 if "namespaces" in message:
            return f"there is no namespace {namespace}: `league k8s deploy` makes it, or give another --namespace"
        case 404:
            return f"cannot {doing} in namespace {namespace}: not found; is the league deployed there?"
        case 409 if status.get("reason") == "Conflict":
            found = ", ".join(f"{cause['field']} ({cause['message']})" for cause in _causes(status))
            return f"cannot {doing}: fields were set by others: {found or message}; --force takes the fields over"
    return f"cannot {doing} in namespace {namespace}: {message}"


def _causes(status: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of a conflict, each with who set it otherwise, as server-side apply reports them."""
    return [cause for cause in status.get("details", {}).get("causes", []) if cause.get("field")]


def _status(body: str | bytes) -> dict[str, Any]:
    """The `Status` in the body; a proxy in between may have answered with anything."""
    try:
        status = json.loads(body)
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}
