/** What commands answer and throw, as their callers get it. */
import { QuorateError } from '../base/errors.ts';
import { Refusal } from './refusal.ts';
import { decodeValue } from './value-reader.ts';
import { encodeValue } from './value-writer.ts';

/** A result of the caller's own, that shares nothing with the state and can travel. */
export function ownValue(value: unknown): unknown {
  if (typeof value === 'object') return value === null ? null : decodeValue(encodeValue(value));
  if (typeof value === 'function' || typeof value === 'symbol') encodeValue(value);
  return value;
}

/** What a caller gets for what a command threw. */
export function refusalFrom(error: unknown): Error {
  if (error instanceof Refusal || error instanceof QuorateError) return error;
  // How deep calls may go is not the same on every machine: going on could tell replicas apart.
  if (error instanceof RangeError && /call stack/i.test(error.message)) throw error;
  if (!(error instanceof Error)) return new Refusal('command-failed', String(error));
  const { code } = error as { readonly code?: unknown };
  return new Refusal(typeof code === 'string' ? code : 'command-failed', error.message);
}

/** Whether a command wants to wait, which none can. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}
