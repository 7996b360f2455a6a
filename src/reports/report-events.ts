// Tells others of reports whose jobs have ended, in the transaction in which they do.

import type { WebhookData } from '../events/contract.ts';
import type { Events } from '../events/events.ts';
import type { EndedJob, EndHook } from '../jobs/contract.ts';

type Told = Omit<WebhookData<'report.failed'>, 'code'>;

/** What the subject of a job says of its report. */
function describe({ id, groupId, subject }: EndedJob): Told {
  const { reportType, testId, classId, studentId, teacherId, s3Key } = subject as Omit<Told, 'jobId'>;
  return {
    jobId: id,
    ...(groupId === undefined ? {} : { classRunId: groupId }),
    reportType,
    testId,
    classId,
    ...(studentId === undefined ? {} : { studentId }),
    ...(teacherId === undefined ? {} : { teacherId }),
    s3Key,
  };
}

/** @param name of the jobs of reports. */
export function tellOfReports(name: string, events: Events): EndHook {
  return async (tx, jobs) => {
    for (const job of jobs.filter((each) => each.name === name)) {
      const { tenant, ending } = job;
      if (ending.state === 'failed') await events.reportFailed(tx, tenant, { ...describe(job), code: ending.code });
      if (ending.state !== 'completed') continue;
      const { bytes, sha256 } = ending.result as Pick<WebhookData<'report.stored'>, 'bytes' | 'sha256'>;
      await events.reportStored(tx, tenant, { ...describe(job), bytes, sha256 });
    }
  };
}
