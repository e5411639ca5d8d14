/**
 * Founds a member's directory from a backup: the groups that it holds are those of a new cluster, in
 * which all founders have restored the same. The cluster's id follows from the backup and from what
 * the founders agree on: members of the old cluster, or with another backup, are in another one.
 */
import { QuorateError } from '../base/errors.ts';
import { joinBytes } from '../base/join-bytes.ts';
import { entryFields, pairFields } from '../engine/backup/contents.ts';
import { encodeKeptState, GroupState } from '../engine/group-state.ts';
import type { MemberLog } from '../engine/log/member-log.ts';
import { clusterIdFrom, type Founder, foundingState, isBeginning } from '../engine/opening.ts';
import type { GroupRecord } from '../engine/system-machine.ts';
import type { Ports } from '../ports/ports.ts';
import type { Store } from '../ports/store.ts';
import { type ConfigurationState, emptyConfiguration } from '../raft/configuration.ts';
import { type Entry, NOBODY, type Position } from '../raft/entry.ts';
import { LayeredStore } from '../store/layered-store.ts';
import {
  type BackupGroupInfo,
  type BackupSource,
  backupPieces,
  inspectBackup,
} from './backup-source.ts';
import type { DiskSession } from './disk-session.ts';
import { kvStorePath, storePath } from './group-stores.ts';
import { checkGroupName } from './member-groups.ts';
import type { PeerOption } from './options.ts';
import { foundRestoredMember } from './restored-member.ts';
import { restoredPosition, SnapshotPlacing } from './snapshot-placing.ts';

/** What a new member is told. */
export interface RestoreMemberOptions {
  /** The backup: the same on all first members. */
  readonly from: BackupSource;
  /** The member's name. */
  readonly name: string;
  /** The first members, this one included, all told alike. By default this one alone. */
  readonly peers?: readonly PeerOption[];
  /** Tells clusters apart that restore the same backup with the same names. */
  readonly clusterToken?: string;
  /** Only these groups, each under another name if it says so. By default all, as they are named. */
  readonly groups?: readonly (string | { readonly from: string; readonly name: string })[];
}

/** What was restored. */
export interface RestoredMember {
  readonly clusterId: number;
  readonly memberId: number;
  readonly groups: readonly {
    readonly name: string;
    /** In the backup. */
    readonly from: string;
    readonly index: number;
    readonly term: number;
  }[];
}

/** A group of the backup, and what becomes of it. */
interface Chosen {
  readonly record: GroupRecord;
  readonly info: BackupGroupInfo;
}

/** Makes a member of an empty directory, the ports' root. @throws as `restoreMember` says */
export async function restoreMemberOn(
  ports: Pick<Ports, 'disk' | 'stores' | 'random' | 'crypto'>,
  options: RestoreMemberOptions,
): Promise<RestoredMember> {
  const { from, name, clusterToken = '' } = options;
  const info = await inspectBackup(from, ports.crypto.createSha256());
  const founders: readonly Founder[] = options.peers ?? [{ name, address: '127.0.0.1:0' }];
  const names = chosenNames(options, info.groups);
  const token = JSON.stringify([clusterToken, info.sha256, [...names]]);
  const founding = foundingState(founders, clusterIdFrom(token, founders));
  const voters = founding.members.map(({ id }) => id);
  const chosen = [...names].map(([old, called], i): Chosen => {
    const group = info.groups.find((each) => each.name === old)!;
    // A log that begins where groups do is held by each founder; all else must be there, or nothing.
    const restored = isBeginning(baseOf(group)) ? {} : { restored: info.sha256 };
    return { info: group, record: { id: i + 1, name: called, voters, ...restored } };
  });
  const groups = chosen.map(({ record }) => record);
  const state = { ...founding, groups, nextGroupId: groups.length + 1 };
  const configuration = { ...emptyConfiguration, voters };
  await foundRestoredMember(ports, name, { state }, async (log, session) => {
    const { clusterId } = state;
    const filling = new Filling({ ports, log, session, clusterId, configuration, chosen });
    try {
      for await (const piece of backupPieces(from, ports.crypto.createSha256())) {
        if (piece.kind === 'group') await filling.begin(piece.head.name);
        else if (piece.kind === 'group-end') await filling.end();
        else if (piece.kind === 'end' && piece.end.sha256 !== info.sha256) {
          throw new QuorateError('backup-damaged', 'the backup was changed while it was read');
        } else if ('content' in piece) await filling.take(piece.kind, piece.content);
      }
    } finally {
      await filling.close();
    }
  });
  return {
    clusterId: state.clusterId,
    memberId: state.members.find((member) => member.name === name)!.id,
    groups: chosen.map(({ record, info: { name: old, index, term } }) => {
      return { name: record.name, from: old, index, term };
    }),
  };
}

