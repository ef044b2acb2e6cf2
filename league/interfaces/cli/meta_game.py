"""What `league matches` shows of non-transitivity: rock-paper-scissors, and which policies matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from league.interfaces.cli import console
from league.view.words import percent

if TYPE_CHECKING:
    from rich.table import Table

    from league.ladder.cycles import Cycle
    from league.ladder.nash import Exploiter
    from league.ladder.payoff import Payoff

SHOWN_CYCLES = 20
"""The surest, as rows; `--json` has them all."""


def show_cycles(payoff: Payoff, json: bool) -> None:
    """Print every rock-paper-scissors triple, the surest first."""
    from league.ladder.cycles import cycles

    found = cycles(payoff)
    if json:
        console.print_json([cycle.to_json() for cycle in found])
    elif found:
        output, left_out = console.stdout(), len(found) - SHOWN_CYCLES
        output.print(_cycles_table(found[:SHOWN_CYCLES]))
        rest = f"; {left_out:,} less sure ones are left out: --json has all" if left_out > 0 else ""
        output.print(f"each beats the next, the last the first, above the 95% interval{rest}")
    else:
        console.stdout().print("no cycles: where results are sure, nobody is beaten by someone weaker in a triple")


def _cycles_table(found: Sequence[Cycle]) -> Table:
    made = console.table("policy", "beats", ">score", "beats", ">score", "beats the first", ">score", ">at least")
    for (a, b, c), scores, strength in ((one.policies, one.scores, one.strength) for one in found):
        first, second, third = (percent(score.value) for score in scores)
        made.add_row(a, b, first, c, second, a, third, percent(strength))
    return made


def show_nash(payoff: Payoff, snapshots: Sequence[str], champion: str | None, json: bool) -> None:
    """Print the Nash mixture over the snapshots that have played, and who scores most against each."""
    report = _nash_report(payoff, snapshots, champion)
    if json:
        console.print_json(report)
        return
    output = console.stdout()
    if not report["policies"]:
        output.print("no matches of snapshots yet")
        return
    output.print(_nash_table(report["policies"]))
    output.print("weight in the Nash mixture of the snapshots; expected scores, where there are few games from ratings")
    for row in report["policies"]:
        if row["policy"] == champion:
            output.print(_champion_line(row))


def _nash_report(payoff: Payoff, snapshots: Sequence[str], champion: str | None) -> dict[str, Any]:
    from league.ladder.nash import MetaGame

    played = set(payoff.policies())
    members = [name for name in snapshots if name in played]
    bots = played - set(snapshots)
    everyone = MetaGame.of(payoff, [*members, *sorted(bots)])
    game = everyone.among(members)
    mixture = game.nash()
    against = game.against(mixture)
    rows = [
        {
            "policy": name,
            "weight": mixture[name],
            "against_mixture": against[name],
            "exploiter": _plain(game.exploiter(name)),
            "bot_exploiter": _plain(everyone.exploiter(name, bots)),
        }
        for name in sorted(members, key=lambda name: (-mixture[name], -against[name], name))
    ]
    return {"champion": champion, "policies": rows}


def _plain(exploiter: Exploiter | None) -> dict[str, Any] | None:
    return exploiter._asdict() if exploiter else None


def _nash_table(rows: Sequence[dict[str, Any]]) -> Table:
    made = console.table("policy", ">weight", ">against mixture", "most against it", ">score", ">games")
    for row in rows:
        exploiter = row["exploiter"] or {"policy": "", "score": float("nan"), "games": ""}
        made.add_row(
            row["policy"],
            percent(row["weight"]),
            percent(row["against_mixture"]),
            exploiter["policy"],
            percent(exploiter["score"]),
            str(exploiter["games"]),
            style=None if row["weight"] else "dim",
        )
    return made


def _champion_line(row: dict[str, Any]) -> str:
    """How exploitable the champion is within the league."""
    said = [
        f"of the {kind} {found['policy']} scores most against it, {percent(found['score'])}"
        for kind, found in (("snapshots", row["exploiter"]), ("bots", row["bot_exploiter"]))
        if found
    ]
    return f"champion {row['policy']}: {'; '.join(said) or 'nobody to be exploited by'}"
