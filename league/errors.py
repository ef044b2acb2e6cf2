"""Everything that `league` raises on purpose, as one tree.

    LeagueError
    ├── ConfigError                 a key, a type or a value in the configuration
    ├── GameError                   a game that cannot be found, or cannot be played by this engine
    │   ├── UnknownGameError
    │   └── MoveError               a move, of a person, that may not be made now
    ├── PolicyError                 a policy that cannot be named, read or built
    │   ├── UnknownPolicyError
    │   ├── CorruptSnapshotError    the weights are not the bytes that were stored
    │   ├── PrunedPolicyError       the weights were pruned; everything else about it is there
    │   └── ArchiveError            a file or folder of policies that cannot be written, read or trusted
    ├── StoreError                  the opponent pool in Redis
    │   ├── StoreUnavailableError   not now: a league at work waits, and tries again
    │   │   ├── StoreUnreachableError   no server answers there
    │   │   ├── StoreFullError      no room; nothing was lost, nothing was added
    │   │   └── StoreReadOnlyError  the server is a replica, or has lost those that it needs
    │   ├── StorePermissionError    the server, or the folder, refuses us
    │   ├── StoreCommandError       the server lacks a command, as managed ones lack some
    │   ├── EvictingStoreError      the server may delete what is stored
    │   ├── LeaseError              another run trains this league
    │   ├── UnknownMatchError       no match of that id in the log
    │   ├── SegmentError            a part of the match log that is missing, damaged, or cannot be archived
    │   ├── StoreSchemaError        written by a newer version of this project
    │   ├── DamagedStoreError       its files are not what was written: `league repair` saves what can be saved
    │   ├── BackupError             a file that is no backup, or no whole one
    │   └── WrongLeagueError        holds another game's league, or none
    ├── DivergedError               a loss or a weight that is not a finite number
    ├── UndecidedError              a run ended in which no game was won or lost
    ├── RequestError                a question over HTTP that cannot be answered, with its status code
    ├── ClusterError                Ray: too small, unreachable, or not fit for this store
    ├── KubernetesError             the API server: unreachable, or it refuses, or lacks what is needed
    ├── HubError                    the Hugging Face hub refuses, or cannot be reached
    └── MissingExtraError           an optional dependency is not installed

A message is one line for a person: what was wrong, with which value, and what to do.
The command line prints it and exits with code 2; anything outside this tree is a bug.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

from league.installation import installing


class LeagueError(Exception):
    """Root of everything raised on purpose."""

    outside: ClassVar[str | None] = None
    """What visitors of a page read instead of a message that names the store's address; None: the message itself."""

    @property
    def for_visitors(self) -> str:
        """What happened, without what is no business of a visitor of a page, such as where the store is."""
        return self.outside or str(self)


class ConfigError(LeagueError):
    """A key, a type or a value in the configuration is wrong."""

    outside = "this version refuses the league's configuration"


class GameError(LeagueError):
    """A game cannot be played by this engine."""


class UnknownGameError(GameError):
    """No game of that name."""


class MoveError(GameError):
    """A person's move that may not be made now."""


class PolicyError(LeagueError):
    """A policy cannot be named, read or built."""


class UnknownPolicyError(PolicyError):
    """No policy of that name in this league."""


class CorruptSnapshotError(PolicyError):
    """The stored weights do not have the hash under which they were stored."""


class PrunedPolicyError(PolicyError):
    """The weights were deleted by retention. What is known of the policy, its rating and its matches remain."""


class ArchiveError(PolicyError):
    """A file or folder of policies cannot be written, read or trusted."""


class StoreError(LeagueError):
    """The store refused or failed."""

    outside: ClassVar[str | None] = "the store of this league fails"


class StoreUnavailableError(StoreError):
    """Not now. A league at work keeps what it has to write, waits, and tries again."""

    outside = "the store of this league cannot be used now; it may be later"


class StoreUnreachableError(StoreUnavailableError):
    """No server answers at that address."""

    outside = "the store of this league cannot be reached now; it may be later"


class StoreFullError(StoreUnavailableError):
    """The server has no room. Nothing was lost and nothing was added."""

    outside = "the store of this league is full: nothing was written; whoever keeps it has to make room"


class StoreReadOnlyError(StoreUnavailableError):
    """The server takes no writes: it is a replica, or has lost the replicas that it must have."""


class StorePermissionError(StoreError):
    """The server or the folder refuses us."""


class StoreCommandError(StoreError):
    """The server has no such command, or under another name: managed servers hide some."""


class EvictingStoreError(StoreError):
    """The server is set to delete keys when its memory is full."""


class LeaseError(StoreError):
    """Another run trains this league, or has taken it over."""


class UnknownMatchError(StoreError):
    """No match with that id in this league."""

    outside = None


class SegmentError(StoreError):
    """A segment of the match log is missing, is not what was archived, or cannot be archived."""


class StoreSchemaError(StoreError):
    """The league was written by a newer version of this project."""

    outside = "a newer version has written this league"


class DamagedStoreError(StoreError):
    """The files of a store are not what was written there."""

    outside = "the store of this league is damaged"


class BackupError(StoreError):
    """A file is no backup, or no whole one."""


class WrongLeagueError(StoreError):
    """The store holds another game's league, or none at all."""

    outside = "this store holds no such league"


class DivergedError(LeagueError):
    """A loss or a weight is not a finite number."""


class UndecidedError(LeagueError):
    """Of a run's games none was won or lost: they all broke, or were drawn."""


class RequestError(LeagueError):
    """A question over HTTP cannot be answered."""

    def __init__(self, status: int, message: str, where: str | None = None) -> None:
        """`status`: of HTTP, such as 422. `where`: the field or header that is wrong, such as `observation[3][0]`."""
        super().__init__(message)
        self.status = status
        self.where = where


class ClusterError(LeagueError):
    """Ray is unreachable, too small, or not fit for this store."""


class KubernetesError(LeagueError):
    """Kubernetes cannot be reached, refuses, or lacks something."""

    def __init__(self, message: str, code: int | None = None, conflicts: tuple[str, ...] = ()) -> None:
        """`code` is the HTTP status of the answer, None where there was none; `conflicts`: fields that others own."""
        super().__init__(message)
        self.code = code
        self.conflicts = conflicts


class HubError(LeagueError):
    """The Hugging Face hub cannot be reached, refuses, or holds something else under that name."""


class MissingExtraError(LeagueError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed: {installing(extra)}")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the known word nearest to `word`, or nothing."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
