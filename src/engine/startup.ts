/**
 * A member from its first moment: opens its directory, or founds one as part of a new cluster or by
 * joining one that exists, recovers the system group, and from then on is an {@link Engine}.
 */
import { QuorateError } from '../base/errors.ts';
import type { Random } from '../ports/random.ts';
import type { Position } from '../raft/entry.ts';
import { encodeJson } from './call-kinds.ts';
import type { Effect } from './effect.ts';
import { Engine, SYSTEM_GROUP } from './engine.ts';
import type { Event } from './event.ts';
import {
  decodeFirstView,
  encodeFirstView,
  FIRST_VIEW_BYTES_MAX,
  FIRST_VIEW_FILE,
  type FirstView,
} from './first-view.ts';
import { GroupState } from './group-state.ts';
import { Joining } from './joining.ts';
import { joiningIncarnation } from './joining-life.ts';
import { DiskRequests } from './log/disk-requests.ts';
import type { Identity } from './log/identity.ts';
import type { MemberLog } from './log/member-log.ts';
import { foundLog, type OpenedLog, openLog } from './log/opening.ts';
import type { LogOptions } from './log/settings.ts';
import { noPeers } from './lost-logs.ts';
import { beginAtOrigin, clusterIdFrom, type Founder, foundingState } from './opening.ts';
import { Quarantine, readQuarantine } from './quarantine.ts';
import type { EngineSettings } from './settings.ts';
import { SnapshotWork } from './snapshot-work.ts';
import { SystemMachine, type SystemState } from './system-machine.ts';

/** How a member with an empty directory begins; one that has a directory goes on with that. */
export type Beginning =
  /** As one of a new cluster's first members, all of which are told the same. */
  | { readonly type: 'found'; readonly founders: readonly Founder[]; readonly token: string }
  /** By asking members of a cluster, one after the other, again and again. */
  | { readonly type: 'join'; readonly addresses: () => readonly string[] };

export interface StartupOptions {
  readonly name: string;
  /** Where other members reach this one. */
  readonly address: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly beginning: Beginning;
  readonly settings: EngineSettings;
  readonly log: LogOptions;
  readonly random: Random;
  /** Keyed with the join secret, where one is shared. */
  readonly mac: ((bytes: Uint8Array) => Uint8Array) | undefined;
  /** Something has happened beside the events, in a machine's store: lets a turn follow. */
  readonly wake: () => void;
}

type Phase =
  | { readonly type: 'opening' }
  | { readonly type: 'joining'; readonly joining: Joining }
  | { readonly type: 'running'; readonly engine: Engine }
  | { readonly type: 'failed' };

export class Startup {
  readonly #options: StartupOptions;
  readonly #disk = new DiskRequests();
  #phase: Phase = { type: 'opening' };
  readonly #effects: Effect[] = [];
  #nowMs = 0;

