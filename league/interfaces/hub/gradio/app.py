"""Play against the policy of this folder: Gradio shows the board, onnxruntime plays. `python app.py` starts it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
import onnxruntime

HERE = Path(__file__).parent
MANIFEST = json.loads((HERE / "league.json").read_text(encoding="utf-8"))
GAME, POLICY = MANIFEST["game"], MANIFEST["called"]
ROWS, COLUMNS, ACTIONS = GAME["rows"], GAME["columns"], len(GAME["actions"])
SESSION = onnxruntime.InferenceSession(HERE / MANIFEST["model"]["file"], providers=["CPUExecutionProvider"])
DICE = np.random.default_rng()
STRENGTHS = [("full", 0.0), ("varied", 0.5), ("as trained", 1.0)]
"""What is offered, each with its temperature."""
TABLE = """<div class="table"><ul class="league-players" aria-label="Players"></ul><div class="board"></div>
<p class="status" role="status"></p><p class="thought" role="status"></p></div>"""
STYLE = """
.gradio-container { width: 100%; max-width: 600px !important; margin-inline: auto; }
#game .league-board.drops { max-width: min(34rem, max(20rem, 56vh)); }
#game .html-container { padding: 4px 0; }
@media (max-width: 720px) {
  #game { margin-inline: -20px !important; width: calc(100% + 40px) !important; }
  .table > :not(.board) { margin-inline: 20px !important; }
}
.table .status { font-weight: 600; font-size: 1.1rem; min-height: 1.5em; margin: 10px 0 0; overflow-wrap: anywhere; }
.table .thought { min-height: 1.5em; margin: 0; color: var(--body-text-color); }
"""
SCRIPT = """
const board = new Board(element.querySelector(".board"), GAME, (action) => {
  trigger("choose", { action, ply: props.value.moves.length });
});
function draw() {
  const value = props.value;
  if (!value || typeof value !== "object") return;
  const had = element.contains(document.activeElement);
  Board.players(element.querySelector(".league-players"), GAME, value.players);
  element.querySelector(".status").textContent = value.status;
  element.querySelector(".thought").textContent = value.thought;
  board.show(new LineGame(GAME, value.moves).position(value));
  element.dataset.moves = value.moves.join(" ");
  if (had && value.ready) board.focus();
}
watch("value", draw);
draw();
"""


class Line:
    """A game in which two seats place stones in turn and a line wins, after some moves."""

    def __init__(self, moves: Sequence[int]) -> None:
        self.moves = tuple(moves)
        self.marks = np.full((ROWS, COLUMNS), -1)
        """The seat whose stone lies in each cell, -1 where none does."""
        for ply, action in enumerate(moves):
            self.marks[self.cell(action)] = ply % 2

    @property
    def mover(self) -> int:
        """The seat, 0 or 1, whose move is next."""
        return len(self.moves) % 2

    def cell(self, action: int) -> tuple[int, int] | None:
        """Where the stone of an action comes to lie, None if there is no room."""
        if not GAME["drops"]:
            place = divmod(action, COLUMNS)
            return place if self.marks[place] < 0 else None
        empty = np.flatnonzero(self.marks[:, action] < 0)
        return (int(empty[-1]), action) if len(empty) else None

    def legal(self) -> list[bool]:
        """Whether each action may be played."""
        over = self.winner() is not None
        return [not over and self.cell(action) is not None for action in range(ACTIONS)]

    def winner(self) -> int | None:
        """The seat that has won, -1 for a draw, None while the game goes on."""
        for row, column in np.argwhere(self.marks >= 0):
            for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
                run = [(row + step * down, column + step * right) for step in range(GAME["line"])]
                if all(0 <= r < ROWS and 0 <= c < COLUMNS for r, c in run):
                    seats = {int(self.marks[at]) for at in run}
                    if seats in ({0}, {1}):
                        return seats.pop()
        return None if (self.marks < 0).any() else -1

    def opinion(self) -> tuple[np.ndarray, float]:
        """What the policy thinks: logits of the actions, and the return that the mover expects."""
        seen = np.stack([self.marks == self.mover, self.marks == 1 - self.mover], axis=-1)[None]
        mask = np.array([self.legal()], np.float32)
        inputs = {"observation": seen.astype(np.float32), "action_mask": mask}
        logits, value = SESSION.run(["logits", "value"], inputs)
        return logits[0], float(value[0])


class Game(NamedTuple):
    """What one browser tab plays."""

    moves: tuple[int, ...] = ()
    seat: int = 0
    """The person's."""
    resigned: bool = False

    @property
    def over(self) -> bool:
        """Whether nobody moves any more."""
        return self.resigned or Line(self.moves).winner() is not None


def replied(game: Game, temperature: float) -> Game:
    """The game once the policy has moved, if it is its turn: its best move, above temperature 0 one that is drawn."""
    line = Line(game.moves)
    if game.over or line.mover == game.seat:
        return game
    logits, _ = line.opinion()
    action = logits.argmax() if temperature <= 0 else DICE.choice(ACTIONS, p=softmax(logits / temperature))
    return game._replace(moves=(*game.moves, int(action)))


