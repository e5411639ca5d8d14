/** The streams port of one simulated process. There is no TLS in a simulated world. */
import { assert } from '../base/assert.ts';
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import type { Answer, Cancel, Done } from '../ports/callbacks.ts';
import { timerDelayMsMax } from '../ports/clock.ts';
import {
  type Address,
  type ConnectOptions,
  connectionsMaxDefault,
  type Listener,
  type ListenerEvents,
  type ListenOptions,
  type Stream,
  type Streams,
} from '../ports/streams.ts';
import type { EventTicket } from './event-heap.ts';
import type { HostSockets } from './host-sockets.ts';
import { type Breakable, type Host, isLoopback, type SimNetwork } from './network.ts';
import type { SimProcess } from './sim-process.ts';
import { SimStream } from './sim-stream.ts';

/** How long a connecting system waits before it asks again. */
const askAgainMs = 1_000;

/** Where the ports of connecting sides begin, and how many there are. */
const localPortMin = 10_000;
const localPorts = 20_000;

/** A node whose processes listen and connect. */
export interface StreamHost extends Host {
  readonly streamListeners: HostSockets<SimListener>;
  /** The ends of streams that its process has. */
  readonly streams: Set<SimStream>;
}

/** See {@link Streams}. */
export class SimStreams implements Streams {
  readonly #network: SimNetwork;
  readonly #host: StreamHost;
  readonly #process: SimProcess;
  #connections = 0;

  constructor(network: SimNetwork, host: StreamHost, process: SimProcess) {
    this.#network = network;
    this.#host = host;
    this.#process = process;
  }

  listen(options: ListenOptions, events: ListenerEvents, answer: Answer<Listener>): void {
    if (!this.#process.calls()) return;
    this.#process.plan(0, 'streams: listen', () => {
      if (options.tls !== undefined) {
        answer(noTls());
        return;
      }
      const [ip] = this.#network.resolve(options.address.host);
      if (ip === undefined) {
        answer(failure('name-not-resolved', `there is no ${options.address.host}`));
        return;
      }
      const listener = new SimListener(this.#host, this.#process, options, events);
      const address = { host: ip, port: options.address.port };
      const bound = this.#host.streamListeners.bind(address, listener);
      if (!(bound instanceof QuorateError)) listener.address = bound;
      answer(bound instanceof QuorateError ? bound : listener);
    });
  }

  connect(options: ConnectOptions, answer: Answer<Stream>): Cancel {
    const { timeoutMs } = options;
    assert(timeoutMs >= 1 && timeoutMs <= timerDelayMsMax, () => `${timeoutMs} ms is no timeout`);
    if (!this.#process.calls()) return () => {};
    const localPort = localPortMin + (this.#connections++ % localPorts);
    const attempt = new Attempt(
      this.#network,
      this.#host,
      this.#process,
      options,
      localPort,
      answer,
    );
    attempt.begin();
    return () => attempt.cancel();
  }

  resolve(host: string, answer: Answer<readonly string[]>): void {
    if (!this.#process.calls()) return;
    this.#process.plan(0.1, 'streams: resolve', () => {
      const found = this.#network.resolve(host);
      answer(found.length > 0 ? found : failure('name-not-resolved', `there is no ${host}`));
    });
  }
}

/** See {@link Listener}. */
export class SimListener implements Listener {
  address: Address = { host: '', port: 0 };
  readonly #host: StreamHost;
  readonly #process: SimProcess;
  readonly #options: ListenOptions;
  readonly #events: ListenerEvents;
  #connections = 0;
  #closed = false;

  constructor(
    host: StreamHost,
    process: SimProcess,
    options: ListenOptions,
    events: ListenerEvents,
  ) {
    this.#host = host;
    this.#process = process;
    this.#options = options;
    this.#events = events;
  }

  reload(): void {
    throw noTls();
  }

  close(done: Done): void {
    assert(!this.#closed, 'this listener is closed');
    this.#closed = true;
    if (!this.#process.calls()) return;
    this.#host.streamListeners.free(this.address.port);
    this.#process.plan(0, 'streams: listener closed', () => done(null));
  }

  /** The listener's end of a stream that somebody asks for. */
  accept(
    network: SimNetwork,
    client: { host: StreamHost; address: Address },
    at: Address,
    forgotten: () => void,
  ): SimStream {
    const end = {
      network,
      host: this.#host,
      process: this.#process,
      local: at,
      limits: this.#options,
      forget: (stream: SimStream) => {
        this.#connections--;
        this.#host.streams.delete(stream);
        forgotten();
      },
    };
    const stream = new SimStream(end, client);
    this.#host.streams.add(stream);
    this.#connections++;
    return stream;
  }

  /** Hands a stream to the program. */
  deliver(stream: SimStream): void {
    this.#process.receive('streams: accepted', () => {
      if (stream.over) return;
      const connectionsMax = this.#options.connectionsMax ?? connectionsMaxDefault;
      if (this.#closed || this.#connections > connectionsMax) {
        stream.turnAway();
        if (this.#closed) return;
        const message = `there are already ${connectionsMax} connections`;
        this.#events.refused?.(failure('too-many-connections', message), stream.remote);
        return;
      }
      this.#events.accepted(stream);
      stream.opened();
    });
  }
}

/** One attempt to connect. */
class Attempt {
  readonly #network: SimNetwork;
  readonly #host: StreamHost;
  readonly #process: SimProcess;
  readonly #options: ConnectOptions;
  readonly #localPort: number;
  readonly #answer: Answer<Stream>;
  #settled = false;
  #timeout: EventTicket | null = null;

