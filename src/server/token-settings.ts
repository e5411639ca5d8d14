/**
 * `--auth-token`: `simple`, or `jwt,pub-key=FILE,priv-key=FILE,sign-method=RS256,ttl=10m`, as etcd
 * writes it. Whoever asks for JWTs gets JWTs or an error, never something weaker.
 */
import { QuorateError } from '../base/errors.ts';
import type { TokenOptions } from '../kv/auth-service.ts';
import type { Signatures } from '../ports/signatures.ts';
import type { TextFiles } from '../ports/text-files.ts';
import { settled } from './tls.ts';

/** @throws QuorateError `invalid-config`, and those of reading the files of keys */
export async function tokenOptions(
  ports: { readonly textFiles: TextFiles; readonly signatures?: Signatures | undefined },
  settings: { readonly authToken: string; readonly authTokenTtlMs: number },
): Promise<TokenOptions> {
  const ttlSeconds = settings.authTokenTtlMs / 1000;
  const [kind, ...given] = settings.authToken.split(',');
  if (kind === 'simple' && given.length === 0) return { ttlSeconds };
  if (kind !== 'jwt') throw wrong(`"${kind}" is no kind of token`);
  const options = new Map(given.map((each) => pair(each)));
  const read = async (name: string): Promise<string | undefined> => {
    const path = options.get(name);
    if (path === undefined) return undefined;
    return settled<string>((answer) => ports.textFiles.read(path, answer));
  };
  for (const name of options.keys()) if (!names.has(name)) throw wrong(`jwt has no "${name}"`);
  const signer = ports.signatures?.open({
    algorithm: options.get('sign-method') ?? '',
    publicKey: await read('pub-key'),
    privateKey: await read('priv-key'),
  });
  if (signer === undefined) throw wrong('tokens cannot be signed here');
  if (signer instanceof QuorateError) throw signer;
  return { signer, ttlSeconds: durationSeconds(options.get('ttl')) ?? ttlSeconds };
}

const names: ReadonlySet<string> = new Set(['sign-method', 'pub-key', 'priv-key', 'ttl']);

function pair(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw wrong(`"${text}" is not NAME=VALUE`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function durationSeconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const found = /^(\d{1,6})(s|m|h)$/.exec(text);
  const seconds =
    Number(found?.[1]) * { s: 1, m: 60, h: 3600 }[(found?.[2] ?? 's') as 's' | 'm' | 'h'];
  if (!(seconds > 0)) throw wrong(`"${text}" is no time to live`);
  return seconds;
}

function wrong(message: string): QuorateError {
  return new QuorateError('invalid-config', `auth-token: ${message}`, {
    details: { setting: 'auth-token' },
  });
}
