/**
 * What the application asks for, command by command. A command that cannot be carried out throws
 * before anything has changed; one that takes time ends with exactly one `done` effect.
 */
import { QuorateError } from '../base/errors.ts';
import type { Address, GossipCommand, Outcome, QueryKey } from './api.ts';
import type { Context } from './context.ts';
import type { Departure } from './departure.ts';
import type { Disseminator } from './disseminator.ts';
import type { Exchanges } from './exchanges.ts';
import { internalPrefix } from './internal-queries.ts';
import type { MemberTable } from './member-table.ts';
import type { Membership } from './membership.ts';
import type { SerfLayer } from './serf-layer.ts';
import { encodeUser } from './wire/messages.ts';
import { encodeDirect, encodeTags } from './wire/serf-messages.ts';

/** Fixed by the protocol: what a member says of itself. */
const tagsBytesMax = 512;
/** Frame, label and seal around the largest message that may travel in one packet. */
const packetFrameBytes = 64;

export class Commands {
  readonly #context: Context;
  readonly #table: MemberTable;
  readonly #membership: Membership;
  readonly #disseminator: Disseminator;
  readonly #exchanges: Exchanges;
  readonly #serf: SerfLayer;
  readonly #departure: Departure;
  /** Our queries that run, by the driver's number. */
  readonly #asked = new Map<number, QueryKey>();

  constructor(parts: {
    context: Context;
    table: MemberTable;
    membership: Membership;
    disseminator: Disseminator;
    exchanges: Exchanges;
    serf: SerfLayer;
    departure: Departure;
  }) {
    this.#context = parts.context;
    this.#table = parts.table;
    this.#membership = parts.membership;
    this.#disseminator = parts.disseminator;
    this.#exchanges = parts.exchanges;
    this.#serf = parts.serf;
    this.#departure = parts.departure;
  }

  /** @throws QuorateError as {@link file://./api.ts api} says, before anything has changed. */
  run(input: GossipCommand): void {
    if (this.#departure.state !== 'running') throw stopped();
    const { settings } = this.#context;
    switch (input.type) {
      case 'join':
        this.#join(input);
        return;
      case 'leave':
        this.#departure.leave((clean) => this.#done(input.request, { type: 'leave', clean }));
        return;
      case 'force-leave':
        this.#departure.forceLeave(input.name, input.prune ?? false, (clean) =>
          this.#done(input.request, { type: 'force-leave', clean }),
        );
        return;
      case 'set-tags': {
        const meta = encodedTags(input.tags);
        this.#serf.tags = new Map(input.tags);
        this.#membership.updateMeta(meta);
        return;
      }
      case 'user-event':
        this.#serf.events.tell(input.name, input.payload, input.coalesce ?? false);
        return;
      case 'query':
        this.#ask(input);
        return;
      case 'query-cancel':
        this.#cancel(input.request);
        return;
      case 'respond':
        this.#serf.queries.answer(input.query, input.payload);
        return;
      case 'keys':
        this.#serf.internal.askKeys(input.operation, input.relayFactor ?? 0, (outcome) =>
          this.#done(input.request, outcome),
        );
        return;
      case 'send-direct': {
        const record = this.#table.get(input.to);
        if (record === undefined) {
          throw new QuorateError('gossip-unknown', `no member '${input.to}' is known`);
        }
        const direct = encodeDirect(input.payload);
        if (input.reliable === true) {
          checkSize('direct message', input.payload, settings.streamBytesMax / 2);
          this.#exchanges.sendUser(record.address, direct);
          return;
        }
        checkSize('direct message', input.payload, settings.packetBytesMax - packetFrameBytes);
        this.#disseminator.send(record.address, encodeUser(direct));
        return;
      }
      case 'set-shared-state':
        checkSize('shared state', input.payload, settings.sharedStateBytesMax);
        this.#serf.shared = input.payload.slice();
        return;
    }
  }

  #done(request: number, outcome: Outcome): void {
    this.#context.emit({ type: 'done', request, outcome });
  }

  #join(input: Extract<GossipCommand, { type: 'join' }>): void {
    const failures: { address: Address; reason: string }[] = [];
    let joined = 0;
    let open = input.addresses.length;
    this.#serf.ignoreOldEvents ||= input.ignoreOldEvents ?? false;
    const settle = () => {
      if (joined > 0) {
        this.#serf.members.announceJoin();
        this.#exchanges.repairSoon();
      }
      this.#serf.ignoreOldEvents = false;
      this.#done(input.request, { type: 'join', joined, failures });
    };
    if (open === 0) {
      settle();
      return;
    }
    for (const address of input.addresses) {
      this.#exchanges.pushPull(address, true, (reason) => {
        if (reason === undefined) joined++;
        else failures.push({ address, reason });
        open--;
        if (open === 0) settle();
      });
    }
  }

  #ask(input: Extract<GossipCommand, { type: 'query' }>): void {
    // A ping changes nothing, and is how `serf reachability` sees who is there.
    if (input.name.startsWith(internalPrefix) && input.name !== `${internalPrefix}ping`) {
      throw new QuorateError('malformed-message', `names with '${internalPrefix}' are Serf's own`);
    }
    const { request } = input;
    let ended = false;
    const key = this.#serf.queries.ask({
      ...input,
      acked: (from) => this.#context.emit({ type: 'query-ack', request, from }),
      answered: (from, payload) =>
        this.#context.emit({ type: 'query-response', request, from, payload }),
      done: (acks, responses) => {
        ended = true;
        this.#asked.delete(request);
        this.#done(request, { type: 'query', acks, responses });
      },
    });
    if (!ended) this.#asked.set(request, key);
  }

  #cancel(request: number): void {
    const key = this.#asked.get(request);
    if (key !== undefined) this.#serf.queries.cancel(key);
  }
}

/** What a command after the end throws. */
export function stopped(): QuorateError {
  return new QuorateError('gossip-stopped', 'this gossip member is leaving or has stopped');
}

function checkSize(what: string, bytes: Uint8Array, bytesMax: number): void {
  if (bytes.length <= bytesMax) return;
  throw new QuorateError('gossip-too-large', `${what}: ${bytes.length} of ${bytesMax} bytes`, {
    details: { bytes: bytes.length, bytesMax },
  });
}

/** Tags as they travel. @throws QuorateError `gossip-too-large` */
export function encodedTags(tags: ReadonlyMap<string, string>): Uint8Array {
  const meta = encodeTags(tags);
  checkSize('tags', meta, tagsBytesMax);
  return meta;
}
