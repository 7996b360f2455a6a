// A class as its backend has it: asks the example school who is in it and how they did, and has their reports made.

import { type Platen, Refused, say, seconds } from './demo-requests.ts';
import type { School } from './school/school.ts';

export interface Student {
  studentId: string;
  /** As the student writes it, and in which language. */
  name: { text: string; lang: string };
  score: number;
}

/** The students of a class with their scores in its test. */
export async function readClass(school: School, classId: string): Promise<Student[]> {
  const token = school.issueUserToken({ user_type: 'admin', user_id: 'admin' });
  const response = await fetch(`${school.origin}/api/classes/${classId}/tests/Test_1`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(`the school answered ${response.status}`);
  return ((await response.json()) as { students: Student[] }).students;
}

/** A class run as its events tell it. */
interface Run {
  state: string;
  total: number;
  counts: { queued: number; active: number; completed: number; failed: number };
  etaSeconds: number | null;
}

/** A line for terminals, which is written over, or one now and then for logs. */
function sayProgress({ state, total, counts, etaSeconds }: Run): void {
  const width = 30;
  const done = counts.completed + counts.failed;
  const bar = '#'.repeat(Math.round((done / total) * width)).padEnd(width, '.');
  const left = etaSeconds === null || state === 'completed' ? '' : `  about ${etaSeconds} s left`;
  const line = `  [${bar}] ${done} of ${total}${left}`;
  if (process.stdout.isTTY) process.stdout.write(`\r${line.padEnd(70)}`);
  else say(line);
}

/** Asks for the class as a backend does, and follows the run until it is over. */
export async function runClass(platen: Platen, body: object): Promise<void> {
  const startedAt = performance.now();
  const { id, total } = await platen.send<{ id: string; total: number }>('/internal/class-runs', { body });
  say(`  accepted after ${Math.round(performance.now() - startedAt)} ms: ${total} reports, class run ${id}`);
  const events = await platen.request(`/internal/class-runs/${id}/events`);
  let run: Run | undefined;
  let shown = -1;
  for await (const line of linesOf(events)) {
    if (!line.startsWith('data: ')) continue;
    run = JSON.parse(line.slice('data: '.length)) as Run;
    const tenths = Math.floor((run.counts.completed / run.total) * 10);
    if (process.stdout.isTTY || tenths > shown) sayProgress(run);
    shown = tenths;
  }
  if (process.stdout.isTTY) say();
  if (run?.state !== 'completed')
    throw new Refused(`The class run ended as ${run?.state}: ${JSON.stringify(run?.counts)}`);
  say(`  all stored after ${seconds(startedAt)}`);
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  let rest = '';
  for await (const text of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
