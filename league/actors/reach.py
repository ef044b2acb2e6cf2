"""Whether every node of a cluster reaches the store of a league."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from league.cluster.nodes import Node, autoscaled
from league.errors import ClusterError
from league.pool.address import is_embedded, redacted


def check_reachable(store: str, nodes: Sequence[Node]) -> None:
    """Raise `ClusterError` where the store is a folder of one node, or at a loopback address, and there are others.

    Nodes on one machine, such as those of `cluster/local.yaml`, share its loopback addresses.
    """
    many = "grows by itself" if autoscaled(nodes) else f"has {len(nodes)} nodes" if len(nodes) > 1 else None
    if is_embedded(store) and many:
        raise ClusterError(
            f"the cluster {many} and the store {store} is a folder of this node: "
            "other nodes cannot reach it; give --store redis://…"
        )
    machines = len({node.host for node in nodes})
    if machines > 1 and _stays_here(store):
        raise ClusterError(
            f"the cluster has {machines} machines and the store {redacted(store)} is to each of them one of its own: "
            "give --store an address that all of them reach"
        )


def _stays_here(store: str) -> bool:
    url = urlsplit(store)
    host = url.hostname or "localhost"
    return not is_embedded(store) and (url.scheme == "unix" or host in ("localhost", "::1") or host.startswith("127."))
