/** What a directive prints: with indented parts, and silent while the log level is `none`. */

const levels = ['debug', 'info', 'warn', 'error', 'fatal', 'none'] as const;
type Level = (typeof levels)[number];

export class Output {
  #text = '';
  #level: Level = 'debug';

  get level(): string {
    return this.#level;
  }

  get quiet(): boolean {
    return this.#level === 'none';
  }

  /** Returns false where there is no level of that name. */
  setLevel(name: string): boolean {
    const level = levels.find((candidate) => candidate === name.toLowerCase());
    if (level !== undefined) this.#level = level;
    return level !== undefined;
  }

  write(text: string): void {
    if (!this.quiet) this.#text += text;
  }

  line(text: string): void {
    this.write(`${text}\n`);
  }

  /** Puts two spaces before each line that `write` writes, and ends the last one. */
  indented(write: () => void): void {
    const before = this.#text;
    this.#text = '';
    try {
      write();
    } finally {
      const inner = this.#text.endsWith('\n') ? this.#text.slice(0, -1) : this.#text;
      const lines = inner === '' ? '' : inner.replace(/^/gm, '  ');
      this.#text = before + (this.#text === '' ? '' : `${lines}\n`);
    }
  }

  /** Gives what was written since the last call. */
  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}

export const levelNames = levels.map((level) => level.toUpperCase());
