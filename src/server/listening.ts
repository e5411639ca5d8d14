/** Where a server listens for clients: one listener for each of its addresses, all answered alike. */
import type { Cancel } from '../ports/callbacks.ts';
import type { Http, HttpExchange, HttpLimits, HttpListener } from '../ports/http.ts';
import type { Address, Credentials } from '../ports/streams.ts';
import type { TlsFiles } from './settings/settings.ts';
import type { Endpoint } from './settings/urls.ts';
import { addressText } from './settings/urls.ts';
import { readCredentials, settled, type TlsReader, watchCredentials } from './tls.ts';

/** What listening needs. */
export interface ListeningHost extends TlsReader {
  readonly http: Http;
}

/** What is listened on. */
export interface ListeningOptions {
  readonly endpoints: readonly Endpoint[];
  readonly tls: TlsFiles | undefined;
  readonly limits: HttpLimits;
  readonly handle: (exchange: HttpExchange) => void;
}

/** Listeners that are open. */
export class Listening {
  readonly #listeners: readonly { readonly listener: HttpListener; readonly secure: boolean }[];
  readonly #stopWatching: Cancel | undefined;

  /** Use {@link Listening.open}. */
  constructor(
    listeners: readonly { readonly listener: HttpListener; readonly secure: boolean }[],
    stopWatching: Cancel | undefined,
  ) {
    this.#listeners = listeners;
    this.#stopWatching = stopWatching;
  }

  /** Opens all, or none. Throws the errors of {@link Http.listen}. */
  static async open(host: ListeningHost, options: ListeningOptions): Promise<Listening> {
    const { endpoints, tls, limits, handle } = options;
    const credentials = tls === undefined ? undefined : await readCredentials(host, tls);
    const open: { listener: HttpListener; secure: boolean }[] = [];
    try {
      for (const { endpoint, secure, alsoPlain } of places(endpoints)) {
        const listener = await listen(host, endpoint, {
          limits,
          handle,
          alsoPlain,
          ...(secure ? { tls: tls!, credentials: credentials! } : {}),
        });
        open.push({ listener, secure });
      }
    } catch (error) {
      for (const { listener } of open) listener.close(0, () => {});
      throw error;
    }
    const use = (renewed: Credentials): void => {
      for (const { listener, secure } of open) if (secure) listener.reload(renewed);
    };
    return new Listening(open, tls === undefined ? undefined : watchCredentials(host, tls, use));
  }

  /** The addresses, with the ports that were given. */
  get addresses(): readonly Address[] {
    return this.#listeners.map(({ listener }) => listener.address);
  }

  get urls(): readonly string[] {
    return this.#listeners.map(
      ({ listener, secure }) => `${secure ? 'https' : 'http'}://${addressText(listener.address)}`,
    );
  }

  /** Accepts no more; settles when nothing is left, after `graceMs` at the latest. */
  async close(graceMs: number): Promise<void> {
    this.#stopWatching?.();
    await Promise.all(
      this.#listeners.map(
        ({ listener }) => new Promise<void>((resolve) => listener.close(graceMs, () => resolve())),
      ),
    );
  }
}

/** One listener for each address: `http` and `https` of one address share it, as in etcd. */
function places(
  endpoints: readonly Endpoint[],
): { endpoint: Endpoint; secure: boolean; alsoPlain: boolean }[] {
  const byAddress = new Map<string, Endpoint[]>();
  for (const [index, endpoint] of endpoints.entries()) {
    // Port 0 is another one each time.
    const unique = endpoint.address.port === 0 ? ` ${index}` : '';
    const at = addressText(endpoint.address) + unique;
    byAddress.set(at, [...(byAddress.get(at) ?? []), endpoint]);
  }
  return Array.from(byAddress.values(), (same) => {
    const secure = same.some((each) => each.secure);
    return { endpoint: same[0]!, secure, alsoPlain: secure && same.some((each) => !each.secure) };
  });
}

function listen(
  { http, logger }: ListeningHost,
  { address }: Endpoint,
  init: Pick<ListeningOptions, 'limits' | 'handle'> & {
    readonly tls?: TlsFiles;
    readonly credentials?: Credentials;
    readonly alsoPlain: boolean;
  },
): Promise<HttpListener> {
  const { limits, handle, tls, credentials, alsoPlain } = init;
  return settled((answer) =>
    http.listen(
      {
        ...limits,
        alsoPlain,
        // Otherwise it is up to the system whether that is IPv6 or IPv4.
        address: { ...address, host: address.host === 'localhost' ? '127.0.0.1' : address.host },
        ...(credentials === undefined || tls === undefined
          ? {}
          : {
              tls: {
                credentials,
                clientCertificate: tls.clientCertificateRequired ? 'required' : 'none',
              },
            }),
      },
      {
        exchange: handle,
        refused: (err, remote) =>
          logger.warn({ err, remote }, 'rejected connection on client endpoint'),
        failed: (err) => logger.error({ err }, 'a listener for clients has failed'),
      },
      answer,
    ),
  );
}
