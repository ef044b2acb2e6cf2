"""*Training*: how fast the league learns, whether it still does, and what the hardware does meanwhile."""

from __future__ import annotations

from dashboards.boards.board import board
from dashboards.boards.pieces import (
    GREEN,
    ORANGE,
    PICKED,
    RED,
    SESSION,
    Json,
    Panel,
    Row,
    names,
    per_league,
    per_session,
    picked,
    query,
    session,
    stat,
    thresholds,
    timeline,
    timeseries,
)


def dashboard() -> Json:
    """The dashboard as Grafana reads it."""
    rows = [
        Row(title="Throughput", panels=_throughput()),
        Row(title="Losses", panels=_losses()),
        Row(title="Lag and staleness", panels=_freshness()),
        Row(title="Utilisation of the league", panels=_league_hardware()),
        Row(title="Utilisation of the cluster, by Ray", panels=_ray_hardware()),
    ]
    return board(
        uid="league-training",
        title="League training",
        about="How fast the league learns, and whether it does.",
        rows=rows,
    )


def _throughput() -> list[Panel]:
    return [
        stat(
            "Learning",
            "Steps a second that all learners learn from; a step is a move.",
            query(per_league("sum", f"league_learner_steps_per_second{PICKED}")),
            unit="count:steps/s",
            limits=thresholds(RED, (1, GREEN)),
        ),
        stat(
            "Playing",
            "Plies a second on all boards of all learners, opponents' moves included.",
            query(per_league("sum", f"league_learner_plies_per_second{PICKED}")),
            unit="count:plies/s",
        ),
        stat(
            "Learned",
            "Steps behind the weights of all learners, since the league began.",
            query(per_league("sum", f"league_learner_steps{PICKED}")),
            unit="count:steps",
        ),
        stat(
            "Learners at work",
            "Learners that finished an iteration in the last five minutes; in the first five of a run, all.",
            query(per_league("sum", f"league_learner_report_age_seconds{PICKED} < bool 300")),
            unit="short",
            limits=thresholds(RED, (1, GREEN)),
        ),
        stat(
            "Given up",
            "Learners that diverged too often and were stopped.",
            query(per_league("sum", f"league_learner_stopped{PICKED}")),
            unit="short",
            limits=thresholds(GREEN, (1, RED)),
        ),
        stat(
            "Time at work",
            "Share of the last minutes that the learners were at work and not waiting for their turn, on average.",
            query(per_league("avg", f"rate(league_learner_busy_seconds_total{PICKED}[$__rate_interval])")),
            unit="percentunit",
            decimals=0,
        ),
        timeseries(
            "Steps per second",
            "Moves that each learner learns from in a second, as it reports them, smoothed.",
            query(f"league_learner_steps_per_second{PICKED}", "{{learner}}"),
            unit="count:steps/s",
            width=8,
            min=0,
        ),
        timeseries(
            "Plies per second",
            "Moves played on the boards of each learner in a second, by it and its opponents, smoothed.",
            query(f"league_learner_plies_per_second{PICKED}", "{{learner}}"),
            unit="count:plies/s",
            width=8,
            min=0,
        ),
        timeseries(
            "Steps made",
            "Steps that each learner made in a second, counted: where it is at zero, nothing is learned. Steps that a "
            "crash cost are made, and counted, again.",
            query(f"rate(league_learner_steps_total{PICKED}[$__rate_interval])", "{{learner}}"),
            unit="count:steps/s",
            width=8,
            min=0,
        ),
    ]


def _losses() -> list[Panel]:
    return [
        _loss("Total loss", "What the optimiser minimises. Its level means little, its jumps much.", "total_loss"),
        _loss("Policy loss", "PPO's clipped surrogate loss, around zero.", "policy_loss"),
        _loss("Value loss", "Mean squared error of the value.", "vf_loss", min=0),
        _loss(
            "Explained variance",
            "Of the value: 1 is perfect, 0 no better than a constant, below 0 worse.",
            "vf_explained_var",
            max=1,
            limits=thresholds(RED, (0, ORANGE), (0.3, GREEN)),
        ),
        _loss(
            "Entropy",
            "Of the policy over its legal moves, in nats. It falls as the policy makes up its mind; at zero too early "
            "it no longer explores: raise learning.entropy_coeff.",
            "entropy",
            min=0,
        ),
        _loss(
            "KL divergence",
            "Between the policy before and after an update. Large and rising: lower learning.lr.",
            "mean_kl_loss",
            min=0,
        ),
        _loss(
            "Gradient norm",
            "Global norm before it is clipped.",
            "gradients_default_optimizer_global_norm",
            min=0,
        ),
    ]


def _loss(title: str, about: str, loss: str, **options: object) -> Panel:
    expr = f"league_learner_loss{picked(loss=loss)}"
    return timeseries(title, about, query(expr, "{{learner}}"), unit="none", width=8, height=7, **options)


