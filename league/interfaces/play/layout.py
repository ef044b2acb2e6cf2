"""What is where on the page on which people play, in Gradio, and what it looks like."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import gradio as gr

from league.games.registry import searchable_games
from league.interfaces.board import asset, title
from league.interfaces.play.page import Page
from league.interfaces.play.session import HOTTEST, own_temperature
from league.ladder.people import LONGEST
from league.policies.search import MOST

KEPT_S: Final = 3600
"""A game that nobody has touched for so long is forgotten, as is one whose browser has gone away."""
MOST_SEARCH: Final = min(MOST, 1000)
"""Simulations on offer: more would let people wait."""
_HERE: Final = Path(__file__).parent
_FONTS: Final = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "sans-serif"]
_TABLE: Final = """<div class="table"><ul class="league-players" aria-label="Players"></ul><div class="board"></div>
<pre class="text" tabindex="0" role="region" aria-label="Position" hidden></pre>
<img class="picture" alt="" hidden>
<div class="choices" role="group" aria-label="Moves" hidden></div>
<p class="status" role="status"></p><p class="thought" role="status"></p></div>"""


class _Table(NamedTuple):
    """The game, and what can be done with it."""

    game: gr.HTML
    again: gr.Button
    hint: gr.Button
    undo: gr.Button
    resign: gr.Button


class _Wishes(NamedTuple):
    """What the next game shall be."""

    policy: gr.Dropdown
    seat: gr.Radio
    temperature: gr.Slider
    search: gr.Slider
    think: gr.Checkbox
    person: gr.Textbox


def blocks(page: Page) -> gr.Blocks:
    """The page, with its events."""
    made: gr.Blocks
    name = title(page.host.spec.name)
    with gr.Blocks(
        title=f"{name} against {page.host.league}", analytics_enabled=False, delete_cache=(KEPT_S, KEPT_S)
    ) as made:
        gr.Markdown(f"# {name}")
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                table = _table()
            with gr.Column(scale=2, min_width=280):
                wishes = _wishes(page)
                with gr.Accordion("People", open=False):
                    people = gr.HTML(elem_classes="people", apply_default_css=False)
        _wire(made, page, table, wishes, people)
    made.queue(default_concurrency_limit=8, max_size=256)
    return made


def _table() -> _Table:
    game = gr.HTML(value=None, html_template=_TABLE, js_on_load=_script(), apply_default_css=False, elem_id="game")
    with gr.Row():
        again = gr.Button("New game", variant="primary", min_width=120, elem_id="again")
        later = [
            gr.Button(label, min_width=90, elem_id=label.lower(), interactive=False)
            for label in ("Hint", "Undo", "Resign")
        ]
    return _Table(game, again, *later)


def _wishes(page: Page) -> _Wishes:
    spec, wish = page.host.spec, page.wish
    return _Wishes(
        policy=gr.Dropdown(
            label="Opponent",
            info="The champion, any snapshot, or a bot; from the next game on.",
            choices=[wish.policy],
            value=wish.policy,
            allow_custom_value=True,
            elem_id="policy",
        ),
        seat=gr.Radio(
            page.seats,
            value=page.seat_shown(wish.seat),
            label="Your seat",
            info="The first one begins.",
            elem_id="seat",
        ),
        temperature=gr.Slider(
            0,
            HOTTEST,
            value=own_temperature(spec) if wish.temperature is None else wish.temperature,
            step=0.1,
            label="Temperature",
            info="0: always its best move; 1: each as often as it thinks it good; above: weaker.",
            elem_id="temperature",
        ),
        search=gr.Slider(
            0,
            max(MOST_SEARCH, wish.search or 0),
            value=wish.search or 0,
            step=10,
            label="Search",
            info="Simulations before each of its moves; 0: none.",
            visible=spec.name in searchable_games(),
            elem_id="search",
        ),
        think=gr.Checkbox(label="Show what the policy thinks", elem_id="think"),
        person=gr.Textbox(
            label="Your name",
            info="With a name your games are recorded, and you have an Elo among people.",
            value=page.name,
            max_length=LONGEST,
            elem_id="name",
        ),
    )


def _wire(made: gr.Blocks, page: Page, table: _Table, wishes: _Wishes, people: gr.HTML) -> None:
    tab = gr.State(None, time_to_live=KEPT_S)
    looks = [table.game, table.hint, table.undo, table.resign]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    begun: dict[str, Any] = {"fn": page.begin, "inputs": [*wishes[:5]], "outputs": [tab, *looks], **quiet}
    made.load(page.opened, None, [wishes.policy, people], **quiet).then(**begun)
    table.again.click(**begun)
    table.game.choose(page.choose, [tab, wishes.think, wishes.person], [*looks, people], **quiet)
    table.hint.click(page.hint, [tab, wishes.think], looks, **quiet)
    table.undo.click(page.undo, [tab, wishes.think], looks, **quiet)
    table.resign.click(page.resign, [tab, wishes.think, wishes.person], [*looks, people], **quiet)
    wishes.think.change(page.think, [tab, wishes.think], looks, **quiet)


def style() -> str:
    """The style sheet of the page."""
    return asset("board.css") + (_HERE / "page.css").read_text(encoding="utf-8")


def theme() -> gr.themes.Base:
    """Gradio's plain theme, in fonts that every machine has: none is fetched from another host."""
    plain = gr.themes.Default(primary_hue="blue", font=_FONTS, font_mono=["ui-monospace", "monospace"])
    fill = {"background_fill": "*primary_700", "background_fill_hover": "*primary_800", "text_color": "white"}
    button = {f"button_primary_{name}{dark}": value for name, value in fill.items() for dark in ("", "_dark")}
    return plain.set(**button, block_info_text_color="#5b5e66", block_info_text_color_dark="#b9bcc6")


def _script() -> str:
    """The board, as a value instead of a module, and what puts it on the page."""
    board = re.sub(r"^export ", "", asset("board.js"), flags=re.MULTILINE)
    table = (_HERE / "table.js").read_text(encoding="utf-8")
    return f"const Board = (() => {{\n{board}\nreturn Board;\n}})();\n{table}"
