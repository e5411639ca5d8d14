import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeededRandom } from '../base/seeded-random.ts';
import { SimFileNode } from './sim-inode.ts';

const size = 10_000;

/** What each byte of a file is now, and may be after a power loss. */
class Model {
  readonly now = new Uint8Array(size);
  readonly possible: Set<number>[] = Array.from({ length: size }, () => new Set([0]));
  readonly unsynced: { readonly position: number; bytes: Uint8Array }[] = [];

  write(position: number, bytes: Uint8Array): void {
    this.now.set(bytes, position);
    this.unsynced.push({ position, bytes });
    for (const [at, byte] of bytes.entries()) this.possible[position + at]!.add(byte);
  }

  /** Bytes that are durable now, but for what is unsynced above them. */
  settle(position: number, bytes: Uint8Array): void {
    for (const [at, byte] of bytes.entries()) this.possible[position + at] = new Set([byte]);
    for (const write of this.unsynced) {
      for (const [at, byte] of write.bytes.entries()) {
        const place = write.position + at;
        if (place >= position && place < position + bytes.length) this.possible[place]!.add(byte);
      }
    }
  }

  /** A durable write: it can be undone by nothing that came before. */
  writeDurably(position: number, bytes: Uint8Array): void {
    this.now.set(bytes, position);
    for (const [at, byte] of bytes.entries()) this.possible[position + at] = new Set([byte]);
    for (const write of this.unsynced) {
      write.bytes = write.bytes.map((byte, at) => {
        return bytes[write.position + at - position] ?? byte;
      });
    }
  }
}

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.record({ length: fc.nat(5_000), of: fc.nat(255) }).map(({ length, of }) => {
    return new Uint8Array(length).fill(of);
  }),
);
const where = fc.nat(size - 5_001);
const step = fc.oneof(
  fc.record({ do: fc.constant('write' as const), position: where, bytes }),
  fc.record({ do: fc.constant('durable' as const), position: where, bytes }),
  fc.record({ do: fc.constant('begin sync' as const) }),
  fc.record({ do: fc.constant('end sync' as const) }),
  fc.record({ do: fc.constant('backup' as const) }),
  fc.record({ do: fc.constant('power' as const) }),
);

test('what is synced survives, and nothing appears that was never written', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.nat(), (steps, seed) => {
      const random = new SeededRandom(seed);
      const file = new SimFileNode();
      file.apply({ kind: 'allocate', sizeBytes: size });
      file.syncUpTo(file.mark);
      const model = new Model();
      const content = new Uint8Array(size);
      let sync: { mark: number; count: number } | null = null;
      const backups: { file: SimFileNode; content: Uint8Array }[] = [];
      const check = (of: SimFileNode, view: 'seen' | 'durable'): void => {
        of[view].read(content, 0);
      };
      const losePower = (): void => {
        file.losePower(random);
        check(file, 'seen');
        for (let at = 0; at < size; at++) {
          if (!model.possible[at]!.has(content[at]!)) {
            throw new Error(`byte ${at} is ${content[at]}, not one of ${[...model.possible[at]!]}`);
          }
          model.possible[at] = new Set([content[at]!]);
        }
        model.now.set(content);
        model.unsynced.length = 0;
        sync = null;
      };
      for (const step of steps) {
        if (step.do === 'write') {
          file.apply({ kind: 'write', position: step.position, bytes: step.bytes });
          model.write(step.position, step.bytes);
        } else if (step.do === 'durable') {
          file.applyDurably({ kind: 'write', position: step.position, bytes: step.bytes });
          model.writeDurably(step.position, step.bytes);
        } else if (step.do === 'begin sync') {
          sync ??= { mark: file.mark, count: model.unsynced.length };
        } else if (step.do === 'end sync' && sync !== null) {
          file.syncUpTo(sync.mark);
          const synced = model.unsynced.splice(0, sync.count);
          for (const { position, bytes } of synced) model.settle(position, bytes);
          if (model.unsynced.length === 0) {
            for (let at = 0; at < size; at++) model.possible[at] = new Set([model.now[at]!]);
          }
          sync = null;
        } else if (step.do === 'backup') {
          const copy = file.copyDurable();
          check(copy, 'seen');
          backups.push({ file: copy, content: content.slice() });
        } else if (step.do === 'power') {
          losePower();
        }
        check(file, 'seen');
        expect(Buffer.compare(content, model.now)).toBe(0);
      }
      losePower();
      for (const backup of backups) {
        check(backup.file, 'durable');
        expect(Buffer.compare(content, backup.content)).toBe(0);
      }
    }),
    { numRuns: 300 },
  );
});
