/**
 * Regular expressions in linear time (Thompson 1968: all states of the automaton at once). Queries
 * carry expressions that anybody may have written, for RE2; JavaScript's own engine backtracks, and
 * `(a*)*b` on a long tag would stop the process. What RE2 knows and this does not (classes by
 * Unicode property, flags within) is refused, and a query with it matches nobody.
 */
import { WireError } from './wire/wire-error.ts';

/** States of an automaton; repetitions multiply. */
const statesMax = 4_096;
const repeatMax = 1_000;
const depthMax = 64;

type Test = (codePoint: number) => boolean;
/** What an expression is made of. */
type Node =
  | { kind: 'char'; test: Test }
  | { kind: 'assert'; what: 'start' | 'end' | 'word' | 'not-word' }
  | { kind: 'sequence' | 'choice'; parts: Node[] }
  | { kind: 'repeat'; part: Node; min: number; max: number };

const isDigit: Test = (code) => code >= 0x30 && code <= 0x39;
const isWord: Test = (code) =>
  isDigit(code) ||
  code === 0x5f ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x61 && code <= 0x7a);
const isSpace: Test = (code) => code === 0x20 || (code >= 9 && code <= 13 && code !== 11);
const not =
  (test: Test): Test =>
  (code) =>
    !test(code);
const classes: Readonly<Record<string, Test>> = {
  d: isDigit,
  D: not(isDigit),
  w: isWord,
  W: not(isWord),
  s: isSpace,
  S: not(isSpace),
};
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7 };
const posixClasses: Readonly<Record<string, Test>> = {
  alnum: (code) => isWord(code) && code !== 0x5f,
  alpha: (code) => isWord(code) && code !== 0x5f && !isDigit(code),
  digit: isDigit,
  lower: (code) => code >= 0x61 && code <= 0x7a,
  upper: (code) => code >= 0x41 && code <= 0x5a,
  space: (code) => code === 0x20 || (code >= 9 && code <= 13),
  word: isWord,
  xdigit: (code) =>
    isDigit(code) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66),
};

const bad = (): WireError => new WireError('bad-expression');

class Parser {
  readonly #chars: readonly string[];
  #at = 0;
  #ignoreCase = false;

  constructor(source: string) {
    this.#chars = [...source];
    if (source.startsWith('(?i)')) {
      this.#ignoreCase = true;
      this.#at = 4;
    }
  }

