/**
 * The server's side of an HTTP/2 connection (RFC 9113): bytes go in, requests come out; answers go in,
 * bytes come out. No socket, no timer: whoever drives it has these.
 *
 * Written for gRPC: short requests in great number, whose heads are alike. So heads are looked up by
 * their bytes, and all that is said in a turn leaves in one piece.
 *
 * An error of a stream ends that stream; one that leaves the two sides with different tables, windows
 * or streams ends the connection (section 5.4). After that nothing that comes is looked at.
 *
 * Length: one dispatch with a method for each type of frame, read beside section 6.
 */
import { joinBytes } from '../base/join-bytes.ts';
import type { HttpHeaders, HttpLimits } from '../ports/http.ts';
import { Abuse } from './abuse.ts';
import { type FieldBlock, FieldDecoder } from './field-decoder.ts';
import { encodeFields } from './field-encoder.ts';
import {
  frameBytesMax,
  frameFlags,
  frameHeadBytes,
  frameTypes,
  preface,
  type Reason,
  readUint31,
  readUint32,
  reasons,
  settingIds,
  windowBytesDefault,
  windowBytesMax,
} from './frame.ts';
import { Outgoing } from './outgoing.ts';
import { areTrailers, type RequestHead, requestHead } from './request-head.ts';
import { ServerStream, type StreamHost, type StreamPeer } from './server-stream.ts';

/** What one client may have sent that nobody has taken. */
const connectionWindowBytes = 4 * 1024 * 1024;
const streamWindowBytes = 1024 * 1024;
/** With so much on its way, bodies wait in their streams. */
const outgoingBytesHigh = 4 * 1024 * 1024;
/** Streams that we broke off, and of which the client may not have heard yet. */
const brokenOffMax = 1_000;
/** A compressed block, against what its fields may have together; Huffman's code may stretch. */
const blockBytesPerHeaderByte = 2;
/** The compressed fields of one request, beside what they may be decoded. */
const blockFramesMax = 32;

const nothing = new Uint8Array(0);

/** Who drives a connection. */
export interface ConnectionHost {
  /** A request has come; its events must be asked for before this returns. */
  exchange(stream: ServerStream): void;
  /** There is something to `take`. */
  wake(): void;
  nowMs(): number;
  /** A client has answered the ping that was sent. */
  pinged(): void;
  /** Nothing more is to come: what is to be taken leaves, and then the connection ends. */
  over(): void;
}

export class ServerConnection implements StreamHost {
  readonly peer: StreamPeer;
  readonly #limits: Required<HttpLimits>;
  readonly #host: ConnectionHost;
  readonly #decoder: FieldDecoder;
  readonly #abuse: Abuse;
  readonly #out = new Outgoing();
  readonly #heads = new WeakMap<FieldBlock, RequestHead | null>();
  readonly #streams = new Map<number, ServerStream>();
  /** Streams with bytes that wait for the connection's window, or for the socket. */
  readonly #waiting = new Set<ServerStream>();
  /** Those that wait are having their turns. */
  #inTurns = false;
  readonly #brokenOff = new Set<number>();
  #state: 'preface' | 'settings' | 'open' | 'over' = 'preface';
  /** What has come of a frame that is not whole. */
  #rest: Uint8Array = nothing;
  #lastStream = 0;
  #sendWindowBytes = windowBytesDefault;
  #initialWindowBytes = windowBytesDefault;
  #receiveWindowBytes = windowBytesDefault;
  #untoldBytes = 0;
  #congested = false;
  /** The client has made its table smaller: the next block must say that it was heard. */
  #tableToEmpty = false;
  #block: { stream: number; endStream: boolean; frames: number; parts: Uint8Array[] } | undefined;
  #goingAway = false;

