/**
 * What clients asked and were told, and whether one order explains it all.
 *
 * Every value is written once at the most, and every answer carries the register's version, which
 * counts its writes. So the order of writes is known, and a history is linearizable exactly if
 * 1. each answer names the value that has its version in the end (nothing acknowledged is lost);
 * 2. what begins after another operation has returned has at least its version, a write a later one.
 * Beside that, no value is there twice, and none whose client was told that it has no effect.
 */

/** One operation of one client. Times are numbers of one sequence for the whole world. */
export interface Operation {
  readonly node: string;
  /** The life of the process that asked. */
  readonly life: number;
  readonly type: 'write' | 'read';
  readonly key: string;
  readonly called: number;
  /** Infinity while it is under way, and for ever if its process died. */
  returned: number;
  /** The value written, or read. */
  value: string | undefined;
  /** The version written, or read; 0 for none, and where that is not known. */
  version: number;
  outcome: 'under way' | 'done' | 'failed' | 'unknown';
  /** The code of the error. */
  code: string | undefined;
}

/** A register's values in the end, in the order of their versions. */
export type FinalValues = (key: string) => readonly string[];

/** All operations of a run. */
export class History {
  readonly operations: Operation[] = [];
  #time = 0;

  call(init: Pick<Operation, 'node' | 'life' | 'type' | 'key' | 'value'>): Operation {
    const operation: Operation = {
      ...init,
      called: ++this.#time,
      returned: Number.POSITIVE_INFINITY,
      version: 0,
      outcome: 'under way',
      code: undefined,
    };
    this.operations.push(operation);
    return operation;
  }

  /** An operation was answered. */
  done(operation: Operation, version: number, value: string | undefined): void {
    operation.returned = ++this.#time;
    operation.outcome = 'done';
    operation.version = version;
    operation.value = value;
  }

  /** An operation has failed; `maybeApplied`: it may have, or have had, its effect. */
  failed(operation: Operation, code: string, maybeApplied: boolean): void {
    operation.returned = maybeApplied ? Number.POSITIVE_INFINITY : ++this.#time;
    operation.outcome = maybeApplied ? 'unknown' : 'failed';
    operation.code = code;
  }

  count(outcome: Operation['outcome']): number {
    return this.operations.filter((operation) => operation.outcome === outcome).length;
  }
}

/** What is wrong with a history; empty if it is linearizable and nothing is lost. */
export function judge(operations: readonly Operation[], final: FinalValues): string[] {
  const keys = [...new Set(operations.map(({ key }) => key))];
  return keys.flatMap((key) => {
    return judgeKey(
      operations.filter((operation) => operation.key === key),
      final(key),
    );
  });
}

function judgeKey(operations: readonly Operation[], values: readonly string[]): string[] {
  const wrong: string[] = [];
  const versions = new Map<string, number>();
  for (const [at, value] of values.entries()) {
    if (versions.has(value)) wrong.push(`${value} was applied twice`);
    versions.set(value, at + 1);
  }
  const seen: { operation: Operation; version: number }[] = [];
  for (const operation of operations) {
    const { type, value, version, outcome } = operation;
    if (outcome === 'done') {
      if (values[version - 1] !== value) wrong.push(`lost or wrong: ${text(operation)}`);
      seen.push({ operation, version });
    } else if (type === 'write') {
      const applied = versions.get(value!);
      if (applied === undefined) continue;
      if (outcome === 'failed') wrong.push(`applied although refused: ${text(operation)}`);
      seen.push({ operation, version: applied });
    }
  }
  return wrong.concat(judgeOrder(seen));
}

/** Rule 2: goes through calls and returns in their order. */
function judgeOrder(seen: readonly { operation: Operation; version: number }[]): string[] {
  const wrong: string[] = [];
  const moments = seen.flatMap(({ operation, version }) => [
    { at: operation.called, operation, version, isCall: true },
    { at: operation.returned, operation, version, isCall: false },
  ]);
  moments.sort((a, b) => a.at - b.at);
  let latest: { operation: Operation; version: number } | undefined;
  for (const { operation, version, isCall, at } of moments) {
    if (at === Number.POSITIVE_INFINITY) break;
    if (!isCall) {
      if (latest === undefined || version > latest.version) latest = { operation, version };
      continue;
    }
    const floor = latest?.version ?? 0;
    const sound = operation.type === 'write' ? version > floor : version >= floor;
    if (!sound) wrong.push(`stale: ${text(operation)} after ${text(latest!.operation)}`);
  }
  return wrong;
}

function text({ node, type, key, value, version, outcome, called }: Operation): string {
  return `${type} of ${key} by ${node} at ${called}: ${value}, version ${version}, ${outcome}`;
}
