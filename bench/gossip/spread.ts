/**
 * How fast an event reaches everybody: the shipping broadcast queues and disseminators, one of each
 * for every member, over one shared table of members, so that 10,000 of them fit into memory; beside
 * Serf's own (analytical) model, and a direct model of memberlist's algorithm.
 */
import { SeededRandom } from '../../src/base/seeded-random.ts';
import { BroadcastQueue, retransmitLimit } from '../../src/swim/broadcast-queue.ts';
import { Context } from '../../src/swim/context.ts';
import { Disseminator } from '../../src/swim/disseminator.ts';
import { addressKey, MemberTable } from '../../src/swim/member-table.ts';
import { lanSettings } from '../../src/swim/presets.ts';
import { ourVersions } from '../../src/swim/protocol-versions.ts';
import { decodeSerfMessage } from '../../src/swim/wire/decode-serf.ts';
import { Keyring } from '../../src/swim/wire/keyring.ts';
import { encodeUser } from '../../src/swim/wire/messages.ts';
import { PacketCodec } from '../../src/swim/wire/packet.ts';
import { encodeUserEvent } from '../../src/swim/wire/serf-messages.ts';

/** What counts as everybody, as in Serf's model. */
const shareOfAll = 0.9999;
const delayMs = [0.2, 1] as const;

export interface SpreadCase {
  readonly members: number;
  readonly loss: number;
  readonly runs: number;
}

export interface SpreadResult {
  /** Times to reach `shareOfAll`, of the runs that did so by gossip alone; sorted. */
  readonly timesMs: number[];
  /** Runs in which only a push/pull would reach the last. */
  readonly runsWithStragglers: number;
  readonly stragglers: number;
  readonly packetsPerMember: number;
}

/** Serf's simulator: a logistic epidemic in rounds, in which half of all contacts are wasted. */
export function serfModelMs({ members, loss }: { members: number; loss: number }): number {
  const { gossipNodes, gossipIntervalMs } = lanSettings;
  const contacts = gossipNodes * (1 - loss) * 0.5;
  let round = 0;
  while (1 / (1 + (members + 1) * Math.exp(-contacts * round)) < shareOfAll) round++;
  return round * gossipIntervalMs;
}

/** Memberlist's algorithm without packets: rounds at a random phase, three targets, a limit. */
export function directModel({ members, loss, runs }: SpreadCase, seed: number): SpreadResult {
  const random = new SeededRandom(seed);
  const { gossipNodes, gossipIntervalMs, retransmitMult } = lanSettings;
  const limit = retransmitLimit(retransmitMult, members);
  const results: RunResult[] = [];
  for (let run = 0; run < runs; run++) {
    const phases = Array.from({ length: members }, () => random.fraction() * gossipIntervalMs);
    const sends = new Int32Array(members).fill(-1);
    sends[0] = 0;
    const result = { reachedMs: [0], packets: 0 };
    let active = 1;
    // Each round of the interval, members act in the order of their phases.
    const order = Array.from({ length: members }, (_, index) => index).sort(
      (a, b) => phases[a]! - phases[b]!,
    );
    for (let round = 0; active > 0; round++) {
      for (const index of order) {
        if (sends[index]! < 0 || sends[index]! >= limit) continue;
        for (let target = 0; target < gossipNodes && sends[index]! < limit; target++) {
          sends[index]!++;
          result.packets++;
          const peer = random.below(members);
          if (random.fraction() < loss || sends[peer]! >= 0) continue;
          sends[peer] = 0;
          active++;
          // Measured from the moment of the event, which falls anywhere into the first interval.
          result.reachedMs.push(round * gossipIntervalMs + phases[index]!);
        }
        if (sends[index]! >= limit) active--;
      }
    }
    const startMs = 0;
    result.reachedMs = result.reachedMs.map((ms) => Math.max(0, ms - startMs));
    results.push(result);
  }
  return summarize(results, members);
}

