/**
 * The queries that Serf's members ask each other: to see who is there (`_serf_ping`), who holds a
 * contested name (`_serf_conflict`), and to change the keys of the whole cluster
 * (`_serf_install-key` and its like). They never reach the application.
 */
import type { Address, KeyOperation, Outcome, QueryKey } from './api.ts';
import type { Context } from './context.ts';
import { type MemberTable, sameAddress } from './member-table.ts';
import type { Membership } from './membership.ts';
import type { Queries } from './queries.ts';
import {
  decodeConflictResponse,
  decodeKeyRequest,
  decodeKeyResponse,
  decodeTags,
} from './wire/decode-serf.ts';
import type { Keyring } from './wire/keyring.ts';
import {
  encodeConflictResponse,
  encodeKeyRequest,
  encodeKeyResponse,
  type KeyResponse,
  type QueryMessage,
} from './wire/serf-messages.ts';
import { WireError } from './wire/wire-error.ts';

/** Names of queries that never reach an application. */
export const internalPrefix = '_serf_';
const keyQueries = ['install-key', 'use-key', 'remove-key', 'list-keys'] as const;
type KeyQuery = (typeof keyQueries)[number];
/** Serf's number for a member that is alive. */
const statusAlive = 1;
/** Of an answer, what name, key and frame may take. */
const answerFrameBytes = 128;
const textDecoder = new TextDecoder();
const textEncoder = new TextEncoder();

export class InternalQueries {
  readonly #context: Context;
  readonly #table: MemberTable;
  readonly #membership: () => Membership;
  readonly #keyring: Keyring;
  readonly #queries: Queries;
  readonly #mustGo: (reason: string) => void;
  #resolving = false;

  constructor(parts: {
    context: Context;
    table: MemberTable;
    membership: () => Membership;
    keyring: Keyring;
    queries: Queries;
    /** Called when the majority says that our name is another's. */
    mustGo: (reason: string) => void;
  }) {
    this.#context = parts.context;
    this.#table = parts.table;
    this.#membership = parts.membership;
    this.#keyring = parts.keyring;
    this.#queries = parts.queries;
    this.#mustGo = parts.mustGo;
  }

  /** Takes a query that is internal; false if it is for the application. */
  take(query: QueryMessage, answer: (payload: Uint8Array) => void): boolean {
    if (!query.name.startsWith(internalPrefix)) return false;
    const name = query.name.slice(internalPrefix.length);
    try {
      const keyQuery = keyQueries.find((known) => known === name);
      if (keyQuery !== undefined) this.#answerKeyQuery(keyQuery, query.payload, answer);
      else if (name === 'conflict') this.#answerConflict(query.payload, answer);
      else if (name !== 'ping') this.#context.count('queries-internal-unknown');
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#context.count(`query-${error.reason}`);
    }
    return true;
  }

