// The tracker of progress by itself, with a clock that the tests turn.

import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { configureLog } from '../../src/log.ts';
import { jobStages, type Progress } from '../../src/progress/contract.ts';
import { createProgressTracker, type ProgressTracker } from '../../src/progress/progress.ts';

const minute = 60_000;
let tracker: ProgressTracker;
let told: Progress[];
let saved: Progress[];
beforeEach(() => {
  configureLog({ level: 'silent', secrets: [] });
  jest.useFakeTimers();
  [told, saved] = [[], []];
  tracker = createProgressTracker({
    save: async (progress) => {
      saved.push(progress);
      if (progress.progress === 13) throw new Error('no');
    },
  });
});
afterEach(() => {
  tracker[Symbol.dispose]();
  jest.useRealTimers();
});

const follow = (id = 'a') => tracker.subscribeToProgress(id, (progress) => told.push(progress));
const now = (id = 'a') => tracker.getProgress(id);

test('a generation begins as pending, passes its stages in order, and is completed with its result', () => {
  follow();
  tracker.initializeProgress('a', 'user', { metadata: { courseId: 'C1' } });
  expect(now()).toEqual({
    id: 'a',
    status: 'pending',
    stage: 'initializing',
    progress: 0,
    message: expect.any(String),
    stageProgress: jobStages.map((stage) => ({ stage, status: 'pending', progress: 0 })),
    metadata: { courseId: 'C1' },
  });
  for (const stage of jobStages.slice(0, -1)) tracker.completeStage('a', stage);
  expect(now()).toMatchObject({ status: 'in_progress', stage: 'download_ready', progress: 100 });
  expect(tracker.completeGeneration('a', { s3Key: 'key' })).toBe(true);
  expect(now()).toMatchObject({ status: 'completed', stage: 'completed', metadata: { courseId: 'C1', s3Key: 'key' } });
  const stages = told.map(({ stage }) => jobStages.indexOf(stage));
  expect(stages).toEqual(stages.toSorted((a, b) => a - b));
  expect(new Set(stages).size).toBe(jobStages.length);
});

test('neither stage nor percentage goes back, and nonsense changes nothing', () => {
  tracker.initializeProgress('a', 'user');
  tracker.updateProgress('a', 'pdf_generation', 75, 'Printing');
  expect(now()).toMatchObject({ stage: 'pdf_generation', progress: 75, message: 'Printing' });
  tracker.updateProgress('a', 'template_loading', 10);
  for (const percent of [Number.NaN, -5, Number.NEGATIVE_INFINITY])
    tracker.updateProgress('a', 'pdf_generation', percent);
  tracker.updateProgress('a', 'nonsense' as 'completed', 76);
  expect(now()).toMatchObject({ stage: 'pdf_generation', progress: 76 });
  tracker.updateProgress('a', 'completed', 400);
  expect(now()).toMatchObject({ status: 'in_progress', stage: 'download_ready', progress: 100 });
  expect(tracker.updateProgress('unknown', 'pdf_generation', 5)).toBe(false);
});

describe('an end', () => {
  test.each([
    ['failed', () => tracker.failGeneration('a', { code: 'page_failed', detail: 'It failed.' })],
    ['cancelled', () => tracker.cancelGeneration('a')],
    ['completed', () => tracker.completeGeneration('a')],
  ])('as %s is the only one', (status, end) => {
    tracker.initializeProgress('a', 'user');
    tracker.updateProgress('a', 'data_validation', 40);
    expect(end()).toBe(true);
    expect(now()?.status).toBe(status);
    const after = now();
    expect([
      tracker.completeGeneration('a'),
      tracker.cancelGeneration('a'),
      tracker.failGeneration('a', { code: 'page_failed', detail: '' }),
      tracker.updateProgress('a', 'file_preparation', 95),
    ]).toEqual([false, false, false, false]);
    expect(now()).toBe(after);
  });

  test('says in which stage it came', () => {
    tracker.initializeProgress('a', 'user');
    tracker.updateProgress('a', 'data_validation', 40);
    tracker.failGeneration('a', { code: 'page_failed', detail: 'It failed.' });
    expect(now()?.stageProgress.map(({ status }) => status)).toEqual([
      'completed',
      'completed',
      'failed',
      'pending',
      'pending',
      'pending',
      'pending',
    ]);
    expect(now()?.error).toEqual({ code: 'page_failed', detail: 'It failed.' });
  });

  test('by cancellation is refused where that was said', () => {
    tracker.initializeProgress('a', 'user', { enableCancellation: false });
    expect(tracker.cancelGeneration('a')).toBe(false);
    expect(now()?.status).toBe('pending');
  });
});

