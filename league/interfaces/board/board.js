// A board of stones, drawn in SVG and played by mouse, finger and keyboard. It depends on nothing and knows no rules.
//
//   import { Board } from "./board.js";
//   const board = new Board(element, game, (action) => …);
//   board.show(position);
//
// `game` is what league.interfaces.board.describe gives: { rows, columns, drops, seats: [name of the stones, …] }.
// `position`: { marks: [["X" of seat 0, "O" of seat 1, or "", … of a row], … from the top],
//               legal: [whether each action may be chosen, …],
//               mover: 0 | 1, last: [row, column] | null, line: [[row, column], … of winning lines],
//               ready: whether a move is waited for, shares: [part of each action, in 0 to 1] | null, hint: action | null }

const SVG = "http://www.w3.org/2000/svg";
const CELL = 100;
const STRIP = 44; // Above a column: what the policy thinks of it. Below: its number.

/** The marks of the seats in a position. */
const MARK = ["X", "O"];

export class Board {
  #game;
  #onMove;
  #position = null;
  #cells = [];
  #notes = [];
  #buttons = [];
  #drawing;
  #tabStop = 0;

  /** Draws an empty board into `host`; `onMove(action)` is called with legal actions only. */
  constructor(host, game, onMove) {
    this.#game = game;
    this.#onMove = onMove;
    const root = element("div", { class: `league-board ${game.drops ? "drops" : "places"}` });
    this.#drawing = this.#draw();
    root.append(this.#drawing, this.#moves());
    host.replaceChildren(root);
  }

  /** Draws a position, and lets its legal actions be chosen if it is ready. */
  show(position) {
    this.#position = position;
    const { marks, line, last, shares, hint } = position;
    const won = new Set(line.map(String));
    this.#cells.forEach((cell, place) => {
      const at = [Math.floor(place / this.#game.columns), place % this.#game.columns];
      const seat = MARK.indexOf(marks[at[0]][at[1]]);
      const classes = ["cell", seat < 0 ? "empty" : `seat${seat}`];
      if (won.has(String(at))) classes.push("won");
      if (String(at) === String(last)) classes.push("last");
      cell.setAttribute("class", classes.join(" "));
    });
    this.#notes.forEach((note, action) => {
      note.textContent = this.#note(action);
      note.classList.toggle("hint", hint === action);
      note.classList.toggle("best", shares !== null && shares[action] === Math.max(...shares));
    });
    this.#drawing.setAttribute("aria-label", this.#inWords());
    this.#drawing.classList.toggle("decided", won.size > 0);
    this.#buttons.forEach((button, action) => {
      const open = position.ready && position.legal[action];
      button.setAttribute("aria-disabled", String(!open));
      button.setAttribute("aria-label", this.#label(action));
      button.classList.toggle("hint", hint === action);
    });
    const focused = this.#buttons.indexOf(document.activeElement);
    if (focused < 0 && !position.legal[this.#tabStop]) this.#stopAt(Math.max(0, position.legal.indexOf(true)));
    this.#preview(focused);
  }

  /** Puts the keyboard on the board. */
  focus() {
    this.#buttons[this.#tabStop].focus();
  }

  /** Fills a list with who sits where: `players`, [{ name, note }] by seat; `game`: whose stones they have, or null. */
  static players(list, game, players) {
    const signs = game === null ? [] : game.drops ? ["x", "o"] : ["cross", "ring"];
    const items = players.map(({ name, note }, seat) => {
      const item = element("li", {});
      if (signs[seat]) item.append(element("span", { class: `sign ${signs[seat]}`, "aria-hidden": "true" }));
      const said = element("span", { class: "about" });
      said.textContent = note;
      const called = element("span", { class: "name" });
      called.textContent = name;
      item.append(called, " ", said);
      return item;
    });
    list.replaceChildren(...items);
  }

  #draw() {
    const { rows, columns, drops } = this.#game;
    const top = drops ? STRIP : 0;
    const size = [columns * CELL, rows * CELL + 2 * top];
    const svg = draw("svg", { viewBox: `0 0 ${size.join(" ")}`, role: "img", class: "drawing" });
    svg.append(draw("rect", { class: "frame", x: 0, y: top, width: size[0], height: rows * CELL, rx: 18 }));
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const cell = draw("g", { transform: `translate(${(column + 0.5) * CELL} ${top + (row + 0.5) * CELL})` });
        cell.style.setProperty("--fall", `${-CELL * (row + 1)}px`);
        if (drops) cell.append(draw("circle", { class: "hole", r: 40 }), ...discs());
        else cell.append(draw("rect", { class: "hole", x: -46, y: -46, width: 92, height: 92, rx: 12 }), ...strokes());
        this.#cells.push(svg.appendChild(cell));
      }
    }
    const actions = drops ? columns : rows * columns;
    for (let action = 0; action < actions; action++) {
      const x = ((action % columns) + 0.5) * CELL;
      const y = drops ? 32 : (Math.floor(action / columns) + 0.5) * CELL + 8;
      this.#notes.push(svg.appendChild(draw("text", { class: "note", x, y })));
      if (!drops) continue;
      const number = svg.appendChild(draw("text", { class: "number", x, y: size[1] - 10 }));
      number.textContent = String(action);
    }
    return svg;
  }

  #moves() {
    const { rows, columns, drops } = this.#game;
    const moves = element("div", { class: "moves", role: "group", "aria-label": drops ? "Columns" : "Cells" });
    moves.style.setProperty("grid-template-columns", `repeat(${columns}, 1fr)`);
    moves.style.setProperty("grid-template-rows", `repeat(${drops ? 1 : rows}, 1fr)`);
    for (let action = 0; action < (drops ? columns : rows * columns); action++) {
      const button = element("button", { type: "button", "data-action": action, "aria-disabled": "true" });
      button.tabIndex = action === 0 ? 0 : -1;
      button.addEventListener("click", () => this.#choose(action));
      button.addEventListener("focus", () => this.#stopAt(action));
      for (const kind of ["focus", "pointerenter"]) button.addEventListener(kind, () => this.#preview(action));
      for (const kind of ["blur", "pointerleave"]) button.addEventListener(kind, () => this.#preview(-1));
      this.#buttons.push(moves.appendChild(button));
    }
    moves.addEventListener("keydown", (event) => this.#key(event));
    return moves;
  }

  #open(action) {
    return Boolean(this.#position?.ready && this.#position.legal[action]);
  }

  #choose(action) {
    if (!this.#open(action)) return;
    this.#position = { ...this.#position, ready: false }; // A second press is not a second move.
    for (const button of this.#buttons) button.setAttribute("aria-disabled", "true");
    this.#preview(-1);
    this.#onMove(action);
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { columns } = this.#game;
    const count = this.#buttons.length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    let to = null;
    if (step !== undefined) to = this.#tabStop + step;
    else if (event.key === "Home") to = 0;
    else if (event.key === "End") to = count - 1;
    else if (/^[0-9]$/.test(event.key) && Number(event.key) < count) {
      to = Number(event.key);
      this.#choose(to);
    } else return;
    event.preventDefault();
    if (to >= 0 && to < count) this.#buttons[to].focus();
  }

  #stopAt(action) {
    this.#buttons[this.#tabStop].tabIndex = -1;
    this.#buttons[action].tabIndex = 0;
    this.#tabStop = action;
  }

  /** Shows where a stone would come to lie; nowhere for an action that is not open. */
  #preview(action) {
    for (const cell of this.#cells) cell.classList.remove("ghost0", "ghost1");
    if (!this.#open(action)) return;
    const { columns, drops } = this.#game;
    const empty = (row) => this.#position.marks[row][action] === "";
    const lowest = drops ? this.#position.marks.findLastIndex((_, row) => empty(row)) : 0;
    const place = drops ? lowest * columns + action : action;
    this.#cells[place]?.classList.add(`ghost${this.#position.mover}`);
  }

  #note(action) {
    const { marks, legal, shares, hint } = this.#position;
    if (shares && legal[action]) return percent(shares[action]);
    if (hint === action) return "hint";
    const { columns, drops } = this.#game;
    return drops || marks[Math.floor(action / columns)][action % columns] ? "" : String(action);
  }

  #label(action) {
    const { columns, drops } = this.#game;
    const { marks, legal, shares, hint } = this.#position;
    const extra = (shares && legal[action] ? `, ${percent(shares[action])}` : "") + (hint === action ? ", hint" : "");
    if (!drops) {
      const mark = marks[Math.floor(action / columns)][action % columns];
      return `Cell ${action}, row ${Math.floor(action / columns) + 1}, ${this.#name(mark)}${extra}`;
    }
    const stones = marks.map((row) => row[action]).filter(Boolean).map((mark) => this.#name(mark));
    const full = legal[action] || stones.length < marks.length ? "" : ", full";
    return `Column ${action}, ${stones.length ? `from the top ${stones.join(" ")}` : "empty"}${full}${extra}`;
  }

  #name(mark) {
    return mark ? this.#game.seats[MARK.indexOf(mark)] : "empty";
  }

  /** The whole position, for people who do not see it. */
  #inWords() {
    const { marks, last, line } = this.#position;
    const rows = marks.map((row, number) => `row ${number + 1}: ${row.map((mark) => this.#name(mark)).join(" ")}`);
    const at = ([row, column]) => `row ${row + 1} column ${column}`;
    const news = last ? `. Last move: ${at(last)}` : "";
    return `Board, ${rows.join("; ")}${news}${line.length ? `. Winning line: ${line.map(at).join(", ")}` : ""}`;
  }
}

function percent(share) {
  return `${Math.round(100 * share)}%`;
}

/** The stones of both seats; the style sheet shows one. They differ in shape as well as in colour. */
function discs() {
  const ring = draw("circle", { class: "stone o core", r: 17 });
  return [draw("circle", { class: "stone x", r: 40 }), draw("circle", { class: "stone o", r: 40 }), ring];
}

function strokes() {
  return [
    draw("path", { class: "stone x", d: "M-26-26L26 26M26-26L-26 26" }),
    draw("circle", { class: "stone o", r: 28 }),
  ];
}

function draw(name, attributes) {
  return dressed(document.createElementNS(SVG, name), attributes);
}

function element(name, attributes) {
  return dressed(document.createElement(name), attributes);
}

function dressed(made, attributes) {
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
