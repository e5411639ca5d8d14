/**
 * The handshake's rules: who may talk to whom.
 *
 *     dialer                         listener
 *     magic, hello ──────────────▶   versions, cluster, who is meant, secret or not
 *     the same, and the member: known, not removed, its directory
 *     the same one, named by its certificate  ◀───────── welcome
 *     proof ─────────────────────▶   the proof, then the member
 *     the proof       ◀───────────── proof
 *
 * Everything that is wrong has a name, which both sides log. Where a join secret is shared, a proof
 * is a MAC over who proves (dialer or listener) and both hellos as they were sent: fresh nonces keep
 * it from being replayed, its side keeps it from being reflected, and what was said is covered. Of
 * who is a member nothing is told to those who do not know the secret, and a refusal that comes with
 * a proof is one that a member may act upon. Without a secret proofs are empty.
 *
 * The secret keeps strangers out; it does not protect what follows against those who can change
 * bytes on their way. That takes TLS.
 */
import { ByteReader, ByteWriter } from '../../base/binary.ts';
import { type ErrorCode, QuorateError } from '../../base/errors.ts';
import type { Random } from '../../ports/random.ts';
import type { MemberId } from '../../raft/entry.ts';
import { certifies } from './address.ts';
import { readError, writeError } from './coded-error.ts';
import type { Frame, FrameType } from './frame.ts';
import { decodeHello, encodeHello, type Hello, magic, NONCE_BYTES, protocol } from './hello.ts';
import type { Link } from './link.ts';

/** Who this process is. */
export interface Self {
  /** 0 while it has not joined. */
  readonly clusterId: number;
  /** 0 while it has not joined. */
  readonly member: MemberId;
  readonly incarnation: number;
  readonly features: readonly string[];
  /** Keyed with the join secret, where one is shared. */
  readonly mac: ((bytes: Uint8Array) => Uint8Array) | undefined;
  /** Unpredictable bytes for nonces; the generator of jitter serves where there is no secret. */
  readonly randomBytes?: ((size: number) => Uint8Array) | undefined;
}

/** What the cluster knows of a member. */
export interface PeerRecord {
  readonly name: string;
  readonly address: string;
  /** Where it may be as well: dialed every other time. */
  readonly hint?: string | undefined;
  /** The life of its directory; undefined until it was first seen. */
  readonly incarnation: number | undefined;
  readonly removed: boolean;
}

/** What a step of the handshake leads to. */
export interface Greeted {
  readonly say: FrameType | undefined;
  readonly bytes: Uint8Array;
  /** The other side, once it is known. */
  readonly met: Hello | undefined;
}

export class Greeter {
  self: Self;
  /** Of this process; see {@link Hello.session}. */
  readonly session: number;
  readonly #random: Random;
  #records: ReadonlyMap<MemberId, PeerRecord> = new Map();
  /** Incarnations that were met before the cluster had registered them. */
  readonly #met = new Map<MemberId, number>();

  constructor(self: Self, random: Random) {
    this.self = self;
    this.#random = random;
    this.session = random.uint32() * 2 ** 20 + (random.uint32() >>> 12);
  }

  setPeers(records: ReadonlyMap<MemberId, PeerRecord>): void {
    this.#records = records;
    for (const member of this.#met.keys()) {
      if (records.get(member)?.incarnation === undefined && records.has(member)) continue;
      this.#met.delete(member);
    }
  }

