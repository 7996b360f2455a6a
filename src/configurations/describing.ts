// A configuration as those are told who look after it. Pure.

import type { z } from 'zod';
import type { Configuration, configurationAnswer } from './contract.ts';
import { nextTimes } from './schedule.ts';

export function describeConfiguration(configuration: Configuration, now: Date): z.output<typeof configurationAnswer> {
  const { id, context, type, options, mail, schedule, timeZone, isEnabled, lastRun } = configuration;
  const { validForDays, remindDaysBefore, opensAt, closesAt } = configuration;
  const isoOf = (text: string) => new Date(text).toISOString();
  return {
    id,
    context,
    type,
    options,
    mail,
    ...(validForDays === null ? {} : { validForDays }),
    ...(remindDaysBefore === null ? {} : { remindDaysBefore }),
    schedule,
    timeZone,
    ...(opensAt === null ? {} : { opensAt: opensAt.toISOString() }),
    ...(closesAt === null ? {} : { closesAt: closesAt.toISOString() }),
    isEnabled,
    nextRuns: isEnabled ? nextTimes(configuration, now).map((time) => time.toISOString()) : [],
    lastRun:
      lastRun === null
        ? null
        : {
            ...lastRun,
            createdAt: isoOf(lastRun.createdAt),
            endedAt: lastRun.endedAt === null ? null : isoOf(lastRun.endedAt),
          },
  };
}
