"""What `league matches` shows of non-transitivity: rock-paper-scissors, and which policies matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import RenderableType

from league.interfaces.cli.console import Column, Columns, show_page, tabulate
from league.ladder.cycles import Cycle, cycles
from league.ladder.nash import nash_report
from league.ladder.payoff import Payoff
from league.view.words import percent

SHOWN_CYCLES = 20
"""The surest, as rows; `--json` has them all."""

CYCLES: Final[Columns[Cycle]] = (
    Column("policy", lambda one: one.policies[0]),
    Column("beats", lambda one: one.policies[1]),
    Column(">score", lambda one: percent(one.scores[0].value)),
    Column("beats", lambda one: one.policies[2]),
    Column(">score", lambda one: percent(one.scores[1].value)),
    Column("beats the first", lambda one: one.policies[0]),
    Column(">score", lambda one: percent(one.scores[2].value)),
    Column(">at least", lambda one: percent(one.strength)),
)
NASH: Final[Columns[dict[str, Any]]] = (
    Column("policy", lambda row: row["policy"]),
    Column(">weight", lambda row: percent(row["weight"])),
    Column(">against mixture", lambda row: percent(row["against_mixture"])),
    Column("most against it", lambda row: row["exploiter"]["policy"] if row["exploiter"] else ""),
    Column(">score", lambda row: percent(row["exploiter"]["score"]) if row["exploiter"] else ""),
    Column(">games", lambda row: row["exploiter"]["games"] if row["exploiter"] else ""),
)


def show_cycles(payoff: Payoff, json: bool, others: str = "") -> None:
    """Print every rock-paper-scissors triple, the surest first; `others` says whom the payoff leaves out."""
    found = cycles(payoff)
    show_page(_cycles(found, others), lambda: [cycle.to_json() for cycle in found], json=json)


def _cycles(found: Sequence[Cycle], others: str) -> Iterator[RenderableType]:
    if not found:
        yield f"no cycles: where results are sure, nobody is beaten by someone weaker in a triple{others}"
        return
    left_out = len(found) - SHOWN_CYCLES
    yield tabulate(found[:SHOWN_CYCLES], CYCLES)
    rest = f"; {left_out:,} less sure ones are left out: --json has all" if left_out > 0 else ""
    yield f"each beats the next, the last the first, above the 95% interval{rest}{others}"


def show_nash(payoff: Payoff, snapshots: Sequence[str], champion: str | None, json: bool, others: str = "") -> None:
    """Print the Nash mixture over the snapshots that have played, and who scores most against each.

    `others` says whom the payoff leaves out.
    """
    report = nash_report(payoff, snapshots, champion)
    show_page(_nash(report["mixture"], champion, others), lambda: report, json=json)


def _nash(rows: Sequence[dict[str, Any]], champion: str | None, others: str) -> Iterator[RenderableType]:
    if not rows:
        yield "no matches of snapshots yet"
        return
    yield tabulate(rows, NASH, style=lambda row: None if row["weight"] else "dim")
    said = "weight in the Nash mixture of the snapshots; expected scores, where there are few games from ratings"
    yield f"{said}{others}"
    yield from (_champion_line(row) for row in rows if row["policy"] == champion)


def _champion_line(row: dict[str, Any]) -> str:
    """How exploitable the champion is within the league."""
    said = [
        f"of the {kind} {found['policy']} scores most against it, {percent(found['score'])}"
        for kind, found in (("snapshots", row["exploiter"]), ("bots", row["bot_exploiter"]))
        if found
    ]
    return f"champion {row['policy']}: {'; '.join(said) or 'nobody to be exploited by'}"
