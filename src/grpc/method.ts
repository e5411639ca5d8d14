/**
 * A method of a service: its path, which sides stream, and how its messages become bytes. Whether
 * the codecs are generated or written by hand is nobody's business here.
 */

/** One direction of a method. */
export interface Codec<Message> {
  encode(message: Message): Uint8Array;
  /** Whether what is encoded has `prefixBytes` of its own buffer before it, for the prefix. */
  readonly prefixRoom?: boolean;
  /** Throws anything where the bytes are no such message. */
  decode(bytes: Uint8Array): Message;
}

/** What both ends know of a method. */
export interface Method<Request, Response> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
}
