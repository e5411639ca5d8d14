/**
 * The handshake's rules: who may talk to whom. Everything that is wrong has a name, which both
 * sides log.
 */
import { QuorateError } from '../../base/errors.ts';
import type { Random } from '../../ports/random.ts';
import type { MemberId } from '../../raft/entry.ts';
import { frame } from './frame.ts';
import { encodeHello, type Hello, magic, protocolVersion } from './hello.ts';
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
}

/** What the cluster knows of a member. */
export interface PeerRecord {
  readonly name: string;
  readonly address: string;
  /** The life of its directory; undefined until it was first seen. */
  readonly incarnation: number | undefined;
  readonly removed: boolean;
}

const NONCE_BYTES = 16;

export class Greeter {
  readonly self: Self;
  readonly #random: Random;
  #records: ReadonlyMap<MemberId, PeerRecord> = new Map();
  /** Incarnations that were met before the cluster had registered them. */
  readonly #met = new Map<MemberId, number>();
  readonly #nonces = new WeakMap<Link, Uint8Array>();

  constructor(self: Self, random: Random) {
    this.self = self;
    this.#random = random;
  }

  setPeers(records: ReadonlyMap<MemberId, PeerRecord>): void {
    this.#records = records;
  }

  /** What the dialer says first. */
  greet(link: Link): readonly Uint8Array[] {
    return [magic, ...frame('hello', [encodeHello(this.#hello(link, link.peer, empty))])];
  }

  /** Takes the magic off what an accepted link brings first; `foreign` if it is not ours. */
  strip(link: Link, bytes: Uint8Array): Uint8Array | 'foreign' {
    if (link.dialed || link.preamble === magic) return bytes;
    const joined = new Uint8Array(link.preamble.length + bytes.length);
    joined.set(link.preamble);
    joined.set(bytes, link.preamble.length);
    link.preamble = joined;
    const known = Math.min(joined.length, magic.length);
    for (let i = 0; i < known; i++) if (joined[i] !== magic[i]) return 'foreign';
    if (joined.length < magic.length) return empty;
    link.preamble = magic;
    return joined.subarray(magic.length);
  }

  /**
   * Hears a frame of the handshake; returns what to say, and the other side once it is known.
   * @throws QuorateError naming what is wrong
   */
  hear(
    link: Link,
    type: 'hello' | 'welcome' | 'proof',
    said: Hello | Uint8Array,
  ): { readonly frames: readonly Uint8Array[]; readonly up: Hello | undefined } {
    if (said instanceof Uint8Array) return this.#hearProof(link, said);
    if (link.hello !== undefined || (type === 'welcome') !== link.dialed) {
      throw new QuorateError('malformed-message', `an unexpected ${type}`);
    }
    this.#check(link, said);
    link.hello = said;
    const proof = this.#proofFor(link, said);
    if (type === 'hello') {
      const frames = frame('welcome', [encodeHello(this.#hello(link, said.member, proof))]);
      return { frames, up: this.self.mac === undefined ? said : undefined };
    }
    if (this.self.mac === undefined) return { frames: [], up: said };
    this.#checkProof(link, said, said.proof);
    return { frames: frame('proof', [proof]), up: said };
  }

  #hearProof(link: Link, proof: Uint8Array): { frames: readonly Uint8Array[]; up: Hello } {
    const { hello } = link;
    if (link.dialed || hello === undefined) {
      throw new QuorateError('malformed-message', 'an unexpected proof');
    }
    this.#checkProof(link, hello, proof);
    return { frames: [], up: hello };
  }

  #hello(link: Link, to: MemberId, proof: Uint8Array): Hello {
    const { clusterId, member, incarnation, features } = this.self;
    const nonce = this.#nonce(link);
    return { protocolVersion, clusterId, member, incarnation, to, features, nonce, proof };
  }

  #nonce(link: Link): Uint8Array {
    const known = this.#nonces.get(link);
    if (known !== undefined) return known;
    const nonce = Uint8Array.from({ length: NONCE_BYTES }, () => this.#random.below(256));
    this.#nonces.set(link, nonce);
    return nonce;
  }

  #check(link: Link, hello: Hello): void {
    const { clusterId, member } = this.self;
    if (hello.protocolVersion < 1) refuse('version-mismatch', 'a protocol version below 1');
    if (clusterId !== 0 && hello.clusterId !== 0 && hello.clusterId !== clusterId) {
      refuse('wrong-cluster', `cluster ${hello.clusterId} meets cluster ${clusterId}`);
    }
    if (hello.to !== 0 && member !== 0 && hello.to !== member) {
      refuse('wrong-member', `member ${hello.to} was meant, this is ${member}`);
    }
    if (link.dialed && link.peer !== 0 && hello.member !== link.peer) {
      refuse('wrong-member', `member ${link.peer} was dialed, ${hello.member} answered`);
    }
    if (hello.member === 0 || member === 0) return;
    this.#checkMember(hello);
  }

  #checkMember({ member, incarnation }: Hello): void {
    const record = this.#records.get(member);
    if (record === undefined) refuse('unknown-member', `there is no member ${member}`);
    if (record.removed) refuse('removed-member', `member ${member} was removed`);
    const known = record.incarnation ?? this.#met.get(member);
    if (known !== undefined && known !== incarnation) {
      refuse('wrong-incarnation', `member ${member} came back with another directory`);
    }
    this.#met.set(member, incarnation);
  }

  #proofFor(link: Link, other: Hello): Uint8Array {
    const { mac, incarnation } = this.self;
    return mac?.(proven(incarnation, other.nonce, this.#nonce(link))) ?? empty;
  }

  /** Compared in constant time, as far as JavaScript can. */
  #checkProof(link: Link, other: Hello, proof: Uint8Array): void {
    const expected = this.self.mac!(proven(other.incarnation, this.#nonce(link), other.nonce));
    let difference = proof.length ^ expected.length;
    for (let i = 0; i < expected.length; i++) difference |= (proof[i] ?? 0) ^ expected[i]!;
    if (difference !== 0) refuse('wrong-secret', 'the join secrets differ');
  }
}

/** What a proof is over: the prover, the asker's nonce and the prover's own. */
function proven(incarnation: number, asked: Uint8Array, own: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + asked.length + own.length);
  new DataView(bytes.buffer).setFloat64(0, incarnation, true);
  bytes.set(asked, 8);
  bytes.set(own, 8 + asked.length);
  return bytes;
}

const empty = new Uint8Array(0);

function refuse(code: ConstructorParameters<typeof QuorateError>[0], what: string): never {
  throw new QuorateError(code, what);
}
