"""The README of a Space or a model repository: front matter for the hub, and a model card for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any, Final

import yaml

from league.interfaces.board import title
from league.interfaces.hub.markup import in_markdown, short
from league.interfaces.hub.release import Release, versions
from league.policies.onnx import IR_VERSION, OPSET
from league.view.words import counted, percent

LICENCE: Final = "apache-2.0"
TAGS: Final = ("reinforcement-learning", "self-play", "board-games", "onnx")


def readme(release: Release, front: Mapping[str, Any], about: str) -> str:
    """`front`: what the hub has to know beside the title, the licence and the tags; `about`: the first paragraph."""
    matter = {
        "title": f"{title(release.spec.name)} against {short(release.name)}",
        **front,
        "license": LICENCE,
        "tags": list(TAGS),
        "model-index": [_index(release)],
    }
    head = yaml.safe_dump(matter, sort_keys=False, allow_unicode=True, width=1000)
    card = Template((Path(__file__).parent / "card.md").read_text(encoding="utf-8"))
    return f"---\n{head}---\n\n{card.substitute(_said(release), about=about)}"


def _index(release: Release) -> dict[str, Any]:
    """One entry of the hub's `model-index`: Elo, and the score against each opponent."""
    dataset = {"name": release.spec.name, "type": release.spec.name}
    task = {"type": "reinforcement-learning", "name": "reinforcement-learning"}
    metrics: list[dict[str, Any]] = [{"type": "games", "name": "Rated games", "value": release.standing.games}]
    if release.standing.games:
        name = f"Elo above uniform (± {release.standing.interval:.0f})"
        metrics.append({"type": "elo", "name": name, "value": round(release.standing.elo)})
    for meeting in release.meetings:
        name = f"Score against {short(meeting.opponent.policy)}"
        metrics.append({"type": "score", "name": name, "value": round(meeting.tally.score, 3)})
    return {"name": short(release.name), "results": [{"task": task, "dataset": dataset, "metrics": metrics}]}


def _said(release: Release) -> dict[str, Any]:
    """What stands in the card, by its name there."""
    spec, network = release.spec, release.network
    greedy, drawn = "It plays the move with the largest logit.", "It draws its moves from softmax(logits)."
    return {
        "policy": in_markdown(release.name),
        "title": title(spec.name),
        "game": spec.name,
        "seats": spec.seats,
        "actions": spec.actions,
        "shape": ", ".join(map(str, spec.shape)),
        "how": greedy if spec.deterministic else drawn,
        "shown_against": in_markdown(release.shown_against),
        "opening": f" after {counted(release.shown.opening, 'random move')}" if release.shown.opening else "",
        "strength": _strength(release),
        "steps": f"{release.snapshot.steps:,}",
        "train_steps": max(1, release.snapshot.steps),
        "kind": network.config.kind,
        "widths": list(network.config.hidden or ()),
        "parameters": f"{sum(weights.numel() for weights in network.parameters()):,}",
        "learned_from": _learned_from(release),
        "seed": release.config.seed,
        "versions": ", ".join(f"{package} {number}" for package, number in versions().items()),
        "opset": OPSET,
        "ir_version": IR_VERSION,
        "digest": release.snapshot.digest,
    }


def _learned_from(release: Release) -> str:
    sources = [source for role in release.config.roles.values() for source in role.mix if source.against == "bots"]
    if not sources:
        return "No games of people, no solver and no opening book were learned from."
    bots = sorted({bot for source in sources for bot in source.bots or release.spec.bots})
    names = ", ".join(map(in_markdown, bots))
    return (
        f"Some of its games were against fixed bots: {names}. No games of people and no opening book were learned from."
    )


def _strength(release: Release) -> str:
    row = release.standing
    if not row.games:
        return "This policy has not been rated: its league has played no match of it."
    rows = [
        f"| {in_markdown(meeting.opponent.policy)} | {meeting.opponent.kind} | {meeting.opponent.elo:+z.0f} "
        f"| {'/'.join(map(str, meeting.tally))} | {percent(meeting.tally.score)} |"
        for meeting in release.meetings
    ]
    head = ["| opponent | kind | Elo | wins/draws/losses | score |", "| --- | --- | ---: | --- | ---: |"]
    league = f"rank {row.rank} of {release.rivals} in its league, after {counted(row.games, 'game')}"
    text = (
        f"Elo **{row.elo:+z.0f} ± {row.interval:.0f}** (95% interval), {league}.",
        "Elo counts from the bot `uniform`, which plays legal moves at random: 400 points are odds of ten to one.",
        "It holds within this league, and says nothing of other leagues or of people. Matches are played from both",
        "seats; `results.json` has the numbers.",
    )
    return "\n".join((*text, "", *head, *rows))
