/**
 * What an agent was told, checked as a whole and with every default filled in.
 */
import { QuorateError } from '../base/errors.ts';
import type { Address } from '../ports/streams.ts';
import { lanSettings, localSettings, wanSettings } from '../swim/presets.ts';
import { type GossipSettings, validateSettings } from '../swim/settings.ts';
import { gossipPort, isLoopback, isWildcard, parseAddress, rpcPort } from './address.ts';
import type { GossipConfig, RetryJoin } from './api.ts';
import { decodeBase64 } from './rpc/operation.ts';

const presets = {
  lan: { settings: lanSettings, compareIntervalMs: 10_000 },
  wan: { settings: wanSettings, compareIntervalMs: 20_000 },
  local: { settings: localSettings, compareIntervalMs: 5_000 },
} as const;

const nameCharactersMax = 128;

/** What of a packet is for the layers around a message about values. */
const packetOverheadBytes = 160;

/** A configuration with nothing left open. */
export interface ResolvedConfig {
  readonly name: string;
  readonly bind: Address;
  /** The port 0 stands for the one that was bound. */
  readonly advertise: Address;
  readonly join: readonly string[];
  readonly retryJoin: Required<RetryJoin> | undefined;
  readonly ignoreOldEvents: boolean;
  readonly tags: ReadonlyMap<string, string>;
  readonly key: Uint8Array | undefined;
  readonly settings: GossipSettings;
  readonly rpc: Address | undefined;
  readonly values: {
    readonly entriesMax: number;
    readonly bytesMax: number;
    readonly valueBytesMax: number;
    readonly tombstoneMs: number;
    readonly driftMaxMs: number;
    readonly compareIntervalMs: number;
    /** What fits into one packet; larger messages about values go over a connection. */
    readonly packetBytesMax: number;
  };
  /** What an operator should be warned of. */
  readonly warnings: readonly string[];
}

/** Checks `config`. Throws `invalid-config`, or `insecure-listener` under strict security. */
export function resolveConfig(config: GossipConfig, hostName: string): ResolvedConfig {
  const name = config.name ?? hostName;
  if (name.length < 1 || name.length > nameCharactersMax) {
    throw invalid(`name must have 1 … ${nameCharactersMax} characters`);
  }
  const presetName = config.preset ?? 'lan';
  const preset = Object.hasOwn(presets, presetName) ? presets[presetName] : undefined;
  if (preset === undefined) throw invalid(`preset "${presetName}" is not lan, wan or local`);
  const bind = parseAddress(config.bind ?? '', { host: '127.0.0.1', port: gossipPort }, 'bind');
  const advertise =
    config.advertise === undefined
      ? { host: bind.host, port: bind.port }
      : parseAddress(config.advertise, { host: bind.host, port: bind.port }, 'advertise');
  if (isWildcard(advertise.host)) {
    throw invalid(`others cannot reach ${advertise.host}: advertise must name one address`);
  }
  const rpc =
    config.rpc === undefined
      ? undefined
      : parseAddress(config.rpc, { host: '127.0.0.1', port: rpcPort }, 'rpc');
  const settings = validateSettings({ ...preset.settings, ...config.settings });
  const encrypted = config.key !== undefined || config.keyringPath !== undefined;
  return {
    name,
    bind,
    advertise,
    join: config.join ?? [],
    retryJoin: resolveRetryJoin(config.retryJoin),
    ignoreOldEvents: config.ignoreOldEvents ?? true,
    tags: new Map(Object.entries(config.tags ?? {})),
    key: config.key === undefined ? undefined : keyBytes(config.key),
    settings,
    rpc,
    values: {
      ...resolveValues(config.values ?? {}, preset.compareIntervalMs),
      packetBytesMax:
        settings.packetBytesMax -
        packetOverheadBytes -
        new TextEncoder().encode(settings.label).length,
    },
    warnings: checkSecurity(config, bind, rpc, encrypted),
  };
}

/** The key's bytes. Throws `invalid-config` unless they are 16, 24 or 32. */
export function keyBytes(key: Uint8Array | string): Uint8Array {
  if (typeof key === 'string') return decodeBase64(key);
  if (![16, 24, 32].includes(key.length)) throw invalid('a key must have 16, 24 or 32 bytes');
  return key.slice();
}

function resolveRetryJoin(retry: RetryJoin | undefined): Required<RetryJoin> | undefined {
  if (retry === undefined || retry.addresses.length === 0) return undefined;
  const { addresses, intervalMs = 30_000, attemptsMax = 0 } = retry;
  inRange('retryJoin.intervalMs', intervalMs, 100, 86_400_000);
  inRange('retryJoin.attemptsMax', attemptsMax, 0, 2 ** 31);
  return { addresses, intervalMs, attemptsMax };
}

function resolveValues(
  values: NonNullable<GossipConfig['values']>,
  compareIntervalMs: number,
): Omit<ResolvedConfig['values'], 'packetBytesMax'> {
  const resolved = {
    entriesMax: values.entriesMax ?? 10_000,
    bytesMax: values.bytesMax ?? 4 * 1024 * 1024,
    valueBytesMax: values.valueBytesMax ?? 64 * 1024,
    tombstoneMs: values.tombstoneMs ?? 86_400_000,
    driftMaxMs: values.driftMaxMs ?? 300_000,
    compareIntervalMs: values.compareIntervalMs ?? compareIntervalMs,
  };
  inRange('values.entriesMax', resolved.entriesMax, 1, 100_000);
  inRange('values.bytesMax', resolved.bytesMax, 1_024, 8 * 1024 * 1024);
  inRange('values.valueBytesMax', resolved.valueBytesMax, 1, resolved.bytesMax);
  inRange('values.tombstoneMs', resolved.tombstoneMs, 1_000, 365 * 86_400_000);
  inRange('values.driftMaxMs', resolved.driftMaxMs, 0, resolved.tombstoneMs);
  inRange('values.compareIntervalMs', resolved.compareIntervalMs, 100, 86_400_000);
  return resolved;
}

function checkSecurity(
  config: GossipConfig,
  bind: Address,
  rpc: Address | undefined,
  encrypted: boolean,
): string[] {
  const faults: string[] = [];
  if (!isLoopback(bind.host) && !encrypted) {
    faults.push(`gossip on ${bind.host} has no key: whoever reaches it can join and command`);
  }
  if (rpc !== undefined && !isLoopback(rpc.host)) {
    const missing = config.rpcAuthKey === undefined ? ' and no auth key' : '';
    faults.push(`the agent RPC on ${rpc.host} has no encryption${missing}`);
  }
  if (config.strictSecurity === true && faults.length > 0) {
    throw new QuorateError('insecure-listener', faults.join('; '), { details: { faults } });
  }
  return faults;
}

function inRange(what: string, value: number, min: number, max: number): void {
  if (!(value >= min && value <= max)) {
    throw invalid(`${what} is ${value}, but must be in ${min} … ${max}`);
  }
}

function invalid(message: string): QuorateError {
  return new QuorateError('invalid-config', message);
}
