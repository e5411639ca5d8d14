/** The commands that the suite's scripts know, each a few lines over an `Environment`. */

import type { Transition } from '../../src/raft/configuration.ts';
import type { Proposal } from '../../src/raft/entry.ts';
import { addNodes, ELECTION_TICKS, HEARTBEAT_TICKS } from './add-nodes.ts';
import {
  allowKeys,
  CommandError,
  firstMember,
  optionOf,
  plainAt,
  plainNumbers,
  truth,
  wholeNumber,
} from './arguments.ts';
import { encodeProposedChange, NotationError, parseSteps } from './change-notation.ts';
import { formatEntries, formatMessage, formatRole, messageTypeNames } from './describe.ts';
import { formatProgress } from './describe-membership.ts';
import { CommandFailure, type Environment } from './environment.ts';
import { parcelOf } from './network.ts';
import { levelNames } from './output.ts';
import type { Command } from './script.ts';
import { StorageError } from './storage.ts';

/** Runs a command; `input` is what stands below it. */
export type Handler = (environment: Environment, command: Command, input: string) => void;

function propose(environment: Environment, command: Command): void {
  if (command.arguments.length !== 2) throw new CommandError('propose takes a member and a word');
  const data = new TextEncoder().encode(plainAt(command, 1));
  proposeEntry(environment, firstMember(command), { type: 'normal', data });
}

function proposeEntry(environment: Environment, id: number, entry: Proposal): void {
  environment.propose(id, { type: 'propose', entries: [entry] });
}

const transitionOf: ReadonlyMap<string, Transition> = new Map([
  ['auto', 'auto'],
  ['implicit', 'joint-implicit'],
  ['explicit', 'joint-explicit'],
]);

function proposeChange(environment: Environment, command: Command, input: string): void {
  allowKeys(command, 'v1', 'transition');
  const singleStep = truth(optionOf(command, 'v1') ?? 'false');
  const word = optionOf(command, 'transition') ?? 'auto';
  const transition = transitionOf.get(word);
  if (transition === undefined) throw new CommandFailure(`unknown transition ${word}`);
  const steps = stepsFrom(input);
  if (singleStep && (steps.length > 1 || transition !== 'auto')) {
    throw new CommandFailure('v1 conf change can only have one operation and no transition');
  }
  if (singleStep && steps.length === 0) throw new CommandError('v1 needs an operation');
  const data = encodeProposedChange({ steps, transition, singleStep });
  proposeEntry(environment, firstMember(command), { type: 'configuration', data });
}

function stepsFrom(input: string): ReturnType<typeof parseSteps> {
  try {
    return parseSteps(input);
  } catch (error) {
    if (error instanceof NotationError) throw new CommandFailure(error.message);
    throw error;
  }
}

/** For each member given; with a heading where there are several. */
export function forEach(
  environment: Environment,
  command: Command,
  heading: string,
  work: (id: number) => void,
): void {
  const ids = plainNumbers(command);
  for (const id of ids) {
    if (ids.length === 1) {
      work(id);
      continue;
    }
    environment.output.line(`> ${id} ${heading}`);
    environment.output.indented(() => work(id));
  }
}

function deliverMessages(environment: Environment, command: Command): void {
  allowKeys(command, 'drop', 'type', 'from');
  const receivers: { readonly id: number; readonly drop: boolean }[] = [];
  for (const { key, values } of command.arguments) {
    if (values.length === 0) receivers.push({ id: wholeNumber(key), drop: false });
    if (key !== 'drop') continue;
    for (const id of values.map((value) => wholeNumber(value.trim()))) {
      if (receivers.some((receiver) => receiver.id === id)) {
        throw new CommandError(`can't both deliver and drop msgs to ${id}`);
      }
      receivers.push({ id, drop: true });
    }
  }
  const type = optionOf(command, 'type');
  if (type !== undefined && !messageTypeNames.has(type)) {
    throw new CommandError(`unknown message type ${type}`);
  }
  const from = optionOf(command, 'from');
  let count = 0;
  for (const { id, drop } of receivers) count += environment.deliver({ to: id, type, from }, drop);
  if (count === 0) environment.output.line('no messages');
}

function setLevel(environment: Environment, name: string): void {
  if (!environment.output.setLevel(name)) {
    throw new CommandFailure(`log levels must be either of [${levelNames.join(' ')}]`);
  }
}

function stabilize(environment: Environment, command: Command): void {
  allowKeys(command, 'log-level');
  const before = environment.output.level;
  const level = optionOf(command, 'log-level');
  try {
    if (level !== undefined) setLevel(environment, level);
    environment.stabilize(plainNumbers(command));
  } finally {
    environment.output.setLevel(before);
  }
}

