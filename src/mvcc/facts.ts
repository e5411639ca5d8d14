/**
 * The few facts that belong to the whole model. They are saved with everything else whenever the
 * store is flushed, not with each command: what they tell must fit the state at the store's mark.
 */
import { ByteReader, ByteWriter } from '../base/binary.ts';
import { equalBytes } from '../base/compare-bytes.ts';
import { QuorateError } from '../base/errors.ts';
import type { LayeredStore } from '../store/layered-store.ts';
import { factsPrefix } from './layout.ts';

export type AlarmType = 'no-space' | 'corrupt';

/** Something is wrong with a member, which everybody has to heed. */
export interface Alarm {
  readonly memberId: bigint;
  readonly alarm: AlarmType;
}

const factsKey = Uint8Array.of(factsPrefix);
const version = 1;
const alarmTypes: readonly AlarmType[] = ['no-space', 'corrupt'];

/** See above; fields change as commands are applied. */
export class Facts {
  /** The latest revision: 1 before anything was written. */
  revision = 1;
  /** Nothing can be read below it; −1 while nothing was compacted, as etcd has it. */
  compactRevision = -1;
  /** All that is obsolete by this revision has been removed; never above `compactRevision`. */
  compactedThrough = -1;
  /** Layers of long keys in the index. */
  layers = 0;
  /** A sum over all that was ever written: replicas with the same history share it. */
  hash = 0;
  /** In the order in which they were raised. */
  alarms: readonly Alarm[] = [];
  readonly #store: LayeredStore;
  #saved: Uint8Array | undefined;

  /** @throws QuorateError `format-too-new` */
  constructor(store: LayeredStore) {
    this.#store = store;
    const bytes = store.get(factsKey);
    if (bytes === undefined) return;
    const reader = new ByteReader(bytes);
    const found = reader.byte();
    if (found > version) {
      throw new QuorateError('format-too-new', `the model's facts have version ${found}`);
    }
    this.revision = reader.number();
    this.compactRevision = reader.number() - 1;
    this.compactedThrough = reader.number() - 1;
    this.layers = reader.number();
    this.hash = reader.number();
    this.alarms = Array.from({ length: reader.count(9) }, () => ({
      alarm: alarmTypes[reader.byte()] ?? 'corrupt',
      memberId: new DataView(reader.raw(8).slice().buffer).getBigUint64(0),
    }));
    reader.end();
    this.#saved = bytes;
  }

  /** Puts the facts into the layer, if they have changed. */
  save(): void {
    const writer = new ByteWriter(64)
      .byte(version)
      .number(this.revision)
      .number(this.compactRevision + 1)
      .number(this.compactedThrough + 1)
      .number(this.layers)
      .number(this.hash)
      .number(this.alarms.length);
    for (const { alarm, memberId } of this.alarms) {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigUint64(0, memberId);
      writer.byte(alarmTypes.indexOf(alarm)).raw(bytes);
    }
    const bytes = writer.finish();
    if (this.#saved !== undefined && equalBytes(this.#saved, bytes)) return;
    this.#saved = bytes;
    this.#store.put(factsKey, bytes);
  }
}
