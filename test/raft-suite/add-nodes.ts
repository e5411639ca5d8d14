/** `add-nodes`: new members that start from nothing, or all from the same snapshot. */
import { emptyConfiguration } from '../../src/raft/configuration.ts';
import { emptyBytes, type Snapshot } from '../../src/raft/entry.ts';
import { CommandError, firstMember, singleValue, truth, wholeNumber } from './arguments.ts';
import { CommandFailure, type Environment } from './environment.ts';
import type { MemberOptions } from './member.ts';
import type { Command } from './script.ts';

export const ELECTION_TICKS = 3;
export const HEARTBEAT_TICKS = 1;
const UNLIMITED = Number.MAX_SAFE_INTEGER;

/** A cluster as the scripts expect it: nothing is limited, and nothing extra is on. */
const defaults: MemberOptions = {
  electionTicks: ELECTION_TICKS,
  heartbeatTicks: HEARTBEAT_TICKS,
  preVote: false,
  checkQuorum: false,
  stepDownOnRemoval: false,
  messageBytesMax: UNLIMITED,
  applyingBytesMax: UNLIMITED,
  uncommittedBytesMax: UNLIMITED,
  inflightMessagesMax: 2 ** 31 - 1,
  inflightBytesMax: UNLIMITED,
};

/** What each key of `add-nodes` sets, for those that set an option. */
const optionOfKey: ReadonlyMap<string, (value: string) => MemberOptions> = new Map<
  string,
  (value: string) => MemberOptions
>([
  ['inflight', (value) => ({ inflightMessagesMax: wholeNumber(value) })],
  ['async-storage-writes', (value) => ({ asyncStorageWrites: truth(value) })],
  ['prevote', (value) => ({ preVote: truth(value) })],
  ['checkquorum', (value) => ({ checkQuorum: truth(value) })],
  ['max-committed-size-per-ready', (value) => ({ applyingBytesMax: wholeNumber(value) })],
  ['disable-conf-change-validation', (value) => ({ disableChangeValidation: truth(value) })],
  ['step-down-on-removal', (value) => ({ stepDownOnRemoval: truth(value) })],
  ['read-only', readOnly],
  // Of our own, for what the suite leaves out.
  ['inflight-bytes', (value) => byteWindow(wholeNumber(value))],
  ['message-bytes', (value) => ({ messageBytesMax: wholeNumber(value) })],
  ['quiesce-after', (value) => ({ quiesceAfterTicks: wholeNumber(value) })],
  ['disable-forwarding', (value) => ({ disableProposalForwarding: truth(value) })],
  ['priority', (value) => ({ priority: wholeNumber(value) })],
]);

/** A window of `bytes`; one message must fit in it, so messages hold one entry each. */
function byteWindow(bytes: number): MemberOptions {
  return { inflightBytesMax: bytes, messageBytesMax: 0 };
}

function readOnly(value: string): MemberOptions {
  if (value === 'safe') return { reads: 'quorum' };
  if (value === 'lease-based') return { reads: 'lease' };
  throw new CommandFailure(`invalid read-only option "${value}"`);
}

export function addNodes(environment: Environment, command: Command): void {
  let options = defaults;
  let initial: Snapshot = {
    term: 0,
    index: 0,
    configuration: emptyConfiguration,
    data: emptyBytes,
  };
  let fresh = true;
  for (const argument of command.arguments.slice(1)) {
    const { key } = argument;
    const { configuration } = initial;
    if (key === 'voters' || key === 'learners') {
      const members = argument.values.map(wholeNumber).sort((a, b) => a - b);
      initial = { ...initial, configuration: { ...configuration, [key]: members } };
      fresh = false;
    } else if (key === 'index') {
      initial = { ...initial, index: wholeNumber(singleValue(argument)) };
      fresh = false;
    } else if (key === 'content') {
      initial = { ...initial, data: new TextEncoder().encode(singleValue(argument)) };
      fresh = false;
    } else {
      const option = optionOfKey.get(key);
      if (option === undefined) throw new CommandError(`add-nodes does not know ${key}=`);
      options = { ...options, ...option(singleValue(argument)) };
    }
  }
  if (!fresh) {
    if (initial.index <= 1) {
      throw new CommandFailure('index must be specified as > 1 due to bootstrap');
    }
    initial = { ...initial, term: 1 };
  }
  environment.add(firstMember(command), options, initial);
}
