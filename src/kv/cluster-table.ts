/**
 * The members as etcd's clients know them: 64-bit ids, URLs of peers and of clients, and members
 * that were added but have not started yet. Which members there really are, and who votes, is the
 * business of the system group; this table only gives them etcd's clothes.
 *
 * A member that starts tells its name and URLs. If one of its peer URLs was announced with
 * `member-add`, it is that one and takes its id; else its id follows from the cluster's and its own.
 */
import { QuorateError } from '../base/errors.ts';
import type { AuthTable } from '../mvcc/auth-table.ts';

/** A row of the table. */
export interface ClusterRow {
  readonly id: bigint;
  /** The id of the member that this is; 0 while it has not started. */
  readonly member: number;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  /** As it was announced. */
  readonly isLearner: boolean;
}

export type ClusterCommand =
  | {
      readonly type: 'add';
      readonly id: bigint;
      readonly peerUrls: readonly string[];
      readonly isLearner: boolean;
    }
  | { readonly type: 'remove'; readonly id: bigint }
  | { readonly type: 'update'; readonly id: bigint; readonly peerUrls: readonly string[] }
  | { readonly type: 'promote'; readonly id: bigint }
  /** A member has started: `id` is the one that it has if it was not announced. */
  | {
      readonly type: 'publish';
      readonly id: bigint;
      readonly member: number;
      readonly name: string;
      readonly peerUrls: readonly string[];
      readonly clientUrls: readonly string[];
    };

/** As many as a cluster has members, and as many announced. */
const rowsMax = 128;
const urlsMax = 16;
/** The first byte of the keys of this table. */
export const clusterKeyPrefix = 0xe2;

export class ClusterTable {
  readonly #table: AuthTable;
  #rows: ClusterRow[] = [];

  constructor(table: AuthTable) {
    this.#table = table;
    this.load();
  }

  /** Sorted by id. */
  get rows(): readonly ClusterRow[] {
    return this.#rows;
  }

  row(id: bigint): ClusterRow | undefined {
    return this.#rows.find((row) => row.id === id);
  }

  ofMember(member: number): ClusterRow | undefined {
    return this.#rows.find((row) => row.member === member);
  }

  /** Takes the rows from the table anew, which was replaced. */
  load(): void {
    this.#rows = [];
    const from = Uint8Array.of(clusterKeyPrefix);
    const to = Uint8Array.of(clusterKeyPrefix + 1);
    for (const { value } of this.#table.range({ from, to })) this.#rows.push(decodeRow(value));
  }

  /**
   * @returns the row that was added or changed
   * @throws QuorateError `member-not-found`, `member-id-exists`, `peer-urls-exist`,
   *   `not-a-learner`, `over-quota`
   */
  apply(command: ClusterCommand): ClusterRow {
    switch (command.type) {
      case 'add':
        return this.#add(command);
      case 'remove': {
        const row = this.#known(command.id);
        this.#rows = this.#rows.filter(({ id }) => id !== row.id);
        this.#table.remove(rowKey(row.id));
        return row;
      }
      case 'update':
        this.#checkUrls(command.peerUrls, command.id);
        return this.#set({ ...this.#known(command.id), peerUrls: command.peerUrls });
      case 'promote': {
        const row = this.#known(command.id);
        if (!row.isLearner) throw new QuorateError('not-a-learner', 'this member votes already');
        return this.#set({ ...row, isLearner: false });
      }
      case 'publish':
        return this.#publish(command);
    }
  }

  #add({ id, peerUrls, isLearner }: ClusterCommand & { type: 'add' }): ClusterRow {
    if (this.row(id) !== undefined) {
      throw new QuorateError('member-id-exists', `there is a member ${id} already`);
    }
    this.#checkUrls(peerUrls, id);
    if (this.#rows.length >= rowsMax) {
      throw new QuorateError('over-quota', `at most ${rowsMax} members may be announced`);
    }
    return this.#set({ id, member: 0, name: '', peerUrls, clientUrls: [], isLearner });
  }

  #publish(command: ClusterCommand & { type: 'publish' }): ClusterRow {
    const { member, name, peerUrls, clientUrls } = command;
    const known =
      this.ofMember(member) ??
      this.#rows.find(
        (row) => row.member === 0 && row.peerUrls.some((url) => peerUrls.includes(url)),
      );
    const id = known?.id ?? command.id;
    const isLearner = known?.isLearner ?? false;
    return this.#set({ id, member, name, peerUrls, clientUrls, isLearner });
  }

  #checkUrls(peerUrls: readonly string[], except: bigint): void {
    if (peerUrls.length > urlsMax) {
      throw new QuorateError('invalid-peer-urls', `a member has at most ${urlsMax} URLs`);
    }
    const others = this.#rows.filter(({ id }) => id !== except);
    if (others.some((row) => row.peerUrls.some((url) => peerUrls.includes(url)))) {
      throw new QuorateError('peer-urls-exist', 'another member has one of these URLs');
    }
  }

  #known(id: bigint): ClusterRow {
    const row = this.row(id);
    if (row === undefined) throw new QuorateError('member-not-found', `there is no member ${id}`);
    return row;
  }

  #set(row: ClusterRow): ClusterRow {
    this.#rows = [...this.#rows.filter(({ id }) => id !== row.id), row];
    this.#rows.sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#table.put(rowKey(row.id), encodeRow(row));
    return row;
  }
}

function rowKey(id: bigint): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = clusterKeyPrefix;
  new DataView(key.buffer).setBigUint64(1, id);
  return key;
}

/** Rows are few and rarely read: JSON, which people can read in a dump. */
function encodeRow(row: ClusterRow): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ ...row, id: String(row.id) }));
}

function decodeRow(bytes: Uint8Array): ClusterRow {
  const row = JSON.parse(new TextDecoder().decode(bytes)) as ClusterRow & { readonly id: string };
  return { ...row, id: BigInt(row.id) };
}
