/**
 * The backups that are being taken on a member: each group as it stands at one applied index, bit by
 * bit, a turn of the event loop for each, so that the member's own work goes on between.
 *
 * A backup that nobody goes on with holds old state in memory, and old pages in a store: it is ended
 * after a while, and when its group or the member ends.
 */
import { QuorateError } from '../base/errors.ts';
import type { BackupEnd, BackupGroupHead, BackupHead } from '../engine/backup/backup-format.ts';
import { BackupWriter } from '../engine/backup/backup-writer.ts';
import type { Engine } from '../engine/engine.ts';
import type { GroupId } from '../engine/event.ts';
import type { Cancel } from '../ports/callbacks.ts';
import type { Ports } from '../ports/ports.ts';
import { BackupWalk } from './backup-walk.ts';
import type { RequestOptions } from './requests.ts';

/** How a state is taken. */
export interface BackupOptions extends RequestOptions {
  /**
   * `linearizable`, the default: everything acknowledged before the call is in it. `local`: what
   * this member has applied so far, without asking anybody, so also without a majority.
   */
  readonly consistency?: 'linearizable' | 'local';
  /** Waits until so much is applied on this member: an index. */
  readonly at?: number;
}

/** A group in a backup. */
export type BackupGroup = BackupGroupHead;

/** What backups need of their member. */
export interface BackupHost {
  readonly engine: Engine;
  readonly id: number;
  nowMs(): number;
  wallMs(): number;
  after(delayMs: number, callback: () => void): Cancel;
}

/** A group to be taken: waits for what the options say, and tells its name. */
export interface BackupTaking {
  readonly group: GroupId;
  readonly name: string;
  readonly ready: () => Promise<void>;
}

/** States that are held at a time. */
const walksMax = 16;
/** Whoever does not go on for so long does not come back. */
const idleMsMax = 120_000;

export class Backups {
  readonly #host: BackupHost;
  /** The member's. */
  readonly #name: string;
  readonly #ports: Pick<Ports, 'clock' | 'crypto'>;
  readonly #walks = new Set<BackupWalk>();
  #cancelWatch: Cancel | undefined;

  constructor(host: BackupHost, name: string, ports: Pick<Ports, 'clock' | 'crypto'>) {
    this.#host = host;
    this.#name = name;
    this.#ports = ports;
  }

  /** Takes the state of a group as soon as it may be seen. */
  async walk({ group, name, ready }: BackupTaking): Promise<BackupWalk> {
    for (;;) {
      await ready();
      const { engine } = this.#host;
      const replica = engine.replica(group);
      if (replica === undefined) {
        throw new QuorateError('group-deleted', `${name} was deleted`);
      }
      if (replica.diverged !== undefined) throw replica.diverged;
      // A snapshot of the leader's has come in between: its state is waited for.
      if (engine.isInstalling(group)) continue;
      if (this.#walks.size >= walksMax) {
        throw new QuorateError('over-quota', `${walksMax} backups are being taken already`);
      }
      const walk = new BackupWalk(name, replica);
      walk.usedMs = this.#host.nowMs();
      this.#walks.add(walk);
      this.#watch();
      return walk;
    }
  }