  constructor(options: StartupOptions) {
    this.#options = options;
    openLog(this.#disk, options.log, (opened) => {
      if (opened instanceof QuorateError) this.#fail(opened);
      else if (opened === 'new') this.#begin();
      else this.#recovered(opened);
    });
  }

  /** The running member, once it is opened. */
  get engine(): Engine | undefined {
    return this.#phase.type === 'running' ? this.#phase.engine : undefined;
  }

  /** Takes what happened; returns what is to be done, in order. */
  handle(event: Event): readonly Effect[] {
    if (this.#phase.type === 'running') return this.#phase.engine.handle(event);
    if (event.type === 'tick') this.#nowMs = event.nowMs;
    if (event.type === 'disk') this.#disk.complete(event.operation, event.result);
    else if (event.type === 'close') this.#fail(undefined);
    else if (this.#phase.type === 'joining') this.#phase.joining.handle(event);
    for (const operation of this.#disk.take()) this.#effects.push({ type: 'disk', operation });
    // Emptied in place: a joining process adds to the same list.
    return this.#effects.splice(0);
  }

  #begin(): void {
    const { beginning } = this.#options;
    if (beginning.type === 'found') this.#found(beginning.founders, beginning.token);
    else this.#join(beginning.addresses);
  }

  #found(founders: readonly Founder[], token: string): void {
    const { name } = this.#options;
    const state = foundingState(founders, clusterIdFrom(token, founders));
    const own = state.members.find((member) => member.name === name);
    if (own === undefined) {
      const message = `${name} is not among the founders: ${founders.map((f) => f.name).join(', ')}`;
      return this.#fail(new QuorateError('invalid-config', message));
    }
    this.#settle({ memberId: own.id, incarnation: this.#drawId() }, { founder: true, state });
  }

  #join(addresses: () => readonly string[]): void {
    joiningIncarnation(
      this.#disk,
      () => this.#drawId(),
      (incarnation) => {
        if (incarnation instanceof QuorateError) this.#fail(incarnation);
        else this.#joinAs(incarnation, addresses);
      },
    );
  }

  #joinAs(incarnation: number, addresses: () => readonly string[]): void {
    const { name, address, tags, settings, random, mac } = this.#options;
    const joining = new Joining({
      call: { name, address, tags, incarnation },
      addresses,
      peers: { settings: settings.peers, random, mac },
      nowMs: this.#nowMs,
      effects: this.#effects,
      joined: ({ clusterId, id, members }) => {
        const state = { ...foundingState([], clusterId), members };
        this.#settle({ memberId: id, incarnation }, { founder: false, state });
      },
      failed: (error) => this.#fail(error),
    });
    this.#phase = { type: 'joining', joining };
  }

  /** The directory gets its identity, as its last founding act. */
  #settle(found: { memberId: number; incarnation: number }, view: FirstView): void {
    this.#phase = { type: 'opening' };
    const { clusterId } = view.state;
    const identity: Identity = { clusterId, name: this.#options.name, ...found };
    const content = encodeFirstView(view);
    this.#disk.run({ type: 'write-atomically', path: FIRST_VIEW_FILE, content }, (error) => {
      if (error !== null) return this.#fail(error);
      foundLog(this.#disk, identity, this.#options.log, (opened) => {
        if (opened instanceof QuorateError) this.#fail(opened);
        else this.#recovered(opened);
      });
    });
  }

  #recovered({ log, identity, report }: OpenedLog): void {
    this.#say('info', { ...report }, 'the log is recovered');
    if (report.damage !== undefined) {
      this.#say(
        'warn',
        { err: report.damage },
        'the log is damaged, and repaired as was asked for',
      );
    }
    const read = {
      type: 'read-whole',
      path: FIRST_VIEW_FILE,
      bytesMax: FIRST_VIEW_BYTES_MAX,
    } as const;
    this.#disk.bytes(read, (bytes) => {
      if (bytes instanceof QuorateError) return this.#fail(bytes);
      const view = decodeFirstView(bytes);
      if (view instanceof QuorateError) this.#fail(view);
      else this.#loadSystem(log, identity, view);
    });
  }

  #loadSystem(log: MemberLog, identity: Identity, view: FirstView): void {
    const { founder, state } = view;
    let engine: Engine | undefined;
    const system = new SystemMachine(state, () => engine?.systemChanged());
    const group = log.openGroup(SYSTEM_GROUP);
    // What a joiner was sent counts from when its log began with it.
    const beginning = founder ? state : group.lastIndex() > 0 ? view.beginning : undefined;
    if (beginning !== undefined) {
      const voters = beginning.members.map(({ id }) => id);
      beginAtOrigin(log, group, voters, encodeJson(beginning));
    }
    const { settings } = this.#options;
    const { clusterId } = identity;
    const snapshots = new SnapshotWork({ disk: this.#disk, log, settings, clusterId });
    const systemState = new GroupState();
    let quarantine: Quarantine;
    const load = (): void => {
      snapshots.load(group, { machine: system, state: systemState }, (applied) => {
        if (applied instanceof QuorateError) return this.#fail(applied);
        const { voters } = group.initialState().configuration;
        const alone = voters.length === 1 && voters[0] === identity.memberId;
        if (alone && log.isSuspect(SYSTEM_GROUP)) return this.#fail(noPeers());
        engine = this.#run(log, identity, {
          view,
          system,
          systemState,
          applied,
          snapshots,
          quarantine,
        });
      });
    };
    snapshots.lookUp((error) => {
      if (error !== null) return this.#fail(error);
      readQuarantine(this.#disk, (rows) => {
        if (rows instanceof QuorateError) return this.#fail(rows);
        quarantine = new Quarantine(this.#disk, rows);
        load();
      });
    });
  }

  #run(
    log: MemberLog,
    identity: Identity,
    loaded: {
      readonly view: FirstView;
      readonly system: SystemMachine;
      readonly systemState: GroupState;
      readonly applied: Position;
      readonly snapshots: SnapshotWork;
      readonly quarantine: Quarantine;
    },
  ): Engine {
    const { name, address, tags, settings, random, mac } = this.#options;
    const { clusterId, memberId: self, incarnation } = identity;
    const engine = new Engine({
      settings,
      random,
      presence: { self, incarnation, address, tags },
      clusterId,
      name,
      disk: this.#disk,
      log,
      repair: this.#options.log.repair ?? false,
      system: loaded.system,
      systemState: loaded.systemState,
      systemApplied: loaded.applied,
      snapshots: loaded.snapshots,
      quarantine: loaded.quarantine,
      told: loaded.view.state.members,
      hints: hintsFrom(this.#options.beginning),
      keepBeginning: (bytes, then) => this.#keepBeginning(loaded.view, bytes, then),
      mac,
      wake: this.#options.wake,
      nowMs: this.#nowMs,
    });
    this.#phase = { type: 'running', engine };
    this.#effects.push({ type: 'opened', self, clusterId });
    return engine;
  }

  #keepBeginning(
    view: FirstView,
    bytes: Uint8Array,
    then: (error: QuorateError | null) => void,
  ): void {
    const beginning = JSON.parse(new TextDecoder().decode(bytes)) as SystemState;
    const content = encodeFirstView({ ...view, beginning });
    this.#disk.run({ type: 'write-atomically', path: FIRST_VIEW_FILE, content }, then);
  }

  #drawId(): number {
    const { random } = this.#options;
    return 1 + random.below(2 ** 20) * 2 ** 32 + random.uint32();
  }

  #say(level: 'info' | 'warn', facts: Record<string, unknown>, message: string): void {
    this.#effects.push({ type: 'log', level, facts, message });
  }

  #fail(error: QuorateError | undefined): void {
    this.#phase = { type: 'failed' };
    this.#effects.push({ type: 'closed', error: error ?? null });
  }
}

/** Where a member's command line says that the others are, by name: they may have moved. */
function hintsFrom(beginning: Beginning): ReadonlyMap<string, string> {
  const founders = beginning.type === 'found' ? beginning.founders : [];
  return new Map(founders.map(({ name, address }) => [name, address]));
}
