/**
 * Commands for what the suite's scripts leave out: reads, crashes, duplicates, quiescence.
 *
 * A crash drops the core and all that waits for its log, its state machine and its Ready; what was
 * persisted stays, and what it sent stays on its way. With `unsynced=lost` what was written
 * without an fsync goes too (the commit index may); with `applied=` the state machine's own disk
 * had got no further than that.
 *
 *     crash 1 [unsynced=lost] [applied=12]
 *     crash-in-ready 1 before=persist|send|apply|advance     takes a Ready, does what comes before
 *     crash-in-append-thread 1                               writes, and dies before saying so
 *     crash-in-apply-thread 1                                applies, and dies before saying so
 *     restart 1
 *     read 2 7                   asks member 2 for a read index; 7 is the caller's number
 *     tick 1 5                   five ticks
 *     duplicate-msgs 2 [type=] [from=]                       sends what waits for 2 once more
 *     report-snapshot 1 3 failed=true
 *     wake 1
 *     show rounds                from here on, messages show rounds and reads
 *     applied 1                  prints the state machine
 *     quiescence                 prints who is quiet
 */
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
import { type Handler, tick } from './commands.ts';
import { messageTypeNames } from './describe.ts';
import type { Environment } from './environment.ts';
import { type ReadyStep, readySteps } from './member.ts';
import { quote } from './quote.ts';
import type { Command } from './script.ts';

function crash(environment: Environment, command: Command): void {
  allowKeys(command, 'unsynced', 'applied', 'before');
  const id = firstMember(command);
  const unsynced = optionOf(command, 'unsynced') ?? 'kept';
  if (unsynced !== 'kept' && unsynced !== 'lost') {
    throw new CommandError('unsynced= is kept or lost');
  }
  const applied = optionOf(command, 'applied');
  environment.network.forgetLocal(id);
  environment.member(id).crash({
    unsynced: unsynced === 'lost',
    applied: applied === undefined ? undefined : wholeNumber(applied),
  });
}

function crashInReady(environment: Environment, command: Command): void {
  const before = optionOf(command, 'before');
  const step = readySteps.find((candidate): candidate is ReadyStep => candidate === before);
  if (step === undefined) throw new CommandError(`before= is one of ${readySteps.join(', ')}`);
  if (environment.processReady(firstMember(command), step)) {
    throw new CommandError('there was no Ready to crash in');
  }
  crash(environment, command);
}

function restart(environment: Environment, command: Command): void {
  const member = environment.member(firstMember(command));
  if (!member.down) throw new CommandError(`member ${member.id} is not down`);
  member.start();
}

function duplicate(environment: Environment, command: Command): void {
  allowKeys(command, 'type', 'from');
  const type = optionOf(command, 'type');
  if (type !== undefined && !messageTypeNames.has(type)) {
    throw new CommandError(`unknown message type ${type}`);
  }
  const selection = { to: firstMember(command), type, from: optionOf(command, 'from') };
  const parcels = environment.network.peek(selection);
  if (parcels.length === 0) throw new CommandError('there is no such message');
  environment.network.send(parcels);
}

function reportSnapshot(environment: Environment, command: Command): void {
  const [id, member] = plainNumbers(command);
  if (id === undefined || member === undefined) throw new CommandError('two members are needed');
  const failed = truth(optionOf(command, 'failed') ?? 'false');
  environment.ask(id, { type: 'report-snapshot', member, failed });
}

function show(environment: Environment, command: Command): void {
  if (plainAt(command, 0) !== 'rounds') throw new CommandError('only rounds can be shown');
  environment.detail.rounds = true;
}

function applied(environment: Environment, command: Command): void {
  const { index, data } = environment.member(firstMember(command)).state;
  environment.output.line(`index=${index} state=${quote(data)}`);
}

function quiescence(environment: Environment): void {
  for (const member of environment.members) {
    const state = member.down ? 'down' : member.raft.status().quiet ? 'quiet' : 'awake';
    environment.output.line(`${member.id}: ${state}`);
  }
}

export const ownCommands: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['applied', applied],
  ['crash', crash],
  [
    'crash-in-append-thread',
    (environment, command) => {
      environment.processAppend(firstMember(command), true);
      crash(environment, command);
    },
  ],
  [
    'crash-in-apply-thread',
    (environment, command) => {
      environment.processApply(firstMember(command), true);
      crash(environment, command);
    },
  ],
  ['crash-in-ready', crashInReady],
  ['duplicate-msgs', duplicate],
  ['quiescence', quiescence],
  [
    'read',
    (environment, command) =>
      environment.propose(firstMember(command), {
        type: 'read',
        context: wholeNumber(plainAt(command, 1)),
      }),
  ],
  ['report-snapshot', reportSnapshot],
  ['restart', restart],
  ['show', show],
  [
    'tick',
    (environment, command) =>
      tick(environment, firstMember(command), wholeNumber(plainAt(command, 1))),
  ],
  ['wake', (environment, command) => environment.ask(firstMember(command), { type: 'wake' })],
]);
