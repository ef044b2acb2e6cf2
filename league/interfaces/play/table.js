// The place where a game is played: the board, or text with named moves. `element`, `props`, `trigger` and `watch` are
// Gradio's; `props.value` is what league.interfaces.play.shown.shown gives. `Board` stands before this.
const find = (name) => element.querySelector(name);
let board = null;
let game = null;
let focusOnBoard = false;

function choose(action) {
  focusOnBoard = element.contains(document.activeElement);
  trigger("choose", { action, ply: props.value.ply, game: props.value.game_id });
}

function moves({ choices, ready, hint }) {
  const place = find(".choices");
  place.hidden = choices.length === 0;
  const made = choices.map(({ action, name, share }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.action = action;
    button.textContent = share === null ? name : `${name} · ${Math.round(100 * share)}%`;
    button.className = action === hint ? "hint" : "";
    if (action === hint) button.setAttribute("aria-label", `${button.textContent}, hint`);
    button.disabled = !ready;
    button.addEventListener("click", () => {
      for (const one of place.children) one.disabled = true;
      choose(action);
    });
    return button;
  });
  place.replaceChildren(...made);
  if (focusOnBoard && ready) made[0]?.focus();
}

function draw() {
  const value = props.value;
  if (!value || typeof value !== "object") return;
  find(".status").textContent = value.status;
  find(".thought").textContent = value.thought;
  find(".status").dataset.ending = value.ending ?? "";
  Board.players(find(".league-players"), value.board, value.players);
  find(".board").hidden = value.board === null;
  find(".picture").hidden = value.picture === null;
  if (value.picture) find(".picture").src = value.picture;
  if (value.picture) find(".picture").alt = value.text; // What is drawn there, in text.
  find(".text").hidden = value.text === null || value.picture !== null;
  find(".text").textContent = value.text ?? "";
  if (value.board) {
    if (board === null || game !== value.board.name) board = new Board(find(".board"), value.board, choose);
    game = value.board.name;
    board.show(value.position);
  }
  moves(value);
  element.dataset.game = value.game_id;
  element.dataset.ply = value.ply;
  element.dataset.over = value.over;
}

watch("value", draw);
draw();
