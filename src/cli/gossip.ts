/**
 * `quorate gossip`: runs a gossip agent until it is told to leave, with the flags of `serf agent`
 * where they make sense. Its agent RPC is Serf's, so that `serf members`, `serf event` and the other
 * commands of Serf work on it.
 */
import { QuorateError } from '../base/errors.ts';
import type { GossipConfig, PresetName } from '../gossip/api.ts';
import { createGossipKey, openGossip } from '../gossip.ts';
import type { LineLevel } from '../ports/levelled-logger.ts';
import { durationMs, type ParsedFlags, parseFlags } from './flags.ts';
import { textLogger } from './text-logger.ts';

export const gossipUsage = `quorate gossip [flags]      run an agent
quorate gossip keygen       print a new encryption key

  --node NAME            name, unique in the cluster (the host's name)
  --bind ADDR            address for gossip, UDP and TCP (127.0.0.1:7946)
  --advertise ADDR       address under which the others reach this agent (as bound)
  --join ADDR            agent to join at the start; may be repeated
  --retry-join ADDR      agent to join, again and again until it works; may be repeated
  --retry-interval TIME  between these attempts (30s)
  --retry-max N          attempts before it is given up (0: never)
  --replay               take in events of before the join too
  --tag KEY=VALUE        tag of this agent; may be repeated
  --encrypt KEY          key in base64 that encrypts all traffic
  --keyring-file FILE    keeps the keys, in Serf's form
  --profile NAME         lan, wan or local (lan)
  --rpc-addr ADDR        address of the agent RPC (127.0.0.1:7373); none: no RPC
  --rpc-auth KEY         key that clients of the RPC must show
  --snapshot FILE        keeps what is needed to rejoin after a restart
  --rejoin               rejoin even after having left
  --log-level LEVEL      debug, info, warn or err (info)
  --strict-security      refuse addresses beyond loopback without encryption

  Example: quorate gossip --node b --bind 127.0.0.2:7946 --join 127.0.0.1:7946`;

const kinds = {
  node: 'text',
  bind: 'text',
  advertise: 'text',
  join: 'list',
  'retry-join': 'list',
  'retry-interval': 'text',
  'retry-max': 'number',
  replay: 'switch',
  tag: 'list',
  encrypt: 'text',
  'keyring-file': 'text',
  profile: 'text',
  'rpc-addr': 'text',
  'rpc-auth': 'text',
  snapshot: 'text',
  rejoin: 'switch',
  'log-level': 'text',
  'strict-security': 'switch',
} as const;

/** Runs the command; resolves with the exit code once the agent has ended. */
export async function gossipCommand(args: readonly string[]): Promise<number> {
  const { flags, words } = parseFlags(args, kinds);
  if (words[0] === 'keygen') {
    console.log(createGossipKey());
    return 0;
  }
  if (words.length > 0) throw new QuorateError('invalid-config', `what is "${words[0]}"?`);
  const logger = textLogger(logLevel(flags['log-level']), (line) => console.log(line));
  const ending = new AbortController();
  const interrupt = (): void => ending.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const gossip = await openGossip({ ...configOf(flags), logger, signal: ending.signal });
    const leave = (): void => {
      // A second signal finds no handler, and ends the process at once.
      logger.info({}, 'leaving the cluster');
      void gossip.leave();
    };
    if (ending.signal.aborted) leave();
    else ending.signal.addEventListener('abort', leave, { once: true });
    const { reason, error } = await gossip.closed;
    if (error !== undefined) logger.error({ err: error }, 'the agent has failed');
    return reason === 'failed' ? 1 : 0;
  } catch (error) {
    if (ending.signal.aborted) return 0;
    throw error;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function configOf(flags: ParsedFlags<typeof kinds>['flags']): GossipConfig {
  const text = <Name extends string>(name: Name, value: string | undefined) =>
    (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: string };
  const rpc = flags['rpc-addr'] ?? '127.0.0.1:7373';
  const retryJoin = {
    addresses: flags['retry-join'],
    intervalMs: durationMs(flags['retry-interval'] ?? '30s', '-retry-interval'),
    attemptsMax: flags['retry-max'] ?? 0,
  };
  return {
    ...text('name', flags.node),
    ...text('bind', flags.bind),
    ...text('advertise', flags.advertise),
    ...text('key', flags.encrypt),
    ...text('keyringPath', flags['keyring-file']),
    ...text('rpcAuthKey', flags['rpc-auth']),
    ...text('snapshotPath', flags.snapshot),
    ...(flags.profile === undefined ? {} : { preset: flags.profile as PresetName }),
    join: flags.join,
    retryJoin,
    ignoreOldEvents: !flags.replay,
    tags: Object.fromEntries(flags.tag.map(splitTag)),
    ...(rpc === 'none' ? {} : { rpc }),
    rejoinAfterLeave: flags.rejoin,
    strictSecurity: flags['strict-security'],
  };
}

function splitTag(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new QuorateError('invalid-config', `-tag: "${text}" is not KEY=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function logLevel(text = 'info'): LineLevel {
  const levels: Readonly<Record<string, LineLevel>> = {
    trace: 'debug',
    debug: 'debug',
    info: 'info',
    warn: 'warn',
    err: 'error',
    error: 'error',
  };
  const level = Object.hasOwn(levels, text.toLowerCase()) ? levels[text.toLowerCase()] : undefined;
  if (level === undefined) throw new QuorateError('invalid-config', `no log level "${text}"`);
  return level;
}
