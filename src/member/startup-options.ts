/** What an application said of its member, as the engine wants to be told. */
import type { LogOptions } from '../engine/log/settings.ts';
import { type EngineSettings, engineDefaults } from '../engine/settings.ts';
import type { Beginning, StartupOptions } from '../engine/startup.ts';
import type { Ports } from '../ports/ports.ts';
import type { MemberOptions } from './options.ts';

/** Sizes and paces that are fit for most members as they are: tests make them small. */
export interface Tuning {
  readonly engine?: Partial<EngineSettings>;
  readonly log?: Omit<LogOptions, 'repair'>;
}

export function startupOptions(
  ports: Ports,
  options: MemberOptions,
  about: { readonly advertise: string; readonly tuning: Tuning },
): Omit<StartupOptions, 'wake'> {
  const { advertise, tuning } = about;
  const { log, ...settings } = { ...engineDefaults, ...options.settings };
  const tickMs = options.tickMs ?? settings.tickMs;
  return {
    name: options.name,
    address: advertise,
    tags: options.tags ?? {},
    beginning: beginningFrom(options, advertise),
    settings: { ...settings, ...tuning.engine, tickMs },
    log: { ...log, ...tuning.log, repair: options.repair ?? false },
    random: ports.random,
    mac: macFrom(ports, options.secret),
  };
}

function beginningFrom(
  { name, peers, join = [], clusterToken, discovery }: MemberOptions,
  advertise: string,
): Beginning {
  if (join.length > 0) return { type: 'join', addresses: () => join };
  if (peers === undefined && discovery !== undefined) {
    return { type: 'join', addresses: () => discovery.addresses() };
  }
  const founders = peers ?? [{ name, address: advertise }];
  return { type: 'found', founders, token: clusterToken ?? '' };
}

function macFrom({ crypto }: Ports, secret: string | undefined) {
  if (secret === undefined) return undefined;
  const key = new TextEncoder().encode(secret);
  return (bytes: Uint8Array) => crypto.hmacSha256(key, bytes);
}
