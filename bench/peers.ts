/**
 * Links between members alone: three of them in one thread, streams in memory. What is measured is
 * encoding, checksums, framing and decoding; no sockets, no disk, no Raft.
 *
 * `npm run bench -- peers`
 */
import type { PeerEffect } from '../src/engine/peers/peer-event.ts';
import { Peers, peerDefaults } from '../src/engine/peers/peers.ts';
import { type Entry, type Message, SeededRandom } from '../src/raft.ts';

const ids = [1, 2, 3];
const followers = [2, 3];
const ENTRY_BYTES = 256;
const GROUPS = 2000;
/** What a socket gives at once. */
const CHUNK_BYTES = 64 * 1024;

class Member {
  readonly id: number;
  readonly peers: Peers;
  received = 0;
  entries = 0;
  onMessage: ((from: number, group: number, message: Message) => void) | undefined;

  constructor(id: number) {
    this.id = id;
    this.peers = new Peers({
      self: { clusterId: 7, member: id, incarnation: id, features: [], mac: undefined },
      settings: peerDefaults,
      random: new SeededRandom(id),
      handler: {
        message: (from, group, message) => {
          this.received++;
          if (message.type === 'append') this.entries += message.entries.length;
          this.onMessage?.(from, group, message);
        },
        call: (_from, _kind, payload, answer) => answer({ ok: true, value: payload }),
        peerUp: () => {},
        peerDown: () => {},
        dropped: () => {},
        refused: (_peer, error) => {
          throw error;
        },
      },
    });
    this.peers.setPeers(
      new Map(
        ids.map((member) => [
          member,
          { name: `${member}`, address: `${member}`, incarnation: member, removed: false },
        ]),
      ),
    );
  }
}

/** Hands bytes over as sockets do: in chunks of their own, the frames cut anywhere. */
class Wires {
  readonly members = new Map(ids.map((id) => [id, new Member(id)]));
  readonly #other = new Map<string, { member: Member; link: number }>();
  #nextLink = 2;
  bytes = 0;

  constructor() {
    for (let at = 0; at < 3; at++)
      for (const member of this.members.values()) this.tick(member, at);
  }

  tick(member: Member, nowMs: number): void {
    member.peers.tick(nowMs);
    this.run(member);
  }

  run(member: Member): void {
    for (const effect of member.peers.flush()) this.#perform(member, effect);
  }

  #perform(member: Member, effect: PeerEffect): void {
    const key = `${member.id}/${effect.link}`;
    if (effect.type === 'dial') {
      const other = this.members.get(Number(effect.address))!;
      const link = this.#nextLink;
      this.#nextLink += 2;
      this.#other.set(key, { member: other, link });
      this.#other.set(`${other.id}/${link}`, { member, link: effect.link });
      other.peers.handle({ type: 'link-accepted', link, certifiedNames: undefined });
      member.peers.handle({ type: 'link-connected', link: effect.link });
      this.run(member);
    } else if (effect.type === 'write') {
      const { member: other, link } = this.#other.get(key)!;
      for (const bytes of this.#chunks(effect.buffers)) {
        other.peers.handle({ type: 'link-received', link, bytes });
      }
      this.run(other);
    }
  }

  *#chunks(buffers: readonly Uint8Array[]): Generator<Uint8Array> {
    const all = Buffer.concat(buffers);
    this.bytes += all.length;
    for (let at = 0; at < all.length; at += CHUNK_BYTES) yield all.subarray(at, at + CHUNK_BYTES);
  }
}

function entriesOf(count: number, from: number): Entry[] {
  return Array.from({ length: count }, (_, at) => ({
    type: 'normal',
    term: 5,
    index: from + at,
    data: new Uint8Array(ENTRY_BYTES).fill(at),
  }));
}

/** CPU time of the whole process, garbage collection too, in microseconds. */
function cpuOf(turns: number, turn: (at: number) => void): number {
  for (let at = 0; at < turns / 4; at++) turn(at);
  const before = process.cpuUsage();
  for (let at = 0; at < turns; at++) turn(at);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

const wires = new Wires();
const leader = wires.members.get(1)!;

console.log(`Appends of entries of ${ENTRY_BYTES} bytes to two followers, and their replies`);
for (const count of [1, 64, 256]) {
  const turns = Math.ceil(300_000 / (count + 20));
  const entries = Array.from({ length: 50 }, (_, at) => entriesOf(count, 1 + at * count));
  for (const id of followers) {
    const { peers } = wires.members.get(id)!;
    wires.members.get(id)!.onMessage = (_from, group, { term }) => {
      const reply = {
        type: 'append-reply',
        from: id,
        to: 1,
        term,
        index: 9,
        rejected: false,
      } as const;
      peers.send(1, group, { ...reply, hintIndex: 0, hintTerm: 0 });
    };
  }
  const cpu = cpuOf(turns, (at) => {
    for (const to of followers) {
      const sent = entries[at % 50]!.slice();
      const envelope = {
        type: 'append',
        from: 1,
        to,
        term: 5,
        previousTerm: 5,
        commit: 0,
      } as const;
      leader.peers.send(to, 1, { ...envelope, previousIndex: sent[0]!.index - 1, entries: sent });
    }
    wires.run(leader);
  });
  const perEntry = cpu / turns / count;
  const text = `${perEntry.toFixed(2)} CPU-µs an entry, three members together`;
  console.log(`  ${String(count).padStart(4)} at once: ${text}`);
}
for (const id of followers) {
  const member = wires.members.get(id)!;
  member.onMessage = (_from, group, message) => {
    if (message.type !== 'heartbeat') return;
    const { term, round } = message;
    member.peers.send(1, group, { type: 'heartbeat-reply', from: id, to: 1, term, round });
  };
}
const turns = 300;
wires.bytes = 0;
let rounds = 0;
const cpu = cpuOf(turns, (at) => {
  rounds++;
  for (let group = 1; group <= GROUPS; group++) {
    for (const to of followers) {
      const beat = { type: 'heartbeat', from: 1, to, term: 12, commit: 100_000 + group } as const;
      leader.peers.send(to, group, { ...beat, round: at });
    }
  }
  wires.run(leader);
});
const perMessage = wires.bytes / rounds / GROUPS / 4;
console.log(`Heartbeats of ${GROUPS} groups to two peers, and their replies`);
console.log(`  ${(cpu / turns / 1000).toFixed(2)} CPU-ms a round, three members together`);
console.log(`  ${perMessage.toFixed(1)} bytes a message, in 4 frames a round`);
