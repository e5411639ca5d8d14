/**
 * What `quorate sim` runs: registers, in memory or in a store on disk as the seed has it; clients
 * that write, swap, add and read them, with sessions or without; and the judgement of what the
 * clients have seen.
 */
import { QuorateError } from '../../base/errors.ts';
import type { Finding } from '../checkers/findings.ts';
import { History } from '../checkers/history.ts';
import { checkLinearizable } from '../checkers/linearizability.ts';
import type { ClientContext } from '../run/cluster.ts';
import type { Subject } from '../run/run.ts';
import { kindOf, openRegisters, type RegisterService } from './kinds.ts';
import { type Register, type RegisterInput, Registers, registerModel } from './registers.ts';
import { type SessionChange, SessionChanges } from './sessions.ts';

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

/**
 * A new one for each run: of the kind that its seed has drawn, or, without a seed, in memory and
 * without sessions.
 */
export function house(seed?: number): House {
  const kind = kindOf(seed);
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
      fresh: kind.isKept ? undefined : () => new Registers(),
      check: (service) => sessions.check(service.effects()),
      judge,
    },
  };
}
