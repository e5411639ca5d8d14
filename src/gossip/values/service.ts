/**
 * The sharing of values on a running agent: gives a {@link ValuesReplica} its timers, its peers and
 * its way to the network. It sleeps until a value or map is first opened; until then the agent takes
 * no part, and does not say that it would.
 */
import { QuorateError } from '../../base/errors.ts';
import type { Cancel } from '../../ports/callbacks.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import { type Outgoing, type ReplicaCounts, ValuesReplica } from './replica.ts';
import { SharedValues } from './shared.ts';
import type { StoreLimits } from './store.ts';

/** What a {@link ValuesService} needs. */
export interface ServiceOptions extends StoreLimits {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly valueBytesMax: number;
  readonly driftMaxMs: number;
  readonly packetBytesMax: number;
  readonly fanout: number;
  readonly retransmitMult: number;
  readonly gossipIntervalMs: number;
  readonly compareIntervalMs: number;
  /** The living members that share values, without this one. */
  readonly peers: () => readonly string[];
  readonly send: (outgoing: Outgoing) => void;
  /** A value or map was opened for the first time: the others must learn that we take part. */
  readonly awake: () => void;
  readonly warn: (message: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** How long a pull waits for one member before it asks another. */
const pullTimeoutMs = 1_000;

const reapIntervalMs = 60_000;

/** At most about this many members compare themselves with one that has just come. */
const greetersMax = 3;

/** Runs the sharing of values. */
export class ValuesService {
  readonly #options: ServiceOptions;
  #shared: SharedValues | undefined;
  #replica: ValuesReplica | undefined;
  #gossipTimer: Cancel | undefined;
  #compareTimer: Cancel | undefined;
  #reapTimer: Cancel | undefined;
  #closed = false;
  /** Those who wait for a comparison with a member to end. */
  readonly #pulls = new Set<(peer: string) => void>();
  #warned: ReplicaCounts = { malformed: 0, fromTheFuture: 0, overLimit: 0 };

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  /** Values and maps by name; the first call wakes the service. Throws `gossip-stopped`. */
  get shared(): SharedValues {
    if (this.#closed) throw new QuorateError('gossip-stopped', 'the agent is closed');
    if (this.#shared === undefined) {
      const replica = this.#wake();
      this.#shared = new SharedValues(() => replica, this.#options.valueBytesMax);
    }
    return this.#shared;
  }

  /** Takes in a message of another member. */
  receive(bytes: Uint8Array): void {
    if (this.#closed || this.#replica === undefined) return;
    this.#send(this.#replica.receive(bytes));
    this.#spread();
    this.#warn(this.#replica.counts);
  }

  /** A member that shares values has come: it may have something, or nothing yet. */
  peerJoined(name: string): void {
    if (this.#closed || this.#replica === undefined) return;
    const peers = this.#options.peers().length;
    if (this.#options.random.below(Math.max(1, peers)) >= greetersMax) return;
    this.#send(this.#replica.compare(name));
  }

  /** See {@link Gossip.pullValues}. */
  async pull(signal: AbortSignal | undefined): Promise<string | undefined> {
    void this.shared;
    for (;;) {
      signal?.throwIfAborted();
      if (this.#closed) throw new QuorateError('gossip-stopped', 'the agent is closed');
      const peers = this.#options.peers();
      const peer = peers[this.#options.random.below(Math.max(1, peers.length))];
      if (peer === undefined) return undefined;
      if (await this.#compareWith(peer, signal)) return peer;
    }
  }

  /** Stops; iterations over changes end. */
  close(): void {
    this.#closed = true;
    this.#gossipTimer?.();
    this.#compareTimer?.();
    this.#reapTimer?.();
    this.#shared?.close();
    for (const settle of [...this.#pulls]) settle('');
  }

  #wake(): ValuesReplica {
    const replica = new ValuesReplica({
      ...this.#options,
      wallMs: () => this.#options.clock.wallMs(),
      onChange: (entry) => {
        this.#shared?.publish(entry);
        this.#spread();
      },
      onCompared: (peer) => {
        for (const settle of [...this.#pulls]) settle(peer);
      },
    });
    this.#replica = replica;
    this.#scheduleCompare(replica);
    this.#scheduleReap(replica);
    this.#options.awake();
    return replica;
  }

  /** Lets fresh entries out at every interval for as long as there are any. */
  #spread(): void {
    const replica = this.#replica;
    if (this.#closed || this.#gossipTimer !== undefined || !replica?.spreading) return;
    this.#gossipTimer = this.#options.clock.after(this.#options.gossipIntervalMs, () => {
      this.#gossipTimer = undefined;
      this.#send(replica.gossip());
      this.#spread();
    });
  }

  #scheduleCompare(replica: ValuesReplica): void {
    const { clock, random, compareIntervalMs } = this.#options;
    // Spread about the interval, so that members that began together do not act together.
    this.#compareTimer = clock.after(compareIntervalMs * (0.5 + random.fraction()), () => {
      this.#send(replica.compare());
      this.#scheduleCompare(replica);
    });
  }

  #scheduleReap(replica: ValuesReplica): void {
    this.#reapTimer = this.#options.clock.after(reapIntervalMs, () => {
      replica.reap();
      this.#scheduleReap(replica);
    });
  }

  #compareWith(peer: string, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const settle = (from: string): void => {
        if (from !== peer && from !== '') return;
        end();
        resolve(from === peer);
      };
      const abort = (): void => {
        end();
        reject(signal?.reason);
      };
      const timer = this.#options.clock.after(pullTimeoutMs, () => {
        end();
        resolve(false);
      });
      const end = (): void => {
        timer();
        this.#pulls.delete(settle);
        signal?.removeEventListener('abort', abort);
      };
      this.#pulls.add(settle);
      signal?.addEventListener('abort', abort, { once: true });
      this.#send(this.#replica?.compare(peer) ?? []);
    });
  }

  #send(messages: readonly Outgoing[]): void {
    for (const outgoing of messages) this.#options.send(outgoing);
  }

  /** Says once for each doubling that something is refused, so that a log is not flooded. */
  #warn(counts: ReplicaCounts): void {
    const meanings = {
      malformed: 'messages about shared values could not be read',
      fromTheFuture: 'shared values refused: stamped too far ahead of this clock',
      overLimit: 'shared values refused: the limits are reached',
    } as const;
    for (const kind of ['malformed', 'fromTheFuture', 'overLimit'] as const) {
      if (counts[kind] === 0 || counts[kind] < this.#warned[kind] * 2) continue;
      this.#warned = { ...this.#warned, [kind]: counts[kind] };
      this.#options.warn(meanings[kind], { count: counts[kind] });
    }
  }
}
