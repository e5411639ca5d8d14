/** A member of the account book in a process of its own: `NAME PEERS DATA VERSION`. */
import { cell, machine, map, openMember } from 'quorate';

const [, , name = '', list = '', dataDir = '', version = '1'] = process.argv;
const peers = list.split(',').map((peer) => {
  const [peerName = '', address = ''] = peer.split('=');
  return { name: peerName, address };
});

/** @returns {import('quorate').Part<import('quorate').StateMap<string, number>>} */
const amounts = () => map();

const one = machine({
  state: { amounts: amounts() },
  commands: {
    add({ amounts }, /** @type {number} */ by) {
      amounts.set('all', (amounts.get('all') ?? 0) + by);
      return 'one';
    },
  },
});
const two = machine({
  version: 2,
  from: one,
  migrate(before, { total }) {
    total.value = before.amounts.get('all') ?? 0;
  },
  state: { amounts: amounts(), total: cell(0) },
  commands: {
    add({ total }, /** @type {number} */ by) {
      total.value += by;
      return `two ${total.value}`;
    },
  },
});

try {
  const member = await openMember({ name, peers, dataDir, tickMs: 20 });
  member.closed.then((error) => {
    console.log(`ended ${error?.code ?? 'well'}`);
    process.exit(error === null ? 0 : 3);
  });
  const options = { timeoutMs: 60_000 };
  const group =
    version === '1'
      ? await member.group('book', one, options)
      : await member.group('book', two, options);
  console.log(`version ${version} serves now`);
  for (;;) {
    const answer = await group.commands.add(1).catch((error) => error.code);
    console.log(`answer ${answer}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
} catch (error) {
  const { code } = /** @type {{ code?: unknown }} */ (error);
  console.log(`ended ${code ?? error}`);
  process.exit(3);
}
