// Jobs that a service has accepted, remembered by a test, and what must be true of all of them when the trouble is over.

import { createHash } from 'node:crypto';
import { expect } from '@jest/globals';
import { readPdf } from './pdf.ts';
import { type Answer, ask, triggerAt } from './requests.ts';
import type { ScriptedS3 } from './scripted-s3.ts';
import { serviceToken } from './tokens.ts';
import { until } from './until.ts';

interface Accepted {
  jobId: string;
  s3Key: string;
  studentId: string;
}

export interface EndedJob {
  state: 'completed' | 'failed' | 'cancelled';
  attempts: number;
  result: { s3Key: string; sha256: string } | null;
  error: { code: string } | null;
}

const ends = ['completed', 'failed', 'cancelled'];
let students = 0;

interface Stored {
  bytes: Buffer;
  /** Of what is stored beside it. */
  subject: string | undefined;
}
type ReadStored = (key: string) => Stored | Promise<Stored>;

export const readFromS3 =
  ({ objects }: ScriptedS3): ReadStored =>
  (key) => {
    const object = objects.get(key);
    return { bytes: object?.body ?? Buffer.alloc(0), subject: object?.metadata.subject };
  };

export class AcceptedJobs {
  readonly all: Accepted[] = [];

  /** Triggers a report of a student of its own; it is remembered when it is accepted. */
  async trigger(url: string, studentId = `STU${++students}`): Promise<Answer> {
    const body = { testId: '1', classId: 'C1', reportType: 'student', studentId };
    const answer = await triggerAt(url, body, { headers: { prefer: 'respond-async' } });
    if (answer.status === 202) this.all.push({ ...JSON.parse(answer.body.toString()), studentId });
    return answer;
  }

  async acceptMany(url: string, count: number): Promise<void> {
    for (let each = 0; each < count; each++) expect((await this.trigger(url)).status).toBe(202);
  }

  async look(url: string, jobId: string): Promise<EndedJob & { state: string }> {
    const { status, body } = await ask(`${url}/jobs/${jobId}`, {
      headers: { 'x-service-auth': `Bearer ${serviceToken}` },
    });
    if (status !== 200) throw new Error(`GET /jobs/${jobId}: ${status} ${body}`);
    return JSON.parse(body.toString()) as EndedJob;
  }

  /** Kept when every job has its end. */
  async waitForEnds(url: string): Promise<EndedJob[]> {
    const found: EndedJob[] = [];
    for (const { jobId } of this.all)
      found.push(
        await until(async () => {
          const job = await this.look(url, jobId).catch(() => undefined);
          return job !== undefined && ends.includes(job.state) && job;
        }),
      );
    return found;
  }

  /** Every one has exactly one end, and it stays; those that have completed have a document that is whole and of the right student. */
  async expectAllKept(url: string, readStored: ReadStored): Promise<EndedJob[]> {
    const jobs = await this.waitForEnds(url);
    for (const [index, { s3Key, studentId }] of this.all.entries()) {
      const job = jobs[index];
      expect([studentId, job?.state, job?.error]).toEqual([studentId, 'completed', null]);
      const { bytes, subject } = await readStored(s3Key);
      expect(job?.result).toMatchObject({ s3Key, sha256: createHash('sha256').update(bytes).digest('hex') });
      expect(subject).toBe(studentId);
      expect((await readPdf(bytes)).text).toContain(`Figures of ${studentId} end`);
    }
    const again = await Promise.all(this.all.map(({ jobId }) => this.look(url, jobId)));
    expect(again).toEqual(jobs);
    return jobs;
  }
}
