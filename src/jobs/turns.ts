// Whose turn it is: those who ask for different tenants take turns, and in each tenant the lanes, a few tasks each, however many wait. Pure.

/** Tasks of one lane that follow each other: they share a token, and tabs are kept for it. */
export const tasksPerTurn = 8;

/** Where the line stands. Tasks of the least round are done first, of equal rounds the oldest. */
interface Line {
  /** The least round in which somebody waits; null when nobody does. */
  front: number | null;
  /** The last round in which somebody of the same tenant waits. */
  last: number | null;
  /** That of the task of the same lane that was begun just now; undefined for a lane that had nothing in the line. */
  begun: number | undefined;
}

/**
 * Round of the next turn of a lane: behind all of its tenant, so that a tenant has one turn in each round. Who comes anew begins behind
 * the front: else who comes and comes would stay before all others.
 */
export function roundFor({ front, last, begun }: Line): number {
  const soonest = begun === undefined ? (front === null ? 0 : front + 1) : Math.max(front ?? 0, begun + 1);
  return last === null ? soonest : Math.max(soonest, last + 1);
}

/** For the queue, which takes the greatest first: equal for tasks of one round, which then go by age. */
export const priorityOf = (round: number): number => -round;
