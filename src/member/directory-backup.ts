/**
 * A backup of a member that does not run, from its directory. What an application's machines make of
 * the log nobody knows here, so a group is taken as its files hold it: the newest state, in a snapshot
 * or a store, and the entries behind it. As in a recovery from a lost majority, all of the log counts.
 */
import { ByteWriter } from '../base/binary.ts';
import { QuorateError } from '../base/errors.ts';
import type { BackupGroupHead, ContentKind } from '../engine/backup/backup-format.ts';
import { BackupWriter } from '../engine/backup/backup-writer.ts';
import { gatherBytes, writeEntry, writePair } from '../engine/backup/contents.ts';
import { unwrap } from '../engine/envelope.ts';
import { decodeFirstView, FIRST_VIEW_BYTES_MAX, FIRST_VIEW_FILE } from '../engine/first-view.ts';
import { decodeKeptState, GroupState } from '../engine/group-state.ts';
import type { GroupLog } from '../engine/log/group-log.ts';
import type { MemberLog } from '../engine/log/member-log.ts';
import { type OpenedLog, openLog } from '../engine/log/opening.ts';
import { type FoundSnapshots, findSnapshots } from '../engine/log/snapshot-files.ts';
import { type SnapshotFacts, snapshotPath } from '../engine/log/snapshot-format.ts';
import { type ReadPiece, SnapshotReader } from '../engine/log/snapshot-reader.ts';
import { origin } from '../engine/opening.ts';
import { restoreFile } from '../engine/snapshot-restore.ts';
import { type GroupRecord, SystemMachine } from '../engine/system-machine.ts';
import type { DirectoryLock } from '../ports/disk.ts';
import type { Ports } from '../ports/ports.ts';
import type { Store } from '../ports/store.ts';
import type { Entry, Position } from '../raft/entry.ts';
import { LayeredStore } from '../store/layered-store.ts';
import { DiskSession } from './disk-session.ts';
import { kvStorePath, storePath } from './group-stores.ts';

/** What of a directory is wanted, and what was found. */
export interface DirectoryBackupOptions {
  /** Only these; by default all that are there. */
  readonly groups?: readonly string[];
  /** Told of each group before its contents. */
  readonly began?: (head: BackupGroupHead) => void;
}

type DirectoryPorts = Pick<Ports, 'disk' | 'stores' | 'crypto' | 'clock'>;

interface OpenDirectory {
  readonly ports: DirectoryPorts;
  readonly session: DiskSession;
  readonly log: MemberLog;
  readonly clusterId: number;
  readonly found: FoundSnapshots;
}

/** The bytes of the backup. @throws as `backupDirectory` says */
export async function* directoryBackup(
  ports: DirectoryPorts,
  options: DirectoryBackupOptions = {},
): AsyncGenerator<Uint8Array, void> {
  const lock = await new Promise<DirectoryLock>((resolve, reject) => {
    ports.disk.lock('', (answer) =>
      answer instanceof QuorateError ? reject(answer) : resolve(answer),
    );
  });
  const session = new DiskSession(ports.disk);
  try {
    const opened = await session.run<OpenedLog | 'new'>((then) =>
      openLog(session.requests, {}, then),
    );
    if (opened === 'new') throw new QuorateError('not-a-member', 'the directory holds no member');
    const { log, identity } = opened;
    const { clusterId, memberId, name: member } = identity;
    const found = await session.run<FoundSnapshots>((then) =>
      findSnapshots(session.requests, clusterId, then),
    );
    if (found.damaged[0] !== undefined) throw found.damaged[0];
    const directory = { ports, session, log, clusterId, found };
    const writer = new BackupWriter(ports.crypto.createSha256());
    yield writer.begin({ clusterId, member, memberId, timeMs: ports.clock.wallMs() });
    for (const record of wanted(await catalogue(directory), options.groups)) {
      yield* group(directory, { record, writer, began: options.began });
    }
    yield writer.end();
    await session.run<null>((then) => log.close(() => then(null)));
  } finally {
    await session.close();
    await new Promise<void>((resolve) => lock.release(() => resolve()));
  }
}

