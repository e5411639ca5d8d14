/**
 * What is thrown inside `swim/wire` when bytes cannot be what they claim to be. It never leaves the
 * core: whoever decodes a packet or a stream catches it, drops the bytes and counts `reason`.
 */
export class WireError extends Error {
  override readonly name = 'WireError';
  /** A short stable word for a counter, such as `truncated`. */
  readonly reason: string;

  constructor(reason: string, message: string = reason) {
    super(message);
    this.reason = reason;
  }
}

/** Thrown where bytes end early but may go on later: a stream waits until it has `bytesNeeded`. */
export class NeedMoreBytes extends WireError {
  /** The least length of the whole buffer at which trying again can succeed. */
  readonly bytesNeeded: number;

  constructor(bytesNeeded: number) {
    super('truncated');
    this.bytesNeeded = bytesNeeded;
  }
}
