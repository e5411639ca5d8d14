/** What the compiler makes of a definition: no casts anywhere, and wrong calls do not compile. */
import { describe, expectTypeOf, test } from 'vitest';
import type { Group, StateMap, TestCluster, TypedGroup } from '../../src/index.ts';
import { machine, map } from '../../src/index.ts';
import { counters, type everything } from './counters.ts';

declare const group: TypedGroup<typeof counters>;
declare const every: TypedGroup<typeof everything>;
declare const cluster: TestCluster;

describe('types', () => {
  test('of calls flow from the definition', () => {
    expectTypeOf<typeof group.commands.inc>().returns.toEqualTypeOf<Promise<bigint>>();
    expectTypeOf<typeof group.commands.inc>()
      .parameter(0)
      .toEqualTypeOf<{ key: bigint; by: bigint }>();
    expectTypeOf<typeof group.queries.get>().returns.toEqualTypeOf<Promise<bigint | undefined>>();
    expectTypeOf<typeof group.queries.get>().parameter(0).toEqualTypeOf<bigint>();
    expectTypeOf<typeof every.commands.take>().returns.toEqualTypeOf<Promise<bigint | undefined>>();
    expectTypeOf<typeof every.queries.names>().returns.toEqualTypeOf<Promise<string[]>>();
    expectTypeOf<typeof every.queries.count>().returns.toEqualTypeOf<Promise<number>>();
  });

  test("of a checked command are the schema's: what goes in is not what comes out", () => {
    expectTypeOf<typeof every.commands.checked>()
      .parameter(0)
      .toEqualTypeOf<{ name: string; age?: number | undefined }>();
    expectTypeOf<typeof every.commands.checked>().returns.toEqualTypeOf<Promise<string>>();
  });

  test('refuse what is not there', () => {
    const calls = () => {
      // @ts-expect-error there is no such command
      void group.commands.dec({ key: 1n, by: 1n });
      // @ts-expect-error a number is no bigint
      void group.commands.inc({ key: 1, by: 1n });
      // @ts-expect-error the input is missing
      void group.commands.inc();
      // @ts-expect-error there is no such consistency
      void group.queries.get(1n, { consistency: 'eventual' });
      void every.commands.take();
      void every.commands.take(undefined, { timeoutMs: 1 });
      void group.queries.get(1n, { consistency: 'local' });
    };
    expectTypeOf(calls).toBeFunction();
  });

  test('of plain state are widened, those of collections inferred', () => {
    machine({
      state: { count: 0, values: map<string, number>() },
      commands: {
        look(state) {
          expectTypeOf(state.count).toEqualTypeOf<number>();
          expectTypeOf(state.values).toEqualTypeOf<StateMap<string, number>>();
        },
      },
    });
  });

  test('of a version know the state before', () => {
    machine({
      state: { values: map<bigint, { amount: bigint }>() },
      commands: {},
      version: 2,
      from: counters,
      migrate: (before, state) => {
        expectTypeOf(before.values).toEqualTypeOf<StateMap<bigint, bigint>>();
        expectTypeOf(state.values).toEqualTypeOf<StateMap<bigint, { amount: bigint }>>();
      },
    });
  });

  test('of a typed group are those of a group as well', () => {
    expectTypeOf<typeof group>().toExtend<Group<(typeof group)['machine']>>();
    const open = () => cluster.group('counters', counters);
    expectTypeOf(open).returns.toEqualTypeOf<Promise<TypedGroup<typeof counters>[]>>();
  });
});
