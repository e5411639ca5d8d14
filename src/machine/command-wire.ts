/**
 * What a typed machine's entries hold:
 *
 *     kind byte 1 · version · version needed · name · input      a command
 *     kind byte 2 · member · version                             a member says what it can run
 *     kind byte 3 · version                                      a version becomes active
 */
import { QuorateError } from '../base/errors.ts';
import { ValueReader } from './value-reader.ts';
import { ValueWriter } from './value-writer.ts';

const COMMAND = 1;
const ANNOUNCE = 2;
const ACTIVATE = 3;

/** An entry of a typed machine. */
export type TypedEntry =
  | {
      readonly type: 'command';
      /** That of the definition which wrote it. */
      readonly version: number;
      /** The oldest version that has this command in this form. */
      readonly needs: number;
      readonly name: string;
      readonly input: unknown;
    }
  | { readonly type: 'announce'; readonly member: number; readonly version: number }
  | { readonly type: 'activate'; readonly version: number };

const writer = new ValueWriter(4096);

/** @throws QuorateError `unsupported-value`, `value-too-large` */
export function encodeEntry(entry: TypedEntry): Uint8Array {
  writer.clear();
  switch (entry.type) {
    case 'command':
      writer.byte(COMMAND).number(entry.version).number(entry.needs).text(entry.name);
      return writer.value(entry.input).take();
    case 'announce':
      return writer.byte(ANNOUNCE).number(entry.member).number(entry.version).take();
    case 'activate':
      return writer.byte(ACTIVATE).number(entry.version).take();
  }
}

/** @throws QuorateError `malformed-message` */
export function decodeEntry(bytes: Uint8Array): TypedEntry {
  const reader = new ValueReader(bytes);
  const entry = read(reader);
  reader.end();
  return entry;
}

function read(reader: ValueReader): TypedEntry {
  const kind = reader.byte();
  if (kind === COMMAND) {
    const version = reader.number();
    const needs = reader.number();
    const name = reader.text();
    return { type: 'command', version, needs, name, input: reader.value() };
  }
  if (kind === ANNOUNCE) {
    return { type: 'announce', member: reader.number(), version: reader.number() };
  }
  if (kind === ACTIVATE) return { type: 'activate', version: reader.number() };
  throw new QuorateError('malformed-message', `a machine's entry is of unknown kind ${kind}`);
}
