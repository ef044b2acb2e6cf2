"""The learners' state, so that training goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from league.errors import CorruptSnapshotError
from league.pool.connection import Connection, dumps, sha256


class Learners(Connection):
    """Part of the store: the last checkpoint of each learner."""

    def save_checkpoint(self, learner: str, state: bytes, progress: Mapping[str, Any]) -> None:
        """Replace a learner's checkpoint, whole or not at all.

        Args:
            learner: its name.
            state: bytes that only the learner understands, up to 512 MB (the largest value of Redis).
            progress: plain data for JSON, such as steps and the live payoff.
        """
        fields = ("state", state, "digest", sha256(state), "progress", dumps(dict(progress)))
        self._write(("HSET", self._keys.checkpoint(learner), *fields), ("SADD", self._keys.learners, learner))

    def checkpoint(self, learner: str) -> tuple[bytes, dict[str, Any]] | None:
        """A learner's state and progress as they were saved, None if it never saved any.

        Raises `CorruptSnapshotError` if the state is not the bytes that were saved.
        """
        state, digest, progress = self._call("HMGET", self._keys.checkpoint(learner), "state", "digest", "progress")
        if state is None and digest is None:
            return None
        if state is None or digest is None or progress is None or sha256(state) != digest.decode():
            raise CorruptSnapshotError(f"the checkpoint of learner {learner!r} is not what was saved")
        return state, json.loads(progress)

    def learners(self) -> list[str]:
        """Everyone with a checkpoint, by name."""
        return sorted(name.decode() for name in self._call("SMEMBERS", self._keys.learners))
