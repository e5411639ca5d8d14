/** A backup that a process which is no member takes of one that is, call by call. */
import { encodeJson } from '../engine/call-kinds.ts';
import { type BackupAsked, type BackupCall, backupMore } from '../member/backup-calls.ts';
import type { RequestOptions } from '../member/requests.ts';
import type { ClientRequests } from './requests.ts';

/** Fetching waits for a majority, for an index, for the member's disk. */
const timeoutMsDefault = 30_000;

/** See `Client.backup`. */
export class ClientBackup implements AsyncIterable<Uint8Array> {
  /** Groups of the cluster that are not open on that member, and so not in it. */
  readonly missing: readonly string[];
  readonly #requests: ClientRequests;
  readonly #options: RequestOptions;
  readonly #name: string;

  private constructor(
    requests: ClientRequests,
    options: RequestOptions,
    { name, missing }: { readonly name: string; readonly missing: readonly string[] },
  ) {
    this.#requests = requests;
    this.#options = options;
    this.#name = name;
    this.missing = missing;
  }

  /** For the client. */
  static async begin(
    requests: ClientRequests,
    { signal, timeoutMs = timeoutMsDefault, ...asked }: BackupAsked & RequestOptions,
  ): Promise<ClientBackup> {
    const options = { timeoutMs, ...(signal === undefined ? {} : { signal }) };
    const call: BackupCall = { type: 'begin', timeoutMs, ...asked };
    const answer = await ask(requests, options, call);
    const begun = JSON.parse(new TextDecoder().decode(answer)) as {
      readonly name: string;
      readonly missing: readonly string[];
    };
    return new ClientBackup(requests, options, begun);
  }

  /** @throws QuorateError what the member ended it with, or that no answer came */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    for (let offset = 0; ; ) {
      const call: BackupCall = { type: 'next', name: this.#name, offset };
      const answer = await ask(this.#requests, this.#options, call);
      offset += answer.length - 1;
      yield answer.subarray(1);
      if (answer[0] !== backupMore) return;
    }
  }
}

function ask(requests: ClientRequests, options: RequestOptions, call: BackupCall) {
  const bytes = encodeJson(call);
  return requests.run(options, (request) => request.ask('backup', { group: '', bytes }));
}
