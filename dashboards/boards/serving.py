"""What *Operations* shows of the served champion: who answers, how many questions, how well."""

from __future__ import annotations

from dashboards.boards.pieces import (
    GREEN,
    RED,
    SESSION,
    Panel,
    names,
    per_session,
    query,
    session,
    thresholds,
    timeline,
    timeseries,
)

ACT = session(route="/act")
"""The questions alone: who looks at the service is not counted."""


def panels() -> list[Panel]:
    """Of every `league serve` in the Ray session."""
    return [
        timeline(
            "Served champion",
            "Who answers, by replica; two at once while a promotion is being followed. Empty without league serve.",
            query(
                f"max by (SessionName, application, policy) (ray_league_serve_champion_info{SESSION}) == 1",
                "{{policy}}, {{application}}",
            ),
            width=8,
            height=8,
            mappings=names({1: " "}),
        ),
        timeline(
            "Replicas, store and champion",
            "Whether every replica reaches the store, and could load the champion that it found there.",
            query(per_session("min", f"ray_league_serve_store_up{SESSION}", "application"), "store: {{application}}"),
            query(
                f"1 - max by (SessionName, application) (ray_league_serve_champion_refused{SESSION})",
                "loaded: {{application}}",
            ),
            width=8,
            height=8,
            mappings=names({0: ("no", RED), 1: ("yes", GREEN)}),
        ),
        timeseries(
            "Promotions followed",
            "How often a replica has taken another champion.",
            query(
                per_session("sum", f"increase(ray_league_serve_swaps_total{SESSION}[$__rate_interval])", "application"),
                "{{application}}",
            ),
            unit="short",
            width=8,
            steps=True,
            min=0,
        ),
        timeseries(
            "Positions answered",
            "Positions a second, and how many of them a batch had: what is asked at once is computed at once.",
            query(
                _rate("ray_league_serve_positions_total"),
                "positions/s, {{application}}",
            ),
            query(
                f"{_rate('ray_league_serve_positions_total')} / {_rate('ray_league_serve_batches_total')}",
                "positions per batch, {{application}}",
            ),
            unit="short",
            width=8,
            min=0,
        ),
        timeseries(
            "Questions by answer",
            "Questions a second by the status of their answer. 4xx is the client's mistake, 503 no champion yet.",
            query(
                per_session(
                    "sum",
                    f"rate(ray_serve_num_http_requests_total{ACT}[$__rate_interval])",
                    "application",
                    "status_code",
                ),
                "{{status_code}}, {{application}}",
            ),
            unit="reqps",
            width=8,
            stacked=True,
            min=0,
        ),
        timeseries(
            "Time to answer",
            "By Ray Serve: half of the questions, and 99 of a hundred, are answered within.",
            *(
                query(
                    f"histogram_quantile({share}, sum by (SessionName, application, le) "
                    f"(rate(ray_serve_http_request_latency_ms_bucket{ACT}[$__rate_interval])))",
                    legend,
                )
                for share, legend in ((0.5, "median, {{application}}"), (0.99, "99%, {{application}}"))
            ),
            unit="ms",
            width=8,
            min=0,
            limits=thresholds(GREEN, (1000, RED)),
        ),
    ]


def _rate(counter: str) -> str:
    return per_session("sum", f"rate({counter}{SESSION}[$__rate_interval])", "application")