/** Old names with the new ones. @throws QuorateError `unknown-group`, `group-exists`, `invalid-name` */
function chosenNames(
  { groups }: RestoreMemberOptions,
  held: readonly BackupGroupInfo[],
): ReadonlyMap<string, string> {
  const wanted = groups ?? held.map(({ name }) => name);
  const names = new Map(
    wanted.map((each) => (typeof each === 'string' ? [each, each] : [each.from, each.name])),
  );
  for (const [from, name] of names) {
    checkGroupName(name);
    if (held.some((group) => group.name === from)) continue;
    throw new QuorateError('unknown-group', `the backup has no group ${from}`);
  }
  if (new Set(names.values()).size < names.size) {
    throw new QuorateError('group-exists', 'two groups would have the same name');
  }
  return names;
}

/** Where the state stands that entries of the log may follow. */
function baseOf(group: BackupGroupInfo): Position {
  return group.source === 'directory' ? (group.base ?? group) : restoredPosition(group);
}

interface FillingInit {
  readonly ports: Pick<Ports, 'stores'>;
  readonly log: MemberLog;
  readonly session: DiskSession;
  readonly clusterId: number;
  readonly configuration: ConfigurationState;
  readonly chosen: readonly Chosen[];
}

/** Puts one group after the other in its place: a snapshot, or entries and pairs. */
class Filling {
  readonly #init: FillingInit;
  #chosen: Chosen | undefined;
  #placing: SnapshotPlacing | undefined;
  #entries: ReturnType<typeof entryFields> | undefined;
  #store: { readonly open: Store; readonly layered: LayeredStore } | undefined;
  #pairs = pairFields();
  #state: Uint8Array[] = [];
  #ticket = 0;

  constructor(init: FillingInit) {
    this.#init = init;
  }

  async begin(name: string): Promise<void> {
    const { chosen, session, clusterId, configuration } = this.#init;
    this.#chosen = chosen.find(({ info }) => info.name === name);
    if (this.#chosen === undefined) return;
    const { info, record } = this.#chosen;
    const base = baseOf(info);
    this.#entries = entryFields(base.index);
    this.#pairs = pairFields();
    this.#state = [];
    if (info.store !== undefined) {
      this.#store = await this.#openStore(info.store, record.name);
      this.#store.layered.beginRestore();
    } else if (!isBeginning(base)) {
      const facts = { clusterId, group: record.id, configuration, ...base };
      this.#placing = new SnapshotPlacing(session, facts);
    }
    if (info.source === 'directory') this.#append([], base);
  }

  async take(kind: string, content: Uint8Array): Promise<void> {
    if (this.#chosen === undefined) return;
    if (kind === 'entries') {
      const entries = [...this.#entries!.push(content)];
      if (entries.length > 0) this.#append(entries);
      await this.#flushed();
    } else if (kind === 'pairs') {
      const { layered } = this.#store!;
      for (const { key, value } of this.#pairs.push(content)) layered.put(key, value);
      await this.#init.session.run<null>((then) => layered.drain(then));
    } else if (this.#store !== undefined) {
      this.#state.push(content.slice());
    } else if (kind === 'engine' || kind === 'chunk') {
      await this.#placing!.write(kind, content);
    }
  }

  async end(): Promise<void> {
    if (this.#chosen === undefined) return;
    this.#entries!.finish();
    this.#pairs.finish();
    const { info, record } = this.#chosen;
    this.#chosen = undefined;
    await this.#placing?.finish();
    this.#placing = undefined;
    if (info.source === 'directory') {
      this.#init.log.keepCommit(record.id);
      await this.#flushed();
    }
    if (this.#store === undefined) return;
    const { layered } = this.#store;
    layered.commit();
    const state = new GroupState();
    state.decode(joinBytes(this.#state));
    const { configuration, session } = this.#init;
    const { index, term } = baseOf(info);
    const mark = {
      position: { index, term },
      state: encodeKeptState(record.id, configuration, state),
    };
    await session.run<null>((then) => layered.flush(mark, then));
    await this.close();
  }

  async close(): Promise<void> {
    const open = this.#store?.open;
    this.#store = undefined;
    if (open !== undefined) await new Promise<void>((resolve) => open.close(() => resolve()));
  }

  /** Entries that all founders hold alike count as committed. */
  #append(entries: readonly Entry[], base?: Position): void {
    const { log } = this.#init;
    const { id } = this.#chosen!.record;
    const last = entries.at(-1) ?? base!;
    const hardState = { term: last.term, vote: NOBODY, commit: last.index };
    log.openGroup(id);
    const snapshot = base === undefined ? {} : { snapshot: base };
    this.#ticket = log.append({ group: id, entries, hardState, ...snapshot });
  }

  async #flushed(): Promise<void> {
    const { log, session } = this.#init;
    while (log.durableTicket < this.#ticket) {
      log.flush();
      if (log.fault !== undefined) throw log.fault;
      if (log.durableTicket < this.#ticket) await session.progress();
    }
  }

  #openStore(kind: 'machine' | 'kv', name: string) {
    const path = kind === 'kv' ? kvStorePath(name) : storePath(name);
    return new Promise<{ open: Store; layered: LayeredStore }>((resolve, reject) => {
      this.#init.ports.stores.open(path, (open) => {
        if (open instanceof QuorateError) reject(open);
        else resolve({ open, layered: new LayeredStore(open) });
      });
    });
  }
}
