"""Whether every node of a cluster reaches the store of a league."""

from __future__ import annotations

from collections.abc import Sequence

from league.cluster.nodes import Node, autoscaled
from league.errors import ClusterError
from league.pool.address import Address


def check_reachable(store: str, nodes: Sequence[Node]) -> None:
    """Raise `ClusterError` where the store is a folder of one node, or at a loopback address, and there are others.

    Nodes on one machine, such as those of `cluster/local.yaml`, share its loopback addresses.
    """
    many = "grows by itself" if autoscaled(nodes) else f"has {len(nodes)} nodes" if len(nodes) > 1 else None
    address = Address.parse(store)
    if address.folder is not None and many:
        raise ClusterError(
            f"the cluster {many} and the store {address} is a folder of this node: "
            "other nodes cannot reach it; give --store redis://…"
        )
    machines = len({node.host for node in nodes})
    if machines > 1 and _stays_here(address):
        raise ClusterError(
            f"the cluster has {machines} machines and the store {address} is to each of them one of its own: "
            "give --store an address that all of them reach"
        )


def _stays_here(address: Address) -> bool:
    host = address.host or "localhost"  # Without one it is a socket.
    return address.folder is None and (host in ("localhost", "[::1]") or host.startswith("127."))
