/**
 * The frames of HTTP/2 (RFC 9113, sections 4, 6 and 7): their numbers, and how they are written.
 */

export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlags = {
  /** Of DATA and HEADERS. */
  endStream: 0x1,
  /** Of SETTINGS and PING: the same bit. */
  ack: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

/** Why a stream or a connection ends (section 7). */
export const reasons = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refused: 7,
  cancel: 8,
  compression: 9,
  calm: 11,
} as const;

export type Reason = (typeof reasons)[keyof typeof reasons];

export const settingIds = {
  headerTableBytes: 1,
  enablePush: 2,
  streamsMax: 3,
  initialWindowBytes: 4,
  frameBytesMax: 5,
  headerListBytesMax: 6,
} as const;

/** What a client sends before its first frame (section 3.4). */
export const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export const frameHeadBytes = 9;
/** What either side may send before it has heard of the other's settings, and we never ask for more. */
export const frameBytesMax = 16_384;
export const windowBytesDefault = 65_535;
export const windowBytesMax = 2 ** 31 - 1;

/** Writes the nine bytes that begin a frame. */
export function writeFrameHead(
  into: Uint8Array,
  at: number,
  frame: {
    readonly length: number;
    readonly type: number;
    readonly flags: number;
    readonly stream: number;
  },
): void {
  into[at] = frame.length >>> 16;
  into[at + 1] = frame.length >>> 8;
  into[at + 2] = frame.length;
  into[at + 3] = frame.type;
  into[at + 4] = frame.flags;
  writeUint32(into, at + 5, frame.stream);
}

export function writeUint32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

export function readUint32(from: Uint8Array, at: number): number {
  return ((from[at]! << 24) | (from[at + 1]! << 16) | (from[at + 2]! << 8) | from[at + 3]!) >>> 0;
}

/** Of streams and windows, whose uppermost bit says nothing. */
export function readUint31(from: Uint8Array, at: number): number {
  return readUint32(from, at) & 0x7fff_ffff;
}
