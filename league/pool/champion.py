"""Who is the champion, and who was: a history that is only appended to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from league.errors import StoreError, StoreUnreachableError, UnknownPolicyError
from league.ladder.records import Promotion, Snapshot
from league.ladder.retention import Pruned
from league.pool.client import translated
from league.pool.connection import Command, Connection, dumps, read_json
from league.pool.snapshots import pruned_error


class Champion(Connection):
    """Part of the store: the champion's history."""

    def promote(self, promotion: Promotion, *, over: Promotion | Literal["anyone"] | None = "anyone") -> bool:
        """Make a snapshot the champion: append to the history and publish it on the channel `Keys.promoted`.

        Both are one transaction, so that a crash at any moment leaves the old champion or the new one.

        Args:
            promotion: whom, and why. The same one as the last changes nothing.
            over: the champion that it was tested against, None if there was none: if another one, or a person's pin,
                has come in between, nothing is changed.

        Returns:
            Whether this promotion is the last of the history now. False only with `over`.

        Raises:
            UnknownPolicyError: no such snapshot, or not with this digest.
            PrunedPolicyError: its weights were pruned.
            WrongLeagueError: there is no league.
        """

        def attempt(pipe: Any) -> bool:
            read: Command = pipe.execute_command
            self.require_config(read)
            self._check_exists(read, promotion)
            champion = self.champion(read)
            if champion == promotion:
                return True
            if over != "anyone" and champion != over:
                return False
            self._append(pipe, promotion)
            return True

        return self._transact([self._keys.meta, self._keys.promotions, self._keys.pruned], attempt)

    def rollback(self, by: str, now_s: float, reason: str = "rollback") -> Promotion:
        """Bring back the champion before the present one, pinned, by appending it to the history once more.

        Several in a row go further and further back, past champions that were themselves taken back.

        Args:
            by: the user who asked for it.
            now_s: the server's time (Unix, s).
            reason: shown in the history.

        Raises:
            StoreError: there is no champion before.
            WrongLeagueError: there is no league.
        """

        def attempt(pipe: Any) -> Promotion:
            read: Command = pipe.execute_command
            self.require_config(read)
            history = _promotions(read("LRANGE", self._keys.promotions, 0, -1))
            if history and (history[-1].by, history[-1].promoted_s, history[-1].reason) == (by, now_s, reason):
                return history[-1]  # A lost reply hid that it is done.
            upheld = _upheld(history)
            if len(upheld) < 2:
                raise StoreError(f"league {self.league!r} has no champion before the present one to go back to")
            present, before = upheld[-1], upheld[-2]
            back = Promotion(
                policy=before.policy,
                digest=before.digest,
                by=by,
                reason=reason,
                promoted_s=now_s,
                pinned=True,
                how="rollback",
                against=present.policy,
            )
            self._check_exists(read, back)
            self._append(pipe, back)
            return back

        return self._transact([self._keys.meta, self._keys.promotions, self._keys.pruned], attempt)

    def champion(self, read: Command | None = None) -> Promotion | None:
        """The present champion, None before the first promotion."""
        last = (read or self._call)("LINDEX", self._keys.promotions, -1)
        return None if last is None else read_json(Promotion.from_json, last)

    def promotions(self) -> list[Promotion]:
        """The whole history, oldest first."""
        return _promotions(self._call("LRANGE", self._keys.promotions, 0, -1))

    def watch_champion(
        self,
        *,
        poll_s: float = 5.0,
        stop: threading.Event | None = None,
        heard: Callable[[StoreError | None], None] = lambda error: None,
    ) -> Iterator[Promotion]:
        """Yield the present champion, if there is one, and then each promotion in order, as soon as it is made.

        The history is what is read; a message on the channel `Keys.promoted` only says when. So nothing is lost or
        told twice, and where no message comes, because the subscription broke or the server's rules forbid the
        channel, a look every `poll_s` seconds finds the same. A server that does not answer is waited for. Where one
        has come back without its last writes, the champion that it has is told.

        Args:
            poll_s: the longest time that a promotion may go unnoticed while the server answers, in seconds.
            stop: ends the iteration when it is set, after at most `poll_s`; without one it never ends.
            heard: called after every look at the history, with the error where the server did not answer.
        """
        stop = stop or threading.Event()
        seen: int | None = None
        told = b""  # The last entry that was read, the `seen`th of the history.
        subscription: Any = None
        try:
            while not stop.is_set():
                subscription = subscription or self._redis.pubsub()
                try:
                    length, last, news = self._together(
                        ("LLEN", self._keys.promotions),
                        ("LRANGE", self._keys.promotions, -1, -1),
                        ("LRANGE", self._keys.promotions, -1 if seen is None else max(seen - 1, 0), -1),
                    )
                except StoreUnreachableError as error:
                    heard(error)
                else:
                    heard(None)
                    if seen:
                        news = news[1:] if news[:1] == [told] else last
                    seen, told = int(length), last[0] if last else b""
                    yield from _promotions(news)
                if not self._listen(subscription, poll_s):
                    subscription.close()
                    subscription = None
                    stop.wait(poll_s)
        finally:
            if subscription is not None:
                subscription.close()

    def _listen(self, subscription: Any, timeout_s: float) -> bool:
        """Wait for a message, or `timeout_s`; False if the subscription is broken.

        That a subscription has begun, or begun again after a lost connection, is a message, too: what was published
        before it is read then.
        """
        try:
            with translated(self._redis, self._shown):
                if not subscription.subscribed:
                    subscription.subscribe(self._keys.promoted)
                subscription.get_message(timeout=timeout_s)
        except StoreError:
            return False
        return True

    def _append(self, pipe: Any, promotion: Promotion) -> None:
        data = dumps(promotion.to_json())
        pipe.multi()
        pipe.execute_command("RPUSH", self._keys.promotions, data)
        pipe.execute_command("PUBLISH", self._keys.promoted, data)

    def _check_exists(self, read: Command, promotion: Promotion) -> None:
        data = read("HGET", self._keys.snapshots, promotion.policy)
        if data is None:
            raise UnknownPolicyError(f"no snapshot {promotion.policy!r} in league {self.league!r} to promote")
        digest = read_json(Snapshot.from_json, data).digest
        if digest != promotion.digest:
            raise UnknownPolicyError(
                f"snapshot {promotion.policy} has hash {digest[:12]}, not {promotion.digest[:12]}: not promoted"
            )
        pruned = read("HGET", self._keys.pruned, digest)
        if pruned is not None:
            raise pruned_error(promotion.policy, read_json(Pruned.from_json, pruned))


def _promotions(entries: Sequence[bytes]) -> list[Promotion]:
    return [read_json(Promotion.from_json, entry) for entry in entries]


def _upheld(history: Sequence[Promotion]) -> list[Promotion]:
    """The champions in turn, no two alike in a row, without those that were taken back."""
    upheld: list[Promotion] = []
    for promotion in history:
        if promotion.how == "rollback":
            while upheld and upheld[-1].policy != promotion.policy:
                upheld.pop()
        if not upheld or upheld[-1].policy != promotion.policy:
            upheld.append(promotion)
    return upheld