interface RunResult {
  /** When each further member heard of it, in order. */
  reachedMs: number[];
  packets: number;
}

function summarize(results: readonly RunResult[], members: number): SpreadResult {
  const timesMs: number[] = [];
  let [runsWithStragglers, stragglers, packets] = [0, 0, 0];
  const needed = Math.ceil(members * shareOfAll);
  for (const { reachedMs, packets: sent } of results) {
    packets += sent;
    const missing = members - reachedMs.length;
    stragglers += missing;
    if (missing > 0) runsWithStragglers++;
    if (reachedMs.length >= needed) timesMs.push(reachedMs[needed - 1]!);
  }
  timesMs.sort((a, b) => a - b);
  const packetsPerMember = packets / members / results.length;
  return { timesMs, runsWithStragglers, stragglers, packetsPerMember };
}

/** The shipping code. */
export function measureSpread({ members, loss, runs }: SpreadCase, seed: number): SpreadResult {
  const results: RunResult[] = [];
  for (let run = 0; run < runs; run++) {
    results.push(spreadOnce(members, loss, new SeededRandom(seed + run)));
  }
  return summarize(results, members);
}

function spreadOnce(members: number, loss: number, random: SeededRandom): RunResult {
  const context = new Context(lanSettings, random, 0);
  const table = new MemberTable(random);
  const format = { label: '', compression: false, decompressedBytesMax: 65_536 };
  const codec = new PacketCodec(format, new Keyring([], undefined));
  const indexes = new Map<string, number>();
  const nodes = Array.from({ length: members }, (_, index) => {
    const host = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    const address = { host, port: 7946 };
    const name = `m${index}`;
    indexes.set(addressKey(address), index);
    table.add({
      name,
      address,
      meta: new Uint8Array(0),
      versions: ourVersions,
      incarnation: 1,
      state: 'alive',
      stateChangeMs: 0,
    });
    const queue = new BroadcastQueue({
      retransmitMult: lanSettings.retransmitMult,
      piecesMax: lanSettings.broadcastsMax,
      pieceBytesMax: 1_300,
      perGroupMax: lanSettings.userEventsPerNameMax,
      dropped: () => {},
    });
    const disseminator = new Disseminator({ context, table, codec, queues: [queue], self: name });
    return { queue, disseminator };
  });
  const result: RunResult = { reachedMs: [], packets: 0 };
  const heard = new Uint8Array(members);
  const piece = encodeUser(
    encodeUserEvent({
      lamportTime: 1,
      name: 'deploy',
      payload: new Uint8Array(64),
      coalesce: false,
    }),
  );
  const hear = (index: number) => {
    if (heard[index] === 1) return;
    heard[index] = 1;
    result.reachedMs.push(context.nowMs);
    nodes[index]!.queue.add({ bytes: piece });
    nodes[index]!.disseminator.schedule();
    deliver();
  };
  const deliver = () => {
    for (const effect of context.takeEffects()) {
      if (effect.type !== 'send-packet') continue;
      result.packets++;
      if (random.fraction() < loss) continue;
      const index = indexes.get(addressKey(effect.to))!;
      const atMs = context.nowMs + delayMs[0] + (delayMs[1] - delayMs[0]) * random.fraction();
      context.timers.at(atMs, () => {
        codec.open(effect.bytes, {
          message: (message) => {
            if (message.type === 'user' && decodeSerfMessage(message.payload)) hear(index);
          },
          dropped: () => {},
        });
      });
    }
  };
  hear(0);
  for (let nextMs = context.timers.nextAtMs; nextMs < 60_000; nextMs = context.timers.nextAtMs) {
    context.nowMs = Math.max(context.nowMs, nextMs);
    context.timers.run(context.nowMs);
    deliver();
  }
  return result;
}

/** The value below which a share of sorted values lies; `NaN` if there are none. */
export function percentile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}
