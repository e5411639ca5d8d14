/**
 * Puts, deletions and transactions, as etcd does them: all comparisons of a transaction, those of
 * transactions inside it too, look at the state before it; then all that the chosen branches will do
 * is checked; only then the first write happens. Reads among the operations see the writes before
 * them.
 */
import { compareBytes } from '../base/compare-bytes.ts';
import { type ErrorCode, QuorateError } from '../base/errors.ts';
import { readEntry, walkIndex } from './key-index.ts';
import type { KeyWriter, ModelParts } from './key-writer.ts';
import { rangeEndOf } from './layout.ts';
import { checkRevision, type Readable, readRange } from './range.ts';
import { decodeEntry, type IndexEntry } from './record.ts';
import type {
  Compare,
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  TxnOperation,
  TxnOperationResponse,
  TxnRequest,
  TxnResponse,
} from './request.ts';

/** @throws QuorateError `lease-not-found`, `key-not-found` */
export function put(parts: ModelParts, writer: KeyWriter, request: PutRequest): PutResponse {
  // A put by itself looks for the lease first, one in a transaction for the key, as in etcd.
  if (request.lease !== 0n) parts.leases.usable(request.lease);
  checkPut(writer, request);
  return doPut(writer, request);
}

export function deleteRange(
  parts: ModelParts,
  writer: KeyWriter,
  { key, rangeEnd, prevKv }: DeleteRangeRequest,
): DeleteRangeResponse {
  const entries = liveEntries(parts, key, rangeEnd);
  const prevKvs = prevKv ? entries.map(({ entry }) => writer.read(entry)) : [];
  for (const { key: found } of entries) writer.remove(found);
  return { type: 'delete-range', revision: writer.revision, deleted: entries.length, prevKvs };
}

/**
 * @throws QuorateError `lease-not-found`, `key-not-found`, `compacted`, `future-revision`, before
 *   anything is written
 */
export function transact(parts: ModelParts, writer: KeyWriter, request: TxnRequest): TxnResponse {
  const path = choose(parts, writer, request);
  check(parts, writer, path);
  const responses = execute(parts, writer, path);
  return { type: 'txn', revision: writer.revision, succeeded: path.succeeded, responses };
}

/** A transaction with its branch chosen, and likewise those inside it. */
interface Path {
  readonly succeeded: boolean;
  readonly steps: readonly (Exclude<TxnOperation, TxnRequest> | Path)[];
}

function choose(parts: ModelParts, writer: KeyWriter, request: TxnRequest): Path {
  const succeeded = request.compare.every((compare) => holds(parts, writer, compare));
  const operations = succeeded ? request.success : request.failure;
  const steps = operations.map((operation) =>
    operation.type === 'txn' ? choose(parts, writer, operation) : operation,
  );
  return { succeeded, steps };
}

/** First all puts, then all ranges, as in etcd: that decides which refusal a client is told. */
function check(parts: ModelParts, writer: KeyWriter, path: Path): void {
  for (const step of stepsOf(path)) {
    if (step.type !== 'put') continue;
    checkPut(writer, step);
    if (step.lease !== 0n) parts.leases.usable(step.lease);
  }
  for (const step of stepsOf(path)) {
    if (step.type !== 'range' || step.revision === 0) continue;
    checkRevision(readable(parts, writer), step.revision);
  }
}

function* stepsOf({ steps }: Path): Generator<Exclude<TxnOperation, TxnRequest>> {
  for (const step of steps) {
    if ('steps' in step) yield* stepsOf(step);
    else yield step;
  }
}

function execute(parts: ModelParts, writer: KeyWriter, path: Path): TxnOperationResponse[] {
  return path.steps.map((step) => {
    if ('steps' in step) {
      // etcd leaves the revision of an inner transaction's header out.
      const responses = execute(parts, writer, step);
      return { type: 'txn', revision: 0, succeeded: step.succeeded, responses };
    }
    if (step.type === 'range') return readRange(readable(parts, writer), step);
    return step.type === 'put' ? doPut(writer, step) : deleteRange(parts, writer, step);
  });
}

/** The state as it is inside the transaction. */
function readable(parts: ModelParts, { revision }: KeyWriter): Readable {
  const { store: view, facts, counts, pages } = parts;
  return { view, revision, compactRevision: facts.compactRevision, counts, pages };
}

function checkPut(writer: KeyWriter, request: PutRequest): void {
  const needed = request.ignoreValue || request.ignoreLease;
  if (needed && writer.live(request.key) === undefined) {
    throw refusal('key-not-found', 'a put that leaves value or lease as they are needs the key');
  }
}

function doPut(writer: KeyWriter, request: PutRequest): PutResponse {
  const { key, ignoreValue, ignoreLease, prevKv } = request;
  let { value, lease } = request;
  let before: PutResponse['prevKv'];
  if (ignoreValue || ignoreLease || prevKv) {
    const entry = writer.live(key);
    const found = entry && writer.read(entry);
    if (ignoreValue && found !== undefined) value = found.value;
    if (ignoreLease && found !== undefined) lease = found.lease;
    if (prevKv) before = found;
  }
  writer.put(key, value, lease);
  return { type: 'put', revision: writer.revision, prevKv: before };
}

function holds(parts: ModelParts, writer: KeyWriter, compare: Compare): boolean {
  const entries = liveEntries(parts, compare.key, compare.rangeEnd);
  // There is no value that a key which is not there could be compared by.
  if (entries.length === 0) {
    return (
      compare.operand.target !== 'value' && verdict(compare, order(compare, undefined, writer))
    );
  }
  return entries.every(({ entry }) => verdict(compare, order(compare, entry, writer)));
}

/** How a key stands to the operand; one that is not there has 0 for everything. */
function order({ operand }: Compare, entry: IndexEntry | undefined, writer: KeyWriter): number {
  switch (operand.target) {
    case 'version':
      return (entry?.version ?? 0) - operand.version;
    case 'create':
      return (entry?.createRevision ?? 0) - operand.createRevision;
    case 'mod':
      return (entry?.latest.main ?? 0) - operand.modRevision;
    case 'lease': {
      const lease = entry?.lease ?? 0n;
      return lease === operand.lease ? 0 : lease < operand.lease ? -1 : 1;
    }
    case 'value':
      return entry === undefined ? 0 : compareBytes(writer.read(entry).value, operand.value);
  }
}

function verdict({ result }: Compare, difference: number): boolean {
  switch (result) {
    case 'equal':
      return difference === 0;
    case 'not-equal':
      return difference !== 0;
    case 'greater':
      return difference > 0;
    case 'less':
      return difference < 0;
  }
}

interface LiveEntry {
  readonly key: Uint8Array;
  readonly entry: IndexEntry;
}

/** The keys of a range that are there now, in order. */
function liveEntries({ store }: ModelParts, key: Uint8Array, rangeEnd: Uint8Array): LiveEntry[] {
  const end = rangeEndOf(rangeEnd);
  const entries: LiveEntry[] = [];
  if (end === 'one key') {
    const entry = readEntry(store, key);
    if (entry?.deleted === false) entries.push({ key, entry });
    return entries;
  }
  const to = end === 'no end' ? undefined : end;
  if (to !== undefined && compareBytes(key, to) >= 0) return entries;
  const bounds = { from: key, to };
  for (const { key: found, entry: bytes } of walkIndex(store, bounds)) {
    const entry = decodeEntry(bytes);
    if (!entry.deleted) entries.push({ key: found, entry });
  }
  return entries;
}

function refusal(code: ErrorCode, message: string): QuorateError {
  return new QuorateError(code, message);
}
