"""Write the tables of `docs/` that follow from the code: `python docs/generate.py`. `tests/test_docs.py` compares them.

A table stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from league.config import LeagueConfig, MixConfig
from league.interfaces.cli.keys import KEYS
from league.interfaces.exporter.metrics import LABELS, METRICS

DOCS = Path(__file__).parent


def knob_tables() -> Iterator[str]:
    """One table per section of the configuration."""
    root = LeagueConfig()
    sections = [f for f in dataclasses.fields(root) if dataclasses.is_dataclass(getattr(root, f.name))]
    plain = [f for f in dataclasses.fields(root) if f not in sections and f.name != "roles"]
    yield from _knobs("The league", root, plain, "`{}`")
    for section in sections:
        part = getattr(root, section.name)
        yield ""
        yield from _knobs(f"`{section.name}`", part, dataclasses.fields(part), f"`{section.name}.{{}}`")
    role = root.roles["main"]
    yield ""
    yield from _knobs("`roles.NAME`", role, dataclasses.fields(role), "`roles.main.{}`")
    yield ""
    yield from _knobs("Tables of `roles.NAME.mix`", MixConfig(), dataclasses.fields(MixConfig), "{}")


def _knobs(title: str, section: Any, fields: Iterable[dataclasses.Field[Any]], key: str) -> Iterator[str]:
    """`key` is the form of a key, with the field's name for `{}`."""
    hints = typing.get_type_hints(type(section))
    yield f"### {title}\n\n{section.__doc__}\n"
    yield from _head("key", "default", "values", "meaning")
    for f in fields:
        value = getattr(section, f.name)
        default = "auto" if value is None else json.dumps(value, ensure_ascii=False, default=_source)
        yield _row(key.format(f.name), f"`{default}`", _values(hints[f.name], f.metadata), f.metadata["about"])


def _source(source: MixConfig) -> dict[str, Any]:
    """A source of training games, as far as it is not the default."""
    fields = [f for f in dataclasses.fields(source) if f.name in ("against", "share")]
    return {f.name: getattr(source, f.name) for f in fields}


def _values(hint: Any, limits: typing.Mapping[str, Any]) -> str:
    for one in (hint, *typing.get_args(hint)):  # A choice may also be left to us: `Literal[...] | None`.
        if typing.get_origin(one) is typing.Literal:
            return ", ".join(f"`{choice}`" for choice in typing.get_args(one))
        if dataclasses.is_dataclass(one):
            return "list of tables"
    names = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    listed = "list of " if typing.get_origin(hint) is tuple or "tuple" in str(hint) else ""
    kind = next(name for kind, name in names.items() if kind.__name__ in re.findall(r"\w+", str(hint)))
    bounds = [
        f"{rule.replace('_', ' ')} {limits[rule]}"
        for rule in ("at_least", "above", "at_most", "below")
        if limits[rule] is not None
    ]
    return ", ".join([f"{listed}{kind}{'s' if listed and kind != 'text' else ''}", *bounds])


def metrics_table() -> Iterator[str]:
    """Every Prometheus metric."""
    yield from _head("metric", "kind", "labels", "unit", "meaning")
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield _row(f"`{metric.name}`", metric.kind, labels, metric.unit, metric.help)


def labels_table() -> Iterator[str]:
    """What each label can be."""
    yield from _head("label", "values")
    for label, values in LABELS.items():
        yield _row(f"`{label}`", values)


def keys_table() -> Iterator[str]:
    """Every key of the output for programs."""
    yield from _head("key", "type", "meaning")
    for name, key in sorted(KEYS.items()):
        yield _row(f"`{name}`", key.kind, key.about)


def not_shown_list() -> Iterator[str]:
    """The metrics that no dashboard shows."""
    hidden = [metric for metric in METRICS if metric.not_shown]
    for metric in hidden:
        yield f"- `{metric.name}`: {metric.not_shown}"
    if not hidden:
        yield "Every metric is on a dashboard."


def _head(*names: str) -> tuple[str, str]:
    return _row(*names), _row(*["---"] * len(names))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


TABLES = {
    "configuration.md": {"knobs": knob_tables},
    "json.md": {"keys": keys_table},
    "metrics.md": {"metrics": metrics_table, "labels": labels_table, "not shown": not_shown_list},
}


def filled(text: str, name: str, lines: Iterable[str]) -> str:
    """The text with the table of that name written anew."""
    start, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
    before, found, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"no place for the table {name!r}")
    return before + start + "\n" + "\n".join(lines) + "\n\n" + end + after


def pages() -> Iterator[tuple[Path, str]]:
    """Each page that holds a table, and what it should say."""
    for file, tables in TABLES.items():
        path = DOCS / file
        text = path.read_text(encoding="utf-8")
        for name, lines in tables.items():
            text = filled(text, name, lines())
        yield path, text


if __name__ == "__main__":
    for path, text in pages():
        path.write_text(text, encoding="utf-8")
