import { describe, expect, it } from 'vitest';
import { type ErrorCode, errorCodes, QuorateError } from './errors.ts';
import { etcdErrorCodes } from './etcd-error-codes.ts';

describe('QuorateError', () => {
  it('takes from the table whether trying again can help', () => {
    for (const code of Object.keys(errorCodes) as ErrorCode[]) {
      expect(new QuorateError(code, 'why').retryable).toBe(errorCodes[code].retryable);
    }
  });

  it('says that nothing was applied unless told otherwise', () => {
    expect(new QuorateError('entry-too-large', 'too large').maybeApplied).toBe(false);
    expect(new QuorateError('entry-too-large', 'x', { maybeApplied: true }).maybeApplied).toBe(
      true,
    );
  });

  it('carries its cause and facts for machines', () => {
    const cause = new RangeError('2^53');
    const error = new QuorateError('out-of-range', 'term', { cause, details: { term: 2 ** 53 } });
    expect(error).toMatchObject({ cause, details: { term: 2 ** 53 }, name: 'QuorateError' });
    expect('cause' in new QuorateError('out-of-range', 'term')).toBe(false);
  });
});

describe('the table of codes', () => {
  it.each(Object.entries(errorCodes))('%s is in kebab-case and has a meaning', (code, line) => {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    // The key-value service's meanings are etcd's own texts.
    if (code in etcdErrorCodes) expect(line.meaning).not.toMatch(/^etcdserver|^$/);
    else expect(line.meaning).toMatch(/^[A-Z].*\.$/s);
  });
});
