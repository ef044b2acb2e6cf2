"""Play against the policy of this folder: Gradio shows the board, onnxruntime plays. `python app.py` starts it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import onnxruntime

HERE = Path(__file__).parent
MANIFEST = json.loads((HERE / "league.json").read_text(encoding="utf-8"))
GAME, POLICY = MANIFEST["game"], MANIFEST["policy"]
ROWS, COLUMNS, ACTIONS = GAME["rows"], GAME["columns"], len(GAME["actions"])
SESSION = onnxruntime.InferenceSession(HERE / MANIFEST["model"]["file"], providers=["CPUExecutionProvider"])
LONGEST = 80
"""Most characters of the policy's name that are shown."""
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

    def __init__(self, moves: list[int]) -> None:
        self.moves = list(moves)
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


def answered(moves: list[int], seat: int, think: bool, hint: bool = False) -> tuple[list[int], dict[str, Any]]:
    """Let the policy move if it is its turn; the moves then, and what the page shows."""
    line = Line(moves)
    if line.winner() is None and line.mover != seat:
        line = Line([*moves, int(line.opinion()[0].argmax())])
    winner = line.winner()
    shown = {"moves": line.moves, "ready": winner is None, "shares": None, "hint": None, "thought": ""}
    if winner is None and (think or hint):
        logits, value = line.opinion()
        shares = np.exp(logits - logits.max())
        shown["hint"] = int(logits.argmax()) if hint else None
        if think:
            shown["shares"] = (shares / shares.sum()).tolist()
            shown["thought"] = f"It expects {value:+.2f} for you here."
    name = POLICY if len(POLICY) <= LONGEST else POLICY[:LONGEST] + "…"
    ends = {None: "Your move.", seat: f"You win against {name}.", 1 - seat: f"{name} wins.", -1: "A draw."}
    shown["status"] = ends[winner]
    elo = "" if MANIFEST["elo"] is None else f" · Elo {MANIFEST['elo']:+d}"
    players = {seat: {"name": "You", "note": GAME["seats"][seat]}}
    players[1 - seat] = {"name": name, "note": GAME["seats"][1 - seat] + elo}
    shown["players"] = [players[0], players[1]]
    return line.moves, shown


def begin(seat: str, think: bool) -> tuple[list[int], int, dict[str, Any]]:
    """A new game of this tab."""
    mine = 0 if seat == "first" else 1
    moves, shown = answered([], mine, think)
    return moves, mine, shown


def choose(moves: list[int], seat: int, think: bool, event: gr.EventData) -> tuple[list[int], dict[str, Any]]:
    """The person's move; one that is not legal, or was meant for another position, changes nothing."""
    action, ply = event._data.get("action"), event._data.get("ply")
    line = Line(moves)
    wanted = isinstance(action, int) and 0 <= action < ACTIONS and line.mover == seat and ply == len(moves)
    return answered([*moves, action] if wanted and line.legal()[action] else moves, seat, think)


def hint(moves: list[int], seat: int, think: bool) -> tuple[list[int], dict[str, Any]]:
    """The same position, with what the policy would do in the person's place."""
    return answered(moves, seat, think, hint=True)


def undo(moves: list[int], seat: int, think: bool) -> tuple[list[int], dict[str, Any]]:
    """Take the person's last move back, and the answer to it."""
    mine = len(moves) - 1 if len(moves) % 2 != seat else len(moves) - 2
    return answered(moves[:mine] if mine >= seat else moves, seat, think)


def script() -> str:
    """The board and its rules as values instead of modules, and what puts them on the page."""
    parts = [f"const GAME = {json.dumps(GAME)};"]
    for name, value in (("board.js", "Board"), ("rules.js", "LineGame")):
        text = re.sub(r"^export ", "", (HERE / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
        parts.append(f"const {value} = (() => {{\n{text}\nreturn {value};\n}})();")
    return "\n".join([*parts, SCRIPT])


with gr.Blocks(title=GAME["title"], analytics_enabled=False, fill_width=True) as demo:
    gr.Markdown(f"# {GAME['title']}")
    moves, seat = gr.State([]), gr.State(0)
    table = gr.HTML(None, html_template=TABLE, js_on_load=script(), apply_default_css=False, elem_id="game")
    with gr.Row():
        again = gr.Button("New game", variant="primary", min_width=240)
        hinted = gr.Button("Hint", min_width=90)
        undone = gr.Button("Undo", min_width=90)
    with gr.Group():
        side = gr.Radio(["first", "second"], value="first", label="You play")
        think = gr.Checkbox(label="What it thinks")
    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    for start in (demo.load, again.click, side.change):
        start(begin, [side, think], [moves, seat, table], **quiet)
    for event, does in ((table.choose, choose), (hinted.click, hint), (undone.click, undo), (think.change, answered)):
        event(does, [moves, seat, think], [moves, table], **quiet)

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
