/** One request over HTTP/2 on a server. */
import http2 from 'node:http2';
import { assert } from '../base/assert.ts';
import type {
  ExchangeEvents,
  HttpExchange,
  HttpHeaders,
  HttpLimits,
  HttpRequest,
  ResetReason,
} from '../ports/http.ts';
import type { Address, PeerCertificate } from '../ports/streams.ts';
import type { HttpPeer } from './node-http-peer.ts';
import { plainBytes } from './plain-bytes.ts';

/** What an exchange tells the connection that it is part of. */
export interface Http2Place {
  streamOpened(): void;
  /** `brokenOff` by the client. */
  streamClosed(brokenOff: boolean): void;
  answered(): void;
}

const { constants } = http2;

export const resetCodes: Readonly<Record<ResetReason, number>> = {
  none: constants.NGHTTP2_NO_ERROR,
  cancel: constants.NGHTTP2_CANCEL,
  internal: constants.NGHTTP2_INTERNAL_ERROR,
  refused: constants.NGHTTP2_REFUSED_STREAM,
  calm: constants.NGHTTP2_ENHANCE_YOUR_CALM,
};

const answerOptions = {
  waitForTrailers: true,
  sendDate: false,
} as http2.ServerStreamResponseOptions;

let lastHead: { status: number; headers: HttpHeaders; head: http2.OutgoingHttpHeaders } | undefined;

/** One answer after the other begins in the same way: what was put together last serves again. */
function headOf(status: number, headers: HttpHeaders): http2.OutgoingHttpHeaders {
  if (lastHead === undefined || lastHead.headers !== headers || lastHead.status !== status) {
    lastHead = { status, headers, head: { ':status': status, ...headers } };
  }
  return lastHead.head;
}

export class Http2Exchange implements HttpExchange {
  readonly request: HttpRequest;
  readonly remote: Address;
  readonly secure: boolean;
  readonly certificate: PeerCertificate | null;
  readonly #stream: http2.ServerHttp2Stream;
  readonly #limits: Required<HttpLimits>;
  readonly #place: Http2Place;
  #events: ExchangeEvents | undefined;
  #trailers: HttpHeaders | undefined;
  #finished = false;
  #full = false;
  #reset = false;

  constructor(
    stream: http2.ServerHttp2Stream,
    headers: http2.IncomingHttpHeaders,
    init: HttpPeer & {
      readonly limits: Required<HttpLimits>;
      readonly place: Http2Place;
    },
  ) {
    this.#stream = stream;
    this.remote = init.remote;
    this.secure = init.secure;
    this.certificate = init.certificate;
    this.#limits = init.limits;
    this.#place = init.place;
    const { ':method': method = '', ':path': path = '', ':authority': authority } = headers;
    this.request = {
      version: 2,
      method: String(method),
      path: String(path),
      authority: authority ?? headers.host ?? '',
      headers: headers as HttpHeaders,
    };
    stream.on('error', () => {});
    init.place.streamOpened();
    stream.once('close', () => {
      const wasReset = !this.#finished || stream.rstCode !== constants.NGHTTP2_NO_ERROR;
      init.place.streamClosed(wasReset && !this.#reset);
      this.#events?.closed(this.#finished && stream.rstCode === constants.NGHTTP2_NO_ERROR);
    });
  }

  /** Whether it is a request at all: what is not, is broken off. */
  get acceptable(): boolean {
    const { method, path, headers } = this.request;
    // Node tells clients of the limit, and does not hold them to it.
    let bytes = 0;
    for (const name in headers) bytes += name.length + String(headers[name]).length + 32;
    if (bytes > this.#limits.headerBytesMax) {
      this.respondOnly(431, {});
      return false;
    }
    if (method !== '' && path.startsWith('/')) return true;
    this.#stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
    return false;
  }

  get bufferedBytes(): number {
    return this.#stream.writableLength;
  }

  subscribe(events: ExchangeEvents): void {
    assert(this.#events === undefined, 'an exchange has one subscriber');
    this.#events = events;
    const stream = this.#stream;
    stream.on('data', (bytes: Buffer) => events.received(plainBytes(bytes)));
    // A stream that is broken off ends too, and then its body is not whole.
    stream.on('end', () => {
      if (!stream.aborted && stream.rstCode === constants.NGHTTP2_NO_ERROR) events.ended();
    });
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  respond(status: number, headers: HttpHeaders): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    this.#place.answered();
    stream.respond(headOf(status, headers), answerOptions);
    stream.once('wantTrailers', () => {
      stream.sendTrailers((this.#trailers ?? {}) as http2.OutgoingHttpHeaders);
      this.#letGo();
    });
  }

  write(bytes: Uint8Array): boolean {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed || this.#finished) return false;
    this.#place.answered();
    const welcome = stream.write(bytes);
    if (stream.writableLength > this.#limits.bufferedBytesMax) {
      this.reset('calm');
      return false;
    }
    if (!welcome && !this.#full) {
      this.#full = true;
      stream.once('drain', () => {
        this.#full = false;
        this.#events?.drained?.();
      });
    }
    return !this.#full;
  }

  end(trailers?: HttpHeaders): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#trailers = trailers;
    this.#stream.end();
  }

  respondOnly(status: number, headers: HttpHeaders): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed || this.#finished) return;
    this.#finished = true;
    this.#place.answered();
    stream.respond({ ':status': status, ...headers } as http2.OutgoingHttpHeaders, {
      endStream: true,
    });
    this.#letGo();
  }

  reset(reason: ResetReason): void {
    this.#finished = false;
    this.#reset = true;
    this.#stream.close(resetCodes[reason]);
  }

  /** What the client still sends is of no use: it is told so, once the answer has left. */
  #letGo(): void {
    const stream = this.#stream;
    if (stream.readableEnded) return;
    stream.resume();
    setImmediate(() => {
      if (!stream.readableEnded && !stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }
}
