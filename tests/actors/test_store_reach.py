"""Whether all nodes reach the store."""

import re

import pytest

from league.actors.reach import check_reachable
from league.cluster.nodes import Node
from league.errors import ClusterError


def nodes(*hosts: str, grouped: bool = False) -> list[Node]:
    return [
        Node(id=f"{number:08d}", host=host, cpus=1, gpus=0, head=number == 0, grouped=grouped)
        for number, host in enumerate(hosts)
    ]


@pytest.mark.parametrize(
    "store", ["redis://127.0.0.1:6380/0", "rediss://:hush@localhost/0", "redis://[::1]:6380", "unix:///run/redis.sock"]
)
def test_a_loopback_address_serves_the_nodes_of_one_machine(store: str) -> None:
    check_reachable(store, nodes("here", "here", "here", grouped=True))
    with pytest.raises(
        ClusterError, match=r"has 2 machines and the store \S+ is to each of them one of its own"
    ) as error:
        check_reachable(store, nodes("here", "there"))
    assert "hush" not in str(error.value)


@pytest.mark.parametrize("store", ["redis://head:6380/0", "redis://192.0.2.10:6380/0"])
def test_any_other_address_serves_all(store: str) -> None:
    check_reachable(store, nodes("here", "there", grouped=True))


def test_a_folder_serves_a_single_node() -> None:
    check_reachable("runs/demo", nodes("here"))
    for reason, there in [("has 2 nodes", nodes("here", "here")), ("grows by itself", nodes("here", grouped=True))]:
        with pytest.raises(ClusterError, match=re.escape(f"the cluster {reason} and the store runs/demo is a folder")):
            check_reachable("runs/demo", there)