function raftLog(environment: Environment, id: number): void {
  const { storage } = environment.member(id);
  const entries = storage.all();
  environment.output.write(
    entries.length > 0
      ? formatEntries(entries)
      : `log is empty: first index=${storage.firstIndex()}, last index=${storage.lastIndex()}`,
  );
}

function compact(environment: Environment, command: Command): void {
  const id = firstMember(command);
  environment.member(id).storage.compact(wholeNumber(plainAt(command, 1)));
  raftLog(environment, id);
}

function raftState(environment: Environment): void {
  for (const { id, down, ...member } of environment.members.map(stateOf)) {
    environment.output.line(down ? `${id}: down` : `${id}: ${member.text}`);
  }
}

function stateOf(member: Environment['members'][number]): {
  readonly id: number;
  readonly down: boolean;
  readonly text: string;
} {
  if (member.down) return { id: member.id, down: true, text: '' };
  const { id, role, term, leader, configuration } = member.raft.status();
  const voter = [...configuration.voters, ...configuration.votersOutgoing].includes(id);
  const text = `${formatRole(role)} (${voter ? 'Voter' : 'Non-Voter'}) Term:${term} Lead:${leader}`;
  return { id, down: false, text };
}

function status(environment: Environment, command: Command): void {
  const { raft } = environment.member(firstMember(command));
  environment.output.write(formatProgress(raft.status().progress));
}

export function tick(environment: Environment, id: number, count: number): void {
  for (let i = 0; i < count; i++) environment.ask(id, { type: 'tick' });
}

function setTimeoutTicks(environment: Environment, command: Command): void {
  const ticks = wholeNumber(optionOf(command, 'timeout') ?? '0');
  if (ticks === 0) throw new CommandError('timeout= must be given, and not 0');
  environment.member(firstMember(command)).raft.core.electionTimeoutTicks = ticks;
}

function transferLeadership(environment: Environment, command: Command): void {
  const memberOf = (key: string): number => {
    const id = wholeNumber(optionOf(command, key) ?? '0');
    environment.member(id);
    return id;
  };
  const [from, target] = [memberOf('from'), memberOf('to')];
  environment.ask(from, { type: 'transfer-leadership', target });
}

function sendSnapshot(environment: Environment, command: Command): void {
  const ids = plainNumbers(command);
  if (ids.length !== 2) throw new CommandError('send-snapshot takes a sender and a receiver');
  const [from, to] = ids as [number, number];
  const { raft, state } = environment.member(from);
  const { term } = raft.status();
  const parcel = parcelOf(
    { type: 'snapshot', from, to, term, snapshot: state },
    environment.detail,
  );
  environment.network.send([parcel]);
  environment.output.write(formatMessage(parcel.drawn));
}

export const suiteCommands: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['_breakpoint', () => {}],
  ['add-nodes', addNodes],
  ['campaign', (e, command) => e.ask(firstMember(command), { type: 'campaign' })],
  ['compact', compact],
  ['deliver-msgs', deliverMessages],
  ['forget-leader', (e, command) => e.ask(firstMember(command), { type: 'forget-leader' })],
  ['log-level', (e, command) => setLevel(e, plainAt(command, 0))],
  [
    'process-append-thread',
    (e, c) => forEach(e, c, 'processing append thread', (id) => e.processAppend(id)),
  ],
  [
    'process-apply-thread',
    (e, c) => forEach(e, c, 'processing apply thread', (id) => e.processApply(id)),
  ],
  ['process-ready', (e, c) => forEach(e, c, 'handling Ready', (id) => e.processReady(id))],
  ['propose', propose],
  ['propose-conf-change', proposeChange],
  ['raft-log', (e, command) => raftLog(e, firstMember(command))],
  ['raft-state', raftState],
  [
    'report-unreachable',
    (e, command) =>
      e.ask(firstMember(command), {
        type: 'report-unreachable',
        member: wholeNumber(plainAt(command, 1)),
      }),
  ],
  ['send-snapshot', sendSnapshot],
  ['set-randomized-election-timeout', setTimeoutTicks],
  ['stabilize', stabilize],
  ['status', status],
  ['tick-election', (e, command) => tick(e, firstMember(command), ELECTION_TICKS)],
  ['tick-heartbeat', (e, command) => tick(e, firstMember(command), HEARTBEAT_TICKS)],
  ['transfer-leadership', transferLeadership],
]);

/** Errors whose text belongs to the output. */
export function isExpectable(error: unknown): error is Error {
  return error instanceof CommandFailure || error instanceof StorageError;
}
