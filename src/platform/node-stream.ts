/** One TCP or TLS connection on Node. */
import type net from 'node:net';
import tls from 'node:tls';
import { assert } from '../base/assert.ts';
import { QuorateError } from '../base/errors.ts';
import {
  type Address,
  bufferedBytesMaxDefault,
  highWaterBytesDefault,
  type PeerCertificate,
  type Stream,
  type StreamEvents,
  type StreamLimits,
} from '../ports/streams.ts';
import { plainBytes } from './plain-bytes.ts';
import { socketError } from './system-errors.ts';

/** A dead peer is noticed by heartbeats above; this ends what nobody watches. */
const keepAliveMs = 60_000;

/** See {@link Stream}. */
export class NodeStream implements Stream {
  readonly local: Address;
  readonly remote: Address;
  readonly certificate: PeerCertificate | null;
  readonly protocol: string | null;
  readonly #socket: net.Socket;
  readonly #highWaterBytes: number;
  readonly #bufferedBytesMax: number;
  #events: StreamEvents | undefined;
  #error: QuorateError | null = null;
  #full = false;
  #ended = false;
  #over = false;

  constructor(socket: net.Socket, limits: StreamLimits) {
    this.#socket = socket;
    this.#highWaterBytes = limits.highWaterBytes ?? highWaterBytesDefault;
    this.#bufferedBytesMax = limits.bufferedBytesMax ?? bufferedBytesMaxDefault;
    assert(
      this.#highWaterBytes >= highWaterBytesDefault &&
        this.#highWaterBytes <= this.#bufferedBytesMax,
      () => `${this.#highWaterBytes} bytes are no high water below ${this.#bufferedBytesMax}`,
    );
    this.local = { host: socket.localAddress ?? '', port: socket.localPort ?? 0 };
    this.remote = remoteOf(socket);
    this.certificate = socket instanceof tls.TLSSocket ? certificateOf(socket) : null;
    this.protocol = (socket instanceof tls.TLSSocket && socket.alpnProtocol) || null;
    socket.setKeepAlive(true, keepAliveMs);
    // An error may come before anybody has subscribed; `closed` tells it then.
    socket.on('error', (error) => {
      this.#error ??= socketError(error, { doing: 'streaming', otherwise: 'connection-reset' });
    });
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  subscribe(events: StreamEvents): void {
    assert(this.#events === undefined, 'a stream has one subscriber');
    this.#events = events;
    const socket = this.#socket;
    socket.on('data', (bytes: Buffer) => events.received(plainBytes(bytes)));
    socket.on('drain', () => {
      if (!this.#full) return;
      this.#full = false;
      events.drained?.();
    });
    socket.on('end', () => events.ended?.());
    socket.on('close', () => {
      this.#over = true;
      events.closed(this.#error);
    });
  }

  write(buffers: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    if (this.#ended || this.#over) return false;
    if (buffers.length === 1) {
      socket.write(buffers[0]!);
    } else {
      socket.cork();
      for (const buffer of buffers) socket.write(buffer);
      socket.uncork();
    }
    const waiting = socket.writableLength;
    if (waiting > this.#bufferedBytesMax) {
      this.#error ??= new QuorateError(
        'send-buffer-full',
        `${waiting} bytes wait for a reader that is too slow`,
        { details: { bufferedBytesMax: this.#bufferedBytesMax } },
      );
      this.#over = true;
      socket.destroy();
      return false;
    }
    this.#full ||= waiting >= this.#highWaterBytes;
    return !this.#full;
  }

  end(): void {
    if (this.#ended || this.#over) return;
    this.#ended = true;
    this.#socket.end();
  }

  destroy(): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}

/** The other side's address, as far as it is known. */
export function remoteOf(socket: net.Socket): Address {
  return { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
}

/** The certificate that the other side has shown. */
export function certificateOf(socket: tls.TLSSocket): PeerCertificate | null {
  const shown = socket.getPeerCertificate();
  // Without a certificate Node gives an empty object.
  if (shown?.fingerprint256 === undefined) return null;
  const commonName: string | string[] | undefined = shown.subject?.CN;
  const [names, addresses] = alternativeNames(shown.subjectaltname ?? '');
  return {
    commonName: Array.isArray(commonName) ? (commonName[0] ?? '') : (commonName ?? ''),
    names,
    addresses,
    usages: shown.ext_key_usage ?? [],
    fingerprint: shown.fingerprint256,
  };
}

/**
 * Reads Node's text form: `DNS:a, IP Address:127.0.0.1`. A name with a comma, a quote or the like
 * comes as a JSON string (CVE-2021-44532); no host has such a name, so it is passed over whole.
 */
function alternativeNames(text: string): [names: string[], addresses: string[]] {
  const names: string[] = [];
  const addresses: string[] = [];
  for (const [, kind, value] of text.matchAll(/([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)) {
    if (value!.startsWith('"')) continue;
    if (kind === 'DNS') names.push(value!);
    if (kind === 'IP Address') addresses.push(value!);
  }
  return [names, addresses];
}
