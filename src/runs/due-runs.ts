// Looks now and then whether a configuration is due; all processes look, and each due time is one's.

import { createLog } from '../log.ts';
import type { Runs } from './runs.ts';

const log = createLog('runs');

const usualLookMs = 5000;
const correctMs = 3_600_000;

/** @param leastSeconds between two runs of one configuration. */
export function watchDueRuns(runs: Pick<Runs, 'beginDue' | 'correctDue'>, leastSeconds: number): Disposable {
  let isLooking = false;
  let correctedAt = Number.NEGATIVE_INFINITY;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    try {
      if (performance.now() - correctedAt >= correctMs) {
        await runs.correctDue();
        correctedAt = performance.now();
      }
      await runs.beginDue();
    } catch (error) {
      log.debug('It is not known yet which configurations are due', { error });
    } finally {
      isLooking = false;
    }
  };
  const timer = setInterval(look, Math.min(usualLookMs, leastSeconds * 1000)).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