def softmax(logits: np.ndarray) -> np.ndarray:
    """The probability of each action, as float64: they sum to 1 closely enough to draw from."""
    parts: np.ndarray = np.exp(logits.astype(float) - logits.max())
    parts /= parts.sum()
    return parts


def look(game: Game, think: bool, hint: bool = False) -> tuple[Any, ...]:
    """The game, what the page shows of it, and whether Hint, Undo and Resign may be pressed."""
    shown = {"moves": game.moves, "ready": not game.over, "shares": None, "hint": None, "thought": ""}
    if not game.over and (think or hint):
        logits, value = Line(game.moves).opinion()
        shown["hint"] = int(logits.argmax()) if hint else None
        if think:
            shown["shares"] = softmax(logits).tolist()
            shown["thought"] = f"It expects {value:+z.2f} for you here."
    ends = {
        None: "Your move.",
        game.seat: f"You win against {POLICY}.",
        1 - game.seat: f"{POLICY} wins.",
        -1: "A draw.",
    }
    shown["status"] = f"You resigned: {POLICY} wins." if game.resigned else ends[Line(game.moves).winner()]
    elo = "" if MANIFEST["elo"] is None else f" · Elo {MANIFEST['elo']:+d}"
    players = {game.seat: {"name": "You", "note": GAME["seats"][game.seat]}}
    players[1 - game.seat] = {"name": POLICY, "note": GAME["seats"][1 - game.seat] + elo}
    shown["players"] = [players[0], players[1]]
    may = (not game.over, len(game.moves) > game.seat and not game.resigned, not game.over and bool(game.moves))
    return game, shown, *(gr.update(interactive=one) for one in may)


def begin(side: str, temperature: float, think: bool) -> tuple[Any, ...]:
    """A new game of this tab."""
    return look(replied(Game(seat=0 if side == "first" else 1), temperature), think)


def choose(game: Game, temperature: float, think: bool, event: gr.EventData) -> tuple[Any, ...]:
    """The person's move; one that is not legal, or was meant for another position, changes nothing."""
    action, ply = event._data.get("action"), event._data.get("ply")
    line = Line(game.moves)
    wanted = isinstance(action, int) and 0 <= action < ACTIONS and line.mover == game.seat and ply == len(game.moves)
    if wanted and not game.resigned and line.legal()[action]:
        game = replied(game._replace(moves=(*game.moves, action)), temperature)
    return look(game, think)


def advise(game: Game, think: bool) -> tuple[Any, ...]:
    """The same position, with what the policy would do in the person's place."""
    return look(game, think, hint=True)


def undo(game: Game, think: bool) -> tuple[Any, ...]:
    """Take the person's last move back, and the answer to it."""
    mine = len(game.moves) - (1 if len(game.moves) % 2 != game.seat else 2)
    return look(game._replace(moves=game.moves[:mine]) if mine >= game.seat and not game.resigned else game, think)


def resign(game: Game, think: bool) -> tuple[Any, ...]:
    """The game, given up by the person."""
    return look(game if game.over else game._replace(resigned=True), think)


def script() -> str:
    """The board and its rules as values instead of modules, and what puts them on the page."""
    parts = [f"const GAME = {json.dumps(GAME)};"]
    for name, value in (("board.js", "Board"), ("rules.js", "LineGame")):
        text = re.sub(r"^export ", "", (HERE / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
        parts.append(f"const {value} = (() => {{\n{text}\nreturn {value};\n}})();")
    return "\n".join([*parts, SCRIPT])


with gr.Blocks(title=GAME["title"], analytics_enabled=False, fill_width=True) as demo:
    gr.Markdown(f"# {GAME['title']}")
    game = gr.State(Game())
    table = gr.HTML(None, html_template=TABLE, js_on_load=script(), apply_default_css=False, elem_id="game")
    with gr.Row():
        again = gr.Button("New game", variant="primary", min_width=240)
        hinted, undone, resigned = (
            gr.Button(label, min_width=90, interactive=False) for label in ("Hint", "Undo", "Resign")
        )
    with gr.Group():
        side = gr.Radio(["first", "second"], value="first", label="You play")
        strength = gr.Radio(STRENGTHS, value=0.0, label="Strength")
        think = gr.Checkbox(label="What it thinks")
    looks = [game, table, hinted, undone, resigned]
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    for start in (demo.load, again.click, side.change):
        start(begin, [side, strength, think], looks, **quiet)
    table.choose(choose, [game, strength, think], looks, **quiet)
    pressed = ((hinted.click, advise), (undone.click, undo), (resigned.click, resign), (think.change, look))
    for event, does in pressed:
        event(does, [game, think], looks, **quiet)

FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "sans-serif"]
FILL = {"background_fill": "*primary_700", "background_fill_hover": "*primary_800", "text_color": "white"}
THEME = gr.themes.Default(primary_hue="blue", font=FONTS, font_mono=["ui-monospace", "monospace"]).set(
    **{f"button_primary_{name}{dark}": value for name, value in FILL.items() for dark in ("", "_dark")}
)

if __name__ == "__main__":
    demo.launch(
        css=(HERE / "board.css").read_text(encoding="utf-8") + STYLE,
        theme=THEME,
        footer_links=[],
    )
