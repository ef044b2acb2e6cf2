"""`league k8s`: a league on Kubernetes, for people who do not want to know the YAML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import RenderableType
from rich.styled import Styled
from rich.table import Table

from league.config import load_config
from league.errors import KubernetesError
from league.interfaces.cli import options
from league.interfaces.cli.console import Column, Columns, facts, say, show_page, tabulate
from league.interfaces.k8s.selectors import KUBERAY, PROMETHEUS
from league.view.dashboards import RUNBOOK
from league.view.words import counted, duration, size

if TYPE_CHECKING:
    from league.interfaces.k8s.cluster import Cluster

DEFAULT_NAMESPACE = "league"

PODS: Final[Columns[dict[str, Any]]] = (
    Column("pod", lambda pod: pod["name"]),
    Column("of", lambda pod: " ".join(filter(None, (pod["component"], pod["group"])))),
    Column("state", lambda pod: pod["state"]),
    Column("ready", lambda pod: pod["ready"]),
    Column(">restarts", lambda pod: pod["restarts"]),
    Column(">age", lambda pod: duration(pod["age_s"])),
)

NamespaceOption = Annotated[
    str, typer.Option("--namespace", "-n", envvar="LEAGUE_NAMESPACE", help="Where the league lives in the cluster.")
]
ContextOption = Annotated[
    str | None, typer.Option("--context", help="Of the kubeconfig; without it the current one.", show_default=False)
]


ImagesOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]IMAGE",
        help="Where your cluster finds our image, by tag or digest; for GPUs IMAGE-gpu:TAG, or league-gpu=IMAGE; "
        "redis=IMAGE.",
    ),
]


def deploy(
    overlay: Annotated[
        str, typer.Argument(help="local, gpu, kueue, monitoring; or a folder, or a YAML file.")
    ] = "local",
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    context: ContextOption = None,
    image: ImagesOption = None,
    pull_secret: Annotated[
        str | None, typer.Option(help="The Secret with the registry's password.", show_default=False)
    ] = None,
    config: Annotated[Path | None, typer.Option(help="What the league plays, and how: a TOML file.")] = None,
    restore: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="First fill the empty store from a backup on its volume; `newest` for the last."
        ),
    ] = None,
    kuberay: Annotated[str, typer.Option(metavar="NAMESPACE", help="Where KubeRay's operator runs.")] = KUBERAY,
    prometheus: Annotated[str, typer.Option(metavar="NAMESPACE", help="Where Prometheus runs.")] = PROMETHEUS,
    runbook: options.RunbookOption = RUNBOOK,
    force: Annotated[bool, typer.Option("--force", help="Take over fields that others have set.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Until everything runs.")] = True,
    timeout: Annotated[float, options.number(least=0, help="Seconds to wait.")] = 600.0,
) -> None:
    """Apply an overlay server-side, make the Secrets that are missing, and wait until the league runs.

    Do it again after an upgrade, to change the configuration, or to put in a job anew that has ended.
    """
    from league.interfaces.k8s import deployment, restoring
    from league.interfaces.k8s.images import asked
    from league.interfaces.k8s.manifests import Fitting, load

    fitting = Fitting(
        namespace=namespace,
        images=asked(image or []),
        pull_secret=pull_secret,
        config=_config(config),
        kuberay=kuberay,
        prometheus=prometheus,
        runbook=runbook,
    )
    objects = load(overlay, fitting)
    cluster = _connect(namespace, context)
    if restore is not None:
        restoring.restore(cluster, objects, restore, force=force, timeout_s=timeout, say=_say)
    began = deployment.deploy(cluster, objects, force=force, say=_say)
    if wait:
        deployment.wait(cluster, objects, since=began, timeout_s=timeout, say=_say)


def status(
    namespace: NamespaceOption = DEFAULT_NAMESPACE, context: ContextOption = None, json: options.JsonOption = False
) -> None:
    """Show the pods and, beside them, the league."""
    from league.interfaces.k8s.overview import overview

    found = overview(_connect(namespace, context))
    show_page(_page(found), lambda: found, json=json)


def scale(
    group: Annotated[str, typer.Argument(help="A worker group: cpu or gpu.")],
    count: Annotated[
        int | None, typer.Argument(min=0, max=100_000, help="So many workers, now.", show_default=False)
    ] = None,
    least: Annotated[
        int | None, typer.Option("--min", min=0, max=100_000, help="Never fewer.", show_default=False)
    ] = None,
    most: Annotated[
        int | None, typer.Option("--max", min=0, max=100_000, help="Never more.", show_default=False)
    ] = None,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    context: ContextOption = None,
) -> None:
    """Change the size of a worker group, or the bounds between which Ray's autoscaler keeps it."""
    from league.interfaces.k8s import scaling

    if count is None and least is None and most is None:
        raise KubernetesError("nothing to change: give a COUNT, --min or --max")
    now, autoscaled = scaling.scale(_connect(namespace, context), group, count=count, least=least, most=most)
    say(f"{group}: {now['replicas']} workers, at least {now['minReplicas']}, at most {now['maxReplicas']}")
    if autoscaled and count is not None and now["minReplicas"] < now["replicas"]:
        say(f"the autoscaler takes away who is idle: --min {now['replicas']} keeps them")


