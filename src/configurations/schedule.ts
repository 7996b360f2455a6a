// When a configuration is due: at intervals, by a cron pattern in its time zone, or once; inside of the window in which it is open. Pure.

import { Cron } from 'croner';

type Schedule = { everySeconds: number } | { cron: string } | { at: string };

const instantForm = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

export function readTime(text: string): Date | undefined {
  const [, day = ''] = instantForm.exec(text) ?? [];
  const [midnight, time] = [new Date(`${day}T00:00:00Z`), new Date(text)];
  if (Number.isNaN(midnight.getTime()) || Number.isNaN(time.getTime())) return undefined;
  // The 30th of February would be read as a day of March.
  return midnight.toISOString().startsWith(day) ? time : undefined;
}

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).format(0) !== '' && !/^[+-]/.test(name);
  } catch {
    return false;
  }
}

const openCron = (pattern: string, timezone: string) => new Cron(pattern, { paused: true, mode: '5-part', timezone });

const notFiveFields = 'must be a cron pattern of five fields: minute, hour, day, month, day of the week';

/** What is wrong with it, in words. */
export function faultOfSchedule(schedule: Schedule, now: Date): string | undefined {
  if ('everySeconds' in schedule) return undefined;
  if ('at' in schedule) {
    const at = readTime(schedule.at);
    if (at === undefined) return 'must be an instant, as ISO 8601 writes it';
    return at > now ? undefined : 'must not be in the past';
  }
  if (schedule.cron.trim().split(/\s+/).length !== 5) return notFiveFields;
  try {
    return openCron(schedule.cron, 'UTC').nextRun(now) === null ? 'never comes' : undefined;
  } catch {
    return notFiveFields;
  }
}

interface Scheduled {
  schedule: Schedule;
  timeZone: string;
  opensAt: Date | null;
  closesAt: Date | null;
  scheduledFrom: Date;
}

/** Those after `from`, whether it is open or not. */
function timesAfter({ schedule, timeZone, scheduledFrom }: Scheduled, from: Date, most: number): Date[] {
  if ('at' in schedule) return [new Date(schedule.at)].filter((at) => at > from);
  if ('cron' in schedule) return openCron(schedule.cron, timeZone).nextRuns(most, from);
  const intervalMs = schedule.everySeconds * 1000;
  // A clock that was put back since then does not make it later than one interval from now.
  const begun = Math.min(scheduledFrom.getTime(), from.getTime());
  const passed = Math.floor((from.getTime() - begun) / intervalMs);
  return Array.from({ length: most }, (_, at) => new Date(begun + (passed + 1 + at) * intervalMs));
}

/** The next times at which it is due. When it closes it is due for the last time. */
export function nextTimes(scheduled: Scheduled, now: Date, most = 3): Date[] {
  const { opensAt, closesAt } = scheduled;
  const justBeforeOpen = opensAt === null ? now : new Date(Math.max(now.getTime(), opensAt.getTime() - 1));
  const times = timesAfter(scheduled, justBeforeOpen, most);
  if (closesAt === null) return times;
  if (closesAt <= now) return [];
  return [...times.filter((time) => time < closesAt), closesAt].slice(0, most);
}