  /** The bits of a state, a turn for each. */
  async *parts(walk: BackupWalk): AsyncGenerator<ReturnType<BackupWalk['next']> & object, void> {
    try {
      for (;;) {
        await new Promise<void>((resolve) => this.#ports.clock.endOfTurn(resolve));
        const part = walk.next();
        if (part === undefined) return;
        yield part;
        walk.usedMs = this.#host.nowMs();
      }
    } finally {
      this.release(walk);
    }
  }

  release(walk: BackupWalk): void {
    walk.end();
    this.#walks.delete(walk);
    if (this.#walks.size > 0) return;
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
  }

  /** What is being taken of a group ends, or of all where none is named. */
  stop(error: QuorateError, group?: GroupId): void {
    for (const walk of this.#walks) {
      if (group !== undefined && walk.group !== group) continue;
      walk.end(error);
      this.#walks.delete(walk);
    }
    if (this.#walks.size > 0) return;
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
  }

  /** The whole, around groups that are taken one after the other. */
  async *stream(backup: BackupParts): AsyncGenerator<Uint8Array, void> {
    const host = this.#host;
    const writer = new BackupWriter(this.#ports.crypto.createSha256());
    const { engine, id: memberId } = host;
    const head: BackupHead = {
      clusterId: engine.clusterId,
      member: this.#name,
      memberId,
      timeMs: host.wallMs(),
    };
    yield writer.begin(head);
    for (const take of backup.takes) {
      const walk = await take();
      backup.began(walk.head);
      try {
        yield writer.group(walk.head);
        for await (const { kind, bytes } of this.parts(walk)) yield* writer.content(kind, bytes);
        yield writer.groupEnd();
      } finally {
        this.release(walk);
      }
    }
    const end = writer.end();
    backup.ended({ groups: backup.takes.length, sha256: writer.sha256 });
    yield end;
  }

  #watch(): void {
    if (this.#cancelWatch !== undefined) return;
    this.#cancelWatch = this.#host.after(idleMsMax / 4, () => {
      this.#cancelWatch = undefined;
      const error = new QuorateError('timeout', 'nobody went on with the backup, so it was ended');
      for (const walk of this.#walks) {
        if (this.#host.nowMs() - walk.usedMs < idleMsMax) continue;
        walk.end(error);
        this.#walks.delete(walk);
      }
      if (this.#walks.size > 0) this.#watch();
    });
  }
}

/** What a stream is made of, and who hears of it. */
export interface BackupParts {
  readonly takes: readonly (() => Promise<BackupWalk>)[];
  began(head: BackupGroup): void;
  ended(end: BackupEnd): void;
}

/**
 * A backup on its way: bytes to be taken in order, once, and put where they are safe. It is whole
 * when the last byte was taken without an error; only a restore proves what was put away.
 */
export class Backup implements AsyncIterable<Uint8Array> {
  readonly #backups: Backups;
  readonly #takes: (() => Promise<BackupWalk>)[];
  readonly #groups: BackupGroup[] = [];
  #first: BackupWalk | undefined;
  #begun = false;
  #sha256: string | undefined;
  /** Groups of the cluster that are not open on this member, and so not in it. */
  readonly missing: readonly string[];

  /** `Group.backup` and `Member.backup` make it. @param first taken already */
  constructor(
    backups: Backups,
    {
      first,
      takings = [],
      missing = [],
    }: {
      readonly first?: BackupWalk;
      readonly takings?: readonly BackupTaking[];
      readonly missing?: readonly string[];
    },
  ) {
    this.#backups = backups;
    this.#first = first;
    this.missing = missing;
    this.#takes = takings.map((taking) => () => backups.walk(taking));
    if (first !== undefined) {
      this.#groups.push(first.head);
      this.#takes.unshift(() => Promise.resolve(first));
    }
  }

  /** The groups taken so far, each with its index: for a single group known at once. */
  get groups(): readonly BackupGroup[] {
    return this.#groups;
  }

  /** Of the whole, once all was taken: it names the backup. */
  get sha256(): string | undefined {
    return this.#sha256;
  }

  /** @throws QuorateError `group-deleted`, `closing`, `timeout` where it was not gone on with */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, void> {
    if (this.#begun) throw new QuorateError('closing', 'a backup can be taken once');
    this.#begun = true;
    const first = this.#first?.head;
    return this.#backups.stream({
      takes: this.#takes,
      began: (head) => {
        if (head !== first) this.#groups.push(head);
      },
      ended: ({ sha256 }) => {
        this.#sha256 = sha256;
      },
    });
  }

  /** Lets go of what it holds, if it is not wanted after all. */
  close(): void {
    if (this.#first !== undefined) this.#backups.release(this.#first);
  }
}
