import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { QuorateError } from '../base/errors.ts';
import {
  applyChange,
  enterJoint,
  isJoint,
  leaveJoint,
  type Membership,
  restoreMembership,
  simpleChange,
} from './change.ts';
import {
  type ChangeStep,
  type ConfigurationChange,
  type ConfigurationState,
  emptyConfiguration,
} from './configuration.ts';
import { majority } from './quorum.ts';
import { decodeChange, encodeChange } from './wire/change.ts';

const context = { lastIndex: 10, inflightMessagesMax: 4, inflightBytesMax: 1000 };

function group(state: Partial<ConfigurationState>): Membership {
  return restoreMembership({ ...emptyConfiguration, ...state }, context);
}

/** Any configuration that is not joint, of members 1 … 6, with a voter. */
const configurations = fc
  .array(fc.constantFrom('voter', 'learner', 'none'), { minLength: 6, maxLength: 6 })
  .filter((roles) => roles.includes('voter'))
  .map((roles) => {
    const those = (role: string) => [1, 2, 3, 4, 5, 6].filter((id) => roles[id - 1] === role);
    return group({ voters: those('voter'), learners: those('learner') });
  });

const step: fc.Arbitrary<ChangeStep> = fc.record({
  type: fc.constantFrom('add-voter', 'add-learner', 'remove-member', 'update-member'),
  member: fc.integer({ min: 1, max: 7 }),
});
const steps = fc.array(step, { minLength: 1, maxLength: 5 });

/** The result, or undefined where the change is refused. */
function attempt(change: () => Membership): Membership | undefined {
  try {
    return change();
  } catch (error) {
    if (error instanceof QuorateError && error.code === 'unsafe-change') return undefined;
    throw error;
  }
}

/** Whether a set that is a quorum of one half, or of both if there are two, decides alone. */
function decides(of: ConfigurationState, set: readonly number[]): boolean {
  return [of.voters, of.votersOutgoing]
    .filter((half) => half.length > 0)
    .every((half) => half.filter((id) => set.includes(id)).length >= majority(half.length));
}

/** Every quorum of one meets every quorum of the other: no two decide apart. */
function intersect(first: ConfigurationState, second: ConfigurationState): boolean {
  const all = [1, 2, 3, 4, 5, 6, 7];
  for (let bits = 0; bits < 2 ** all.length; bits++) {
    const set = all.filter((_, i) => bits & (1 << i));
    const rest = all.filter((_, i) => !(bits & (1 << i)));
    if (decides(first, set) && decides(second, rest)) return false;
  }
  return true;
}

