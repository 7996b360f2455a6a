// Whose turn it is: those of different lanes take turns, a few tasks each, however many wait in one of them. Pure.

/** Tasks of one lane that follow each other: they share a token, and tabs are kept for it. */
const tasksPerTurn = 8;

/**
 * Place of the first of the tasks that a lane adds; the others follow one by one.
 * A lane begins where the line now stands, not behind all who wait, and goes on behind its own.
 * @param line place of the first task that waits, and of the last of this lane.
 */
export function turnsFor({ first, last }: { first: string | null; last: string | null }): number {
  const now = Math.floor(Number(first ?? 0) / tasksPerTurn) * tasksPerTurn;
  return last === null ? now : Math.max(now, Number(last) + 1);
}

/** For the queue, which takes the greatest first: equal for tasks of one turn, which then go by age. */
export const priorityOf = (turn: number): number => -Math.floor(turn / tasksPerTurn);
