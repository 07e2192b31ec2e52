import type { Terminal } from "./command.js";
import { UsageError } from "./command.js";

const LONGEST_SECRET = 65_535;

/** Asks for a secret: on a terminal without showing what is typed, elsewhere the next line of the input. */
export class SecretInput implements Disposable {
  readonly #terminal: Terminal;
  #text = "";
  #isEnded = false;
  #wake: () => void = () => {};

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#setRaw(true);
    terminal.stdin.on("data", this.#handleData).on("end", this.#handleEnd);
    terminal.signal.addEventListener("abort", this.#handleEnd);
  }

  /** @throws UsageError when the input ends before a line has, or the user changes their mind. */
  async ask(prompt: string): Promise<string> {
    if (this.#isTerminal) this.#terminal.stderr.write(prompt);
    for (;;) {
      const line = this.#takeLine();
      if (line !== undefined) {
        if (this.#isTerminal) this.#terminal.stderr.write("\n");
        return line;
      }
      if (this.#isEnded) throw new UsageError("no password was given", "type it, pipe it in, or use -b");
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  [Symbol.dispose](): void {
    const { stdin, signal } = this.#terminal;
    this.#setRaw(false);
    stdin.off("data", this.#handleData).off("end", this.#handleEnd);
    signal.removeEventListener("abort", this.#handleEnd);
    stdin.pause();
  }

  /** Whether there is anybody to ask twice. */
  get isTerminal(): boolean {
    return this.#isTerminal;
  }

  get #isTerminal(): boolean {
    return "isTTY" in this.#terminal.stdin && this.#terminal.stdin.isTTY === true;
  }

  #setRaw(isRaw: boolean): void {
    const { stdin } = this.#terminal;
    if (this.#isTerminal && "setRawMode" in stdin && typeof stdin.setRawMode === "function") stdin.setRawMode(isRaw);
  }

  #takeLine(): string | undefined {
    const end = this.#text.search(/[\r\n]/);
    // What a pipe ends with need not be a line.
    if (end < 0) return this.#isEnded && this.#text !== "" ? this.#cut(this.#text.length, 0) : undefined;
    return this.#cut(end, this.#text.startsWith("\r\n", end) ? 2 : 1);
  }

  #cut(length: number, separator: number): string {
    const line = this.#text.slice(0, length);
    this.#text = this.#text.slice(length + separator);
    return line;
  }

  readonly #handleData = (chunk: Buffer | string): void => {
    const text = String(chunk);
    if (this.#isTerminal) this.#handleKeys(text);
    else this.#text = (this.#text + text).slice(0, LONGEST_SECRET);
    this.#wake();
  };

  readonly #handleEnd = (): void => {
    this.#isEnded = true;
    this.#wake();
  };

  /** A raw terminal gives keys: Ctrl-C, Ctrl-D and backspace are ours to obey. */
  #handleKeys(text: string): void {
    for (const key of text) {
      if (key === "\u0003" || key === "\u0004") this.#isEnded = true;
      else if (key === "\u007f" || key === "\b") this.#text = this.#text.slice(0, -1);
      else if (this.#text.length < LONGEST_SECRET) this.#text += key;
    }
  }
}