  /** What the dialer says first, behind the magic. */
  greet(link: Link): Uint8Array {
    link.helloSent = encodeHello(this.#hello(link.peer, link.byAddress));
    return link.helloSent;
  }

  /** Takes the magic off what an accepted link brings first; `foreign` if it is not ours. */
  strip(link: Link, bytes: Uint8Array): Uint8Array | 'foreign' {
    if (link.dialed || link.preamble === magic) return bytes;
    const joined = new Uint8Array(link.preamble.length + bytes.length);
    joined.set(link.preamble);
    joined.set(bytes, link.preamble.length);
    link.preamble = joined;
    const known = Math.min(joined.length, magic.length);
    for (let at = 0; at < known; at++) if (joined[at] !== magic[at]) return 'foreign';
    if (joined.length < magic.length) return nothing;
    link.preamble = magic;
    return joined.subarray(magic.length);
  }

  /**
   * Hears a frame of the handshake.
   * @throws QuorateError naming what is wrong
   */
  hear(link: Link, { type, meta }: Frame): Greeted {
    const { helloHeard } = link;
    if (type === (link.dialed ? 'welcome' : 'hello') && helloHeard === undefined) {
      const hello = decodeHello(meta);
      this.#check(link, hello);
      link.hello = hello;
      link.helloHeard = meta.slice();
      if (link.dialed) {
        // Before the proof: the listener takes the link for good as soon as it has that.
        this.#checkMember(link, hello);
        return { say: 'proof', bytes: this.#ownProof(link), met: undefined };
      }
      link.helloSent = encodeHello(this.#hello(hello.member, hello.callsOnly));
      return { say: 'welcome', bytes: link.helloSent, met: undefined };
    }
    if (type !== 'proof' || helloHeard === undefined) {
      throw new QuorateError('malformed-message', `an unexpected ${type} in a handshake`);
    }
    if (!this.#proves(link, meta)) refuse('wrong-secret', 'the join secrets differ');
    link.proven = true;
    const met = link.hello!;
    this.#checkMember(link, met);
    this.#remember(met);
    return link.dialed
      ? { say: undefined, bytes: nothing, met }
      : { say: 'proof', bytes: this.#ownProof(link), met };
  }

  /** A refusal, with a proof for those who have proven themselves. */
  encodeRefusal(link: Link, error: QuorateError): Uint8Array {
    const proof = link.proven ? this.#ownProof(link) : nothing;
    return writeError(new ByteWriter(), error).bytes(proof).finish();
  }

  /** A refusal that came, and whether it comes from one who knows the secret, if there is one. */
  decodeRefusal(link: Link, meta: Uint8Array): { error: QuorateError; proven: boolean } {
    const reader = new ByteReader(meta);
    const error = readError(reader);
    const proof = reader.bytes();
    return { error, proven: link.state === 'up' || link.proven || this.#proves(link, proof) };
  }

  /** @throws QuorateError `removed-member`, `wrong-incarnation`, `unknown-member` */
  checkKnown(hello: Hello): void {
    const { member, incarnation } = hello;
    const record = this.#records.get(member);
    if (record === undefined) refuse('unknown-member', `there is no member ${member}`);
    if (record.removed) refuse('removed-member', `member ${member} was removed`);
    const known = record.incarnation ?? this.#met.get(member) ?? incarnation;
    if (known === incarnation) return;
    refuse('wrong-incarnation', `member ${member} came back with another directory`);
  }

  #hello(to: MemberId, callsOnly: boolean): Hello {
    const { clusterId, member, incarnation, features, mac, randomBytes } = this.self;
    const nonce =
      randomBytes?.(NONCE_BYTES) ??
      Uint8Array.from({ length: NONCE_BYTES }, () => this.#random.below(256));
    const secret = mac !== undefined;
    const { session } = this;
    const whoIs = { clusterId, member, incarnation, session, to };
    return { ...protocol, ...whoIs, secret, callsOnly, features, nonce };
  }

  /** What can be said before the other side has proven itself. */
  #check(link: Link, hello: Hello): void {
    const { clusterId, member, mac } = this.self;
    if (hello.session === this.session) {
      refuse('wrong-member', `member ${member} has connected to itself`);
    }
    if (clusterId !== 0 && hello.clusterId !== clusterId) {
      const isJoining = hello.member === 0 && hello.clusterId === 0;
      if (!isJoining) refuse('wrong-cluster', `cluster ${hello.clusterId} meets ${clusterId}`);
    }
    if (hello.to !== 0 && hello.to !== member) {
      refuse('wrong-member', `member ${hello.to} was meant, this is ${member}`);
    }
    if (link.dialed && link.peer !== 0 && hello.member !== link.peer) {
      refuse('wrong-member', `member ${link.peer} was dialed, ${hello.member} answered`);
    }
    if (member !== 0 && hello.member === member) {
      refuse('wrong-member', `another process says that it is member ${member}`);
    }
    if (hello.secret === (mac !== undefined)) return;
    refuse('wrong-secret', 'one side has a join secret, and the other one has none');
  }

  #checkMember(link: Link, hello: Hello): void {
    const names = link.certifiedNames;
    if (hello.member === 0 || this.self.member === 0) {
      if (names?.length !== 0) return;
      refuse('wrong-member', 'the certificate is not one of a member');
    }
    this.checkKnown(hello);
    const record = this.#records.get(hello.member)!;
    if (names !== undefined && !certifies(names, record)) {
      refuse('wrong-member', `the certificate names neither ${record.name} nor ${record.address}`);
    }
  }

  #remember({ member, incarnation }: Hello): void {
    const record = this.#records.get(member);
    if (record !== undefined && record.incarnation === undefined)
      this.#met.set(member, incarnation);
  }

  #ownProof(link: Link): Uint8Array {
    return this.self.mac?.(proven(link, link.dialed)) ?? nothing;
  }

  /** Compared in constant time, as far as JavaScript can. */
  #proves(link: Link, proof: Uint8Array): boolean {
    const { mac } = this.self;
    if (mac === undefined) return true;
    if (link.helloHeard === undefined) return false;
    const expected = mac(proven(link, !link.dialed));
    let difference = proof.length ^ expected.length;
    for (let at = 0; at < expected.length; at++) difference |= (proof[at] ?? 0) ^ expected[at]!;
    return difference === 0;
  }
}

/** What a proof is over: whose it is, and both hellos as they were sent. */
function proven(link: Link, byDialer: boolean): Uint8Array {
  const sent = link.helloSent ?? nothing;
  const heard = link.helloHeard ?? nothing;
  return new ByteWriter()
    .byte(byDialer ? 1 : 2)
    .bytes(link.dialed ? sent : heard)
    .bytes(link.dialed ? heard : sent)
    .finish();
}

const nothing = new Uint8Array(0);

function refuse(code: ErrorCode, what: string): never {
  throw new QuorateError(code, what);
}
