// npm run bench: measures everything, prints it, and writes docs/performance.md. With names of sections it measures only those and writes nothing.

import { writeFile } from 'node:fs/promises';
import { measureCertificates } from './certificates.ts';
import { measureClassRun } from './class-run.ts';
import { measureEndedJobs } from './ended-jobs.ts';
import { measureEvents } from './events.ts';
import { measureFollowers } from './followers.ts';
import { measureAccepting, measureDistrict } from './jobs.ts';
import { measureLight } from './light.ts';
import { measureMoving } from './moving.ts';
import { measureOverload } from './overload.ts';
import { measurePipeline } from './pipeline.ts';
import { measureFresh, measureKept, measureProxy } from './rendering.ts';
import { asMarkdown, describeMachine, type Section } from './report.ts';
import { measureStart } from './start.ts';
import { measureStored } from './stored.ts';
import { measureWorkers } from './workers.ts';

const all: Record<string, () => Promise<Section>> = {
  fresh: measureFresh,
  kept: measureKept,
  proxy: measureProxy,
  light: measureLight,
  stored: measureStored,
  overload: measureOverload,
  start: measureStart,
  'class-run': measureClassRun,
  moving: measureMoving,
  accepting: measureAccepting,
  district: measureDistrict,
  'ended-jobs': measureEndedJobs,
  followers: measureFollowers,
  workers: measureWorkers,
  certificates: measureCertificates,
  events: measureEvents,
  pipeline: measurePipeline,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in all));
if (unknown.length > 0) throw new Error(`no such section: ${unknown}; there are ${Object.keys(all)}`);

const sections: string[] = [];
for (const [name, measure] of Object.entries(all)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const section = asMarkdown(await measure());
  sections.push(section);
  process.stdout.write(`${section}\n\n`);
}

if (wanted.length === 0) {
  const head = [
    '# Performance',
    `Written by \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${await describeMachine()}. Both sides of each comparison ran in turn on the same ` +
      'machine; trust the ratios and the processor time more than the absolute figures. What limits them is said in [limits](performance-limits.md), ' +
      'and 1,000 renders in a row in [soak](soak.md).',
  ];
  await writeFile('docs/performance.md', `${[...head, ...sections].join('\n\n')}\n`);
}
