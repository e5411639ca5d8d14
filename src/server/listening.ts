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
      for (const endpoint of endpoints) {
        const { secure } = endpoint;
        const listener = await listen(host, endpoint, {
          limits,
          handle,
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

function listen(
  { http, logger }: ListeningHost,
  { address }: Endpoint,
  init: Pick<ListeningOptions, 'limits' | 'handle'> & {
    readonly tls?: TlsFiles;
    readonly credentials?: Credentials;
  },
): Promise<HttpListener> {
  const { limits, handle, tls, credentials } = init;
  return settled((answer) =>
    http.listen(
      {
        ...limits,
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
        refused: (err, remote) => logger.debug({ err, remote }, 'a connection was turned away'),
        failed: (err) => logger.error({ err }, 'a listener for clients has failed'),
      },
      answer,
    ),
  );
}
