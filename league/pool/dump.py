"""A dump (`.rdb`) of a server, read past what is damaged in it.

A server begins its append-only file with one, unless it is told not to as ours is, and reads it whole or not at all:
its checksum says that a byte has changed, not which. It is a sequence of entries, each an optional time at which it
expires, a byte for the type, the key, and a value whose end follows from lengths within. Where an entry does not end
where another one begins, the next key of a league is searched for, and reading goes on there.

What an entry holds is left to a server: asked to restore one (`RESTORE`), it looks through all of it.
The layout is that of Redis' and Valkey's `rdb.h`, with the types that a league's keys have had since Redis 5.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

NAME: Final = re.compile(rb"league:\{[A-Za-z0-9_.-]{1,64}\}:[A-Za-z0-9_.:-]{1,120}")
"""A key of a league."""

_NAMED: Final = b"league:{"
_HEAD: Final = re.compile(rb"(?:REDIS|VALKEY)[0-9]{3,4}")
_EXPIRES_MS, _SELECT, _END = 0xFC, 0xFE, 0xFF
_NOTES: Final = {0xFA: "ss", 0xFB: "nn", 0xF4: "nnn", 0xF5: "s", 0xF8: "n", 0xF9: "b"}
"""What stands between entries: about the file, sizes, functions, and how long nobody asked for the next key."""
_ONE: Final = dict.fromkeys((0, 9, 10, 11, 12, 13, 16, 17, 20), "s")
_MANY: Final = {1: "s", 2: "s", 3: "sf", 4: "ss", 5: "s8", 14: "s", 18: "ns", 15: "ss", 19: "ss", 21: "ss"}
_AFTER: Final = {15: "nnn", 19: "nnnnnnnn", 21: "nnnnnnnn"}
"""Of a stream: what follows its entries, before the number of its groups of consumers."""
SORTED: Final = (3, 5, 12, 17)
"""Types of sorted sets, of which a league has none: one flipped bit makes one of a hash."""
_VERSION: Final = b"\x0b\x00"
"""Since when the types above are what they are, as `RESTORE` wants to know it."""

Data = mmap.mmap | bytes


class Entry(NamedTuple):
    """A key with its value, from `start` to `end`; or what is none, without a key."""

    start: int
    end: int
    key: bytes = b""
    database: int = 0
    expires_ms: int = 0
    """Unix time; 0 for never."""
    payload: tuple[int, int, int] = (0, 0, 0)
    """Its type, and where its value is."""

    def restorable(self, data: Data) -> bytes:
        """The value as `RESTORE` takes it, without a checksum."""
        kind, start, end = self.payload
        return bytes((kind,)) + data[start:end] + _VERSION + bytes(8)


class _Broken(Exception):
    """No entry begins here."""


def entries(data: Data) -> Iterator[Entry]:
    """All entries in their order, and the damage between them.

    The last entry of a league before damage may itself be what is damaged, so the search for the next one begins within
    it; what is found there is counted as damage, too.
    """
    head = _HEAD.match(data)
    at, database, before = head.end() if head else 0, 0, 0
    while at < len(data):
        try:
            if data[at] == _END and at + 9 == len(data):
                return
            if data[at] == _SELECT:
                database, at = _number(data, at + 1)
                continue
            if data[at] in _NOTES:
                at = _past(data, at + 1, _NOTES[data[at]])
                continue
            found = _entry(data, at)
        except (_Broken, IndexError):
            end = _next(data, before + 1, at)
            yield Entry(at if at < end else before, end)
            before = at = end
        else:
            yield found._replace(database=database)
            before, at = at if NAME.fullmatch(found.key) else before, found.end


def _next(data: Data, at: int, damage: int) -> int:
    """Where the next entry with a key of a league begins, at or after `at` but not where the damage does."""
    name = data.find(_NAMED, at)
    while name >= 0:
        for head in (2, 3):  # The type, and the length of the key in one byte or two.
            for begin in (name - head - 9, name - head):  # With the time at which it expires, or without.
                if begin >= at and begin != damage and _is_entry(data, begin, name):
                    return begin
        name = data.find(_NAMED, name + 1)
    return len(data)


def _is_entry(data: Data, at: int, name: int) -> bool:
    """Whether an entry begins here whose key is that of a league, and begins there."""
    try:
        found = _entry(data, at)
    except (_Broken, IndexError):
        return False
    return NAME.fullmatch(found.key) is not None and data[name : name + len(found.key)] == found.key


def _entry(data: Data, at: int) -> Entry:
    start, expires_ms = at, 0
    if data[at] == _EXPIRES_MS:
        expires_ms, at = int.from_bytes(data[at + 1 : at + 9], "little"), at + 9
    while data[at] in (0xF8, 0xF9):
        at = _past(data, at + 1, _NOTES[data[at]])
    kind = data[at]
    size, begin = _number(data, at + 1)
    value = begin + size
    if value >= len(data):
        raise _Broken
    end = _value(data, value, kind)
    if end > len(data):
        raise _Broken
    return Entry(start, end, bytes(data[begin:value]), 0, expires_ms, (kind, value, end))


def _value(data: Data, at: int, kind: int) -> int:
    """Where a value ends."""
    if kind in _ONE:
        return _past(data, at, _ONE[kind])
    if kind not in _MANY:
        raise _Broken
    many, at = _number(data, at)
    for _ in range(many):
        at = _past(data, at, _MANY[kind])
    if kind in _AFTER:
        groups, at = _number(data, _past(data, at, _AFTER[kind]))
        if groups:  # A league has none.
            raise _Broken
    return at


def _past(data: Data, at: int, parts: str) -> int:
    """Where these parts end: `s`trings, `n`umbers, a `b`yte, `8` bytes, or a `f`raction in words."""
    for part in parts:
        if part == "s":
            at = _past_string(data, at)
        elif part == "n":
            _, at = _number(data, at)
        elif part == "f":
            at += 1 if data[at] > 252 else 1 + data[at]
        else:
            at += 1 if part == "b" else 8
        if at > len(data):
            raise _Broken
    return at


def _number(data: Data, at: int) -> tuple[int, int]:
    """A length or another number, and where it ends."""
    first = data[at]
    if first < 0x40:
        return first, at + 1
    if first < 0x80:
        return (first & 0x3F) << 8 | data[at + 1], at + 2
    if first in (0x80, 0x81):
        end = at + (5 if first == 0x80 else 9)
        return int.from_bytes(data[at + 1 : end], "big"), end
    raise _Broken


def _past_string(data: Data, at: int) -> int:
    first = data[at]
    if 0xC0 <= first <= 0xC2:  # A whole number of 1, 2 or 4 bytes.
        return at + 1 + (1 << (first & 3))
    if first == 0xC3:  # Compressed: as long as the first of two numbers says.
        size, at = _number(data, at + 1)
        _, at = _number(data, at)
    else:
        size, at = _number(data, at)
    return at + size
