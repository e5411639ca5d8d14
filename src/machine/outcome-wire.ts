/**
 * Answers of a typed machine as bytes: what a session keeps, and what a caller that is no member
 * gets. An error keeps its class, code, message and details.
 */
import { type ErrorCode, errorCodes, QuorateError } from '../base/errors.ts';
import type { Outcome } from '../engine/machine.ts';
import { Refusal } from './refusal.ts';
import { ValueReader } from './value-reader.ts';
import { ValueWriter } from './value-writer.ts';

const OK = 0;
const REFUSED = 1;
const FAILED = 2;

const writer = new ValueWriter(1024);

/** @throws QuorateError `unsupported-value`, `value-too-large` */
export function encodeOutcome(outcome: Outcome): Uint8Array {
  writer.clear();
  if (outcome.ok) return writer.byte(OK).value(outcome.value).take();
  const { error } = outcome;
  const coded = error instanceof Refusal || error instanceof QuorateError;
  writer.byte(error instanceof QuorateError ? FAILED : REFUSED);
  writer.value(coded ? error.code : 'command-failed').value(error.message);
  return writer.value(coded ? { ...error.details } : {}).take();
}

/** @throws QuorateError `malformed-message` */
export function decodeOutcome(bytes: Uint8Array): Outcome {
  const reader = new ValueReader(bytes);
  const kind = reader.byte();
  if (kind === OK) {
    const value = reader.value();
    reader.end();
    return { ok: true, value };
  }
  if (kind > FAILED) throw new QuorateError('malformed-message', `an outcome of kind ${kind}`);
  const [code, message] = [String(reader.value()), String(reader.value())];
  const details = reader.value() as Record<string, unknown>;
  reader.end();
  if (kind === REFUSED) return { ok: false, error: new Refusal(code, message, { details }) };
  // A later version may know codes that this one does not.
  const known: ErrorCode = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'peer-failed';
  return { ok: false, error: new QuorateError(known, message, { details }) };
}
