/**
 * What a member knew of the cluster at first, kept in the file `first-view` beside its identity.
 *
 *     CRC32C of the rest (4 bytes) · JSON
 */
import { crc32c } from '../base/crc32c.ts';
import { QuorateError } from '../base/errors.ts';
import { encodeJson } from './call-kinds.ts';
import type { SystemState } from './system-machine.ts';

/**
 * A founder's state is the system group's first state; a joiner's only tells whom to talk to, until
 * the leader has sent the real one, which is then kept as `beginning`.
 */
export interface FirstView {
  readonly founder: boolean;
  readonly state: SystemState;
  readonly beginning?: SystemState;
}

export const FIRST_VIEW_FILE = 'first-view';
export const FIRST_VIEW_BYTES_MAX = 2 ** 20;

const CHECKSUM_BYTES = 4;

export function encodeFirstView(view: FirstView): Uint8Array {
  const json = encodeJson(view);
  const content = new Uint8Array(CHECKSUM_BYTES + json.length);
  new DataView(content.buffer).setUint32(0, crc32c(json), true);
  content.set(json, CHECKSUM_BYTES);
  return content;
}

/** Answers `identity-damaged` where a byte has changed. */
export function decodeFirstView(content: Uint8Array): FirstView | QuorateError {
  const { buffer, byteOffset, length } = content;
  const json = content.subarray(CHECKSUM_BYTES);
  const whole =
    length > CHECKSUM_BYTES && new DataView(buffer, byteOffset).getUint32(0, true) === crc32c(json);
  if (!whole) {
    return new QuorateError('identity-damaged', `${FIRST_VIEW_FILE} is not what was written`, {
      details: { path: FIRST_VIEW_FILE, offset: 0 },
    });
  }
  return JSON.parse(new TextDecoder().decode(json)) as FirstView;
}
