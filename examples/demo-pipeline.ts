// How certificates come about by themselves: results are published, who has passed is certified and told; and how one asks why.

import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { type Platen, Refused, say, seconds } from './demo-requests.ts';
import type { Mailbox } from './mailbox/mailbox.ts';

interface Item {
  studentId: string;
  isEligible: boolean;
  criteria: { name: string; required: unknown; actual: unknown; isMet: boolean }[];
  outcome?: string;
  certificateId?: string;
}

interface Run {
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

async function endOf(platen: Platen, id: string): Promise<Run> {
  for (;;) {
    const run = await platen.send<Run>(`/internal/runs/${id}?limit=500`);
    if (isOver(run)) return run;
    await pause(lookMs);
  }
}

/** Whoever passes a test gets a certificate of its course by a configuration that is there from the start; from now on with a mail. @returns its id. */
export async function switchMailOn(platen: Platen): Promise<string> {
  const { items } = await platen.send<{ items: { id: string; context: { id: string } }[] }>('/internal/configurations');
  const ofAllCourses = items.find(({ context }) => context.id === '*');
  if (ofAllCourses === undefined) throw new Refused('The configuration of all courses is not there.');
  await platen.send(`/internal/configurations/${ofAllCourses.id}`, { method: 'PATCH', body: { mail: true } });
  return ofAllCourses.id;
}

async function waitForRun(platen: Platen, configurationId: string): Promise<Run> {
  for (;;) {
    const { items } = await platen.send<{ items: Run[] }>(`/internal/runs?configurationId=${configurationId}`);
    const first = items.at(-1);
    if (first !== undefined) return endOf(platen, first.id);
    await pause(lookMs);
  }
}

/** Waits until those who have passed have their certificates, and their mails. */
export async function certifyPassed(platen: Platen, configurationId: string, mailbox: Mailbox): Promise<Run> {
  const startedAt = performance.now();
  const run = await waitForRun(platen, configurationId);
  const { eligible, issued, failed } = run.counts;
  say(`  ${eligible} have passed; ${issued} certificates issued after ${seconds(startedAt)}`);
  if (issued === 0 || failed > 0) throw new Refused(`The run ended as ${run.state}: ${JSON.stringify(run.counts)}`);
  while (mailbox.mails.length < issued) await pause(lookMs);
  say(`  ${issued} mails have come, each in the language of its learner`);
  return run;
}

/** `Percent: 80 is required, 64.8 was reached` */
const explain = ({ criteria }: Item): string =>
  criteria
    .filter(({ isMet }) => !isMet)
    .map(({ name, required, actual }) => `${name}: ${required} is required, ${actual} was reached`)
    .join('; ');

/** What would become of a second certificate, for those who did very well: nothing is issued. */
export async function rehearseMerit(platen: Platen): Promise<void> {
  const options = { minimumPercent: meritFrom };
  const type = { name: merit, retriever: 'passing-attempts', generator: 'template', options };
  await platen.send('/internal/certificate-types', { body: type });
  const body = { context: course, type: merit };
  const { id } = await platen.send<{ id: string }>('/internal/configurations', { body });
  const { runId } = await platen.send<{ runId: string }>(`/internal/configurations/${id}/dry-run`, { body: {} });
  const { counts, items } = await endOf(platen, runId);
  say(`  ${counts.eligible} of ${counts.checked} would get it; nothing was issued`);
  const without = items.find(({ isEligible }) => !isEligible);
  if (without !== undefined) say(`  ${without.studentId} would not. ${explain(without)}`);
}

interface Verdict {
  valid: boolean;
  checks: { name: string; passed: boolean; detail: string }[];
}

/** Downloads a certificate and asks what its file is worth, as anybody may. @returns the address of its page. */
export async function verifyFirst(platen: Platen, { items }: Run): Promise<string | undefined> {
  const issued = items.find(({ outcome }) => outcome === 'issued');
  if (issued === undefined) return undefined;
  const link = await platen.send<{ download_url: string }>(`/certificates/${issued.certificateId}/download`);
  const file = await platen.download(new Request(link.download_url), 'certificate.pdf');
  const request = { method: 'POST', headers: { 'content-type': 'application/pdf' }, body: await readFile(file) };
  const response = await fetch(`${platen.url}/verify`, request);
  if (!response.ok) throw new Refused(`/verify answered ${response.status}: ${await response.text()}`);
  const { valid, checks } = (await response.json()) as Verdict;
  const told = checks.map(({ name, passed }) => `${name} ${passed ? 'yes' : 'NO'}`).join(', ');
  say(`  the file is ${valid ? 'valid' : 'not valid'}: ${told}`);
  if (!valid) throw new Refused('The certificate that was just issued is not valid.');
  const [certificate] = await platen.send<{ verify_url: string }[]>(`/certificates/${issued.studentId}`);
  return certificate?.verify_url;
}