  /** Changes or lists the keys of all members. */
  askKeys(
    operation: KeyOperation,
    relayFactor: number,
    done: (outcome: Outcome & { type: 'keys' }) => void,
  ): void {
    const members = this.#table.living;
    const messages = new Map<string, string>();
    const keys = new Map<string, number>();
    const primaryKeys = new Map<string, number>();
    let [responses, errors] = [0, 0];
    const countOne = (counts: Map<string, number>, text: string) =>
      counts.set(text, (counts.get(text) ?? 0) + 1);
    const queryName = operation.kind === 'list' ? 'list-keys' : `${operation.kind}-key`;
    let ended = false;
    // Our own answer may come while the question is still being asked.
    let key: QueryKey | undefined;
    key = this.#queries.ask({
      name: internalPrefix + queryName,
      payload: encodeKeyRequest(operation.kind === 'list' ? undefined : operation.key),
      relayFactor,
      answered: (from, payload) => {
        const response = readKeyResponse(payload);
        responses++;
        if (!response.result) errors++;
        if (response.message !== '') messages.set(from, response.message);
        for (const text of response.keys) countOne(keys, text);
        if (response.primaryKey !== '') countOne(primaryKeys, response.primaryKey);
        // When all have answered there is nothing to wait for.
        if (responses < members) return;
        ended = true;
        if (key !== undefined) this.#queries.cancel(key);
      },
      done: () => done({ type: 'keys', members, responses, errors, messages, keys, primaryKeys }),
    });
    if (ended) this.#queries.cancel(key);
  }

  /** Another address claims our name: whom do the others know by it? */
  resolveConflict(claimant: Address): void {
    const { self } = this.#membership();
    if (this.#resolving || !this.#queries.hasRoom) return;
    const where = `${claimant.host}:${claimant.port}`;
    this.#context.log('error', `our name '${self.name}' is also used at ${where}`);
    if (!this.#context.settings.resolveNameConflicts) return;
    this.#resolving = true;
    let [responses, ours] = [0, 0];
    this.#queries.ask({
      name: `${internalPrefix}conflict`,
      payload: textEncoder.encode(self.name),
      answered: (_, payload) => {
        try {
          const { address } = decodeConflictResponse(payload);
          responses++;
          if (sameAddress(address, self.address)) ours++;
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
      },
      done: () => {
        this.#resolving = false;
        const majority = Math.floor(responses / 2) + 1;
        if (ours >= majority) return;
        this.#mustGo(
          `name conflict: only ${ours} of ${responses} members know '${self.name}' at our address`,
        );
      },
    });
  }

  #answerConflict(payload: Uint8Array, answer: (payload: Uint8Array) => void): void {
    const name = textDecoder.decode(payload);
    // Whose name it is does not judge in its own cause.
    if (name === this.#membership().self.name) return;
    const record = this.#table.get(name);
    if (record === undefined) return;
    const { address, versions, meta } = record;
    const tags = decodeTags(meta);
    answer(encodeConflictResponse({ name, address, tags, status: statusAlive, versions }));
  }

  #answerKeyQuery(
    query: KeyQuery,
    payload: Uint8Array,
    answer: (payload: Uint8Array) => void,
  ): void {
    if (!this.#keyring.encrypts) {
      const message = 'Keyring is empty (encryption not enabled)';
      answer(encodeKeyResponse({ result: false, message, keys: [], primaryKey: '' }));
      return;
    }
    if (query === 'list-keys') {
      answer(this.#listKeys());
      return;
    }
    const key = decodeKeyRequest(payload);
    let fault: string | undefined;
    if (query === 'install-key') fault = this.#keyring.install(key);
    else if (query === 'use-key') fault = this.#keyring.use(key);
    else fault = this.#keyring.remove(key);
    if (fault === undefined) {
      this.#context.emit({ type: 'keyring', keys: this.#keyring.keys });
    } else {
      this.#context.log('error', `${query} failed: ${fault}`);
    }
    const result = fault === undefined;
    answer(encodeKeyResponse({ result, message: fault ?? '', keys: [], primaryKey: '' }));
  }

  /** As many keys as an answer holds; the message says if some had to stay out. */
  #listKeys(): Uint8Array {
    const keys = this.#keyring.keys.map(base64);
    const primaryKey = keys[0]!;
    const bytesMax = this.#context.settings.queryResponseBytesMax - answerFrameBytes;
    for (let shown = keys.length; ; shown--) {
      const message =
        shown === keys.length
          ? ''
          : `Truncated key list response, showing first ${shown} of ${keys.length} keys`;
      const list = keys.slice(0, shown);
      const payload = encodeKeyResponse({ result: true, message, keys: list, primaryKey });
      if (payload.length <= bytesMax || shown === 0) return payload;
    }
  }
}

function readKeyResponse(payload: Uint8Array): KeyResponse {
  try {
    return decodeKeyResponse(payload);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { result: false, message: 'the answer makes no sense', keys: [], primaryKey: '' };
  }
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
