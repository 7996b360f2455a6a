// When a configuration is due: intervals, cron patterns in their time zone, once; in the window in which it is open.

import { describe, expect, test } from '@jest/globals';
import { mergeOptions } from '../../src/configurations/plugin-options.ts';
import { faultOfSchedule, isTimeZone, nextTimes } from '../../src/configurations/schedule.ts';

const now = new Date('2026-03-01T12:00:00Z');
const usual = { timeZone: 'UTC', opensAt: null, closesAt: null, scheduledFrom: new Date('2026-03-01T00:00:00Z') };
const times = (more: object, at = now) =>
  nextTimes({ ...usual, schedule: { everySeconds: 86_400 }, ...more }, at).map((time) => time.toISOString());

describe('the next times', () => {
  test('of an interval begin one interval after it was switched on', () => {
    expect(times({})).toEqual(['2026-03-02T00:00:00.000Z', '2026-03-03T00:00:00.000Z', '2026-03-04T00:00:00.000Z']);
    expect(times({}, usual.scheduledFrom)[0]).toBe('2026-03-02T00:00:00.000Z');
  });

  test('of a pattern follow the clock of its time zone, over a change to summer time too', () => {
    const schedule = { cron: '0 3 * * *' };
    expect(times({ schedule, timeZone: 'Europe/Vienna' }, new Date('2026-03-28T00:00:00Z'))).toEqual([
      '2026-03-28T02:00:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T01:00:00.000Z',
    ]);
  });

  test('of an instant are that one, until it has passed', () => {
    expect(times({ schedule: { at: '2026-03-05T00:00:00+05:30' } })).toEqual(['2026-03-04T18:30:00.000Z']);
    expect(times({ schedule: { at: '2026-03-01T11:59:59Z' } })).toEqual([]);
  });

  test('lie inside of the window, whose end is the last of them', () => {
    const opensAt = new Date('2026-03-10T00:00:00Z');
    const closesAt = new Date('2026-03-11T06:00:00Z');
    expect(times({ opensAt, closesAt })).toEqual([
      '2026-03-10T00:00:00.000Z',
      '2026-03-11T00:00:00.000Z',
      '2026-03-11T06:00:00.000Z',
    ]);
    expect(times({ closesAt: new Date('2026-03-01T11:00:00Z') })).toEqual([]);
  });
});

test.each([
  [{ cron: '0 3 * * 1' }, undefined],
  [{ cron: '0 0 3 * * 1' }, 'must be a cron pattern of five fields: minute, hour, day, month, day of the week'],
  [{ cron: '@daily' }, 'must be a cron pattern of five fields: minute, hour, day, month, day of the week'],
  [{ cron: 'often' }, 'must be a cron pattern of five fields: minute, hour, day, month, day of the week'],
  [{ cron: '0 0 31 2 *' }, 'never comes'],
  [{ at: '2026-03-01T11:00:00Z' }, 'must not be in the past'],
  [{ at: '2026-02-30T11:00:00Z' }, 'must be an instant, as ISO 8601 writes it'],
  [{ at: '2026-03-02' }, 'must be an instant, as ISO 8601 writes it'],
  [{ at: '2026-03-02T00:00:00Z' }, undefined],
])('a schedule of %j: %s', (schedule, fault) => {
  expect(faultOfSchedule(schedule, now)).toBe(fault);
});

test.each([
  ['Asia/Kolkata', true],
  ['UTC', true],
  ['+05:30', false],
  ['Mars/Olympus', false],
  ['', false],
])('%s as a time zone: %s', (name, expected) => {
  expect(isTimeZone(name)).toBe(expected);
});

test('options are merged in depth: objects by their fields, all else as a whole', () => {
  const below = { grades: { Exam: 0.9, Total: 0.8 }, list: [1, 2], kept: true };
  const above = { grades: { Exam: 0.5 }, list: [3], constructor: 'x' };
  expect(mergeOptions(below, above)).toEqual({
    grades: { Exam: 0.5, Total: 0.8 },
    list: [3],
    kept: true,
    constructor: 'x',
  });
  expect(mergeOptions({}, JSON.parse('{"__proto__": {"polluted": true}}'))).not.toHaveProperty('polluted');
});
