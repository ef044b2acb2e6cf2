"""The commands of `league`: each with its place in the help and its examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from league.installation import version as installed_version
from league.interfaces.cli import k8s as kubernetes
from league.interfaces.cli.backup import backup, restore
from league.interfaces.cli.challenge import challenge
from league.interfaces.cli.champion import champion, rollback
from league.interfaces.cli.check import check
from league.interfaces.cli.cluster import check_cluster
from league.interfaces.cli.compare import compare
from league.interfaces.cli.configuration import config, presets
from league.interfaces.cli.dashboard import dashboard
from league.interfaces.cli.evaluate import evaluate
from league.interfaces.cli.export import export
from league.interfaces.cli.exporter import exporter
from league.interfaces.cli.games import games
from league.interfaces.cli.grafana import grafana
from league.interfaces.cli.help import HelpfulCommand, HelpfulGroup, flowing
from league.interfaces.cli.leaderboard import leaderboard
from league.interfaces.cli.log import archive, export_log, list_log
from league.interfaces.cli.matches import matches
from league.interfaces.cli.new_game import new_game
from league.interfaces.cli.play import play
from league.interfaces.cli.pool import list_pool, prune, show
from league.interfaces.cli.pool_files import export_pool, import_pool
from league.interfaces.cli.promote import promote
from league.interfaces.cli.publish import publish
from league.interfaces.cli.ratings import ratings
from league.interfaces.cli.repair import repair
from league.interfaces.cli.serve import serve
from league.interfaces.cli.status import status
from league.interfaces.cli.tensorboard import tensorboard
from league.interfaces.cli.train import train
from league.interfaces.cli.tune import tune
from league.interfaces.cli.watch import watch

app = typer.Typer(
    name="league",
    cls=HelpfulGroup,
    help="A distributed self-play league: train it, watch it, play it, take its champion away.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

cluster = typer.Typer(cls=HelpfulGroup, help="A cluster of `ray up`: what is missing before it is typed.")
k8s = typer.Typer(
    cls=HelpfulGroup,
    help="A league on Kubernetes: deploy it, watch it, scale it, promote and serve its champion.",
)
log = typer.Typer(cls=HelpfulGroup, help="The match log: where its oldest matches are, archive them, export all of it.")
pool = typer.Typer(cls=HelpfulGroup, help="The frozen policies: list them, prune them, carry them to another league.")


def _command(
    panel: str, function: Callable[..., Any], *examples: str, to: typer.Typer = app, name: str | None = None
) -> None:
    lines = "\n".join(f"  {example}" for example in examples)
    says = flowing(function.__doc__)
    to.command(name, cls=HelpfulCommand, help=says, rich_help_panel=panel, epilog=f"Examples:\n\n{lines}")(function)


_command(
    "Train",
    train,
    "league train --minutes 10",
    "league train --game tic_tac_toe --until-elo 200",
    "league train --game pettingzoo.classic.leduc_holdem_v4 --store runs/leduc",
    "league train --store redis://db.example:6380/0 --address auto --set rollout.runners=8",
)
_command(
    "Train",
    tune,
    "league tune --search space.toml --samples 8 --minutes 2 --game tic_tac_toe",
    "league tune --search space.toml --samples 6 --scheduler pbt --concurrent 3",
)
_command(
    "Watch",
    leaderboard,
    "league leaderboard --top 10",
    "league leaderboard --people",
    "league leaderboard --store redis://localhost/0 --json",
)
_command(
    "Watch",
    matches,
    "league matches --image payoff.png",
    "league matches --last 20",
    "league matches --cycles",
    "league matches --nash",
)
_command("Watch", ratings, "league ratings", "league ratings recompute")
_command("Watch", status, "league status", "league status --verify", "league status --json --events 100")
_command("Watch", watch, "league watch", "league watch --store redis://db.example:6380/0 --json")
_command(
    "Watch",
    dashboard,
    "league dashboard",
    "league dashboard --play http://127.0.0.1:7860/",
    "league dashboard --host 0.0.0.0 --token-file /run/secrets/token",
)
_command("Watch", compare, "league compare runs/one runs/two", "league compare runs/one runs/two --image curves.png")
_command("Watch", tensorboard, "league tensorboard", "league tensorboard runs/tune --port 0")
_command("Watch", champion, "league champion", "league champion --history", "league champion --follow")
_command(
    "Play",
    evaluate,
    "league evaluate champion --against negamax-4",
    "league evaluate main-0007 --against main-0003 --games 1000 --seed 1 --record",
)
_command(
    "Play",
    challenge,
    "league challenge champion --minutes 10",
    "league challenge negamax-4 --minutes 2 --seed 1 --output exploiter.safetensors",
)
_command(
    "Play",
    play,
    "league play",
    "league play main-0003 --seat 1 --hints",
    "league play --search 200 --name anna",
    "league play --web",
)
_command(
    "Choose",
    promote,
    "league promote",
    "league promote main-0007 --games 4000",
    "league promote main-0007 --force --reason 'for the demo'",
)
_command("Choose", rollback, "league rollback --reason 'too greedy in the endgame'")
_command(
    "Deploy",
    export,
    "league export champion",
    "league export main-0007 --format safetensors --output best.st",
    "league export champion --format space --output my-space",
)
_command(
    "Deploy",
    publish,
    "league publish my-space --repo anna/connect-four --dry-run",
    "HF_TOKEN=... league publish my-space --repo anna/connect-four",
)
_command("Deploy", serve, "league serve", "league serve --host 0.0.0.0 --port 8000 --replicas 4")
_command("Deploy", exporter, "league exporter", "league exporter --host 0.0.0.0 --port 9464")
_command("Deploy", grafana, "league grafana --output monitoring")
app.add_typer(cluster, name="cluster", rich_help_panel="Deploy")
_command("Cluster", check_cluster, "league cluster check cluster/cluster.yaml", to=cluster, name="check")
app.add_typer(k8s, name="k8s", rich_help_panel="Deploy")
_command(
    "Kubernetes",
    kubernetes.deploy,
    "league k8s deploy local",
    "league k8s deploy gpu --image registry.example/league:0.1.0 --pull-secret registry --config my-league.toml",
    "league k8s deploy gpu --restore newest",
    to=k8s,
)
_command("Kubernetes", kubernetes.status, "league k8s status", "league k8s status --namespace chess --json", to=k8s)
_command("Kubernetes", kubernetes.scale, "league k8s scale cpu 4", "league k8s scale gpu --min 1 --max 8", to=k8s)
_command("Kubernetes", kubernetes.logs, "league k8s logs --follow", "league k8s logs coordinator --tail 20", to=k8s)
_command("Kubernetes", kubernetes.promote, "league k8s promote", "league k8s promote main-0007 --force", to=k8s)
_command("Kubernetes", kubernetes.resume, "league k8s resume", to=k8s)
_command("Kubernetes", kubernetes.stop, "league k8s stop", to=k8s)
_command("Kubernetes", kubernetes.delete, "league k8s delete", "league k8s delete --purge --yes", to=k8s)
_command(
    "Keep",
    backup,
    "league backup league.tar",
    "league backup backups/ --keep 7 --store redis://db.example:6380/0",
)
_command(
    "Keep",
    restore,
    "league restore league.tar --store runs/restored",
    "league restore league.tar --league before",
)
_command("Keep", repair, "league repair --store runs/demo")
app.add_typer(log, name="log", rich_help_panel="Keep")
_command("Log", list_log, "league log list", "league log list --json", to=log, name="list")
_command("Log", archive, "league log archive", "league log archive --to s3://bucket/league", to=log)
_command(
    "Log",
    export_log,
    "league log export matches.parquet",
    "league log export matches.jsonl.gz --last 100000",
    to=log,
    name="export",
)
app.add_typer(pool, name="pool", rich_help_panel="Keep")
_command("Pool", list_pool, "league pool list", "league pool list --json", to=pool, name="list")
_command("Pool", show, "league pool show main-0007", "league pool show champion --json", to=pool)
_command("Pool", prune, "league pool prune --dry-run", "league pool prune --set retention.newest=5 --yes", to=pool)
_command(
    "Pool",
    export_pool,
    "league pool export --all --output backup.tar.gz",
    "league pool export champion main-0003 --output best",
    to=pool,
    name="export",
)
_command(
    "Pool",
    import_pool,
    "league pool import backup.tar.gz",
    "league pool import best --as anna --store runs/other",
    to=pool,
    name="import",
)
_command("Know", games, "league games", "league games --json")
_command("Know", new_game, "league new-game my_game", "league new-game my_game --tensors", name="new-game")
_command("Know", check, "league check my_game", "league check pettingzoo.classic.hanabi_v5 --games 5")
_command(
    "Know",
    config,
    "league config",
    "league config --defaults",
    "league config > my-league.toml",
    "league config --mend --set promotion.alpha=0.1",
)
_command("Know", presets, "league presets")


def _print_version(wanted: bool) -> None:
    if wanted:
        number = installed_version()
        print("league, from a source tree that is not installed" if number == "none" else f"league {number}")
        raise typer.Exit


@cluster.callback(invoke_without_command=True)
@k8s.callback(invoke_without_command=True)
@log.callback(invoke_without_command=True)
@pool.callback(invoke_without_command=True)
def _pool(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        context.get_help()


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        context.get_help()
