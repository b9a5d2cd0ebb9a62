/** Lines at the foot of a terminal that are written anew in place. What goes above them scrolls as usual. */
export class LiveView {
  readonly #stream: NodeJS.WriteStream;
  #height = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  get screen(): { columns: number; rows: number } {
    return { columns: this.#stream.columns, rows: this.#stream.rows };
  }

  /** None of the lines may be longer than the terminal is wide. */
  show(lines: readonly string[]): void {
    this.clear();
    this.#stream.write(lines.map((line) => `${line}\n`).join(''));
    this.#height = lines.length;
  }

  clear(): void {
    if (this.#height === 0) return;
    this.#stream.moveCursor(0, -this.#height);
    this.#stream.clearScreenDown();
    this.#height = 0;
  }
}