function wanted(
  records: readonly GroupRecord[],
  names: readonly string[] | undefined,
): readonly GroupRecord[] {
  for (const name of names ?? []) {
    if (records.some((record) => record.name === name)) continue;
    throw new QuorateError('unknown-group', `there is no group ${name}`);
  }
  return records.filter(({ name }) => names?.includes(name) ?? true);
}

/** The groups of the cluster, by the system group's log. */
async function catalogue({ session, log, found }: OpenDirectory): Promise<readonly GroupRecord[]> {
  const bytes = await session.run<Uint8Array>((then) => {
    const bytesMax = FIRST_VIEW_BYTES_MAX;
    session.requests.bytes({ type: 'read-whole', path: FIRST_VIEW_FILE, bytesMax }, then);
  });
  const view = decodeFirstView(bytes);
  if (view instanceof QuorateError) throw view;
  const machine = new SystemMachine(view.beginning ?? view.state, () => {});
  const state = new GroupState();
  const system = log.openGroup(0);
  const snapshot = usable(system, found.newest.get(0)?.facts);
  if (snapshot !== undefined) {
    await session.run<null>((then) => {
      restoreFile(session.requests, snapshot, { machine, state }, (error) => then(error ?? null));
    });
  }
  const from = snapshot?.index ?? system.firstIndex() - 1;
  for await (const { type, data, index, term } of entriesFrom(session, system, from)) {
    if (type !== 'normal' || data.length === 0) continue;
    const envelope = unwrap(data);
    if (envelope.kind === 'command') state.apply(machine, envelope, index, term);
  }
  return machine.state.groups;
}

/** A snapshot that the log goes on from. */
function usable(log: GroupLog, facts: SnapshotFacts | undefined): SnapshotFacts | undefined {
  return facts !== undefined && facts.index >= log.firstIndex() - 1 ? facts : undefined;
}

/** The entries behind an index, read back as they are asked for. */
async function* entriesFrom(
  session: DiskSession,
  log: GroupLog,
  index: number,
): AsyncGenerator<Entry, void> {
  for (let next = Math.max(index + 1, log.firstIndex()); next <= log.lastIndex(); ) {
    const entries = log.entries(next, log.lastIndex() + 1, gatherBytes);
    if (entries === undefined) {
      await session.progress();
      continue;
    }
    yield* entries;
    next += entries.length;
  }
}

interface GroupTaking {
  readonly record: GroupRecord;
  readonly writer: BackupWriter;
  readonly began: DirectoryBackupOptions['began'];
}

async function* group(directory: OpenDirectory, taking: GroupTaking): AsyncGenerator<Uint8Array> {
  const { record, writer } = taking;
  const log = directory.log.group(record.id);
  const snapshot = directory.found.newest.get(record.id)?.facts;
  if (log === undefined && snapshot === undefined) return;
  const own = log ?? directory.log.openGroup(record.id);
  const store = await keptStore(directory.ports, record, own);
  try {
    const file = store === undefined ? usable(own, snapshot) : undefined;
    const base: Position | undefined = store?.position ?? file;
    if (base === undefined && own.firstIndex() > origin.index + 1) {
      const text = `the state of group ${record.name} is missing before entry ${own.firstIndex()}`;
      throw new QuorateError('snapshot-damaged', text);
    }
    const from = base ?? origin;
    const last = own.lastIndex() > from.index ? own.last() : from;
    const head: BackupGroupHead = {
      name: record.name,
      id: record.id,
      ...{ index: last.index, term: last.term },
      source: 'directory',
      base: { index: from.index, term: from.term },
      commit: Math.min(last.index, Math.max(from.index, own.hardState.commit)),
      ...(store === undefined ? {} : { store: store.kind }),
    };
    taking.began?.(head);
    yield writer.group(head);
    if (file !== undefined) yield* snapshotContents(directory.session, file, writer);
    if (store !== undefined) yield* engineContents(store.state, writer);
    const entries = entriesFrom(directory.session, own, from.index);
    yield* gathered(writer, 'entries', { items: entries, write: writeEntry });
    if (store !== undefined) {
      const pairs = store.layered.range({});
      yield* gathered(writer, 'pairs', { items: pairs, write: writePair });
    }
    yield writer.groupEnd();
  } finally {
    const open = store?.open;
    if (open !== undefined) await new Promise<void>((resolve) => open.close(() => resolve()));
  }
}

