"""What *Operations* shows of the store: whether it answers, how fast, and the room that it has."""

from __future__ import annotations

from dashboards.boards.pieces import GREEN, PICKED, RED, Panel, names, query, timeline, timeseries

WELL = names({0: ("failed", RED), 1: ("well", GREEN)})
UP = names({0: ("down", RED), 1: ("up", GREEN)})


def panels() -> list[Panel]:
    """Of the store that each exporter reads."""
    return [
        timeline(
            "Store and exporter",
            "Whether the store answered the exporter; a gap is an exporter that Prometheus did not reach.",
            query(f"league_store_up{PICKED}", "{{instance}}"),
            width=8,
            height=8,
            mappings=UP,
        ),
        timeseries(
            "Latency",
            "How long the store took to answer, and the exporter to make its page. Prometheus waits ten seconds.",
            query(f"league_store_seconds{PICKED}", "store: {{operation}}"),
            query(f"league_scrape_seconds{PICKED}", "exporter"),
            unit="s",
            width=8,
            min=0,
        ),
        timeseries(
            "Memory of the store",
            "What the server uses, for all leagues on it, and what it may. A full store refuses, and the league stops.",
            query(f"league_store_memory_bytes{PICKED}", "used"),
            query(f"league_store_memory_limit_bytes{PICKED}", "limit"),
            unit="bytes",
            width=8,
            min=0,
        ),
        timeline(
            "Writes of the store",
            "Whether the server's last write to its disk succeeded: to the append-only file, of it anew, of a dump.",
            query(f"league_store_written{PICKED}", "{{write}}"),
            mappings=WELL,
        ),
        timeseries(
            "Disk of the store",
            "Free room where a store lies that is a folder, and on Kubernetes, by the kubelet, on the volume of its "
            "server. Of another server's disk no client can tell: watch its machine.",
            query(f"league_store_disk_free_bytes{PICKED}", "free"),
            query(f"league_store_disk_bytes{PICKED}", "all"),
            query(_of_volume("kubelet_volume_stats_available_bytes"), "volume: free"),
            query(_of_volume("kubelet_volume_stats_capacity_bytes"), "volume: all"),
            unit="bytes",
            height=6,
            min=0,
        ),
    ]


def _of_volume(metric: str) -> str:
    """What the kubelet says of the volume of the store, for the league whose exporter is in the same namespace."""
    volume = f'max by (namespace) ({metric}{{persistentvolumeclaim=~"data-league-redis-.*"}})'
    return f"{volume} * on (namespace) group_right group by (namespace, instance) (league_info{PICKED})"
