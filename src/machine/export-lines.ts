/**
 * A typed machine's state as lines of JSON, from its snapshot alone: no definition is needed, so that
 * a backup can be read years later. First a head, then a line for each entry, then an end that tells
 * how many there were: an export without it is incomplete.
 */
import { QuorateError } from '../base/errors.ts';
import type { PartFacts } from '../engine/machine.ts';
import { jsonText } from './json-text.ts';
import { FrameReader, type SnapshotFrame } from './machine-snapshot.ts';
import { decodeValue } from './value-reader.ts';

/** What is exported, and as of when. */
export interface ExportFacts {
  readonly group: string;
  /** The last entry whose effects are in it. */
  readonly index: number;
  readonly term: number;
}

/** The form of the lines; later ones may only add fields. */
const FORMAT = 1;

export class ExportLines {
  readonly #facts: ExportFacts;
  readonly #frames = new FrameReader();
  #kinds: ReadonlyMap<string, string> = new Map();
  #entries = 0;
  #ended = false;

  constructor(facts: ExportFacts) {
    this.#facts = facts;
  }

  /** Lines that are whole with this chunk of the snapshot. @throws QuorateError `snapshot-damaged`, `format-too-new` */
  *chunk(bytes: Uint8Array): Generator<string, void> {
    for (const frame of this.#frames.chunk(bytes)) yield* this.#lines(frame);
  }

  /** @throws QuorateError `snapshot-damaged` where it is not whole */
  finish(): void {
    if (this.#ended && this.#frames.isWhole) return;
    throw new QuorateError('snapshot-damaged', 'a snapshot ends early');
  }

  *#lines(frame: SnapshotFrame): Generator<string, void> {
    switch (frame.type) {
      case 'head': {
        yield this.#head(frame.active, frame.parts ?? []);
        return;
      }
      case 'plain':
        this.#entries++;
        yield line({ part: frame.name, value: decodeValue(frame.bytes) });
        return;
      case 'entries':
        for (const [key, value] of frame.entries) {
          this.#entries++;
          yield this.#entry(frame.name, key, value);
        }
        return;
      case 'end':
        this.#ended = true;
        yield line({ end: true, entries: this.#entries, hash: frame.hash });
    }
  }

  #head(version: number, parts: readonly PartFacts[]): string {
    this.#kinds = new Map(parts.map(({ name, kind }) => [name, kind]));
    const kinds = Object.fromEntries(this.#kinds);
    return line({ quorate: 'export', format: FORMAT, ...this.#facts, version, parts: kinds });
  }

  #entry(part: string, key: unknown, value: unknown): string {
    switch (this.#kinds.get(part)) {
      case 'set':
        return line({ part, key });
      case 'list':
      case 'cell':
        return line({ part, value });
      default:
        return line({ part, key, value });
    }
  }
}

function line(fields: Readonly<Record<string, unknown>>): string {
  const texts = Object.entries(fields).map(
    ([name, value]) => `${JSON.stringify(name)}:${jsonText(value)}`,
  );
  return `{${texts.join(',')}}`;
}
