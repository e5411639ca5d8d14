import { expect, it } from 'vitest';
import { QuorateError } from '../../base/errors.ts';
import { emptyConfiguration } from '../configuration.ts';
import { decodeSnapshotHead, encodeSnapshotHead } from './snapshot.ts';

const head = {
  term: 3,
  index: 300,
  configuration: { ...emptyConfiguration, voters: [1, 2, 3], learners: [2 ** 40] },
};
const wire = '0103ac0203010203' + '00' + '01808080808020' + '00' + '00';

it('has the bytes that it always had', () => {
  expect(Buffer.from(encodeSnapshotHead(head)).toString('hex')).toBe(wire);
  expect(decodeSnapshotHead(Uint8Array.from(Buffer.from(wire, 'hex')))).toEqual(head);
});

it('is refused cut off, with anything behind it, and in a version not known', () => {
  const whole = encodeSnapshotHead(head);
  for (let length = 0; length < whole.length; length++) {
    expect(() => decodeSnapshotHead(whole.subarray(0, length))).toThrow(QuorateError);
  }
  expect(() => decodeSnapshotHead(Uint8Array.from([...whole, 0]))).toThrow(QuorateError);
  expect(() => decodeSnapshotHead(Uint8Array.from([2, ...whole.subarray(1)]))).toThrow(/version 2/);
});
