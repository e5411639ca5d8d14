/**
 * What `quorate sim` runs: registers, in memory or in a store on disk as the seed has it; clients
 * that write, swap, add and read them, with sessions or without; and the judgement of what the
 * clients have seen.
 */
import { QuorateError } from '../../base/errors.ts';
import type { Machine } from '../../engine/machine.ts';
import type { Finding } from '../checkers/findings.ts';
import { History } from '../checkers/history.ts';
import { checkLinearizable } from '../checkers/linearizability.ts';
import type { ClientContext } from '../run/cluster.ts';
import type { Plan } from '../run/plan.ts';
import type { Subject } from '../run/run.ts';
import { type HouseKind, kindOf, openRegisters } from './kinds.ts';
import { type Register, type RegisterInput, Registers, registerModel } from './registers.ts';
import type { RegisterService } from './service.ts';
import { type SessionChange, SessionChanges } from './sessions.ts';
import { registersTwo } from './upgraded.ts';

const groupName = 'registers';
const keyCount = 5;
/** How often a client asks again at once before it goes on with something else. */
const attemptsMax = 4;
/** One of so many steps asks for a change that has no answer, of any client. */
const stepsPerRepeat = 6;
/** Soon enough that an outcome is unknown now and then. */
const sessionTimeoutMs = 500;

/** The subject, and what its clients have seen so far. */
export interface House {
  readonly subject: Subject<RegisterService>;
  readonly history: History<RegisterInput, Register>;
  readonly sessions: SessionChanges;
}

/** A new one for each run of a plan: of the kind that its seed has drawn, versioned for upgrades. */
export function houseFor({ seed, faults }: Pick<Plan, 'seed' | 'faults'>): House {
  const isVersioned = faults.some(({ kind }) => kind === 'rolling-upgrade');
  return house(seed, { ...kindOf(seed), isVersioned });
}

/**
 * A new one for each run: of the kind that its seed has drawn, or, without a seed, in memory and
 * without sessions.
 */
export function house(seed?: number, kind: HouseKind = kindOf(seed)): House {
  const history = new History<RegisterInput, Register>();
  const sessions = new SessionChanges();
  /** What each client saw last of each register: swaps ask for that. */
  const versions = new Map<string, number>();
  let nextValue = 1;

  const draw = ({ random, client }: ClientContext): RegisterInput => {
    const key = `k${random.below(keyCount)}`;
    const value = nextValue++;
    const kind = random.below(8);
    if (kind < 3) return { type: 'read', key };
    if (kind < 6) return { type: 'write', key, value };
    if (kind < 7) return { type: 'add', key, by: 1 + random.below(9) };
    return { type: 'swap', key, version: versions.get(`${client} ${key}`) ?? 0, value };
  };

  /** Asks for a change of a session until it is answered, or has had no effect, or for some time. */
  const repeat = async (service: RegisterService, change: SessionChange): Promise<Register> => {
    const { id, session, input, operation } = change;
    for (let attempt = 1; ; attempt++) {
      change.attempts++;
      if (change.attempts > 1) sessions.repeated++;
      try {
        const output = await service.change(
          { input, id },
          { session, timeoutMs: sessionTimeoutMs },
        );
        if (sessions.answer(change, output)) history.done(operation, output);
        return output;
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        const { maybeApplied } = error;
        if (sessions.failed(change, maybeApplied)) history.failed(operation, false);
        if (!maybeApplied || attempt === attemptsMax) throw error;
      }
    }
  };

  const inSession = async (service: RegisterService, context: ClientContext): Promise<void> => {
    const { random, client } = context;
    const isRepeat = random.below(stepsPerRepeat) === 0;
    const anyone = isRepeat ? sessions.anyOpen((limit) => random.below(limit)) : undefined;
    const known = anyone ?? sessions.openOf(client);
    if (known !== undefined) {
      await repeat(service, known);
      return;
    }
    const input = draw(context);
    if (input.type === 'read') return plainly(service, context, input);
    const change = sessions.begin(client, history.call(client, input));
    const { version } = await repeat(service, change);
    versions.set(`${client} ${input.key}`, version);
  };

  const plainly = async (
    service: RegisterService,
    { client }: ClientContext,
    input: RegisterInput,
  ): Promise<void> => {
    const operation = history.call(client, input);
    try {
      const output =
        input.type === 'read' ? await service.read(input.key) : await service.change({ input });
      history.done(operation, output);
      versions.set(`${client} ${input.key}`, output.version);
    } catch (error) {
      // A read that failed has no effect, whatever is known of it.
      const maybe = input.type !== 'read' && error instanceof QuorateError && error.maybeApplied;
      history.failed(operation, maybe);
      throw error;
    }
  };

  const judge = (): Finding[] => {
    const findings = sessions.wrong.map((message) => ({ rule: 'answered-differently', message }));
    const verdict = checkLinearizable(
      registerModel,
      history.observed(({ type }) => type !== 'read'),
    );
    if (verdict.linearizable) return findings;
    const { part, stuck, before } = verdict;
    const lines = before.map((each) => `  ${JSON.stringify(each)}`);
    const message = `no order explains ${JSON.stringify(stuck)} of register ${part}, after\n${lines.join('\n')}`;
    return [...findings, { rule: 'not-linearizable', message }];
  };

  return {
    history,
    sessions,
    subject: {
      application: {
        group: groupName,
        open: (member, options) => openRegisters(kind, member, options),
        step: (service, context) =>
          kind.hasSessions ? inSession(service, context) : plainly(service, context, draw(context)),
      },
      fresh: freshOf(kind),
      check: (service) => sessions.check(service.effects()) ?? service.check?.(),
      awaits: (services) => (kind.isVersioned ? upgraded(services) : true),
      judge,
    },
  };
}

/** A machine as new, where there can be one without a store. */
function freshOf({ isKept, isVersioned }: HouseKind): (() => Machine) | undefined {
  if (isVersioned) return () => registersTwo.create({ name: groupName });
  return isKept ? undefined : () => new Registers();
}

/** Where all can do more, they all do. */
function upgraded(services: readonly RegisterService[]): boolean {
  const versions = services.map((service) => service.versions?.() ?? { own: 1, active: 1 });
  // A group that has not been given its first command runs no version yet.
  if (versions.every(({ active }) => active === 0)) return true;
  const all = versions.every(({ own }) => own === 2);
  return versions.every(({ active }) => active === (all ? 2 : 1));
}