  parse(): Node {
    const node = this.#choice(0);
    if (this.#at < this.#chars.length) throw bad();
    return node;
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #next(): string {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw bad();
    return char;
  }

  #take(text: string): boolean {
    for (const [offset, char] of [...text].entries()) {
      if (this.#chars[this.#at + offset] !== char) return false;
    }
    this.#at += text.length;
    return true;
  }

  #choice(depth: number): Node {
    if (depth > depthMax) throw bad();
    const parts = [this.#sequence(depth)];
    while (this.#take('|')) parts.push(this.#sequence(depth));
    return parts.length === 1 ? parts[0]! : { kind: 'choice', parts };
  }

  #sequence(depth: number): Node {
    const parts: Node[] = [];
    for (let char = this.#peek(); char !== undefined && char !== '|' && char !== ')'; ) {
      parts.push(this.#repeated(this.#atom(depth)));
      char = this.#peek();
    }
    return { kind: 'sequence', parts };
  }

  #repeated(atom: Node): Node {
    let node = atom;
    for (;;) {
      let range: [number, number] | undefined;
      if (this.#take('*')) range = [0, Number.POSITIVE_INFINITY];
      else if (this.#take('+')) range = [1, Number.POSITIVE_INFINITY];
      else if (this.#take('?')) range = [0, 1];
      else if (this.#peek() === '{') range = this.#counted();
      if (range === undefined) return node;
      // Whether it is greedy does not change whether it matches.
      this.#take('?');
      node = { kind: 'repeat', part: node, min: range[0], max: range[1] };
    }
  }

  #counted(): [number, number] | undefined {
    const text = this.#chars.slice(this.#at).join('');
    const match = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(text);
    if (match === null) {
      // As in RE2, a brace that counts nothing is a brace.
      return undefined;
    }
    this.#at += match[0].length;
    const min = Number(match[1]);
    let max = min;
    if (match[2] !== undefined) max = match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (min > repeatMax || (max > repeatMax && max !== Number.POSITIVE_INFINITY) || max < min) {
      throw bad();
    }
    return [min, max];
  }

  #atom(depth: number): Node {
    const char = this.#next();
    switch (char) {
      case '(': {
        if (this.#take('?')) this.#groupHead();
        const node = this.#choice(depth + 1);
        if (!this.#take(')')) throw bad();
        return node;
      }
      case '[':
        return { kind: 'char', test: this.#set() };
      case '.':
        return { kind: 'char', test: (code) => code !== 10 };
      case '^':
        return { kind: 'assert', what: 'start' };
      case '$':
        return { kind: 'assert', what: 'end' };
      case '*':
      case '+':
      case '?':
        throw bad();
      case '\\':
        return this.#escape();
      default:
        return this.#literal(char.codePointAt(0)!);
    }
  }

  #groupHead(): void {
    if (this.#take(':')) return;
    if (!this.#take('P<') && !this.#take('<')) throw bad();
    while (this.#next() !== '>') if (this.#at > this.#chars.length) throw bad();
  }

  #literal(code: number): Node {
    return { kind: 'char', test: this.#caseless((other) => other === code) };
  }

  #caseless(test: Test): Test {
    if (!this.#ignoreCase) return test;
    return (code) => {
      const char = String.fromCodePoint(code);
      return (
        test(code) ||
        test(char.toLowerCase().codePointAt(0)!) ||
        test(char.toUpperCase().codePointAt(0)!)
      );
    };
  }

  #escape(): Node {
    const char = this.#next();
    if (char === 'b') return { kind: 'assert', what: 'word' };
    if (char === 'B') return { kind: 'assert', what: 'not-word' };
    if (char === 'A') return { kind: 'assert', what: 'start' };
    if (char === 'z') return { kind: 'assert', what: 'end' };
    const test = classes[char];
    if (test !== undefined) return { kind: 'char', test };
    return this.#literal(this.#escapedCode(char));
  }

  #escapedCode(char: string): number {
    const control = controls[char];
    if (control !== undefined) return control;
    if (char === 'x') {
      const digits = this.#take('{') ? this.#upTo('}') : this.#next() + this.#next();
      if (!/^[0-9a-fA-F]{1,6}$/.test(digits)) throw bad();
      return Number.parseInt(digits, 16);
    }
    if (/[0-9A-Za-z]/.test(char)) throw bad();
    return char.codePointAt(0)!;
  }

  #upTo(end: string): string {
    let text = '';
    for (let char = this.#next(); char !== end; char = this.#next()) text += char;
    return text;
  }

  #set(): Test {
    const negated = this.#take('^');
    const tests: Test[] = [];
    for (let first = true; first || this.#peek() !== ']'; first = false) {
      if (this.#take('[:')) {
        const inverted = this.#take('^');
        const test = posixClasses[this.#upTo(':')];
        if (test === undefined || !this.#take(']')) throw bad();
        tests.push(inverted ? not(test) : test);
        continue;
      }
      const low = this.#setMember();
      if (typeof low !== 'number') {
        tests.push(low);
        continue;
      }
      let high = low;
      if (this.#peek() === '-' && this.#chars[this.#at + 1] !== ']') {
        this.#next();
        const end = this.#setMember();
        if (typeof end !== 'number' || end < low) throw bad();
        high = end;
      }
      tests.push(this.#caseless((code) => code >= low && code <= high));
    }
    this.#next();
    const any: Test = (code) => tests.some((test) => test(code));
    return negated ? not(any) : any;
  }

  #setMember(): number | Test {
    const char = this.#next();
    if (char !== '\\') return char.codePointAt(0)!;
    const escaped = this.#next();
    return classes[escaped] ?? this.#escapedCode(escaped);
  }
}

/** A state: it takes a character, or checks, or leads on to others at once. */
interface State {
  test: Test | undefined;
  assert: 'start' | 'end' | 'word' | 'not-word' | undefined;
  next: number[];
}

/** An expression that was understood. */
export class RegularExpression {
  readonly #states: State[] = [];
  readonly #start: number;
  readonly #accept: number;

  /** @throws WireError `bad-expression`, also if it would need too many states. */
  constructor(source: string) {
    this.#accept = this.#state({});
    this.#start = this.#build(new Parser(source).parse(), this.#accept);
  }

  /** Whether it matches anywhere in the text. */
  matches(text: string): boolean {
    const codes = [...text].map((char) => char.codePointAt(0)!);
    let current = new Set<number>();
    for (let at = 0; at <= codes.length; at++) {
      const active = this.#closure([...current, this.#start], codes, at);
      if (active.has(this.#accept)) return true;
      current = new Set();
      if (at === codes.length) break;
      for (const index of active) {
        const state = this.#states[index]!;
        if (state.test?.(codes[at]!)) for (const next of state.next) current.add(next);
      }
    }
    return false;
  }

  /** Every state that can be reached without taking a character. */
  #closure(from: number[], codes: readonly number[], at: number): Set<number> {
    const reached = new Set<number>();
    const open = from;
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (reached.has(index)) continue;
      reached.add(index);
      const state = this.#states[index]!;
      if (state.test !== undefined) continue;
      if (state.assert !== undefined && !holds(state.assert, codes, at)) continue;
      open.push(...state.next);
    }
    return reached;
  }

  #state(fields: Partial<State>): number {
    if (this.#states.length >= statesMax) throw bad();
    this.#states.push({ test: undefined, assert: undefined, next: [], ...fields });
    return this.#states.length - 1;
  }

  /** Adds states for a node that lead to `next`; returns the first of them. */
  #build(node: Node, next: number): number {
    switch (node.kind) {
      case 'char':
        return this.#state({ test: node.test, next: [next] });
      case 'assert':
        return this.#state({ assert: node.what, next: [next] });
      case 'sequence':
        return node.parts.reduceRight((after, part) => this.#build(part, after), next);
      case 'choice':
        return this.#state({ next: node.parts.map((part) => this.#build(part, next)) });
      case 'repeat':
        return this.#buildRepeat(node.part, node.min, node.max, next);
    }
  }

  #buildRepeat(part: Node, min: number, max: number, next: number): number {
    let start = next;
    if (max === Number.POSITIVE_INFINITY) {
      start = this.#state({});
      this.#states[start]!.next = [this.#build(part, start), next];
    } else {
      for (let extra = min; extra < max; extra++) {
        start = this.#state({ next: [this.#build(part, start), next] });
      }
    }
    for (let time = 0; time < min; time++) start = this.#build(part, start);
    return start;
  }
}

function holds(what: NonNullable<State['assert']>, codes: readonly number[], at: number): boolean {
  if (what === 'start') return at === 0;
  if (what === 'end') return at === codes.length;
  const before = at > 0 && isWord(codes[at - 1]!);
  const after = at < codes.length && isWord(codes[at]!);
  return (before !== after) === (what === 'word');
}
