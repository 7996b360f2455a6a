// The jobs that make certificates: begun in a transaction of whoever has recorded one, waited for by whoever wants to have it.

import type { Database } from '../database/database.ts';
import { fail } from '../errors.ts';
import type { JobDefinition } from '../jobs/contract.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { Ends } from './ends.ts';
import type { MakeData } from './making.ts';
import { codeOf } from './refusals.ts';
import type { StoredCertificate } from './store.ts';

type Transaction = Parameters<Parameters<Jobs['transaction']>[0]>[0];

export class MakingJobs {
  readonly #jobs: Jobs;
  readonly #definition: JobDefinition<MakeData>;
  readonly #ends: Ends;

  constructor({ jobs, database }: { jobs: Jobs; database: Database }, definition: JobDefinition<MakeData>) {
    this.#jobs = jobs;
    this.#definition = definition;
    this.#ends = new Ends(database);
    jobs.define(definition);
  }

  /** @returns the id of the job. */
  async enqueue(
    { id, tenant, studentId, courseId, key }: StoredCertificate,
    {
      tx,
      owner,
      transactionId,
      joinsActive = false,
    }: { tx: Transaction; owner: string; transactionId?: string; joinsActive?: boolean },
  ): Promise<string> {
    const named = transactionId === undefined ? {} : { transactionId };
    const subject = { certificateId: id, studentId, courseId, s3Key: key, ...named };
    const job = { data: { id }, key: id, rank: 0, owner, subject, secret: undefined };
    const options = { tx, tenant, lane: `certificates ${tenant}`, joinsActive };
    const [jobId = ''] = await this.#jobs.enqueue(this.#definition, [job], options);
    return jobId;
  }

  /** Until it is made, or revoked meanwhile. @throws what has kept it from being made. */
  async wait(certificate: StoredCertificate, signal: AbortSignal): Promise<StoredCertificate> {
    const made = await this.#ends.wait(certificate, signal);
    if (made.status === 'error') throw fail(codeOf(made.lastError));
    return made;
  }
}
