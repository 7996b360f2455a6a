// Waits for something that a test can't be told of, with a deadline: the one place where tests poll.

import { setTimeout } from 'node:timers/promises';

/** How long tests wait for what must come: so much more than it takes that a slow or busy machine is not taken for a fault. */
export const patienceMs = 90_000;

/** Waits until `condition` gives something, and gives that; after the deadline it fails and says for what it waited. */
export async function until<T>(
  condition: () => T | false | undefined | Promise<T | false | undefined>,
  withinMs = patienceMs,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${condition}`);
    await setTimeout(5);
  }
}
