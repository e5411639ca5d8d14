/**
 * A host: one member's process, which drives the shipping core by the rules of `Ready`, in simple
 * or in asynchronous mode. It may die between any two of its steps.
 */
import { QuorateError } from '../../src/base/errors.ts';
import type { SeededRandom } from '../../src/base/seeded-random.ts';
import type { Entry, MemberId } from '../../src/raft/entry.ts';
import type { AppendTask, ApplyTask, Input } from '../../src/raft/input.ts';
import type { Message } from '../../src/raft/message.ts';
import type { Proposed } from '../../src/raft/proposals.ts';
import { Raft } from '../../src/raft/raft.ts';
import type { Ready } from '../../src/raft/ready.ts';
import { decodeChange } from '../../src/raft/wire/change.ts';
import { Disk, type Write } from './disk.ts';
import { applyEntry, decodeState, type MachineState } from './machine.ts';
import { TICK } from './plan.ts';
import type { Surroundings } from './surroundings.ts';

/** Thrown where the process dies, and caught where the world called it. */
class Death extends Error {}

export class Host {
  readonly id: MemberId;
  readonly world: Surroundings;
  readonly disk: Disk;
  /** Undefined while the process is down. */
  raft: Raft | undefined;
  /** Whether the world allows it to be started. */
  mayStart = true;
  /** Counts the process's lives: what was meant for an earlier one is void. */
  life = 0;
  machine: MachineState;
  /** Nothing is handled until then; ticks are missed. */
  pausedUntil = 0;
  /** The disk takes this many units more for each task until then. */
  slowness = { by: 0, until: 0 };
  /** The process dies at the n-th point from now. */
  dieAt: number | undefined;
  readonly #random: SeededRandom;
  #appends: AppendTask[] = [];
  #applies: ApplyTask[] = [];
  #appending = false;
  #applying = false;
  /** In the middle of a Ready in simple mode. */
  #busy = false;
  #workScheduled = false;

  constructor(id: MemberId, world: Surroundings, random: SeededRandom) {
    this.id = id;
    this.world = world;
    this.#random = random;
    this.disk = new Disk(world.foundation(id), () => this.#isAway());
    this.machine = this.disk.machine();
  }

  get up(): boolean {
    return this.raft !== undefined;
  }

  get #plan() {
    return this.world.plan.group;
  }