  constructor(
    network: SimNetwork,
    host: StreamHost,
    process: SimProcess,
    options: ConnectOptions,
    localPort: number,
    answer: Answer<Stream>,
  ) {
    this.#network = network;
    this.#host = host;
    this.#process = process;
    this.#options = options;
    this.#localPort = localPort;
    this.#answer = answer;
  }

  begin(): void {
    const { address, tls, timeoutMs } = this.#options;
    this.#timeout = this.#process.plan(timeoutMs, 'streams: timeout', () => {
      this.#settle(failure('connection-timeout', `${address.host} did not answer in time`));
    });
    const [ip] = this.#network.resolve(address.host);
    if (tls !== undefined || ip === undefined) {
      const reason =
        tls === undefined ? failure('name-not-resolved', `there is no ${address.host}`) : noTls();
      this.#process.plan(0.1, 'streams: cannot connect', () => this.#settle(reason));
      return;
    }
    this.#ask(ip, 0);
  }

  cancel(): void {
    this.#settled = true;
    if (this.#timeout !== null) this.#network.scheduler.cancel(this.#timeout);
  }

  #settle(answer: SimStream | QuorateError): void {
    if (this.#settled) return;
    this.cancel();
    this.#answer(answer);
    if (answer instanceof SimStream) answer.opened();
  }

  /** Asks for a stream, and again for as long as nobody answers. */
  #ask(ip: string, delayMs: number): void {
    const target = this.#network.hostAt(this.#host, ip) as StreamHost | undefined;
    if (target === undefined) return;
    const there = this.#network.delayMs(this.#network.faultsBetween(this.#host, target));
    this.#network.scheduler.plan(delayMs + there, null, 'stream: ask', () => {
      if (this.#settled || !this.#process.alive) return;
      const reached =
        target.process !== null && this.#network.reaches(this.#host.name, target.name);
      if (!reached) this.#ask(ip, askAgainMs);
      else this.#arrive(target, { host: ip, port: this.#options.address.port });
    });
  }

  #arrive(target: StreamHost, at: Address): void {
    const listener = target.streamListeners.at(at.host, at.port);
    if (listener === undefined) {
      const refused = failure('connection-refused', `nothing listens at ${at.host}:${at.port}`);
      this.#return(target, () => this.#settle(refused));
      return;
    }
    const home = isLoopback(at.host);
    const local = { host: home ? '127.0.0.1' : this.#host.ip, port: this.#localPort };
    let ends = 2;
    const forgotten = (): void => {
      if (--ends === 0) this.#network.streamClosed(breakable);
    };
    const client = { host: this.#host, address: local };
    const theirs = listener.accept(this.#network, client, at, forgotten);
    const ours = this.#ourEnd(local, { host: target, address: at }, forgotten);
    SimStream.join(ours, theirs);
    const breakable: Breakable = {
      hosts: [this.#host, target],
      reset: () => {
        for (const end of [ours, theirs]) end.fail('connection-reset', 'the network broke it off');
      },
    };
    this.#network.streamOpened(breakable);
    listener.deliver(theirs);
    this.#return(target, () => {
      if (this.#settled) ours.orphan();
      else if (!ours.over) this.#settle(ours);
      else this.#settle(failure('connection-reset', 'closed before it was open'));
    });
  }

  #ourEnd(
    local: Address,
    other: { host: StreamHost; address: Address },
    forgotten: () => void,
  ): SimStream {
    const end = {
      network: this.#network,
      host: this.#host,
      process: this.#process,
      local,
      limits: this.#options,
      forget: (stream: SimStream) => {
        this.#host.streams.delete(stream);
        forgotten();
      },
    };
    const stream = new SimStream(end, other);
    this.#host.streams.add(stream);
    return stream;
  }

  /** Brings the answer home, trying for as long as the way is blocked. */
  #return(target: StreamHost, arrive: () => void): void {
    const delayMs = this.#network.delayMs(this.#network.faultsBetween(target, this.#host));
    const go = (): void => {
      if (this.#network.reaches(target.name, this.#host.name)) {
        this.#process.receive('streams: connected', arrive);
      } else if (!this.#settled && this.#process.alive) {
        this.#network.scheduler.plan(askAgainMs, null, 'stream: answer', go);
      }
    };
    this.#network.scheduler.plan(delayMs, null, 'stream: answer', go);
  }
}

function failure(code: ErrorCode, message: string): QuorateError {
  return new QuorateError(code, message);
}

function noTls(): QuorateError {
  return failure('tls-failed', 'a simulated world has no TLS');
}
