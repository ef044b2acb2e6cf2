"""The page on which people play, in Gradio. Each browser tab has a game of its own, kept on the server for an hour."""

from __future__ import annotations

import os
import random
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # Read at its import.

import gradio as gr

from league.errors import LeagueError, MoveError
from league.interfaces.board import asset, title
from league.interfaces.play.host import Host, Wish
from league.interfaces.play.session import HOTTEST, Move, Session, own_temperature
from league.interfaces.play.shown import people_table, shown, told
from league.ladder.people import LONGEST
from league.games.registry import searchable_games
from league.policies.search import MOST, searched
from league.pool.snapshots import CHAMPION

KEPT_S: Final = 3600
"""A game that nobody has touched for so long is forgotten, as is one whose browser has gone away."""
_FONTS: Final = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "sans-serif"]
_TABLE: Final = """<div class="table"><ul class="players" aria-label="Players"></ul><div class="board"></div>
<pre class="text" tabindex="0" role="region" aria-label="Position" hidden></pre>
<img class="picture" alt="The position" hidden><div class="choices" role="group" aria-label="Moves" hidden></div>
<p class="status" role="status"></p><p class="thought" role="status"></p></div>"""


class Tab:
    """What one browser tab plays; its events may come at once."""

    def __init__(self, session: Session, *, champion: bool) -> None:
        """`champion`: the game began against whoever was champion."""
        self.session = session
        self.champion = champion
        self.lock = threading.Lock()


class Page:
    """The events of the page. `wish` and `name` are what it begins with."""

    def __init__(self, host: Host, wish: Wish, name: str = "", seed: int | None = None) -> None:
        self.host, self.wish, self.name = host, wish, name
        self._dice: random.Random = random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311

    def opened(self, request: gr.Request) -> tuple[Any, ...]:
        """A new tab: the opponents of now; `?policy=` in its address names one."""
        asked = str(request.query_params.get("policy", self.wish.policy))
        try:
            choices, people = self.host.choices(), people_table(self.host.people())
        except LeagueError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return gr.update(choices=list(dict.fromkeys([asked, *choices])), value=asked), people

    def begin(self, policy: str, seat: str, heat: float, search: float, think: bool) -> tuple[Any, ...]:
        """A new game."""
        wish = Wish(
            policy=str(policy or "").strip(),
            seat={"first": "0", "second": "1"}.get(seat, seat),
            temperature=None if heat is None or heat == own_temperature(self.host.spec) else float(heat),
            search=int(search) if search and searched(str(policy)) is None else None,
        )
        try:
            session = self.host.begin(wish, self._dice.randrange(2**31))
        except LeagueError as error:
            raise gr.Error(str(error), print_exception=False) from error
        tab = Tab(session, champion=wish.policy == CHAMPION)
        return tab, *self._look(tab, think, session.moves)

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
                yield *self._look(tab, think, [], note=f"{error}."), gr.skip()
                return
            if session.ending is None:
                yield *self._look(tab, False, []), gr.skip()
            moves = session.reply()
            yield *self._look(tab, think, moves, note=self._keep(session, name)), self._people(session)

    def undo(self, tab: Tab | None, think: bool) -> tuple[Any, ...]:
        """Take back the person's last move, and the reply."""
        return self._changed(tab, think, lambda session: session.undo())

    def resign(self, tab: Tab | None, think: bool, name: str) -> tuple[Any, ...]:
        """Give up."""

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
                return self._look(tab, think, [], hint=tab.session.hint())
            except LeagueError as error:
                return self._look(tab, think, [], note=f"{error}.")

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
                note = f"{error}."
            return self._look(tab, think, [], note=note)

    def _look(
        self, tab: Tab, think: bool, moves: list[Move], *, note: str = "", hint: int | None = None
    ) -> tuple[Any, ...]:
        """The table, and which of the buttons hint, undo and resign may be pressed."""
        session = tab.session
        has_opinion, opinion = session.opponent.adviser is not None, None
        if think and has_opinion and session.waits:
            opinion = session.opinion()
        elif think and session.waits:
            note = f"{note} {session.opponent.policy} is a fixed bot and has no opinion of positions.".strip()
        news = self._news(tab) if session.ending else ""
        value = shown(session, told(session, moves, f"{note} {news}".strip()), opinion=opinion, hint=hint)
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
        except LeagueError:
            return ""
        promoted = tab.champion and now is not None and tab.session.opponent.policy.partition("+")[0] != now
        return f"Meanwhile {now} has become champion: it plays the next game." if promoted else ""

    def _keep(self, session: Session, name: str) -> str:
        try:
            return self.host.keep(session, str(name or "").strip()) or ""
        except LeagueError as error:
            return f"The game is not recorded: {error}."

    def _people(self, session: Session) -> Any:
        if not session.recorded:
            return gr.skip()
        try:
            return people_table(self.host.people())
        except LeagueError:
            return gr.skip()


