/** The command line: `-raft :8080 -api :9090 -join :8080 -state_dir DIR`. */
import { parseArgs } from 'node:util';

export const usage =
  'usage: kv-rest [-raft HOST:PORT] [-api HOST:PORT] [-join HOST:PORT] -state_dir DIR';

const text = { type: 'string' } as const;
const options = { raft: text, api: text, join: text, state_dir: text };

/**
 * One dash or two, `=` or a space; `:8080` alone means loopback. Throws with what is wrong.
 *
 * @returns `raft`: where other members reach this one; `api`: where clients do; `join`: a member to
 *   join through, where this member's own address founds a cluster
 */
export function parseFlags(given: readonly string[]) {
  const args = given.map((arg) => arg.replace(/^-(?=[a-z])/, '--'));
  const { values } = parseArgs({ args, options });
  const { raft = ':8080', api = ':9090', join = raft, state_dir: stateDir } = values;
  if (!stateDir) throw new Error('-state_dir says where the state lives');
  for (const [name, value] of Object.entries({ raft, api, join })) {
    const port = /:(\d{1,5})$/.exec(value)?.[1];
    if (port === undefined || Number(port) > 65_535) throw new Error(`-${name} is not HOST:PORT`);
  }
  const onHost = (address: string) => (address.startsWith(':') ? `127.0.0.1${address}` : address);
  return { raft: onHost(raft), api: onHost(api), join: onHost(join), stateDir };
}
