/** A member that counts, in a process of its own: `NAME PEERS DATA`, PEERS empty for a lone one. */
import { machine, map, openMember } from 'quorate';

const [, , name = '', list = '', dataDir = ''] = process.argv;
const peers = list.split(',').map((peer) => {
  const [peerName = '', address = ''] = peer.split('=');
  return { name: peerName, address };
});

/** @returns {import('quorate').Part<import('quorate').StateMap<string, number>>} */
const counts = () => map();
const counters = machine({
  state: { counts: counts() },
  commands: {
    inc({ counts }, /** @type {string} */ key) {
      const next = (counts.get(key) ?? 0) + 1;
      counts.set(key, next);
      return next;
    },
  },
  queries: { get: ({ counts }, /** @type {string} */ key) => counts.get(key) ?? 0 },
});

const settings = {
  log: { segmentBytes: 2 ** 20, reserveBytes: 0, spareSegmentsMax: 0 },
  entryBytesMax: 2 ** 16,
};
const member = await openMember({ name, peers, dataDir, tickMs: 20, settings });
const group = await member.group('counters', counters, { timeoutMs: 60_000 });
group.onLeadership(({ isLeader }) => console.log(isLeader ? 'leads now' : 'follows now'));
console.log(`${name} serves now`);
member.closed.then((error) => process.exit(error === null ? 0 : 3));
process.once('SIGTERM', () => void member.close());
