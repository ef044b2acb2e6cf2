// Games in which two seats place stones in turn and a line wins, for a page without a server. Equal, ply for ply, to
// league.games.bitboards. `game` is what league.interfaces.board.describe gives.

const MARK = ["X", "O"];
const DIRECTIONS = [[0, 1], [1, 0], [1, 1], [1, -1]];

export class LineGame {
  /** `moves`: actions from the beginning. Throws a RangeError for one that is illegal. */
  constructor(game, moves = []) {
    this.game = game;
    this.moves = [];
    this.marks = Array.from({ length: game.rows }, () => Array(game.columns).fill(""));
    this.last = null;
    for (const action of moves) this.play(action);
  }

  /** The seat to move, or that would be. */
  get mover() {
    return this.moves.length % 2;
  }

  /** Whether each action may be played; none may once the game is over. */
  legal() {
    const over = this.line().length > 0;
    return Array.from({ length: this.game.actions.length }, (_, action) => !over && this.#landing(action) !== null);
  }

  /** The seat that has won, -1 for a draw, null while the game goes on. */
  winner() {
    if (this.line().length) return 1 - this.mover;
    return this.marks.flat().includes("") ? null : -1;
  }

  /** Row and column of the cells of every line that won. */
  line() {
    const found = new Map();
    const { rows, columns, line } = this.game;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        for (const [down, right] of DIRECTIONS) {
          const run = Array.from({ length: line }, (_, step) => [row + step * down, column + step * right]);
          const mark = this.marks[row][column];
          if (mark && run.every(([r, c]) => this.marks[r]?.[c] === mark)) for (const at of run) found.set(String(at), at);
        }
      }
    }
    return [...found.values()];
  }

  /** Places the stone of the seat to move. */
  play(action) {
    if (!this.legal()[action]) throw new RangeError(`action ${action} is not legal`);
    const [row, column] = this.#landing(action);
    this.marks[row][column] = MARK[this.mover];
    this.last = [row, column];
    this.moves.push(action);
  }

  /** Another game, without the last `count` moves. */
  without(count) {
    return new LineGame(this.game, this.moves.slice(0, Math.max(0, this.moves.length - count)));
  }

  /** Float32 [rows, columns, 2]: stones of the seat to move, then of the other one; what the network sees. */
  observe() {
    const seen = [MARK[this.mover], MARK[1 - this.mover]];
    return Float32Array.from(this.marks.flat().flatMap((mark) => seen.map((one) => Number(mark === one))));
  }

  /** What Board.show takes. */
  position({ ready = false, shares = null, hint = null } = {}) {
    const { marks, mover, last } = this;
    return { marks, legal: this.legal(), mover, last, line: this.line(), ready, shares, hint };
  }

  #landing(action) {
    const { rows, columns, drops } = this.game;
    const at = drops
      ? [this.marks.findLastIndex((row) => row[action] === ""), action]
      : [Math.floor(action / columns), action % columns];
    return at[0] >= 0 && at[0] < rows && this.marks[at[0]][at[1]] === "" ? at : null;
  }
}
