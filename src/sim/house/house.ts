/**
 * What `quorate sim` runs: registers, clients that write, swap, add and read them, and the judgement
 * of what the clients have seen.
 */
import { QuorateError } from '../../base/errors.ts';
import type { Group } from '../../member/group.ts';
import type { Finding } from '../checkers/findings.ts';
import { History } from '../checkers/history.ts';
import { checkLinearizable } from '../checkers/linearizability.ts';
import type { ClientContext } from '../run/cluster.ts';
import type { Subject } from '../run/run.ts';
import { type Register, type RegisterInput, Registers, registerModel } from './registers.ts';

const groupName = 'registers';
const keyCount = 5;
const encoder = new TextEncoder();

/** The subject, and what its clients have seen so far. */
export interface House {
  readonly subject: Subject<Group<Registers>>;
  readonly history: History<RegisterInput, Register>;
}

/** A new one for each run. */
export function house(): House {
  const history = new History<RegisterInput, Register>();
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

  const step = async (group: Group<Registers>, context: ClientContext): Promise<void> => {
    const input = draw(context);
    const operation = history.call(context.client, input);
    try {
      const output =
        input.type === 'read'
          ? await group.read((machine) => machine.read(input.key))
          : ((await group.propose(encode(input))) as Register);
      history.done(operation, output);
      versions.set(`${context.client} ${input.key}`, output.version);
    } catch (error) {
      // A read that failed has no effect, whatever is known of it.
      const maybe = input.type !== 'read' && error instanceof QuorateError && error.maybeApplied;
      history.failed(operation, maybe);
      throw error;
    }
  };

  const judge = (): Finding[] => {
    const verdict = checkLinearizable(
      registerModel,
      history.observed(({ type }) => type !== 'read'),
    );
    if (verdict.linearizable) return [];
    const { part, stuck, before } = verdict;
    const lines = before.map((each) => `  ${JSON.stringify(each)}`);
    const message = `no order explains ${JSON.stringify(stuck)} of register ${part}, after\n${lines.join('\n')}`;
    return [{ rule: 'not-linearizable', message }];
  };

  return {
    history,
    subject: {
      application: {
        group: groupName,
        open: (member, options) => member.group(groupName, new Registers(), options),
        step,
      },
      fresh: () => new Registers(),
      judge,
    },
  };
}

function encode(input: RegisterInput): Uint8Array {
  return encoder.encode(JSON.stringify(input));
}
