import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { fail, type ServiceError } from '../../src/errors.ts';
import { createRateLimiter } from '../../src/rate-limiter.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test('each caller may do it so often in any minute, and is told when it may again', () => {
  const limiter = createRateLimiter({ limit: 3, windowMs: 60_000 });
  const take = (caller = 'a') => {
    try {
      limiter.take(caller);
      return 'taken';
    } catch (error) {
      const { code, retryAfterSeconds } = error as ServiceError;
      expect(code).toBe(fail('rate_limited').code);
      return retryAfterSeconds;
    }
  };
  expect(take()).toBe('taken');
  jest.advanceTimersByTime(30_000);
  expect([take(), take(), take(), take()]).toEqual(['taken', 'taken', 30, 30]);
  expect(take('b')).toBe('taken');
  jest.advanceTimersByTime(29_999);
  expect(take()).toBe(1);
  jest.advanceTimersByTime(1);
  // The first has left the minute; the refused ones never were in it.
  expect([take(), take()]).toEqual(['taken', 30]);
});
