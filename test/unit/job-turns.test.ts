// Turns of tenants and their lanes, in whatever order they come: nobody is passed by for longer than a few turns of each other one.

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { roundFor } from '../../src/jobs/turns.ts';

interface Lane {
  tenant: string;
  name: string;
  /** Turns that do not stand in the line yet. */
  later: number;
}

interface Turn {
  lane: Lane;
  round: number;
}

/** The line as the database keeps it, a turn being one thing. */
class Line {
  readonly waiting: Turn[] = [];
  /** Lanes in the order in which they had their turns. */
  readonly done: Lane[] = [];

  arrive(lane: Lane): void {
    this.#lineUp(lane, undefined);
  }

  /** The turn of the least round, of equal rounds the oldest. */
  begin(): void {
    const next = this.waiting.reduce<Turn | undefined>(
      (best, turn) => (best === undefined || turn.round < best.round ? turn : best),
      undefined,
    );
    if (next === undefined) return;
    this.waiting.splice(this.waiting.indexOf(next), 1);
    this.done.push(next.lane);
    if (next.lane.later > 0) this.#lineUp(next.lane, next.round);
  }

  #lineUp(lane: Lane, begun: number | undefined): void {
    const rounds = this.waiting.map(({ round }) => round);
    const ofTenant = this.waiting.filter((turn) => turn.lane.tenant === lane.tenant).map(({ round }) => round);
    const front = rounds.length === 0 ? null : Math.min(...rounds);
    const last = ofTenant.length === 0 ? null : Math.max(...ofTenant);
    lane.later--;
    this.waiting.push({ lane, round: roundFor({ front, last, begun }) });
  }
}

/** Most turns that one other has had between two of these, or before the first of them. */
function mostBetween(done: Lane[], isOwn: (lane: Lane) => boolean, nameOf: (lane: Lane) => string): number {
  let most = 0;
  let counts = new Map<string, number>();
  for (const lane of done) {
    if (isOwn(lane)) counts = new Map();
    else counts.set(nameOf(lane), (counts.get(nameOf(lane)) ?? 0) + 1);
    most = Math.max(most, ...counts.values());
  }
  return most;
}

const arrival = fc.record({
  tenant: fc.constantFrom('a', 'b', 'c'),
  turns: fc.integer({ min: 1, max: 12 }),
  /** Turns that are done before it comes. */
  after: fc.integer({ min: 0, max: 5 }),
});

test('a lane that waits is passed by at most twice by each other tenant, and by each other lane of its own', () => {
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 40 }), fc.array(arrival, { maxLength: 40 }), (before, meanwhile) => {
      const line = new Line();
      const come = ({ tenant, turns, after }: (typeof before)[number], number: number) => {
        for (let each = 0; each < after; each++) line.begin();
        line.arrive({ tenant, name: `${tenant} ${number} ${line.done.length}`, later: turns });
      };
      before.forEach(come);
      const watched: Lane = { tenant: 'a', name: 'watched', later: 30 };
      const from = line.done.length;
      line.arrive(watched);
      meanwhile.forEach(come);
      while (line.done.filter((lane) => lane === watched).length < 30) line.begin();
      const done = line.done.slice(from);
      // By what each other tenant has had while the tenant itself waited; and by the lanes beside it in its own.
      expect(
        mostBetween(
          done,
          ({ tenant }) => tenant === 'a',
          ({ tenant }) => tenant,
        ),
      ).toBeLessThanOrEqual(2);
      const ofTenant = done.filter(({ tenant }) => tenant === 'a');
      expect(
        mostBetween(
          ofTenant,
          (lane) => lane === watched,
          ({ name }) => name,
        ),
      ).toBeLessThanOrEqual(2);
    }),
    { numRuns: 2000 },
  );
});

test('a district goes on while small classes of its tenant, and of another, take half of all the time', () => {
  const line = new Line();
  const district: Lane = { tenant: 'a', name: 'district', later: 50 };
  line.arrive(district);
  for (let number = 0; line.done.filter((lane) => lane === district).length < 50; number++) {
    line.arrive({ tenant: number % 2 === 0 ? 'a' : 'b', name: `class ${number}`, later: 1 });
    for (const _ of [1, 2]) line.begin();
  }
  expect(line.done.length).toBeLessThanOrEqual(102);
});
