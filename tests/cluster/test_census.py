"""Nodes as Ray lists them, by group."""

from typing import Any

from league.cluster.census import groups
from league.cluster.nodes import GROUP


def node(*, alive: bool = True, labels: dict[str, str] | None = None, **resources: float) -> dict[str, Any]:
    return {"Alive": alive, "Resources": resources if alive else {}, "Labels": labels or {}}


def test_a_group_is_a_label_or_what_the_node_has() -> None:
    head = {"node:__internal_head__": 1.0, "CPU": 4.0}
    listed = [
        node(**head),
        node(CPU=8.0),
        node(CPU=8.0),
        node(CPU=8.0, GPU=1.0),
        node(labels={GROUP: "spot"}, CPU=8.0, GPU=1.0),
        node(labels={GROUP: "spot"}, alive=False),
        node(labels={GROUP: "gone"}, alive=False),
        node(alive=False),
    ]
    assert groups(listed) == {"head": 1, "cpu": 2, "gpu": 1, "spot": 1, "gone": 0}
    assert "gone" in groups(listed), "a group without nodes is 0, not absent"


def test_the_head_is_the_head_whatever_its_label() -> None:
    head = node(labels={GROUP: "headgroup"}, **{"node:__internal_head__": 1.0})
    assert groups([head, node(labels={GROUP: "workers"}, CPU=8.0)]) == {"head": 1, "workers": 1}
