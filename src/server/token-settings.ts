/** `--auth-token`: simple tokens, or JWTs by keys in files, in etcd's notation. */
import type { TokenOptions } from '../kv/auth-service.ts';
import type { Signing } from '../ports/signing.ts';
import type { TextFiles } from '../ports/text-files.ts';
import { durationMs } from './settings/flag-texts.ts';
import { invalid } from './settings/given-flags.ts';
import type { ServerSettings } from './settings/settings.ts';
import { settled } from './tls.ts';

/** Etcd's default for JWTs. */
const jwtTtlMs = 300_000;

/** Reads the keys that are named. Throws `invalid-config`, `file-not-found`. */
export async function tokenOptions(
  { signing, textFiles }: { readonly signing: Signing; readonly textFiles: TextFiles },
  { authToken, authTokenTtlMs }: Pick<ServerSettings, 'authToken' | 'authTokenTtlMs'>,
): Promise<TokenOptions> {
  const [kind, ...options] = authToken.split(',');
  if (kind === 'simple') return { ttlSeconds: authTokenTtlMs / 1_000 };
  if (kind !== 'jwt') throw invalid(`auth-token is simple or jwt,…, not "${kind}"`);
  const given = new Map(
    options.map((option) => {
      const at = option.indexOf('=');
      return [option.slice(0, at), option.slice(at + 1)] as const;
    }),
  );
  const known = ['sign-method', 'pub-key', 'priv-key', 'ttl'];
  const unknown = [...given.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalid(`auth-token: jwt has no option "${unknown}"`);
  const algorithm = given.get('sign-method');
  if (algorithm === undefined) throw invalid('auth-token: jwt needs sign-method=');
  const read = async (name: string): Promise<string | undefined> => {
    const path = given.get(name);
    return path === undefined ? undefined : settled((answer) => textFiles.read(path, answer));
  };
  const [publicKey, privateKey] = await Promise.all([read('pub-key'), read('priv-key')]);
  const ttl = given.get('ttl');
  return {
    ttlSeconds: (ttl === undefined ? jwtTtlMs : durationMs(ttl, 'auth-token: ttl')) / 1_000,
    signer: signing.signer({
      algorithm,
      ...(publicKey === undefined ? {} : { publicKey }),
      ...(privateKey === undefined ? {} : { privateKey }),
    }),
  };
}
