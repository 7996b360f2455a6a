// Waits until Platen can do what the demo asks of it, and says meanwhile for what it waits.

import { setTimeout as pause } from 'node:timers/promises';

interface Part {
  state: string;
  reason?: string;
}

const askAgainMs = 200;
const partNames = ['database', 'storage', 'browser'] as const;

type Readiness = { status: string } & Record<(typeof partNames)[number], Part>;

function explain(readiness: Readiness): string {
  return partNames
    .filter((name) => readiness[name].state !== 'up')
    .map((name) => {
      const { state, reason } = readiness[name];
      if (name === 'database' && state === 'starting')
        return 'the database is being made, which takes some seconds, on a busy machine half a minute';
      return `the ${name} is ${state}${reason === undefined || state === 'starting' ? '' : `: ${reason}`}`;
    })
    .join('; ');
}

/** Resolves when everything is up, however long that takes; `say` is told each time that the reason changes. */
export async function waitUntilReady(url: string, say: (text: string) => void): Promise<void> {
  let lastSaid: string | undefined;
  for (;;) {
    const readiness = (await (await fetch(`${url}/readyz`)).json()) as Readiness;
    if (readiness.status === 'ready') return;
    const reason = explain(readiness);
    if (reason !== lastSaid) say(`Waiting: ${reason}`);
    lastSaid = reason;
    await pause(askAgainMs);
  }
}