def _freshness() -> list[Panel]:
    return [
        timeseries(
            "Lag of the pool",
            "Steps of each learner since its last snapshot: how far the pool is behind. It rises to "
            "snapshots.every_steps and falls to zero, as a saw.",
            query(f"league_learner_lag_steps{PICKED}", "{{learner}}"),
            unit="count:steps",
            min=0,
        ),
        timeseries(
            "Duration of an iteration",
            "Seconds of playing and of learning in each learner's last iteration. Their sum is the age that weights "
            "reach which still play: the staleness of the games that are learned from.",
            query(f"league_learner_iteration_seconds{PICKED}", "{{learner}}: {{part}}"),
            unit="s",
            stacked=True,
            min=0,
        ),
        timeseries(
            "Since the last iteration",
            "A learner that waits for its turn is older than the others; one that only gets older is stuck. Before its "
            "first iteration it is as old as the run.",
            query(f"league_learner_report_age_seconds{PICKED}", "{{learner}}"),
            unit="s",
            limits=thresholds(GREEN, (300, ORANGE)),
            min=0,
        ),
        timeseries(
            "Since the last checkpoint",
            "What a crash of a learner would cost, in seconds.",
            query(f"league_learner_checkpoint_age_seconds{PICKED}", "{{learner}}"),
            unit="s",
            limits=thresholds(GREEN, (600, ORANGE)),
            min=0,
        ),
    ]


def _league_hardware() -> list[Panel]:
    return [
        timeseries(
            "Time at work by learner",
            "Share of the time that each learner was at work, not waiting for its turn.",
            query(f"rate(league_learner_busy_seconds_total{PICKED}[$__rate_interval])", "{{learner}}"),
            unit="percentunit",
            width=8,
            min=0,
        ),
        timeline(
            "Learners with a place",
            "Which learners have their place on the cluster; league status says what the others lack.",
            query(f"league_learner_placed{PICKED}", "{{learner}}"),
            width=8,
            height=8,
            mappings=names({0: ("waits for room", ORANGE), 1: ("has a place", GREEN)}),
        ),
        timeseries(
            "Runners",
            "Processes that play for the learners. Lost ones are started again; that they stay lost should not be.",
            query(per_league("sum", f"league_learner_runners{PICKED}", "learner", "state"), "{{learner}}: {{state}}"),
            unit="short",
            width=8,
            steps=True,
            decimals=0,
            min=0,
        ),
        timeseries(
            "GPU memory of the learners",
            "What torch holds for each learner; zero without a GPU.",
            query(f"league_learner_gpu_memory_bytes{PICKED}", "{{learner}}"),
            unit="bytes",
            width=8,
            min=0,
        ),
    ]


def _ray_hardware() -> list[Panel]:
    share = thresholds(GREEN, (90, ORANGE))
    gpu_memory = f"(ray_node_gram_used{SESSION} + ray_node_gram_available{SESSION})"
    return [
        timeseries(
            "CPU by node",
            "Ray's measure. Learners and runners should keep it high; what they leave is for matches.",
            query(f"ray_node_cpu_utilization{SESSION}", "{{ip}}"),
            unit="percent",
            width=8,
            min=0,
            max=100,
        ),
        timeseries(
            "Memory by node",
            "Share of the node's memory in use. Ray kills workers from 95% on.",
            query(f"ray_node_mem_used{SESSION} / ray_node_mem_total{SESSION} * 100", "{{ip}}"),
            unit="percent",
            width=8,
            min=0,
            max=100,
            limits=thresholds(GREEN, (85, ORANGE), (95, RED)),
        ),
        timeseries(
            "Object store",
            "Bytes in Ray's shared memory, by where they are. Anything spilled is a sign of too little memory.",
            query(per_session("sum", f"ray_object_store_memory{SESSION}", "Location"), "{{Location}}"),
            unit="bytes",
            width=8,
            stacked=True,
            min=0,
        ),
        timeseries(
            "GPU by node",
            "Ray's measure of each GPU; no data without one.",
            query(f"ray_node_gpus_utilization{SESSION}", "{{ip}} GPU {{GpuIndex}}"),
            unit="percent",
            width=8,
            min=0,
            max=100,
        ),
        timeseries(
            "GPU memory by node",
            "Share of the memory of each GPU in use; no data without one.",
            query(f"ray_node_gram_used{SESSION} / {gpu_memory} * 100", "{{ip}} GPU {{GpuIndex}}"),
            unit="percent",
            width=8,
            min=0,
            max=100,
            limits=share,
        ),
        timeseries(
            "CPUs that are asked for",
            "Ray's book-keeping, which is about reservations and not about load: where nothing is left, nothing can be "
            "added.",
            query(per_session("sum", f"ray_resources{session(Name='CPU')}", "State"), "{{State}}"),
            unit="short",
            width=8,
            stacked=True,
            min=0,
        ),
    ]
