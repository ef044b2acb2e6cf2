"""A Ray cluster of several nodes on this machine, in a process of its own, that does what it reads.

One JSON list per line on standard input, one JSON answer per line on standard output:
`["add", {"num_cpus": 1}]` answers the new node's id, `["remove", id]` kills a node, `["actors"]` lists those alive.
"""

import json
import os
import sys

os.environ["RAY_AUTH_MODE"] = "disabled"

from ray.cluster_utils import Cluster


def main() -> None:
    cluster = Cluster(initialize_head=True, head_node_args=json.loads(sys.argv[1]))
    answer(cluster.address)
    for line in sys.stdin:
        match json.loads(line):
            case ["add", options]:
                answer(cluster.add_node(**options).node_id)
            case ["remove", node]:
                cluster.remove_node(next(n for n in cluster.worker_nodes if n.node_id == node), allow_graceful=False)
                answer(None)
            case ["actors"]:
                table = cluster.global_state.actor_table(None, None, None).values()
                answer(
                    [
                        {"kind": a["ActorClassName"], "name": a["Name"], "node": a["Address"]["NodeID"]}
                        for a in table
                        if a["State"] == "ALIVE"
                    ]
                )
    cluster.shutdown()


def answer(value: object) -> None:
    print("ANSWER " + json.dumps(value), flush=True)


main()