describe('time', () => {
  test('is over five minutes after the start of work, however long it waited before', () => {
    follow();
    tracker.initializeProgress('a', 'user');
    jest.advanceTimersByTime(20 * minute);
    tracker.updateProgress('a', 'template_loading', 10);
    jest.advanceTimersByTime(5 * minute - 1);
    expect(now()?.status).toBe('in_progress');
    jest.advanceTimersByTime(1);
    expect(told.at(-1)).toMatchObject({ status: 'timeout', error: { code: 'render_timeout' } });
  });

  test('is what the options say, and is over when it was elsewhere', () => {
    tracker.initializeProgress('a', 'user', { timeout: 1000, elapsed: 600 });
    tracker.updateProgress('a', 'template_loading', 10);
    jest.advanceTimersByTime(399);
    expect(now()?.status).toBe('in_progress');
    jest.advanceTimersByTime(1);
    expect(now()?.status).toBe('timeout');
  });

  test('ends no generation that has ended', () => {
    tracker.initializeProgress('a', 'user', { timeout: 1000 });
    tracker.updateProgress('a', 'template_loading', 10);
    tracker.completeGeneration('a');
    jest.advanceTimersByTime(2000);
    expect(now()?.status).toBe('completed');
  });

  test('does not depend on the clock of the wall', () => {
    tracker.initializeProgress('a', 'user');
    tracker.updateProgress('a', 'template_loading', 10);
    jest.setSystemTime(Date.now() + 24 * 60 * minute);
    jest.advanceTimersByTime(1000);
    tracker.completeGeneration('a');
    expect(tracker.getProgressAnalytics('a')?.totalDuration).toBe(1000);
  });

  test('left is estimated from the time taken', () => {
    tracker.initializeProgress('a', 'user');
    tracker.updateProgress('a', 'template_loading', 5);
    expect(now()).not.toHaveProperty('estimatedTimeRemaining');
    jest.advanceTimersByTime(2000);
    tracker.updateProgress('a', 'data_validation', 40);
    expect(now()?.estimatedTimeRemaining).toBe(3000);
  });
});

test('what was measured: how long it took, how fast it went, how long each stage was', () => {
  tracker.initializeProgress('a', 'user');
  jest.advanceTimersByTime(5000);
  tracker.updateProgress('a', 'template_loading', 10);
  jest.advanceTimersByTime(1000);
  tracker.updateProgress('a', 'pdf_generation', 70);
  jest.advanceTimersByTime(3000);
  tracker.completeGeneration('a');
  jest.advanceTimersByTime(3000);
  expect(tracker.getProgressAnalytics('a')).toEqual({
    totalDuration: 4000,
    averageProgressRate: 25,
    stageDurations: { template_loading: 1000, pdf_generation: 3000 },
  });
  expect(tracker.getProgressAnalytics('unknown')).toBeUndefined();
});

describe('being forgotten', () => {
  test('comes a minute after the end', () => {
    tracker.initializeProgress('a', 'user');
    tracker.completeGeneration('a');
    jest.advanceTimersByTime(minute - 1);
    expect(now()).toBeDefined();
    jest.advanceTimersByTime(1);
    expect(now()).toBeUndefined();
    jest.advanceTimersByTime(10_000);
    expect(tracker.getStats().tracked).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('comes half an hour after the last change to what has not ended', () => {
    tracker.initializeProgress('a', 'user', { timeout: Number.POSITIVE_INFINITY });
    jest.advanceTimersByTime(29 * minute);
    tracker.updateProgress('a', 'template_loading', 10);
    jest.advanceTimersByTime(30 * minute - 1);
    expect(now()).toBeDefined();
    jest.advanceTimersByTime(1);
    expect([now(), tracker.updateProgress('a', 'template_loading', 11)]).toEqual([undefined, false]);
  });

  test('is done by cleanup, which says of how many', () => {
    for (const id of ['a', 'b', 'c']) tracker.initializeProgress(id, 'user');
    tracker.completeGeneration('a');
    tracker.cancelGeneration('b');
    jest.setSystemTime(0);
    expect(tracker.cleanup()).toBe(0);
    expect(tracker.getStats()).toEqual({
      tracked: 3,
      byStatus: { completed: 1, cancelled: 1, pending: 1 },
      subscribers: 0,
    });
    // As if no timer had run.
    jest.advanceTimersByTime(minute);
    tracker.cleanup();
    expect(tracker.getStats()).toMatchObject({ tracked: 1, byStatus: { pending: 1 } });
  });
});

describe('those who follow', () => {
  test('hear of percentages twice a second at most, of stages and the end at once, and of the newest always', () => {
    tracker.initializeProgress('a', 'user');
    follow();
    for (let percent = 5; percent <= 30; percent++) {
      tracker.updateProgress('a', 'template_loading', percent);
      jest.advanceTimersByTime(100);
    }
    expect(told.length).toBeLessThanOrEqual(8);
    jest.advanceTimersByTime(500);
    expect(told.at(-1)?.progress).toBe(30);
    tracker.updateProgress('a', 'data_validation', 36);
    expect(told.at(-1)?.progress).toBe(36);
    tracker.updateProgress('a', 'data_validation', 37);
    tracker.completeGeneration('a');
    expect(told.at(-1)?.status).toBe('completed');
    const count = told.length;
    jest.advanceTimersByTime(5000);
    expect(told.length).toBe(count);
  });

  test('may come before it is known, may leave, and spoil nothing by failing', () => {
    const leave = follow();
    tracker.subscribeToProgress('a', () => {
      throw new Error('no');
    });
    follow();
    expect(tracker.getStats().subscribers).toBe(3);
    tracker.initializeProgress('a', 'user');
    expect(told).toHaveLength(2);
    leave();
    leave();
    expect(tracker.completeGeneration('a')).toBe(true);
    expect(told).toHaveLength(3);
    // Whoever comes late is told at once.
    follow();
    expect(told.at(-1)?.status).toBe('completed');
  });
});

test('states are saved in order where that is wanted; what cannot be saved hinders nothing', async () => {
  tracker.initializeProgress('a', 'user', { enablePersistence: true, updateInterval: 0 });
  tracker.initializeProgress('b', 'user');
  for (const percent of [12, 13, 14]) tracker.updateProgress('a', 'template_loading', percent);
  tracker.completeGeneration('a');
  tracker.completeGeneration('b');
  await jest.advanceTimersByTimeAsync(0);
  expect(saved.map(({ id, progress }) => [id, progress])).toEqual([0, 12, 13, 14, 100].map((each) => ['a', each]));
});
