// Looks now and then whether a configuration is due; all processes look, and each due time is one's.

import { createLog } from '../log.ts';
import type { Runs } from './runs.ts';

const log = createLog('runs');

const usualLookMs = 5000;

/** @param leastSeconds between two runs of one configuration. */
export function watchDueRuns(runs: Pick<Runs, 'beginDue'>, leastSeconds: number): Disposable {
  let isLooking = false;
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    try {
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
