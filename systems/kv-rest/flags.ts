/** The command line: `-raft :8080 -api :9090 -join :8080 -state_dir DIR`. */

export interface Flags {
  /** Where other members reach this one. */
  readonly raft: string;
  /** Where clients reach this one. */
  readonly api: string;
  /** A member to join through; this member's own address founds a cluster. */
  readonly join: string;
  readonly stateDir: string;
}

const names: Readonly<Record<string, keyof Flags>> = {
  raft: 'raft',
  api: 'api',
  join: 'join',
  state_dir: 'stateDir',
};

export const usage =
  'usage: kv-rest -raft HOST:PORT -api HOST:PORT [-join HOST:PORT] -state_dir DIR';

/** One dash or two, `=` or a space. Throws with what is wrong. */
export function parseFlags(args: readonly string[]): Flags {
  const flags: { -readonly [Name in keyof Flags]?: string } = {};
  for (let i = 0; i < args.length; i++) {
    const [, name, inline] = /^--?([a-z_]+)(?:=(.*))?$/s.exec(args[i]!) ?? [];
    const key = name === undefined ? undefined : names[name];
    if (key === undefined) throw new Error(`unknown argument ${args[i]}`);
    const value = inline ?? args[++i];
    if (value === undefined || value === '') throw new Error(`-${name} needs a value`);
    flags[key] = key === 'stateDir' ? value : withHost(name!, value);
  }
  const { raft = '127.0.0.1:8080', api = '127.0.0.1:9090', stateDir } = flags;
  if (stateDir === undefined) throw new Error('-state_dir says where the state lives');
  return { raft, api, join: flags.join ?? raft, stateDir };
}

/** `:8080` alone means loopback. */
function withHost(name: string, value: string): string {
  const [, host, port] = /^(.*):(\d{1,5})$/.exec(value) ?? [];
  if (host === undefined || Number(port) > 65_535) throw new Error(`-${name} is not HOST:PORT`);
  return host === '' ? `127.0.0.1:${port}` : value;
}

export function splitAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  return {
    host: address.slice(0, at).replace(/^\[|\]$/g, ''),
    port: Number(address.slice(at + 1)),
  };
}
