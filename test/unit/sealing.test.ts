import { expect, test } from '@jest/globals';
import { createSealing } from '../../src/sealing.ts';

const [former, current, strange] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2), Buffer.alloc(32, 3)] as [
  Buffer,
  Buffer,
  Buffer,
];

test('what was sealed with a former key is opened, and nothing is sealed with it any more', () => {
  const sealed = createSealing(former).seal('token');
  const rotating = createSealing(current, former);
  expect(rotating.open(sealed)).toBe('token');
  expect(createSealing(current).open(rotating.seal('fresh'))).toBe('fresh');
});

test('what was sealed with another key, or altered, is not opened', () => {
  const sealed = createSealing(strange).seal('token');
  expect(() => createSealing(current, former).open(sealed)).toThrow('none of the keys');
  const altered = createSealing(current).seal('token');
  altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
  expect(() => createSealing(current, former).open(altered)).toThrow('altered');
});
