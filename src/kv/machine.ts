/**
 * The replicated machine of the key-value service: the revisioned model, the rules of access that
 * stand before it, and the members' URLs, all in one store. Whoever serves listens to what is
 * applied.
 */
import { QuorateError } from '../base/errors.ts';
import type {
  CommandContext,
  Kept,
  Machine,
  MachineFacts,
  MachineRestore,
  Outcome,
} from '../engine/machine.ts';
import { Access } from '../mvcc/auth-access.ts';
import { type AuthIdentity, AuthStore } from '../mvcc/auth-store.ts';
import type { KvCommand } from '../mvcc/command.ts';
import { Model, type ModelOptions } from '../mvcc/model.ts';
import type { KeyEvent, TxnOperation } from '../mvcc/request.ts';
import type { LayeredStore } from '../store/layered-store.ts';
import { StateRestore, streamState } from '../store/state-stream.ts';
import { ClusterTable } from './cluster-table.ts';
import { type Command, decodeCommand, type TokenCommand } from './command.ts';

/** A command that took effect. */
export interface AppliedCommand {
  readonly command: Command;
  readonly index: number;
  /** The revision afterwards. */
  readonly revision: number;
  /** The changes of keys, all of that revision. */
  readonly events: readonly KeyEvent[];
}

export interface KvMachineOptions extends ModelOptions {
  /** Whether the store outlives the process. */
  readonly kept?: boolean;
}

export class KvMachine implements Machine {
  readonly model: Model;
  readonly rules: AuthStore;
  readonly cluster: ClusterTable;
  readonly kept?: Kept;
  readonly #store: LayeredStore;
  #appliedIndex = 0;
  #isWhole = true;
  readonly #applied = new Set<(applied: AppliedCommand) => void>();
  readonly #replaced = new Set<() => void>();

  constructor(store: LayeredStore, options: KvMachineOptions = {}) {
    this.#store = store;
    this.model = new Model(store, options);
    this.rules = new AuthStore(store);
    this.cluster = new ClusterTable(store);
    this.#appliedIndex = store.mark()?.position.index ?? 0;
    if (options.kept !== true) return;
    this.kept = {
      mark: () => store.mark(),
      flush: (mark, done) => {
        this.model.save();
        store.flush(mark, done);
      },
      clear: (done) => {
        store.clear(done);
        this.#appliedIndex = 0;
        this.#reload();
      },
      pressure: () => (this.#wantsRoom ? 'much' : store.pressure()),
    };
  }

  /** Room that was made counts only once it is made in the store too. */
  get #wantsRoom(): boolean {
    const { model } = this;
    if (!model.alarms.some(({ alarm }) => alarm === 'no-space')) return false;
    return this.#store.pressure() === 'little' && this.#store.layerBytes > 0;
  }

  /** The last command that was applied, refused ones too. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Calls `listener` after each command that took effect; returns how to stop that. */
  onApplied(listener: (applied: AppliedCommand) => void): () => void {
    this.#applied.add(listener);
    return () => this.#applied.delete(listener);
  }

  /** Calls `listener` when the whole state was replaced by a snapshot's. */
  onReplaced(listener: () => void): () => void {
    this.#replaced.add(listener);
    return () => this.#replaced.delete(listener);
  }

  /** What a caller may do. */
  access(identity: AuthIdentity | undefined): Access {
    return new Access(this.rules, identity, (lease) => this.model.leaseKeys(lease));
  }

  /** Refuses what a caller may not do with keys. */
  checkOperation(identity: AuthIdentity | undefined, operation: TxnOperation): void {
    if (this.rules.enabled) this.access(identity).operation(operation);
  }

  apply(bytes: Uint8Array, { index }: CommandContext): Outcome {
    this.#appliedIndex = index;
    try {
      const { identity, command } = decodeCommand(bytes);
      const { value, events } = this.#take(identity, command, index);
      const { revision } = this.model;
      const applied = { command, index, revision, events };
      for (const listener of this.#applied) listener(applied);
      return { ok: true, value };
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      if (this.#store.uncommitted) this.#store.rollback();
      return { ok: false, error };
    }
  }

  facts(): MachineFacts {
    return { kind: 'kv', version: 1, parts: [] };
  }

  snapshot(): Iterator<Uint8Array, void> {
    this.model.save();
    return streamState(this.#store);
  }

  /** Whether the state is one that was: not while a snapshot is taken into the store in its place. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  restore(): MachineRestore {
    const restore = new StateRestore(this.#store);
    this.#isWhole = false;
    return {
      chunk: (bytes) => restore.chunk(bytes),
      drain: (done) => restore.drain(done),
      finish: () => {
        restore.finish();
        this.#isWhole = true;
        this.#reload();
      },
    };
  }

  /** The store holds another state. */
  #reload(): void {
    this.model.reload();
    this.rules.load();
    this.cluster.load();
    for (const listener of this.#replaced) listener();
  }

  hash(): number {
    return this.model.hash;
  }

  #take(
    identity: AuthIdentity | undefined,
    command: Command,
    index: number,
  ): { readonly value: unknown; readonly events: readonly KeyEvent[] } {
    switch (command.type) {
      case 'token':
        return quiet(this.#token(command, index));
      case 'auth':
        this.rules.checkAdmin(identity);
        this.rules.apply(command.command);
        break;
      case 'cluster': {
        const value = this.cluster.apply(command.command);
        this.#store.commit();
        return quiet(value);
      }
      default:
        this.#check(identity, command);
        return this.#applyToModel(command);
    }
    this.#store.commit();
    return quiet(undefined);
  }

  #applyToModel(command: KvCommand): { value: unknown; events: readonly KeyEvent[] } {
    const { outcome, events } = this.model.apply(command);
    return { value: outcome, events };
  }

  /** Members propose on their own behalf only what is not asked of anybody: see `identity`. */
  #check(identity: AuthIdentity | undefined, command: KvCommand): void {
    if (!this.rules.enabled) return;
    if (identity?.user === memberIdentity.user) return;
    const access = this.access(identity);
    switch (command.type) {
      case 'put':
      case 'delete-range':
      case 'txn':
        return access.operation(command);
      case 'compact':
        return access.compact();
      case 'lease-grant':
        return this.rules.checkUser(identity);
      case 'lease-revoke':
        return access.lease(command.id);
      case 'lease-checkpoint':
      case 'alarm':
        return this.rules.checkAdmin(identity);
    }
  }

  #token({ user, passwordHash }: TokenCommand, index: number): number {
    if (!this.rules.enabled) throw new QuorateError('auth-not-enabled', 'access control is off');
    const known = this.rules.user(user);
    // The password may have been changed since it was checked.
    if (known === undefined || !same(known.passwordHash, passwordHash)) {
      throw new QuorateError('authentication-failed', 'the password is another one by now');
    }
    return index;
  }
}

/**
 * Who members are to the machine when they act on their own: expire leases, note their time, raise
 * alarms. No user has this name, since a name is never empty.
 */
export const memberIdentity: AuthIdentity = { user: '', revision: 0 };

function quiet(value: unknown): { value: unknown; events: readonly KeyEvent[] } {
  return { value, events: [] };
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
