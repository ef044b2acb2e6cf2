"""What happens on the page on which people play. Each browser tab has a game of its own, kept on the server."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any, Final

import gradio as gr

from league.errors import LeagueError, MoveError
from league.interfaces.play.host import Host, Wish
from league.interfaces.play.session import Move, Session, own_temperature
from league.interfaces.play.shown import people_table, shown
from league.interfaces.play.words import told
from league.policies.search import searched
from league.pool.snapshots import CHAMPION
from league.view.visitors import Visitors
from league.view.words import short

_SEATS: Final = {"0": "first", "1": "second"}
"""Of two, as they are shown."""


class Tab:
    """What one browser tab plays; its events may come at once."""

    def __init__(self, session: Session, *, champion: bool, standing: str) -> None:
        """`champion`: the game began against whoever was champion; `standing`: how strong the opponent was then."""
        self.session = session
        self.standing = standing
        self.told: list[Move] = list(session.moves)
        """What has happened since the person's last move."""
        self.champion = champion
        self.lock = threading.Lock()


class Page:
    """The events of the page. `wish` and `name` are what it begins with."""

    def __init__(self, host: Host, wish: Wish, name: str = "", seed: int | None = None) -> None:
        self.host, self.wish, self.name = host, wish, name
        self._visitors = Visitors()
        self._dice: random.Random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311

    @property
    def seats(self) -> list[str]:
        """The seats that can be wished for, as they are shown."""
        seats = self.host.spec.seats
        return ["random", *(_SEATS.values() if seats == len(_SEATS) else map(str, range(seats)))]

    def seat_shown(self, word: str) -> str:
        """A seat of the command line as it is shown."""
        return _SEATS.get(word, word) if self.host.spec.seats == len(_SEATS) else word

    def opened(self, request: gr.Request) -> tuple[Any, ...]:
        """A new tab: the opponents of now; `?policy=` in its address names one."""
        asked = str(request.query_params.get("policy", self.wish.policy))
        try:
            choices, people = self.host.choices(), people_table(self.host.people())
        except LeagueError as error:
            raise self._refusal(error) from error
        self._visitors.answered()
        shown = [(label, name) for name, label in ({asked: choices.get(asked, asked)} | choices).items()]
        return gr.update(choices=shown, value=asked), people

    def begin(self, policy: str, seat: str, heat: float, search: float, think: bool) -> tuple[Any, ...]:
        """Begin a new game, as the choices on the page say; what is shown from then on, by component."""
        wish = Wish(
            policy=str(policy or "").strip(),
            seat=next((number for number, shown in _SEATS.items() if shown == seat), str(seat)),
            temperature=None if heat is None or heat == own_temperature(self.host.spec) else float(heat),
            search=int(search) if search and searched(str(policy)) is None else None,
        )
        try:
            session = self.host.begin(wish, self._dice.randrange(2**31))
            standing = self.host.standing(session.opponent.name)
        except LeagueError as error:
            raise self._refusal(error) from error
        self._visitors.answered()
        tab = Tab(session, champion=wish.policy == CHAMPION, standing=standing)
        return tab, *self._look(tab, think)

    def choose(self, tab: Tab | None, think: bool, name: str, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
        """A move of the person, shown at once, and then the reply."""
        if tab is None:
            raise gr.Error("This game is over: it was left for too long. Begin a new one.", print_exception=False)
        with tab.lock:
            session, said = tab.session, event._data or {}
            fresh = said.get("ply") == len(session.moves) and said.get("game") == session.game_id
            try:
                if not fresh or not isinstance(said.get("action"), int):
                    raise MoveError("that position is not on the board any more")
                session.play(said["action"])
            except MoveError as error:
                yield *self._look(tab, think, note=_sentence(str(error))), gr.skip()
                return
            tab.told = []
            if session.ending is None:
                yield *self._look(tab, False), gr.skip()
            replies = session.reply()
            hidden = session.ending is not None and not session.spec.deterministic
            tab.told = list(session.moves) if hidden else replies  # What was hidden until now is told at the end.
            yield *self._look(tab, think, note=self._keep(session, name)), self._people(session)

    def undo(self, tab: Tab | None, think: bool) -> tuple[Any, ...]:
        """Take back the person's last move, and the reply."""

        def undone(session: Session) -> None:
            session.undo()
            session.reply()  # Where others sit between the beginning and the person.
            assert tab is not None
            tab.told = []

        return self._changed(tab, think, undone)

    def resign(self, tab: Tab | None, think: bool, name: str) -> tuple[Any, ...]:
        """Give the game up, and note it under the name; what is shown from then on, by component."""

        def resigned(session: Session) -> str:
            session.resign()
            return self._keep(session, name)

        changed = self._changed(tab, think, resigned)
        return *changed, gr.skip() if tab is None else self._people(tab.session)

    def hint(self, tab: Tab | None, think: bool) -> tuple[Any, ...]:
        """Point at what the policy would play."""
        if tab is None:
            return _nothing()
        with tab.lock:
            try:
                return self._look(tab, think, hint=tab.session.hint())
            except LeagueError as error:
                return self._look(tab, think, note=_sentence(self._visitors.told(error)))

    def think(self, tab: Tab | None, think: bool) -> tuple[Any, ...]:
        """Show or hide what the policy thinks."""
        return self._changed(tab, think, lambda session: None)

    def _changed(self, tab: Tab | None, think: bool, change: Any) -> tuple[Any, ...]:
        if tab is None:
            return _nothing()
        with tab.lock:
            try:
                note = change(tab.session) or ""
            except LeagueError as error:
                note = _sentence(self._visitors.told(error))
            return self._look(tab, think, note=note)

    def _look(self, tab: Tab, think: bool, *, note: str = "", hint: int | None = None) -> tuple[Any, ...]:
        """The table, and which of the buttons hint, undo and resign may be pressed."""
        session = tab.session
        has_opinion, opinion = session.opponent.adviser is not None, None
        if think and has_opinion and session.waits:
            opinion = session.opinion()
        elif think and session.waits:
            note = f"{note} {session.opponent.policy} is a fixed bot and has no opinion of positions.".strip()
        news = self._news(tab) if session.ending else ""
        status = told(session, tab.told, f"{note} {news}".strip())
        value = shown(session, status, opinion=opinion, hint=hint, standing=tab.standing)
        return (
            value,
            gr.update(interactive=session.waits and has_opinion),
            gr.update(interactive=session.can_undo and (session.waits or session.ending is not None)),
            gr.update(interactive=session.ending is None),
        )

    def _news(self, tab: Tab) -> str:
        """Whether somebody else is champion than at the beginning of this game."""
        try:
            now = self.host.champion()
        except LeagueError as error:
            self._visitors.told(error)  # The game goes on.
            return ""
        self._visitors.answered()
        if now is None or not tab.champion or now == tab.session.opponent.policy.partition("+")[0]:
            return ""
        return f"Meanwhile {short(now)} has become champion: it plays the next game."

    def _keep(self, session: Session, name: str) -> str:
        try:
            return self.host.keep(session, str(name or "").strip()) or ""
        except LeagueError as error:
            return f"The game is not recorded: {self._visitors.told(error)}."

    def _refusal(self, error: LeagueError) -> gr.Error:
        return gr.Error(self._visitors.told(error), print_exception=False)

    def _people(self, session: Session) -> Any:
        if not session.recorded:
            return gr.skip()
        try:
            return people_table(self.host.people())
        except LeagueError:
            return gr.skip()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _nothing() -> tuple[Any, ...]:
    return (gr.skip(),) * 4
