/** Errors as they cross a link: a code keeps its meaning on the other side. */
import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { type ErrorCode, errorCodes, QuorateError } from '../../base/errors.ts';

const MESSAGE_LENGTH_MAX = 1000;

/** The code, the message, whether it may have taken effect, and the leader where one is named. */
export function writeError(writer: ByteWriter, error: QuorateError): ByteWriter {
  const { code, maybeApplied, details } = error;
  const leader = details.leader;
  return writer
    .bytes(new TextEncoder().encode(code))
    .bytes(new TextEncoder().encode(error.message.slice(0, MESSAGE_LENGTH_MAX)))
    .byte(maybeApplied ? 1 : 0)
    .number(typeof leader === 'number' ? leader : 0);
}

/**
 * A code that this version does not know becomes `peer-failed`.
 * @throws QuorateError `malformed-message`
 */
export function readError(reader: ByteReader): QuorateError {
  const code = new TextDecoder().decode(reader.bytes());
  const message = new TextDecoder().decode(reader.bytes());
  const maybeApplied = reader.byte() === 1;
  const leader = reader.number();
  const facts = { maybeApplied, details: leader === 0 ? {} : { leader } };
  return isErrorCode(code)
    ? new QuorateError(code, message, facts)
    : new QuorateError('peer-failed', `${code}: ${message}`, facts);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}

/** An error alone, with nothing around it. */
export function encodeError(error: QuorateError): Uint8Array {
  return writeError(new ByteWriter(), error).finish();
}

/** @throws QuorateError `malformed-message` */
export function decodeError(bytes: Uint8Array): QuorateError {
  return readError(new ByteReader(bytes));
}
