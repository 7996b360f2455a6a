// Figures by days, put together from what was counted. Pure.

import { millisecondsOf } from '../tally.ts';
import type { CertificateCount, DailyCount } from './store.ts';

const certificateNames = [
  'issued',
  'revoked',
  'replaced',
  'expired',
  'downloaded',
  'verified',
  'refused',
  'mailed',
] as const;
type CertificateName = (typeof certificateNames)[number];
const reportNames = { rendered: 'rendered', hit: 'hits', miss: 'misses' } as const;
const codedNames = { failure: 'failures', warning: 'warnings' } as const;

interface Day {
  date: string;
  certificates: Record<CertificateName, number>;
  reports: Record<'rendered' | 'hits' | 'misses', number> & Record<'failures' | 'warnings', Record<string, number>>;
}

export interface Figures {
  days: Day[];
  /** Null where nothing was rendered. */
  renderMs: Record<'p50' | 'p95' | 'p99', number | null>;
}

type Told = Omit<DailyCount, 'name'> & { name: DailyCount['name'] | CertificateCount['name'] };

const dayMs = 86_400_000;

function daysOf(from: string, to: string): string[] {
  const count = (Date.parse(to) - Date.parse(from)) / dayMs + 1;
  return Array.from({ length: count }, (_, index) =>
    new Date(Date.parse(from) + index * dayMs).toISOString().slice(0, 10),
  );
}

const emptyDay = (date: string): Day => ({
  date,
  certificates: Object.fromEntries(certificateNames.map((name) => [name, 0])) as Day['certificates'],
  reports: { rendered: 0, hits: 0, misses: 0, failures: {}, warnings: {} },
});

const isIn = <T extends object>(names: T, name: string): name is keyof T & string => Object.hasOwn(names, name);

function add({ certificates, reports }: Day, { name, code, count }: Pick<Told, 'name' | 'code' | 'count'>): void {
  if (isIn(reportNames, name)) reports[reportNames[name]] += count;
  else if (isIn(codedNames, name)) reports[codedNames[name]][code] = count;
  else if (isIn(certificates, name)) certificates[name] += count;
}

/** How many took so long, over all days. */
function quantilesOf(counts: readonly DailyCount[]): (share: number) => number | null {
  const byClass = Map.groupBy(
    counts.filter(({ name }) => name === 'render_time'),
    ({ code }) => Number(code),
  );
  const sumOf = (of: readonly DailyCount[]) => of.reduce((sum, { count }) => sum + count, 0);
  const sorted = [...byClass]
    .map(([timeClass, of]) => [timeClass, sumOf(of)] as const)
    .sort(([one], [other]) => one - other);
  const all = sorted.reduce((sum, [, count]) => sum + count, 0);
  return (share) => {
    let seen = 0;
    for (const [timeClass, count] of sorted) {
      seen += count;
      if (seen >= share * all) return Math.round(millisecondsOf(timeClass));
    }
    return null;
  };
}

/** Days without anything are told too. */
export function figuresOf(
  { from, to }: { from: string; to: string },
  counts: readonly DailyCount[],
  certificates: readonly CertificateCount[],
): Figures {
  const days = new Map(daysOf(from, to).map((date) => [date, emptyDay(date)]));
  for (const told of [...counts, ...certificates.map((each) => ({ ...each, code: '' }))]) {
    const day = days.get(told.day);
    if (day !== undefined) add(day, told);
  }
  const quantile = quantilesOf(counts);
  return { days: [...days.values()], renderMs: { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) } };
}
