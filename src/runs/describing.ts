// A run and its items as those are told who look after it. Pure.

import type { RunItem, RunSummary } from './contract.ts';
import { conclude } from './deciding.ts';
import type { StoredItem } from './item-store.ts';
import type { RunPlan, StoredRun } from './run-store.ts';

export function describeRun(run: StoredRun): RunSummary {
  const { id, configurationId, isDryRun, state, code, detail, counts, errors, createdAt, endedAt } = run;
  return {
    id,
    configurationId,
    isDryRun,
    state,
    ...(code === null ? {} : { code }),
    ...(detail === null ? {} : { detail }),
    counts,
    errors: errors.map(({ line, message }) => ({ ...(line === undefined ? {} : { line }), message })),
    createdAt: createdAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
  };
}

export function describeItem(plan: RunPlan, item: StoredItem): RunItem {
  const { studentId, courseId, courseName, outcome, code, certificateId } = item;
  return {
    studentId,
    ...(courseId === '' ? {} : { courseId }),
    ...(courseName === null ? {} : { courseName }),
    ...conclude(plan, item),
    ...(outcome === null ? {} : { outcome }),
    ...(code === null ? {} : { code }),
    ...(certificateId === null ? {} : { certificateId }),
  };
}
