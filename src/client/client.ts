/** A cluster as a process that is no member uses it. */
import { QuorateError } from '../base/errors.ts';
import type { Machine } from '../engine/machine.ts';
import { parseAddress } from '../engine/peers/address.ts';
import type { AnyDefinition } from '../machine/definition.ts';
import type { BackupAsked } from '../member/backup-calls.ts';
import type { LinkTls } from '../member/link-driver.ts';
import type { RequestOptions } from '../member/requests.ts';
import type { Logger } from '../ports/logger.ts';
import { ClientBackup } from './client-backup.ts';
import { ClientGroup, type ClientGroupHost, TypedClientGroup } from './client-group.ts';
import { type ClientPorts, Connection } from './connection.ts';
import { ClientRequests } from './requests.ts';

/** The machines of groups, by the groups' names. */
export type ClientMachines = Readonly<Record<string, AnyDefinition>>;

/** How a client reaches its cluster. */
export interface ConnectOptions<Machines extends ClientMachines = ClientMachines> {
  /** Where members listen: `host:port` each. Any of them will do, so name several. */
  readonly endpoints: readonly string[];
  /** The members' secret, if they have one. */
  readonly secret?: string;
  /** TLS as the members use it; the client shows a certificate too. */
  readonly tls?: LinkTls;
  /** What was stated with `machine()`, by the names of its groups: each becomes typed calls. */
  readonly machines?: Machines;
  /** How long a request may take if it does not say so itself. Default 5,000. */
  readonly requestTimeoutMs?: number;
  /** Pino-shaped. Default: warnings and errors as JSON lines to standard error. */
  readonly logger?: Logger;
}

/** What `connect` gives: a client, with a typed group for each machine that was named. */
export type ConnectedClient<Machines extends ClientMachines> = Client & {
  readonly [Name in keyof Machines]: TypedClientGroup<Machines[Name]>;
};

const DEFAULT_TIMEOUT_MS = 5000;
const NAME_BYTES = 16;

/** A client of a cluster; it keeps the process alive until it is closed. */
export class Client implements ClientGroupHost {
  /** For groups. */
  readonly requests: ClientRequests;
  readonly #ports: ClientPorts;
  readonly #connection: Connection;
  readonly #groups = new Map<string, ClientGroup>();

  constructor(ports: ClientPorts, options: ConnectOptions) {
    const { endpoints, secret, tls, requestTimeoutMs = DEFAULT_TIMEOUT_MS } = options;
    if (endpoints.length === 0) throw new QuorateError('invalid-config', 'no endpoint is named');
    for (const endpoint of endpoints) parseAddress(endpoint);
    this.#ports = ports;
    this.#connection = new Connection({ ports, endpoints, secret, tls });
    this.requests = new ClientRequests(ports, this.#connection, requestTimeoutMs);
  }

  /**
   * A group of any machine, in bytes. It is not asked whether there is one.
   * @param machine whose answers have a form of their own brings what reads them
   */
  group(name: string, machine: Pick<Machine, 'decodeOutcome'> = {}): ClientGroup {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = new ClientGroup(name, this, machine);
    this.#groups.set(name, group);
    return group;
  }

  /**
   * A backup of groups that are open on a member, through its listener: the bytes are taken with
   * `for await`, in order, once. It is taken by one member from the first byte to the last, so a
   * client for it best names one endpoint.
   *
   * @returns the backup, with the names of groups that are not open there
   * @throws QuorateError as `Member.backup`; `timeout`, `closing`, `over-quota`, `wrong-secret`
   */
  backup(options: BackupAsked & RequestOptions = {}): Promise<ClientBackup> {
    return ClientBackup.begin(this.requests, options);
  }

  /** Ends all requests as `closing`, and all connections. */
  async close(): Promise<void> {
    this.requests.close();
    await this.#connection.close();
  }

  /** For groups. */
  newClientName(): string {
    const bytes = this.#ports.crypto.randomBytes(NAME_BYTES);
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  }
}

/**
 * Makes a client on these ports: the door does it with the platform's.
 * @throws QuorateError as `connect` says
 */
export function connectOn<Machines extends ClientMachines>(
  ports: ClientPorts,
  options: ConnectOptions<Machines>,
): ConnectedClient<Machines> {
  const machines = Object.entries(options.machines ?? {});
  for (const [name] of machines) {
    if (!(name in Client.prototype) && name !== 'requests') continue;
    throw new QuorateError('invalid-config', `a client has no room for a group named ${name}`);
  }
  const client = new Client(ports, options);
  for (const [name, definition] of machines) {
    const value = new TypedClientGroup(name, client, definition);
    Object.defineProperty(client, name, { value, enumerable: true });
  }
  return client as ConnectedClient<Machines>;
}
