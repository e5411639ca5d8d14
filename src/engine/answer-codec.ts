/**
 * Answers as bytes, for machines that bring no form of their own: what a session keeps and a client
 * that is no member is sent.
 *
 * A tagged tree of what JSON has, with bigint, bytes and undefined beside it: everything else is
 * refused, for what comes back must be what went in. Errors keep code, message and details.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { type ErrorCode, errorCodes, QuorateError } from '../base/errors.ts';
import type { Machine, Outcome } from './machine.ts';

// The wire's numbers: only ever append.
const tags = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  number: 4,
  bigint: 5,
  string: 6,
  bytes: 7,
  array: 8,
  object: 9,
} as const;

const depthMax = 64;
const negative = 1;

/** @throws QuorateError `answer-not-kept` where a value has no such form. */
export function encodeOutcome(outcome: Outcome): Uint8Array {
  const writer = new ByteWriter(64);
  if (outcome.ok) {
    writeValue(writer.byte(1), outcome.value, 0);
    return writer.finish();
  }
  const { error } = outcome;
  const coded = error instanceof QuorateError ? error : undefined;
  writer
    .byte(0)
    .bytes(utf8(coded?.code ?? ''))
    .bytes(utf8(error.name))
    .bytes(utf8(error.message));
  writer.flag(coded?.maybeApplied ?? false);
  writeValue(writer, coded?.details, 0);
  return writer.finish();
}

/** @throws QuorateError `malformed-message` */
export function decodeOutcome(bytes: Uint8Array): Outcome {
  const reader = new ByteReader(bytes);
  if (reader.flag()) {
    const value = readValue(reader, 0);
    reader.end();
    return { ok: true, value };
  }
  const [code, name, message] = [text(reader), text(reader), text(reader)];
  const maybeApplied = reader.flag();
  const details = readValue(reader, 0) as Readonly<Record<string, unknown>> | undefined;
  reader.end();
  if (code === '') return { ok: false, error: Object.assign(new Error(message), { name }) };
  const known = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'peer-failed';
  const facts = { maybeApplied, ...(details === undefined ? {} : { details }) };
  return { ok: false, error: new QuorateError(known, message, facts) };
}

/** How a machine's outcomes are written: by itself, or as above. */
export function encodeFor(machine: Machine, outcome: Outcome): Uint8Array {
  return machine.encodeOutcome?.(outcome) ?? encodeOutcome(outcome);
}

/** See {@link encodeFor}. */
export function decodeFor(machine: Machine, bytes: Uint8Array): Outcome {
  return machine.decodeOutcome?.(bytes) ?? decodeOutcome(bytes);
}

function writeValue(writer: ByteWriter, value: unknown, depth: number): void {
  if (depth > depthMax) throw noForm('more than 64 levels');
  switch (typeof value) {
    case 'undefined':
      writer.byte(tags.undefined);
      return;
    case 'boolean':
      writer.byte(value ? tags.true : tags.false);
      return;
    case 'number':
      writer.byte(tags.number).raw(new Uint8Array(Float64Array.of(value).buffer));
      return;
    case 'bigint':
      return writeBigint(writer, value);
    case 'string':
      writer.byte(tags.string).bytes(utf8(value));
      return;
    case 'object':
      return writeObject(writer, value, depth);
    default:
      throw noForm(`a ${typeof value}`);
  }
}

function writeObject(writer: ByteWriter, value: object | null, depth: number): void {
  if (value === null) {
    writer.byte(tags.null);
  } else if (value instanceof Uint8Array) {
    writer.byte(tags.bytes).bytes(value);
  } else if (Array.isArray(value)) {
    writer.byte(tags.array).number(value.length);
    for (const item of value) writeValue(writer, item, depth + 1);
  } else {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) throw noForm('an object of a class');
    const fields = Object.entries(value);
    writer.byte(tags.object).number(fields.length);
    for (const [name, field] of fields) writeValue(writer.bytes(utf8(name)), field, depth + 1);
  }
}

function writeBigint(writer: ByteWriter, value: bigint): void {
  const digits = (value < 0n ? -value : value).toString(16);
  writer
    .byte(tags.bigint)
    .byte(value < 0n ? negative : 0)
    .bytes(utf8(digits));
}

function readValue(reader: ByteReader, depth: number): unknown {
  if (depth > depthMax) throw new QuorateError('malformed-message', 'more than 64 levels');
  const tag = reader.byte();
  switch (tag) {
    case tags.undefined:
      return undefined;
    case tags.null:
      return null;
    case tags.false:
      return false;
    case tags.true:
      return true;
    case tags.number:
      return new Float64Array(reader.raw(8).slice().buffer)[0];
    case tags.bigint:
      return readBigint(reader);
    case tags.string:
      return text(reader);
    case tags.bytes:
      return reader.bytes().slice();
    case tags.array:
      return Array.from({ length: reader.count(1) }, () => readValue(reader, depth + 1));
    case tags.object:
      return readObject(reader, depth);
    default:
      throw new QuorateError('malformed-message', `a value of an unknown kind, ${tag}`);
  }
}

function readObject(reader: ByteReader, depth: number): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (let left = reader.count(2); left > 0; left--) {
    const name = text(reader);
    const field = readValue(reader, depth + 1);
    // A field named `__proto__` is a field like any other.
    Object.defineProperty(value, name, {
      value: field,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return value;
}

function readBigint(reader: ByteReader): bigint {
  const sign = reader.byte();
  const digits = text(reader);
  if (!/^[0-9a-f]+$/.test(digits)) throw new QuorateError('malformed-message', 'not a number');
  const magnitude = BigInt(`0x${digits}`);
  return sign === negative ? -magnitude : magnitude;
}

function utf8(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(reader: ByteReader): string {
  return new TextDecoder().decode(reader.bytes());
}

function noForm(what: string): QuorateError {
  return new QuorateError('answer-not-kept', `an answer holds ${what}, which has no form as bytes`);
}
