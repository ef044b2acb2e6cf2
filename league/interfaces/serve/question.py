"""What a client asks: JSON to arrays, and where it cannot be read, what is wrong with which value.

Shapes: `n` positions, `A` actions. Observations are float32 `[n, *shape]` in PettingZoo's layout, masks bool `[n, A]`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from league.errors import RequestError, nearest
from league.games.base import GameSpec

ONE: Final = ("observation", "action_mask")
MANY: Final = ("observations", "action_masks")
INCLUDE: Final = ("value", "probabilities", "logits")
"""What an answer may hold beside the action."""
FIELDS: Final = (*ONE, *MANY, "sample", "seed", "include")

LARGEST: Final = float(np.finfo(np.float32).max)
LARGEST_SEED: Final = 2**63 - 1
SHOWN: Final = 60
"""Characters of a wrong value that a message quotes."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A request that can be answered."""

    observation: NDArray[np.float32]
    """`[n, *shape]`: the positions that are asked about."""
    legal: NDArray[np.bool_]
    """`[n, A]`, at least one per row."""
    many: bool
    """Whether it was asked as a list."""
    sample: bool
    """Draw from the policy; else its most probable action."""
    seed: int | None
    """Seed of the draw; None draws anew each time."""
    include: frozenset[str]
    """What is wanted beside the action, some of `INCLUDE`."""


def read_question(body: bytes, spec: GameSpec) -> Question:
    """Read the body of `POST /act`.

    Raises `RequestError`: 400 where it is not JSON, 422 where it is not such a question.
    """
    try:
        data = from_json(body)
    except ValueError as error:
        raise RequestError(400, f"the body is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise RequestError(422, f"the body is {_quoted(data)}: must be an object with {' and '.join(ONE)}")
    for name in data:
        if name not in FIELDS:
            raise RequestError(422, f"unknown field {_quoted(name)}{nearest(name, FIELDS)}", name[:SHOWN])
    observation, mask = MANY if MANY[0] in data or MANY[1] in data else ONE
    for name in (observation, mask):
        if name not in data:
            raise RequestError(422, f"{name} is missing", name)
    for name in ONE if observation == MANY[0] else ():
        if name in data:
            raise RequestError(422, f"{name} and {observation} at once: give one position, or a list of them", name)
    many, rows = observation == MANY[0], 1
    if many:
        rows = _length(data[observation], observation)
    lead = (rows,) if many else ()
    seen = _floats(data[observation], (*lead, *spec.shape), observation)
    legal = _mask(data[mask], (*lead, spec.actions), mask)
    return Question(
        observation=seen.reshape(rows, *spec.shape),
        legal=legal.reshape(rows, spec.actions),
        many=many,
        sample=_flag(data, "sample", not spec.deterministic),
        seed=_seed(data),
        include=_include(data),
    )


def _length(value: Any, where: str) -> int:
    if not isinstance(value, list) or not value:
        raise RequestError(422, f"{where} is {_quoted(value)}: must be a list of at least one", where)
    return len(value)


def _floats(value: Any, shape: tuple[int, ...], where: str) -> NDArray[np.float32]:
    try:
        found = np.array(value)
    except (ValueError, OverflowError):  # The lists are not of equal lengths.
        found = np.array(None)
    if found.dtype.kind in "biuf" and found.shape == shape:
        with np.errstate(over="ignore"):
            numbers = found.astype(np.float32)
        if np.isfinite(numbers).all():
            return numbers
    raise _fault(value, shape, where) or RequestError(422, f"{where} cannot be read as numbers {list(shape)}", where)


def _mask(value: Any, shape: tuple[int, ...], where: str) -> NDArray[np.bool_]:
    numbers = _floats(value, shape, where)
    legal: NDArray[np.bool_] = numbers == 1
    wrong = np.argwhere(~legal & (numbers != 0))
    if len(wrong):
        at, number = "".join(f"[{i}]" for i in wrong[0]), numbers[tuple(wrong[0])]
        raise RequestError(422, f"{where}{at} is {number:g}: must be 0 or 1, false or true", f"{where}{at}")
    without = np.argwhere(~legal.any(axis=-1))
    if len(without):
        at = "".join(f"[{i}]" for i in without[0])
        raise RequestError(422, f"{where}{at} has no legal action", f"{where}{at}")
    return legal


def _fault(value: Any, shape: tuple[int, ...], where: str) -> RequestError | None:
    """The first thing that is not as it should be; None if all is."""
    if not shape:
        return _number_fault(value, where)
    if not isinstance(value, list):
        return RequestError(422, f"{where} is {_quoted(value)}: must be a list, of shape {list(shape)}", where)
    if len(value) != shape[0]:
        return RequestError(422, f"{where} has {len(value)} elements: must have the shape {list(shape)}", where)
    faults = (_fault(item, shape[1:], f"{where}[{i}]") for i, item in enumerate(value))
    return next((fault for fault in faults if fault is not None), None)


def _number_fault(value: Any, where: str) -> RequestError | None:
    if not isinstance(value, (int, float)):
        return RequestError(422, f"{where} is {_quoted(value)}: must be a number", where)
    if isinstance(value, float) and not math.isfinite(value):
        return RequestError(422, f"{where} is {_quoted(value)}: must be a finite number", where)
    if abs(value) > LARGEST:
        return RequestError(422, f"{where} is {_quoted(value)}: must fit into a float32", where)
    return None


def _flag(data: Mapping[str, Any], name: str, default: bool) -> bool:
    value = data.get(name, default)
    if not isinstance(value, bool):
        raise RequestError(422, f"{name} is {_quoted(value)}: must be true or false", name)
    return value


def _seed(data: Mapping[str, Any]) -> int | None:
    value = data.get("seed")
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (whole and 0 <= value <= LARGEST_SEED):
        raise RequestError(422, f"seed is {_quoted(value)}: must be a whole number from 0 to 2^63 - 1", "seed")
    return value


def _include(data: Mapping[str, Any]) -> frozenset[str]:
    value = data.get("include", [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one in INCLUDE for one in value):
        message = f"include is {_quoted(value)}: must be a list with some of {', '.join(INCLUDE)}"
        raise RequestError(422, message, "include")
    return frozenset(value)


def _quoted(value: Any) -> str:
    """A value as JSON, its beginning where it is long."""
    if isinstance(value, list) and len(value) > SHOWN:
        value = value[:SHOWN]
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):  # A number with thousands of digits.
        text = f"a {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
