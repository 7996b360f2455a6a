// The types that the client gives to frontends are those of what the service answers and takes; the compiler proves it.

import { expect, test } from '@jest/globals';
import type * as Client from '@platen/client';
import type { z } from 'zod';
import { progressOfJob } from '../../packages/client/src/watching.ts';
import type { CertificateRow, GenerateBody, issueBody, Verification } from '../../src/certificates/contract.ts';
import { jobStages, type Progress } from '../../src/progress/contract.ts';

type Both<One, Other> = [One extends Other ? true : false, Other extends One ? true : false];

const same: [
  Both<Progress, Client.Progress>,
  Both<CertificateRow, Client.CertificateRow>,
  Both<Verification, Client.Verification>,
] = [
  [true, true],
  [true, true],
  [true, true],
];
/** What is optional here may also be null there. */
const taken: [
  Client.IssueRequest extends z.input<typeof issueBody> ? true : false,
  Client.GenerateRequest extends Partial<GenerateBody> ? true : false,
] = [true, true];

test('what is shown of a job has the stages of the service, in their order', () => {
  expect([same.flat(), taken].flat()).not.toContain(false);
  const job: Client.JobAnswer = {
    id: '1',
    state: 'active',
    attempts: 1,
    stage: 'pdf_generation',
    percent: 30,
    createdAt: '',
    startedAt: '',
    endedAt: null,
    subject: { courseId: 'C1' },
    result: null,
    error: null,
  };
  const states = ({ stageProgress }: Progress) => stageProgress.map(({ status }) => status);
  expect(progressOfJob(job, 50)).toMatchObject({ status: 'in_progress', progress: 50, metadata: { courseId: 'C1' } });
  expect(progressOfJob(job).stageProgress.map(({ stage }) => stage)).toEqual(jobStages);
  expect(states(progressOfJob(job))).toEqual([
    'completed',
    'completed',
    'completed',
    'in_progress',
    'pending',
    'pending',
    'pending',
  ]);
  expect(
    progressOfJob({ ...job, state: 'completed', stage: 'completed', percent: 100 }).stageProgress.at(-1)?.status,
  ).toBe('completed');
  const error = { code: 'render_timeout', detail: '', isTimeUp: true as const };
  expect(progressOfJob({ ...job, state: 'failed', error })).toMatchObject({ status: 'timeout', error });
});
