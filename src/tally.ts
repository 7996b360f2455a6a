// What is counted for analytics, in memory until it is written down: by day, tenant, course and what it was. It costs whoever counts nothing, and never fails.

/** Classes of times: each ends where the next, a tenth longer, begins. What is said of a time is off by 5 % at most. */
const growth = Math.log(1.1);
const classOf = (ms: number): number => Math.floor(Math.log(Math.max(1, ms)) / growth);
/** In the middle of its class. */
export const millisecondsOf = (timeClass: number): number => Math.exp((timeClass + 0.5) * growth);

export const countedNames = [
  'downloaded',
  'verified',
  'refused',
  'mailed',
  'rendered',
  'hit',
  'miss',
  'failure',
  'warning',
  'render_time',
] as const;
export type CountedName = (typeof countedNames)[number];

/** By the prefix of its keys, or by its origin. */
type OfTenant = { tenant: string } | { origin: string };

export type Count = OfTenant & {
  name: CountedName;
  courseId?: string;
  /** Of which kind, where there are several. */
  code?: string;
};

/** With the day, in UTC, on which it was. */
export type Counted = Count & { day: string; count: number };

export class Tally {
  #counted = new Map<string, Counted>();

  count(count: Count, by = 1, day = new Date().toISOString().slice(0, 10)): void {
    const key = JSON.stringify([day, count]);
    const present = this.#counted.get(key);
    if (present === undefined) this.#counted.set(key, { ...count, day, count: by });
    else present.count += by;
  }

  took(of: OfTenant, ms: number): void {
    this.count({ ...of, name: 'render_time', code: String(classOf(ms)) });
  }

  /** All that was counted since the last time. */
  take(): Counted[] {
    const taken = [...this.#counted.values()];
    this.#counted = new Map();
    return taken;
  }

  /** What could not be written down. */
  putBack(taken: readonly Counted[]): void {
    for (const { day, count, ...counted } of taken) this.count(counted as Count, count, day);
  }
}
