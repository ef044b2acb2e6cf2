// A person against the policy of this page.

import { Board } from "./board.js";
import { LineGame } from "./rules.js";
import { Policy, choose } from "./policy.js";

const at = (id) => document.getElementById(id);
const manifest = await described();
const { game } = manifest;

let policy = null;
let line = new LineGame(game);
let seat = 0; // The person's.
let resigned = false;
let hint = null;

const board = new Board(at("board"), game, (action) => {
  line.play(action);
  next();
});

/** What this page plays: league.json. */
async function described() {
  try {
    return await (await fetch("league.json")).json();
  } catch (error) {
    at("said").textContent = "cannot load league.json: this page needs a file server, it does not work from a disk";
    throw error;
  }
}

/** Shows the position, and lets whoever is to move do so. */
async function next() {
  const now = line;
  hint = null;
  await show();
  if (over() || now.mover === seat || now !== line) return;
  const started = performance.now();
  const { logits } = await policy.opinion(now);
  if (now !== line || resigned) return; // A new game has begun meanwhile.
  now.play(choose(logits, Number(at("strength").value)));
  const took = performance.now() - started;
  at("took").textContent = `Its move took ${took.toFixed(took < 10 ? 1 : 0)} ms.`;
  at("took").dataset.ms = took;
  await show();
}

async function show() {
  const now = line;
  const mine = !over() && now.mover === seat;
  const opinion = mine && policy && at("thinks").checked ? await policy.opinion(now) : null;
  if (now !== line) return;
  const shares = opinion?.shares ?? null;
  board.show({ ...now.position({ ready: mine && !resigned, shares, hint }) });
  at("thought").textContent = opinion === null ? "" : `It expects ${signed(opinion.value)} for you here.`;
  at("said").textContent = said();
  at("said").dataset.ending = line.winner() === seat && !resigned ? "won" : "";
  at("undo").disabled = undoable() === 0;
  at("hint").disabled = !mine;
  at("resign").disabled = over() || now.moves.length === 0;
}

function over() {
  return resigned || line.winner() !== null;
}

/** How many moves would be taken back: the person's last one and the answer to it, if there is one. */
function undoable() {
  if (resigned || (!over() && line.mover !== seat)) return 0;
  const count = line.moves.length % 2 === seat ? 2 : 1;
  return line.moves.length - count < seat ? 0 : count;
}

function said() {
  if (resigned) return `You resigned: ${manifest.called} wins.`;
  const winner = line.winner();
  if (winner === -1) return "A draw.";
  if (winner !== null) return winner === seat ? `You win against ${manifest.called}.` : `${manifest.called} wins.`;
  return line.mover === seat ? "Your move." : `${manifest.called} is thinking…`;
}

/** Who has which stones. */
function players() {
  const strength = manifest.elo === null ? [] : [`Elo ${manifest.elo < 0 ? "" : "+"}${manifest.elo}`];
  const both = [{ name: "You", notes: [] }, { name: manifest.called, notes: strength }];
  if (seat === 1) both.reverse();
  const said = both.map(({ name, notes }, one) => ({ name, note: [game.seats[one], ...notes].join(" · ") }));
  Board.players(at("players"), game, said);
}

function signed(value) {
  const shown = Number(value.toFixed(2)) + 0; // Of -0 it makes 0.
  return `${shown < 0 ? "" : "+"}${shown.toFixed(2)}`;
}

function begin(mine) {
  line = new LineGame(game);
  seat = mine;
  resigned = false;
  players();
  next().then(() => board.focus());
}

at("first").addEventListener("click", () => begin(0));
at("second").addEventListener("click", () => begin(1));
at("undo").addEventListener("click", () => {
  line = line.without(undoable());
  next().then(() => board.focus());
});
at("hint").addEventListener("click", async () => {
  const now = line;
  const { logits } = await policy.opinion(now);
  if (now !== line || now.mover !== seat) return;
  hint = choose(logits, 0);
  await show();
  board.focus();
});
at("resign").addEventListener("click", () => {
  resigned = true;
  show();
});
at("thinks").addEventListener("change", show);

board.show(line.position());
players();
try {
  policy = await Policy.load(manifest);
  for (const id of ["first", "second"]) at(id).disabled = false;
  next();
} catch (error) {
  at("said").textContent = error.message;
  throw error;
}
