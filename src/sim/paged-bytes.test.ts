import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PagedBytes, pageBytes } from './paged-bytes.ts';

test('behaves as an array does, also when pages are shared with a copy', () => {
  const position = fc.nat(3 * pageBytes);
  const step = fc.oneof(
    fc.record({ do: fc.constant('write' as const), position, bytes: fc.uint8Array() }),
    fc.record({ do: fc.constant('truncate' as const), position }),
    fc.record({ do: fc.constant('allocate' as const), position }),
    fc.record({ do: fc.constant('clone' as const) }),
    fc.record({ do: fc.constant('share' as const), page: fc.nat(3) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let paged = new PagedBytes();
      let expected = new Uint8Array(0);
      const grown = (size: number): Uint8Array<ArrayBuffer> => {
        const larger = new Uint8Array(Math.max(size, expected.length));
        larger.set(expected);
        return larger;
      };
      const copies: { paged: PagedBytes; expected: Uint8Array }[] = [];
      for (const step of steps) {
        if (step.do === 'write') {
          paged.write(step.bytes, step.position);
          if (step.bytes.length === 0) continue;
          expected = grown(step.position + step.bytes.length);
          expected.set(step.bytes, step.position);
        } else if (step.do === 'truncate') {
          paged.truncate(step.position);
          expected = grown(step.position).slice(0, step.position);
        } else if (step.do === 'allocate') {
          paged.allocate(step.position);
          expected = grown(step.position);
        } else if (step.do === 'clone') {
          copies.push({ paged, expected: expected.slice() });
          paged = paged.clone();
        } else {
          // Sharing equal pages changes nothing, but then none may write to what is the other's.
          const copy = paged.clone();
          copy.sharePage(paged, step.page);
          copies.push({ paged: copy, expected: expected.slice() });
        }
      }
      for (const each of [...copies, { paged, expected }]) {
        const content = new Uint8Array(each.expected.length + 10);
        expect(each.paged.read(content, 0)).toBe(each.expected.length);
        expect(Buffer.compare(content.subarray(0, each.expected.length), each.expected)).toBe(0);
      }
    }),
  );
});

test('counts what is allocated', () => {
  const paged = new PagedBytes();
  paged.truncate(10 * pageBytes);
  expect(paged.pageCount).toBe(0);
  paged.write(new Uint8Array(2), pageBytes - 1);
  expect(paged.pageCount).toBe(2);
  expect(paged.allocatedWithin(0, 10 * pageBytes)).toBe(2);
  expect(paged.allocatedWithin(pageBytes, pageBytes + 1)).toBe(1);
  paged.allocate(4 * pageBytes);
  expect(paged.pageCount).toBe(4);
  paged.truncate(pageBytes);
  expect(paged.pageCount).toBe(1);
});