describe('changes of configuration', () => {
  test('a simple change comes to the same as joint in and out', () => {
    fc.assert(
      fc.property(configurations, steps, (current, changes) => {
        const simple = attempt(() => simpleChange(current, changes, context));
        if (simple === undefined) return;
        const through = leaveJoint(
          enterJoint(current, { autoLeave: false, steps: changes }, context),
        );
        expect(through.configuration).toEqual(simple.configuration);
        expect([...through.progress.keys()]).toEqual([...simple.progress.keys()]);
      }),
    );
  });

  test('quorums of consecutive configurations intersect', () => {
    fc.assert(
      fc.property(configurations, steps, (current, changes) => {
        const simple = attempt(() => simpleChange(current, changes, context));
        if (simple) expect(intersect(current.configuration, simple.configuration)).toBe(true);
        const joint = attempt(() =>
          enterJoint(current, { autoLeave: true, steps: changes }, context),
        );
        if (!joint) return;
        expect(intersect(current.configuration, joint.configuration)).toBe(true);
        const left = leaveJoint(joint).configuration;
        expect(intersect(joint.configuration, left)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('whatever the steps, the result is sound and the one taken stays as it was', () => {
    fc.assert(
      fc.property(configurations, steps, fc.boolean(), (current, changes, autoLeave) => {
        const before = structuredClone(current.configuration);
        const joint = attempt(() => enterJoint(current, { autoLeave, steps: changes }, context));
        expect(current.configuration).toEqual(before);
        if (!joint) return;
        const { voters, votersOutgoing, learners, learnersNext } = joint.configuration;
        expect(votersOutgoing).toEqual(before.voters);
        expect(learners.filter((id) => [...voters, ...votersOutgoing].includes(id))).toEqual([]);
        for (const id of learnersNext) expect(votersOutgoing).toContain(id);
        const members = new Set([...voters, ...votersOutgoing, ...learners]);
        expect([...joint.progress.keys()]).toEqual([...members].sort((a, b) => a - b));
      }),
    );
  });

  test('members that stay keep what is known of them', () => {
    const current = group({ voters: [1, 2, 3] });
    current.progress.get(2)!.match = 7;
    const next = simpleChange(current, [{ type: 'add-voter', member: 4 }], context);
    expect(next.progress.get(2)).toBe(current.progress.get(2));
    expect(next.progress.get(4)).toMatchObject({ match: 0, next: 10, active: true });
  });

  test.each<[string, Partial<ConfigurationState>, ChangeStep[], RegExp]>([
    [
      'two voters at once',
      { voters: [1] },
      [
        { type: 'add-voter', member: 2 },
        { type: 'add-voter', member: 3 },
      ],
      /more than one voter/,
    ],
    [
      'the last voter',
      { voters: [1] },
      [{ type: 'remove-member', member: 1 }],
      /removed all voters/,
    ],
    [
      'one while joint',
      { voters: [1, 2], votersOutgoing: [1] },
      [{ type: 'add-voter', member: 3 }],
      /in joint config/,
    ],
  ])('refused: %s', (_, state, changes, reason) => {
    expect(() => simpleChange(group(state), changes, context)).toThrow(reason);
  });

  test('joint may not be entered twice, nor left when it was not entered', () => {
    const joint = group({ voters: [1, 2], votersOutgoing: [1] });
    expect(() => enterJoint(joint, { autoLeave: false, steps: [] }, context)).toThrow(/already/);
    expect(() => leaveJoint(group({ voters: [1] }))).toThrow(/non-joint/);
    expect(() =>
      enterJoint(
        group({}),
        { autoLeave: false, steps: [{ type: 'add-voter', member: 1 }] },
        context,
      ),
    ).toThrow(/zero-voter/);
  });

  // Transition, number of steps: whether it goes through a joint configuration, and leaves alone.
  test.each([
    ['auto', 1, false, false],
    ['auto', 2, true, true],
    ['joint-implicit', 1, true, true],
    ['joint-explicit', 1, true, false],
    ['joint-explicit', 2, true, false],
  ] as const)(
    '%s with %i steps: joint %s, leaves by itself %s',
    (transition, count, joint, leaves) => {
      const changes: ChangeStep[] = [2, 3]
        .slice(0, count)
        .map((member) => ({ type: 'add-voter', member }));
      const change = { transition, steps: changes, context: new Uint8Array() };
      const { configuration } = applyChange(group({ voters: [1] }), change, context);
      expect(isJoint(configuration)).toBe(joint);
      expect(configuration.autoLeave).toBe(leaves);
    },
  );
});

test('a forced change leaves those it names, whatever the group was', () => {
  fc.assert(
    fc.property(configurations, steps, fc.boolean(), (before, changes, autoLeave) => {
      const joint = attempt(() => enterJoint(before, { autoLeave, steps: changes }, context));
      for (const each of [before, joint]) {
        if (each === undefined) continue;
        const forced: ConfigurationChange = {
          transition: 'forced',
          steps: [{ type: 'add-voter', member: 9 }],
          context: new Uint8Array(),
        };
        const after = applyChange(each, decodeChange(encodeChange(forced)), context);
        expect(after.configuration).toEqual({ ...emptyConfiguration, voters: [9] });
        expect([...after.progress.keys()]).toEqual([9]);
      }
    }),
  );
});
