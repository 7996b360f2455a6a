// How certificates come about by themselves: results are published, who has passed is certified and told; and how one asks why.

import { setTimeout as pause } from 'node:timers/promises';

/** Sends a request by the token of backends and gives what came; throws what says why not. */
type Send = (path: string, options?: { method?: string; body?: object }) => Promise<unknown>;

interface Criterion {
  name: string;
  required: unknown;
  actual: unknown;
  isMet: boolean;
}

interface Item {
  studentId: string;
  isEligible: boolean;
  criteria: Criterion[];
  outcome?: string;
  certificateId?: string;
}

export interface Run {
  id: string;
  state: string;
  counts: { checked: number; eligible: number; issued: number; skipped: number; failed: number };
  items: Item[];
}

const lookMs = 200;
const course = { kind: 'course', id: 'MATH1', name: 'Mathematics I' };
const merit = 'mathematics-with-merit';
/** Percent. */
export const meritFrom = 80;

const isOver = ({ state }: Run) => state !== 'queued' && state !== 'active';

async function endOf(id: string, send: Send): Promise<Run> {
  for (;;) {
    const run = (await send(`/internal/runs/${id}?limit=500`)) as Run;
    if (isOver(run)) return run;
    await pause(lookMs);
  }
}

/** The configuration by which whoever passes a test gets a certificate of its course. */
async function findBuiltIn(send: Send): Promise<string> {
  const { items } = (await send('/internal/configurations')) as { items: { id: string; context: { id: string } }[] };
  const found = items.find(({ context }) => context.id === '*');
  if (found === undefined) throw new Error('the configuration of all courses is not there');
  return found.id;
}

/** From now on a certificate is mailed, too. @returns the configuration's id. */
export async function switchMailOn(send: Send): Promise<string> {
  const id = await findBuiltIn(send);
  await send(`/internal/configurations/${id}`, { method: 'PATCH', body: { mail: true } });
  return id;
}

/** Resolves with the first run that somebody has begun, when it is over. */
export async function waitForRun(configurationId: string, send: Send): Promise<Run> {
  for (;;) {
    const { items } = (await send(`/internal/runs?configurationId=${configurationId}`)) as { items: Run[] };
    const first = items.at(-1);
    if (first !== undefined) return endOf(first.id, send);
    await pause(lookMs);
  }
}

/** What would become of a second certificate, for those who did very well: nothing is issued. */
export async function rehearseMerit(send: Send): Promise<Run> {
  const options = { minimumPercent: meritFrom };
  const type = { name: merit, retriever: 'passing-attempts', generator: 'template', options };
  await send('/internal/certificate-types', { body: type });
  const { id } = (await send('/internal/configurations', { body: { context: course, type: merit } })) as { id: string };
  const { runId } = (await send(`/internal/configurations/${id}/dry-run`, { body: {} })) as { runId: string };
  return endOf(runId, send);
}

/** `Percent: 80 is required, 64.8 was reached` */
export const explain = ({ criteria }: Item): string =>
  criteria
    .filter(({ isMet }) => !isMet)
    .map(({ name, required, actual }) => `${name}: ${required} is required, ${actual} was reached`)
    .join('; ');

interface Verdict {
  valid: boolean;
  checks: { name: string; passed: boolean; detail: string }[];
}

/** Asks what a file is worth, as anybody may. */
export async function verifyFile(url: string, file: Buffer): Promise<Verdict> {
  const request = { method: 'POST', headers: { 'content-type': 'application/pdf' }, body: file as BodyInit };
  const response = await fetch(`${url}/verify`, request);
  if (!response.ok) throw new Error(`/verify answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Verdict;
}