async function* snapshotContents(
  session: DiskSession,
  { group: id, index }: SnapshotFacts,
  writer: BackupWriter,
): AsyncGenerator<Uint8Array> {
  const reader = new SnapshotReader(session.requests, snapshotPath(id, index));
  while (!reader.ended) {
    const piece = await session.run<ReadPiece>((then) => reader.next(then));
    const { kind, content } = piece;
    if (kind === 'engine' || kind === 'chunk') yield* writer.content(kind, content);
  }
  reader.close();
}

function* engineContents(state: GroupState, writer: BackupWriter): Generator<Uint8Array> {
  const parts = state.encode();
  for (let part = parts.next(); part.done !== true; part = parts.next()) {
    yield* writer.content('engine', part.value);
  }
}

async function* gathered<Item>(
  writer: BackupWriter,
  kind: ContentKind,
  {
    items,
    write,
  }: {
    readonly items: AsyncIterable<Item> | Iterable<Item>;
    readonly write: (into: ByteWriter, item: Item) => void;
  },
): AsyncGenerator<Uint8Array> {
  let row = new ByteWriter(gatherBytes);
  let bytes = 0;
  for await (const item of items) {
    const one = new ByteWriter();
    write(one, item);
    const written = one.finish();
    row.raw(written);
    bytes += written.length;
    if (bytes < gatherBytes) continue;
    yield* writer.content(kind, row.finish());
    row = new ByteWriter(gatherBytes);
    bytes = 0;
  }
  if (bytes > 0) yield* writer.content(kind, row.finish());
}

interface KeptStore {
  readonly kind: 'machine' | 'kv';
  readonly open: Store;
  readonly layered: LayeredStore;
  readonly position: Position;
  readonly state: GroupState;
}

/** The store of a group whose machine keeps its state in one, where the log goes on from it. */
async function keptStore(
  { disk, stores }: DirectoryPorts,
  { id, name }: GroupRecord,
  log: GroupLog,
): Promise<KeptStore | undefined> {
  for (const [kind, path] of [
    ['machine', storePath(name)],
    ['kv', kvStorePath(name)],
  ] as const) {
    const isThere = await new Promise<boolean>((resolve, reject) => {
      disk.stat(path, (facts) => {
        if (!(facts instanceof QuorateError)) return resolve(true);
        // A name that is no path has no such store.
        if (facts.code === 'file-not-found' || facts.code === 'invalid-config') resolve(false);
        else reject(facts);
      });
    });
    if (!isThere) continue;
    const open = await new Promise<Store>((resolve, reject) => {
      stores.open(path, (answer) =>
        answer instanceof QuorateError ? reject(answer) : resolve(answer),
      );
    });
    const kept = stateIn(open, { id, log });
    if (kept !== undefined) return { kind, open, ...kept };
    await new Promise<void>((resolve) => open.close(() => resolve()));
  }
  return undefined;
}

function stateIn(
  open: Store,
  { id, log }: { readonly id: number; readonly log: GroupLog },
): Pick<KeptStore, 'layered' | 'position' | 'state'> | undefined {
  const layered = new LayeredStore(open);
  const mark = layered.mark();
  if (mark === undefined || mark.position.index < log.firstIndex() - 1) return undefined;
  const state = new GroupState();
  try {
    decodeKeptState(id, mark.state, state);
  } catch (error) {
    // What a deleted group of that name has left is not this group's.
    if (error instanceof QuorateError && error.code === 'group-deleted') return undefined;
    throw error;
  }
  return { layered, position: mark.position, state };
}