def _nothing() -> tuple[Any, ...]:
    return (gr.skip(),) * 4


def blocks(page: Page) -> gr.Blocks:
    """The page, with its events."""
    spec = page.host.spec
    name = title(spec.name)
    seats = ["random", "first", "second"] if spec.seats == 2 else ["random", *map(str, range(spec.seats))]
    seat = {"0": "first", "1": "second"}.get(page.wish.seat, page.wish.seat) if spec.seats == 2 else page.wish.seat
    with gr.Blocks(title=f"{name} against {page.host.league}", analytics_enabled=False, delete_cache=(KEPT_S, KEPT_S)) as made:
        tab = gr.State(None, time_to_live=KEPT_S)
        gr.Markdown(f"# {name}")
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                table = gr.HTML(
                    value=None,
                    html_template=_TABLE,
                    js_on_load=_script(),
                    apply_default_css=False,
                    elem_id="table",
                )
                with gr.Row():
                    again = gr.Button("New game", variant="primary", min_width=120, elem_id="again")
                    hint = gr.Button("Hint", min_width=90, elem_id="hint", interactive=False)
                    undo = gr.Button("Undo", min_width=90, elem_id="undo", interactive=False)
                    resign = gr.Button("Resign", min_width=90, elem_id="resign", interactive=False)
            with gr.Column(scale=2, min_width=280):
                policy = gr.Dropdown(
                    label="Opponent",
                    info="Any snapshot, champion, or a bot; from the next game on.",
                    choices=[page.wish.policy],
                    value=page.wish.policy,
                    allow_custom_value=True,
                    elem_id="policy",
                )
                seated = gr.Radio(seats, value=seat, label="Your seat", info="The first one begins.", elem_id="seat")
                heat = gr.Slider(
                    0,
                    HOTTEST,
                    value=own_temperature(spec) if page.wish.temperature is None else page.wish.temperature,
                    step=0.1,
                    label="Temperature",
                    info="0: always its best move; 1: each as often as it thinks it good; above: weaker.",
                    elem_id="temperature",
                )
                search = gr.Slider(
                    0,
                    min(MOST, 1000),
                    value=page.wish.search or 0,
                    step=10,
                    label="Search",
                    info="Simulations before each of its moves; 0: none.",
                    visible=spec.name in searchable_games(),
                    elem_id="search",
                )
                think = gr.Checkbox(label="Show what the policy thinks", elem_id="think")
                person = gr.Textbox(
                    label="Your name",
                    info="With a name your games are recorded, and you have an Elo among people.",
                    value=page.name,
                    max_length=LONGEST,
                    elem_id="name",
                )
                with gr.Accordion("People", open=False):
                    people = gr.HTML(elem_classes="people", apply_default_css=False)
        looks = [table, hint, undo, resign]
        wishes = [policy, seated, heat, search, think]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        made.load(page.opened, None, [policy, people], **quiet).then(page.begin, wishes, [tab, *looks], **quiet)
        again.click(page.begin, wishes, [tab, *looks], **quiet)
        table.choose(page.choose, [tab, think, person], [*looks, people], **quiet)
        hint.click(page.hint, [tab, think], looks, **quiet)
        undo.click(page.undo, [tab, think], looks, **quiet)
        resign.click(page.resign, [tab, think, person], [*looks, people], **quiet)
        think.change(page.think, [tab, think], looks, **quiet)
    made.queue(default_concurrency_limit=8, max_size=256)
    return made


def style() -> str:
    """The style sheet of the page."""
    return asset("board.css") + (Path(__file__).parent / "page.css").read_text(encoding="utf-8")


def theme() -> gr.themes.Base:
    """Gradio's plain theme, in fonts that every machine has: none is fetched from another host."""
    return gr.themes.Default(primary_hue="blue", neutral_hue="stone", font=_FONTS, font_mono=["ui-monospace", "monospace"])


def _script() -> str:
    """The board, as a value instead of a module, and what puts it on the page."""
    board = re.sub(r"^export ", "", asset("board.js"), flags=re.MULTILINE)
    table = (Path(__file__).parent / "table.js").read_text(encoding="utf-8")
    return f"const Board = (() => {{\n{board}\nreturn Board;\n}})();\n{table}"
