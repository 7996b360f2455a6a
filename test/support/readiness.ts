// What a service says of its readiness once it has started.

import { until } from './until.ts';

export interface Readiness {
  /** Of the answer. */
  code: number;
  body: { status: string } & Record<'browser' | 'storage' | 'database', { state: string; reason?: string }>;
}

/** Asks until the database is no longer being opened. */
export function readinessOf(url: string): Promise<Readiness> {
  return until(async () => {
    const response = await fetch(`${url}/readyz`);
    const body = (await response.json()) as Readiness['body'];
    return body.database.state !== 'starting' && { code: response.status, body };
  });
}