  get #asynchronous(): boolean {
    return this.#plan.members[this.id - 1]!.asyncStorageWrites;
  }

  get #rate(): number {
    return this.#plan.members[this.id - 1]!.rate;
  }

  nowMs(): number | undefined {
    return this.#plan.lease ? this.world.events.now * this.#rate : undefined;
  }

  start(): void {
    if (this.up || !this.mayStart) return;
    const { group } = this.world.plan;
    const { asyncStorageWrites, priority } = group.members[this.id - 1]!;
    this.machine = this.disk.machine();
    this.raft = new Raft({
      id: this.id,
      storage: this.disk,
      random: this.#random,
      electionTicks: group.electionTicks,
      applied: this.machine.index,
      preVote: group.preVote,
      checkQuorum: group.checkQuorum,
      asyncStorageWrites,
      messageBytesMax: group.messageBytesMax,
      inflightMessagesMax: group.inflightMessagesMax,
      inflightBytesMax: group.inflightBytesMax,
      applyingBytesMax: group.applyingBytesMax,
      uncommittedBytesMax: group.uncommittedBytesMax,
      reads: group.lease ? 'lease' : 'quorum',
      lease: { tickMs: TICK, driftRatioMax: group.driftRatioMax },
      stepDownOnRemoval: group.stepDownOnRemoval,
      disableProposalForwarding: group.disableProposalForwarding,
      quiesceAfterTicks: group.quiesceAfterTicks,
      priority,
    });
    this.life++;
    this.world.oracle.started(this);
    this.#later(this.#random.fraction() * this.#interval, () => this.#tick());
    this.#scheduleWork();
  }

  /** The process dies, and perhaps the power fails. */
  crash(): void {
    if (!this.up) return;
    this.raft = undefined;
    this.life++;
    this.dieAt = undefined;
    this.#appends = [];
    this.#applies = [];
    this.#appending = false;
    this.#applying = false;
    this.#busy = false;
    this.#workScheduled = false;
    this.disk.crash(this.#random.below(2) === 0);
    this.world.oracle.crashed(this);
  }

  /** Steps an input; returns the refusal's code if it was refused. */
  step(input: Input): { proposed?: Proposed | undefined; refused?: string } {
    const { raft } = this;
    if (raft === undefined) return { refused: 'down' };
    try {
      const proposed = raft.step(input);
      this.world.oracle.observe(this);
      this.#scheduleWork();
      return { proposed };
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      // Whatever else honest members say to each other is well-formed.
      const expected = error.code !== 'malformed-message' && error.code !== 'out-of-range';
      this.world.oracle.hold(expected, () => `member ${this.id} refuses ${input.type}: ${error}`);
      this.world.oracle.observe(this);
      this.#scheduleWork();
      return { refused: error.code };
    }
  }

  /** Has something happen in this life, when the process is not paused. */
  #later(delay: number, action: () => void): void {
    const { life } = this;
    const attempt = () => {
      if (this.life !== life) return;
      const { now } = this.world.events;
      if (now < this.pausedUntil) this.world.events.after(this.pausedUntil - now, attempt);
      else this.#mortal(action);
    };
    this.world.events.after(delay, attempt);
  }

  deliver(message: Message): void {
    this.#later(0, () => this.step(message));
  }

  /** For reports that the host owes its own instance. */
  stepLater(delay: number, input: Input): void {
    this.#later(delay, () => this.step(input));
  }

  #mortal(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof Death)) throw error;
      this.crash();
      this.world.restartLater(this, this.#random.below(20 * TICK));
    }
  }

  /** A point at which the process may die. */
  #point(): void {
    if (this.dieAt !== undefined && this.dieAt-- <= 0) throw new Death();
  }

  get #interval(): number {
    return TICK / this.#rate;
  }

  /** Ticks stand at fixed times of the member's own clock; those that a pause covers are missed. */
  #tick(): void {
    const { life } = this;
    const again = () => {
      if (this.life !== life) return;
      this.world.events.after(this.#interval, again);
      if (this.world.events.now < this.pausedUntil) return;
      this.#mortal(() => this.step(this.#tickInput()));
    };
    again();
  }

  #tickInput(): Input {
    const nowMs = this.nowMs();
    return nowMs === undefined ? { type: 'tick' } : { type: 'tick', nowMs };
  }

  #isAway(): boolean {
    if (!this.up || this.#random.fraction() >= this.world.away) return false;
    this.stepLater(1 + this.#random.below(2 * TICK), { type: 'storage-ready' });
    return true;
  }

  /** Inputs of one turn share one Ready. */
  #scheduleWork(): void {
    if (this.#workScheduled || this.#busy || !this.raft?.hasReady()) return;
    this.#workScheduled = true;
    this.#later(this.#random.below(3) === 0 ? 1 : 0, () => {
      this.#workScheduled = false;
      this.#work();
    });
  }

  #work(): void {
    const { raft } = this;
    if (raft === undefined || this.#busy || !raft.hasReady()) return;
    const ready = raft.ready();
    this.world.oracle.observe(this);
    for (const read of ready.reads) this.world.oracle.readAnswered(this, read);
    if (this.#asynchronous) this.#handOut(ready);
    else this.#doSimply(ready);
    this.#scheduleWork();
  }

  // Simple mode.

  #doSimply(ready: Ready): void {
    this.#busy = true;
    this.#write(ready);
    if (this.#random.fraction() < this.#plan.slowReady) {
      this.#later(this.#diskDelay(), () => this.#finishSimply(ready));
    } else {
      this.#finishSimply(ready);
    }
  }

  #finishSimply(ready: Ready): void {
    this.#send(ready.messages);
    this.#apply(ready.committed);
    this.#point();
    this.raft?.advance();
    this.#busy = false;
    this.world.oracle.observe(this);
    this.#scheduleWork();
  }

  #send(messages: readonly Message[]): void {
    for (const message of messages) {
      this.#point();
      this.world.send(message, this);
    }
    this.#point();
  }

  #write(write: Write): void {
    if (this.dieAt === 0 && this.#random.below(2) === 0) {
      this.disk.writeTorn(write);
      this.world.oracle.written(this);
    }
    this.#point();
    this.disk.write(write);
    const { snapshot } = write;
    if (snapshot !== undefined) {
      this.machine = decodeState(snapshot.data, snapshot.configuration);
      this.world.oracle.applied(this, undefined);
    }
    this.world.oracle.written(this);
    this.#point();
  }

  #apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#point();
      let { configuration } = this.machine;
      if (entry.type === 'configuration') configuration = this.#change(entry) ?? configuration;
      this.machine = applyEntry(this.machine, entry, configuration);
      this.world.oracle.applied(this, entry);
      if (this.#random.fraction() < this.#plan.save) this.disk.save(this.machine);
    }
    this.#point();
  }

  #change({ data }: Entry) {
    try {
      return this.raft?.applyChange(decodeChange(data));
    } catch (error) {
      if (error instanceof QuorateError && error.code === 'unsafe-change') return undefined;
      throw error;
    }
  }

  // Asynchronous mode: two workers, each in order, each at its own pace.

  #handOut({ messages, append, apply }: Ready): void {
    this.#send(messages);
    if (append !== undefined) this.#appends.push(append);
    if (apply !== undefined) this.#applies.push(apply);
    this.#scheduleAppend();
    this.#scheduleApply();
  }

  #scheduleAppend(): void {
    if (this.#appending || this.#appends.length === 0) return;
    this.#appending = true;
    this.#later(this.#diskDelay(), () => {
      this.#appending = false;
      // Several tasks may share one fsync.
      const tasks = this.#appends.splice(0, 1 + this.#random.below(3));
      for (const task of tasks) this.#write(task);
      for (const task of tasks) this.#appendDone(task);
      this.#scheduleAppend();
    });
  }

  #appendDone({ replies, done }: AppendTask): void {
    for (const reply of replies) {
      this.#point();
      if (reply.to === this.id) this.step(reply);
      else this.world.send(reply, this);
    }
    this.#point();
    if (done !== undefined) this.step(done);
  }

  #scheduleApply(): void {
    if (this.#applying || this.#applies.length === 0) return;
    this.#applying = true;
    this.#later(this.#diskDelay(), () => {
      this.#applying = false;
      const task = this.#applies.shift();
      if (task === undefined) return;
      this.#apply(task.entries);
      this.step(task.done);
      this.#scheduleApply();
    });
  }

  #diskDelay(): number {
    const { by, until } = this.slowness;
    const more = this.world.events.now < until ? by : 0;
    return this.#random.below(this.world.diskMax + 1) + more;
  }

  /** Makes a snapshot of what is applied. */
  compact(trailing: number): void {
    if (this.up && !this.#busy) this.disk.compact(this.machine, trailing);
  }
}