def logs(
    what: Annotated[
        str, typer.Argument(help="job, coordinator, head, autoscaler, champion, exporter, dashboard, store or gcs.")
    ] = "job",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    tail: Annotated[int, options.number(least=0, help="Lines of what was said before.")] = 100,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    context: ContextOption = None,
) -> None:
    """Print a log: of the job that is `league train`, of its coordinator, or of a pod."""
    from league.interfaces.k8s.logs import read

    for line in read(_connect(namespace, context), what, follow=follow, tail=tail):
        print(line, flush=True)


def promote(
    policy: options.CandidateArgument = None,
    reason: options.ReasonOption = None,
    force: Annotated[bool, typer.Option("--force", help="Without a test, and pinned.")] = False,
    games: Annotated[int | None, options.number(least=1, help="At most so many games against the champion.")] = None,
    timeout: Annotated[float, options.number(least=0, help="Seconds until it must be served.")] = 120.0,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    context: ContextOption = None,
) -> None:
    """Run `league promote` in the cluster, and show how the service takes the champion up.

    Refused or undecided: exit code 1.
    """
    from league.interfaces.k8s import promotion

    cluster = _connect(namespace, context)
    arguments = [policy] if policy is not None else []
    arguments += ["--reason", reason] if reason is not None else []
    arguments += ["--force"] if force else []
    arguments += ["--games", str(games)] if games is not None else []
    code = promotion.promote(cluster, arguments, options.user(), lambda part: print(part, end="", flush=True))
    if code:
        raise typer.Exit(code)
    champion = promotion.champion(cluster)
    if champion is not None:
        promotion.wait_served(cluster, champion, timeout, _say)


def resume(namespace: NamespaceOption = DEFAULT_NAMESPACE, context: ContextOption = None) -> None:
    """Put the job in anew if it has failed, less and less often where it fails again.

    The CronJob league-resume does so every minute.
    """
    from league.interfaces.k8s.resumption import resume

    print(resume(_connect(namespace, context)))


def stop(namespace: NamespaceOption = DEFAULT_NAMESPACE, context: ContextOption = None) -> None:
    """Delete the job, and wait until its league has saved. All else stays: `league k8s deploy` resumes it."""
    from league.interfaces.k8s.stopping import stop

    if not stop(_connect(namespace, context), _say):
        say(f"namespace {namespace} has no RayJob league: nothing to stop")


def delete(
    purge: Annotated[
        bool, typer.Option("--purge", help="The volumes and Secrets, too: the league is lost for good.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    namespace: NamespaceOption = DEFAULT_NAMESPACE,
    context: ContextOption = None,
) -> None:
    """Delete what `league k8s deploy` made, once the league has saved. Volumes, Secrets and the namespace stay.

    Deploy again, and the league goes on from its volume.
    """
    from league.interfaces.k8s import deployment
    from league.interfaces.k8s.stopping import stop

    cluster = _connect(namespace, context)
    lost = " and its volumes: the league is lost for good" if purge else "; its volumes stay"
    if not yes and not typer.confirm(f"Delete the league in namespace {namespace} of {cluster.server}{lost}?"):
        raise typer.Exit(1)
    if not purge:
        try:
            stop(cluster, _say)
        except KubernetesError as error:
            _say(f"not waited for: {error}")
    deployment.delete(cluster, purge=purge, say=_say)


def _connect(namespace: str, context: str | None) -> Cluster:
    from league.interfaces.k8s.cluster import Cluster

    return Cluster.connect(namespace, context)


def _say(text: str) -> None:
    print(text, flush=True)


def _config(file: Path | None) -> str | None:
    if file is None:
        return None
    load_config(preset=None, file=file, settings=[], base=None)
    return file.read_text(encoding="utf-8")


def _page(found: dict[str, Any]) -> Iterator[RenderableType]:
    beside = Table.grid(padding=(0, 4))
    beside.add_row(tabulate(found["pods"], PODS, title=f"namespace {found['namespace']}"), _league(found))
    yield beside
    for pod in found["pods"]:
        if pod["reason"]:
            yield Styled(f"{pod['name']}  {pod['state']}: {pod['reason']}", "yellow")
    for trouble in found["images"]:
        yield Styled(trouble, "red")
    for warning in found["warnings"]:
        yield Styled(f"warning  {warning}", "yellow")


def _league(found: dict[str, Any]) -> Table:
    rows: dict[str, object] = {kind: state or "is not there" for kind, state in found["ray"].items()}
    for one in found["groups"]:
        rows[f"group {one['group']}"] = f"{one['replicas']} workers, {one['min']} to {one['max']}"
    league = found["league_status"]
    if league is None:
        rows["league"] = f"cannot be asked: {found['league_error']}"
    else:
        champion = league["champion"]
        rows |= {
            "league": f"{league['league']} at {league['store']}",
            "game": league["game"],
            "phase": league["phase"],
            "steps": f"{league['steps']:,}",
            "pool": f"{counted(league['snapshots'], 'snapshot')}, {size(league['bytes'])}",
            "matches": f"{league['matches']:,}",
            "champion": "none yet" if champion is None else champion["policy"],
        }
    made = facts(rows)
    made.title, made.title_justify, made.title_style = "league", "left", "bold"
    return made