  constructor(
    host: ConnectionHost,
    init: { readonly peer: StreamPeer; readonly limits: Required<HttpLimits> },
  ) {
    const { peer, limits } = init;
    this.peer = peer;
    this.#host = host;
    this.#limits = limits;
    this.#decoder = new FieldDecoder(limits.headerBytesMax);
    this.#abuse = new Abuse(limits.pingIntervalMsMin);
    this.#out.settings([
      [settingIds.streamsMax, limits.streamsMax],
      [settingIds.initialWindowBytes, streamWindowBytes],
      [settingIds.headerListBytesMax, limits.headerBytesMax],
    ]);
    this.#untoldBytes = connectionWindowBytes - windowBytesDefault;
    this.#tell();
  }

  /** Requests under way. */
  get streams(): number {
    return this.#streams.size;
  }

  get bufferedBytesMax(): number {
    return this.#limits.bufferedBytesMax;
  }

  /** Takes what has come; the bytes are the connection's own from now on. */
  receive(bytes: Uint8Array): void {
    let all = bytes;
    if (this.#rest.length > 0) {
      all = new Uint8Array(this.#rest.length + bytes.length);
      all.set(this.#rest);
      all.set(bytes, this.#rest.length);
    }
    let at = this.#state === 'preface' ? this.#preface(all) : 0;
    while (
      this.#state !== 'over' &&
      this.#state !== 'preface' &&
      all.length - at >= frameHeadBytes
    ) {
      const length = (all[at]! << 16) | (all[at + 1]! << 8) | all[at + 2]!;
      if (length > frameBytesMax) {
        this.#fail(reasons.frameSize, 'a frame that is too large');
        break;
      }
      if (all.length - at < frameHeadBytes + length) break;
      const payload = all.subarray(at + frameHeadBytes, at + frameHeadBytes + length);
      this.#frame(all[at + 3]!, all[at + 4]!, readUint31(all, at + 5), payload);
      at += frameHeadBytes + length;
    }
    this.#rest = this.#state === 'over' ? nothing : all.subarray(at);
  }

  /** What is to be written now. */
  take(): Uint8Array[] {
    return this.#out.take();
  }

  /** Whether the socket has taken what was written. While it has not, bodies wait. */
  congested(is: boolean): void {
    this.#congested = is;
    if (!is) this.#pumpAll();
  }

  ping(): void {
    this.#out.ping(new Uint8Array(8), false);
    this.#host.wake();
  }

  /**
   * Tells the client to begin nothing more. Streams that it began before it knew are served still:
   * they are known to have come once it answers a ping sent behind the notice (section 6.8).
   */
  announceEnd(): void {
    if (this.#state === 'over') return;
    this.#out.goAway(windowBytesMax, reasons.none, '');
    this.ping();
  }

  /** Serves what has begun, and ends when that is done. */
  finish(): void {
    if (this.#goingAway || this.#state === 'over') return;
    this.#goingAway = true;
    this.#out.goAway(this.#lastStream, reasons.none, '');
    this.#host.wake();
    this.#endIfDone();
  }

  /** The socket is gone. */
  lost(): void {
    this.#state = 'over';
    for (const stream of [...this.#streams.values()]) stream.close(false);
    this.#streams.clear();
    this.#waiting.clear();
  }

  // What streams ask for.

  sendFields(stream: ServerStream, status: number, headers: HttpHeaders, last: boolean): void {
    this.#abuse.answered();
    let block = encodeFields(status, headers);
    if (this.#tableToEmpty) {
      this.#tableToEmpty = false;
      block = Uint8Array.of(0x20, ...block);
    }
    let flags: number = last ? frameFlags.endStream : 0;
    let type: number = frameTypes.headers;
    for (; block.length > frameBytesMax; block = block.subarray(frameBytesMax)) {
      this.#out.frame(type, flags, stream.id, block.subarray(0, frameBytesMax));
      type = frameTypes.continuation;
      flags = 0;
    }
    this.#out.frame(type, flags | frameFlags.endHeaders, stream.id, block);
    this.#host.wake();
    if (last) this.#answered(stream);
  }

  pump(stream: ServerStream): void {
    // While others have their turns, this one waits for its own.
    if (this.#inTurns && stream.waits) {
      this.#waiting.add(stream);
      return;
    }
    while (stream.waits && this.#hasRoom && stream.sendWindowBytes > 0) this.#sendData(stream);
    this.#sent(stream);
  }

  taken(stream: ServerStream, bytes: number): void {
    this.#takenOf(bytes);
    if (stream.ended || stream.closed) return;
    stream.untoldBytes += bytes;
    if (stream.untoldBytes < streamWindowBytes / 2) return;
    this.#out.windowUpdate(stream.id, stream.untoldBytes);
    stream.receiveWindowBytes += stream.untoldBytes;
    stream.untoldBytes = 0;
    this.#host.wake();
  }

  reset(stream: ServerStream, reason: Reason): void {
    this.#resetId(stream.id, reason);
    this.#close(stream, false);
  }

  // What the client sends.

  #preface(bytes: Uint8Array): number {
    const { length } = preface;
    for (let at = 0; at < Math.min(length, bytes.length); at++) {
      if (bytes[at] !== preface.charCodeAt(at)) {
        this.#fail(reasons.protocol, 'not the preface of HTTP/2');
        return 0;
      }
    }
    if (bytes.length < length) return 0;
    this.#state = 'settings';
    this.#host.wake();
    return length;
  }

  #frame(type: number, flags: number, id: number, payload: Uint8Array): void {
    if (this.#state === 'settings') {
      if (type !== frameTypes.settings || (flags & frameFlags.ack) !== 0) {
        return this.#fail(reasons.protocol, 'the first frame must be settings');
      }
      this.#state = 'open';
    }
    // A block of fields is not interrupted (section 4.3).
    if (this.#block !== undefined) {
      const goesOn = type === frameTypes.continuation && id === this.#block.stream;
      if (!goesOn) return this.#fail(reasons.protocol, 'a block of fields that does not go on');
      return this.#continuation(flags, payload);
    }
    const useful = type === frameTypes.headers || (type === frameTypes.data && payload.length > 0);
    if (useful) this.#abuse.useful();
    else if (this.#abuse.idle(this.#host.nowMs()))
      return this.#fail(reasons.calm, 'too_many_idle_frames');
    if (type === frameTypes.data) this.#data(flags, id, payload);
    else if (type === frameTypes.headers) this.#headers(flags, id, payload);
    else if (type === frameTypes.priority) this.#priority(id, payload);
    else if (type === frameTypes.reset) this.#resetFrame(id, payload);
    else if (type === frameTypes.settings) this.#settings(flags, id, payload);
    else if (type === frameTypes.ping) this.#ping(flags, id, payload);
    else if (type === frameTypes.goAway) this.#goAway(id, payload);
    else if (type === frameTypes.windowUpdate) this.#windowUpdate(id, payload);
    else if (type === frameTypes.pushPromise) this.#fail(reasons.protocol, 'clients push nothing');
    else if (type === frameTypes.continuation) {
      this.#fail(reasons.protocol, 'fields that go on without a beginning');
    }
    // Types that nobody knows are passed over (section 5.5).
  }

  #data(flags: number, id: number, payload: Uint8Array): void {
    this.#receiveWindowBytes -= payload.length;
    if (this.#receiveWindowBytes < 0) {
      return this.#fail(reasons.flowControl, 'more than the window of the connection');
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return this.#strayData(id, payload);
    if (stream.ended) return this.#reject(stream, reasons.streamClosed, payload);
    stream.receiveWindowBytes -= payload.length;
    if (stream.receiveWindowBytes < 0) return this.#reject(stream, reasons.flowControl, payload);
    const body = unpadded(flags, payload, 0);
    if (body === undefined) return this.#fail(reasons.protocol, 'more padding than there is frame');
    if (payload.length > body.length) this.taken(stream, payload.length - body.length);
    if (!stream.receive(body)) return this.#reject(stream, reasons.protocol, body);
    if ((flags & frameFlags.endStream) !== 0 && !stream.closed) this.#ended(stream);
  }

  /** What comes for a stream that was broken off is of no use, and no error. */
  #strayData(id: number, { length }: Uint8Array): void {
    this.#takenOf(length);
    if (id === 0 || id > this.#lastStream) {
      this.#fail(reasons.protocol, 'a body of no stream');
    } else if (!this.#brokenOff.has(id)) {
      this.#fail(reasons.streamClosed, 'a stream whose end was said');
    }
  }

  #headers(flags: number, id: number, payload: Uint8Array): void {
    if (id % 2 === 0) return this.#fail(reasons.protocol, 'clients begin odd streams');
    const priorityBytes = (flags & frameFlags.priority) !== 0 ? 5 : 0;
    const block = unpadded(flags, payload, priorityBytes);
    if (block === undefined)
      return this.#fail(reasons.protocol, 'more padding than there is frame');
    // A stream that waits for itself would wait for ever.
    const selfish = priorityBytes > 0 && dependency(flags, payload) === id;
    if (selfish) return this.#fail(reasons.protocol, 'a stream that depends on itself');
    const endStream = (flags & frameFlags.endStream) !== 0;
    // One frame is what nearly all blocks have.
    if ((flags & frameFlags.endHeaders) !== 0) return this.#wholeBlock(id, block, endStream);
    this.#block = { stream: id, endStream, frames: 0, parts: [] };
    this.#continuation(flags, block);
  }

  #continuation(flags: number, payload: Uint8Array): void {
    const block = this.#block!;
    block.parts.push(payload);
    block.frames++;
    const bytes = block.parts.reduce((sum, { length }) => sum + length, 0);
    if (
      bytes > blockBytesPerHeaderByte * this.#limits.headerBytesMax ||
      block.frames > blockFramesMax
    ) {
      return this.#fail(reasons.calm, 'too_many_header_bytes');
    }
    if ((flags & frameFlags.endHeaders) === 0) return;
    this.#block = undefined;
    this.#wholeBlock(block.stream, joinBytes(block.parts), block.endStream);
  }

  #wholeBlock(id: number, block: Uint8Array, endStream: boolean): void {
    if (block.length > blockBytesPerHeaderByte * this.#limits.headerBytesMax) {
      return this.#fail(reasons.calm, 'too_many_header_bytes');
    }
    let fields: FieldBlock;
    try {
      fields = this.#decoder.decode(block);
    } catch (error) {
      return this.#fail(reasons.compression, (error as Error).message);
    }
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#trailers(stream, fields, endStream);
    else if (id > this.#lastStream) this.#request(id, fields, endStream);
    else if (!this.#brokenOff.has(id)) {
      this.#fail(reasons.streamClosed, 'a stream whose end was said');
    }
  }

  #request(id: number, fields: FieldBlock, endStream: boolean): void {
    this.#lastStream = id;
    // The client has been told; it may have begun before it heard.
    if (this.#goingAway) return this.#resetId(id, reasons.refused);
    if (this.#streams.size >= this.#limits.streamsMax) {
      this.#resetId(id, reasons.refused);
      return this.#broken();
    }
    let head = this.#heads.get(fields);
    if (head === undefined) {
      head = requestHead(fields.fields) ?? null;
      this.#heads.set(fields, head);
    }
    if (head === null && !fields.tooMany) {
      this.#resetId(id, reasons.protocol);
      return this.#broken();
    }
    const { request, bodyBytes } = head ?? { request: tooLong, bodyBytes: -1 };
    const stream = new ServerStream(this, {
      id,
      request,
      bodyBytes,
      sendWindowBytes: this.#initialWindowBytes,
      receiveWindowBytes: streamWindowBytes,
    });
    this.#streams.set(id, stream);
    // Whoever answers at once need not tell the client to stop.
    stream.ended = endStream;
    if (fields.tooMany) stream.respondOnly(431, tooLongAnswer);
    else this.#host.exchange(stream);
    if (endStream && !stream.closed) this.#ended(stream);
  }

  #trailers(stream: ServerStream, { fields, tooMany }: FieldBlock, endStream: boolean): void {
    if (stream.ended) return this.#reject(stream, reasons.streamClosed, nothing);
    if (!endStream || tooMany || !areTrailers(fields)) {
      return this.#reject(stream, reasons.protocol, nothing);
    }
    this.#ended(stream);
  }

  #priority(id: number, payload: Uint8Array): void {
    if (id === 0) return this.#fail(reasons.protocol, 'priority of no stream');
    const stream = this.#streams.get(id);
    const selfish = payload.length === 5 && readUint31(payload, 0) === id;
    if (payload.length === 5 && !selfish) return;
    const reason = selfish ? reasons.protocol : reasons.frameSize;
    if (stream !== undefined) return this.#reject(stream, reason, nothing);
    // No stream could be reset that the client has not begun.
    if (id > this.#lastStream) this.#fail(reason, 'a priority that says nothing');
    else this.#resetId(id, reason);
  }

  #resetFrame(id: number, payload: Uint8Array): void {
    if (payload.length !== 4) return this.#fail(reasons.frameSize, 'a reset has four bytes');
    if (id === 0 || id > this.#lastStream) {
      return this.#fail(reasons.protocol, 'a reset of no stream');
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#close(stream, stream.answered && readUint32(payload, 0) === reasons.none);
    this.#broken();
  }

  #settings(flags: number, id: number, payload: Uint8Array): void {
    if (id !== 0) return this.#fail(reasons.protocol, 'settings of a stream');
    const ack = (flags & frameFlags.ack) !== 0;
    if (payload.length % 6 !== 0 || (ack && payload.length > 0)) {
      return this.#fail(reasons.frameSize, 'settings that are not whole');
    }
    if (ack) return;
    for (let at = 0; at < payload.length; at += 6) {
      this.#setting((payload[at]! << 8) | payload[at + 1]!, readUint32(payload, at + 2));
    }
    if (this.#state === 'over') return;
    this.#out.frame(frameTypes.settings, frameFlags.ack, 0, nothing);
    this.#host.wake();
    this.#pumpAll();
  }

  #setting(id: number, value: number): void {
    if (id === settingIds.enablePush && value > 1) this.#fail(reasons.protocol, 'push is 0 or 1');
    if (id === settingIds.frameBytesMax && (value < frameBytesMax || value > 2 ** 24 - 1)) {
      this.#fail(reasons.protocol, 'a size of frames that may not be');
    }
    if (id === settingIds.headerTableBytes) this.#tableToEmpty = true;
    if (id !== settingIds.initialWindowBytes) return;
    if (value > windowBytesMax)
      return this.#fail(reasons.flowControl, 'a window that is too large');
    const change = value - this.#initialWindowBytes;
    this.#initialWindowBytes = value;
    for (const stream of this.#streams.values()) {
      stream.sendWindowBytes += change;
      if (stream.sendWindowBytes > windowBytesMax) {
        return this.#fail(reasons.flowControl, 'a window that is too large');
      }
    }
  }

  #ping(flags: number, id: number, payload: Uint8Array): void {
    if (id !== 0) return this.#fail(reasons.protocol, 'a ping of a stream');
    if (payload.length !== 8) return this.#fail(reasons.frameSize, 'a ping has eight bytes');
    if ((flags & frameFlags.ack) !== 0) return this.#host.pinged();
    this.#out.ping(payload, true);
    this.#host.wake();
    if (this.#abuse.pinged(this.#host.nowMs(), this.#streams.size)) {
      this.#fail(reasons.calm, 'too_many_pings');
    }
  }

  /** The client begins nothing more, which it could as well leave unsaid. */
  #goAway(id: number, payload: Uint8Array): void {
    if (id !== 0) this.#fail(reasons.protocol, 'a stream that goes away');
    else if (payload.length < 8) this.#fail(reasons.frameSize, 'a going away without its facts');
  }

  #windowUpdate(id: number, payload: Uint8Array): void {
    if (payload.length !== 4) return this.#fail(reasons.frameSize, 'a window has four bytes');
    const bytes = readUint31(payload, 0);
    if (id === 0) {
      if (bytes === 0) return this.#fail(reasons.protocol, 'a window that does not grow');
      this.#sendWindowBytes += bytes;
      if (this.#sendWindowBytes > windowBytesMax) {
        return this.#fail(reasons.flowControl, 'a window that is too large');
      }
      return this.#pumpAll();
    }
    if (id > this.#lastStream) return this.#fail(reasons.protocol, 'the window of no stream');
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (bytes === 0) return this.#reject(stream, reasons.protocol, nothing);
    stream.sendWindowBytes += bytes;
    if (stream.sendWindowBytes > windowBytesMax) {
      return this.#reject(stream, reasons.flowControl, nothing);
    }
    this.pump(stream);
    stream.relieve();
  }

  // How streams and the connection end.

  #ended(stream: ServerStream): void {
    if (!stream.receiveEnd()) return this.#reject(stream, reasons.protocol, nothing);
    if (stream.answered) this.#close(stream, true);
  }

  #answered(stream: ServerStream): void {
    stream.answered = true;
    // What the client still sends is of no use, and it is told so.
    if (!stream.ended) this.#resetId(stream.id, reasons.none);
    this.#close(stream, true);
  }

  #close(stream: ServerStream, whole: boolean): void {
    this.#streams.delete(stream.id);
    this.#waiting.delete(stream);
    stream.close(whole);
    this.#endIfDone();
  }

  /** An error that is the client's, and that its stream alone suffers from. */
  #reject(stream: ServerStream, reason: Reason, unread: Uint8Array): void {
    this.#takenOf(unread.length);
    this.reset(stream, reason);
    this.#broken();
  }

  #resetId(id: number, reason: Reason): void {
    this.#out.reset(id, reason);
    this.#host.wake();
    this.#brokenOff.add(id);
    if (this.#brokenOff.size <= brokenOffMax) return;
    for (const oldest of this.#brokenOff) {
      this.#brokenOff.delete(oldest);
      break;
    }
  }

  #broken(): void {
    if (this.#abuse.broken(this.#host.nowMs())) this.#fail(reasons.calm, 'too_many_resets');
  }

  #fail(reason: Reason, why: string): void {
    if (this.#state === 'over') return;
    this.#out.goAway(this.#lastStream, reason, why);
    this.#host.wake();
    this.lost();
    this.#host.over();
  }

  #endIfDone(): void {
    if (!this.#goingAway || this.#streams.size > 0 || this.#state === 'over') return;
    this.#state = 'over';
    this.#host.over();
  }

  /**
   * What waits goes on, a frame of each stream in turn: a long answer holds up no short one. Who has
   * had a turn stands behind the others, now and the next time there is room.
   */
  #pumpAll(): void {
    if (this.#waiting.size === 0 || this.#inTurns) return;
    this.#inTurns = true;
    try {
      for (const stream of this.#waiting) {
        if (!this.#hasRoom) break;
        if (stream.sendWindowBytes <= 0) continue;
        this.#waiting.delete(stream);
        this.#sendData(stream);
        this.#sent(stream);
        stream.relieve();
      }
    } finally {
      this.#inTurns = false;
    }
  }

  /** For any stream. */
  get #hasRoom(): boolean {
    return !this.#congested && this.#sendWindowBytes > 0 && this.#out.bytes < outgoingBytesHigh;
  }

  /** One frame of what waits. */
  #sendData(stream: ServerStream): void {
    const room = Math.min(this.#sendWindowBytes, stream.sendWindowBytes, frameBytesMax);
    const bytes = stream.next(room);
    this.#sendWindowBytes -= bytes.length;
    stream.sendWindowBytes -= bytes.length;
    this.#out.frame(frameTypes.data, 0, stream.id, bytes);
    this.#abuse.useful();
    this.#abuse.answered();
    this.#host.wake();
  }

  /** As much as could be sent has been: what is left waits, or else the end is sent. */
  #sent(stream: ServerStream): void {
    if (stream.waits) this.#waiting.add(stream);
    else this.#waiting.delete(stream);
    const end = stream.endToSend;
    if (end === undefined) return;
    if (end.trailers !== undefined) return this.sendFields(stream, 0, end.trailers, true);
    this.#out.frame(frameTypes.data, frameFlags.endStream, stream.id, nothing);
    this.#host.wake();
    this.#answered(stream);
  }

  #takenOf(bytes: number): void {
    this.#untoldBytes += bytes;
    if (this.#untoldBytes >= connectionWindowBytes / 2) this.#tell();
  }

  #tell(): void {
    this.#out.windowUpdate(0, this.#untoldBytes);
    this.#receiveWindowBytes += this.#untoldBytes;
    this.#untoldBytes = 0;
    this.#host.wake();
  }
}

const tooLong = { version: 2, method: '', path: '', authority: '', headers: {} } as const;
const tooLongAnswer = {};

/** What a frame holds beside its padding and priority; undefined where these are more than it. */
function unpadded(flags: number, payload: Uint8Array, skip: number): Uint8Array | undefined {
  const padded = (flags & frameFlags.padded) !== 0;
  const from = skip + (padded ? 1 : 0);
  const to = payload.length - (padded ? (payload[0] ?? 0) : 0);
  if (from > to) return undefined;
  return from === 0 && to === payload.length ? payload : payload.subarray(from, to);
}

/** The stream on which one depends. */
function dependency(flags: number, payload: Uint8Array): number {
  return readUint31(payload, (flags & frameFlags.padded) !== 0 ? 1 : 0);
}
