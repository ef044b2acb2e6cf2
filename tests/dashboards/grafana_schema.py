"""Grafana's own schema of a dashboard, as the classes that Grafana generates from it for Python."""

from __future__ import annotations

import enum
import json
import types
import typing
import warnings
from collections.abc import Iterator
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # It would rather have the schema that older Grafanas lack.
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

register_default_plugins()


def complaints(document: dict[str, Any]) -> list[str]:
    """Each key that the schema does not know, and each value of the wrong type or outside an enumeration."""
    parsed = Dashboard.from_json(document)
    encoded = json.loads(JSONEncoder().encode(parsed))
    return [*_lost(document, encoded, "dashboard"), *_wrong(parsed, Dashboard, "dashboard")]


def _lost(given: Any, kept: Any, where: str) -> Iterator[str]:
    """What did not come back: the classes drop what they do not know."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key not in kept:
                yield f"{where}.{key} is unknown"
            else:
                yield from _lost(value, kept[key], f"{where}.{key}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from _lost(one, other, f"{where}[{number}]")
    elif given != kept:
        yield f"{where} is {given!r}, read as {kept!r}"


def _wrong(value: Any, hint: Any, where: str) -> Iterator[str]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in (object, Any) and not hasattr(value, "to_json"):
        return
    if origin in (typing.Union, types.UnionType):
        fitting = [one for one in arguments if isinstance(one, type) and isinstance(value, one)]
        found = [list(_wrong(value, one, where)) for one in fitting or arguments if one is not types.NoneType]
        if value is not None and all(found):
            yield from min(found, key=len)
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{where} is {value!r}, not one of {arguments}"
    elif origin is list:
        if not isinstance(value, list):
            yield f"{where} is {value!r}, not a list"
            return
        for number, one in enumerate(value):
            yield from _wrong(one, arguments[0], f"{where}[{number}]")
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{where} is {value!r}, not a dictionary"
            return
        for key, one in value.items():
            yield from _wrong(one, arguments[1], f"{where}.{key}")
    elif isinstance(hint, type) and issubclass(hint, enum.Enum):
        if value not in [member.value for member in hint]:
            yield f"{where} is {value!r}, not one of {[member.value for member in hint]}"
    elif isinstance(value, dict) and hasattr(hint, "from_json"):  # The classes leave a few of their own as they are.
        yield from _wrong(hint.from_json(value), hint, where)
    elif hasattr(value, "to_json"):  # One of Grafana's; a panel's options are only known by the panel's type.
        if isinstance(hint, type) and hint is not object and not isinstance(value, hint):
            yield f"{where} is a {type(value).__name__}, not a {hint.__name__}"
            return
        for name, wanted in typing.get_type_hints(type(value)).items():
            yield from _wrong(getattr(value, name), wanted, f"{where}.{name}")
    elif not isinstance(value, (int, float) if hint is float else hint) or (hint in (int, float) and value is True):
        yield f"{where} is {value!r}, not {hint}"
