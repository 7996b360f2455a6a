// Forgets a learner, as a durable piece of work: done again from its beginning until nothing of them is found.

import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { actAs, recordChange } from '../audit/audit.ts';
import type { Database } from '../database/database.ts';
import type { Documents } from '../documents/documents.ts';
import { fail } from '../errors.ts';
import type { Events } from '../events/events.ts';
import { failpoint } from '../failpoint.ts';
import type { Author } from '../http/contract.ts';
import { callerKey } from '../identity/contract.ts';
import type { JobDefinition, Work } from '../jobs/contract.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { Reports } from '../reports/reports.ts';
import { isCertificateKey, type Person, prefixOf, pseudonymOf } from './person.ts';
import {
  eraseAttempts,
  eraseCaller,
  eraseCertificates,
  eraseDecisions,
  eraseEvents,
  eraseJobs,
  eraseTasks,
  findUnendedJobs,
} from './store.ts';

/** What went, by its kind. */
type Counts = Record<'attempts' | 'decisions' | 'certificates' | 'jobs' | 'events' | 'documents', number>;

export interface ErasureRequest {
  person: Person;
  reason: string;
  /** Who may see the job. */
  owner: string;
  who: Author['who'];
}

export interface Erasing {
  /** Accepts it as a job. @returns its id, when it is committed. */
  erase(request: ErasureRequest): Promise<string>;
}

interface Dependencies {
  database: Database;
  documents: Documents;
  events: Events;
  jobs: Jobs;
  reports: Reports;
}

/** Whom it is about is the secret of the job, which goes with its end. */
const erasureData = z.object({
  /** Under which it stands in the audit. */
  erasure: z.string(),
  tenant: z.string(),
  origin: z.string(),
  who: z.object({ kind: z.enum(['service', 'admin']), id: z.string() }),
});
type ErasureData = z.output<typeof erasureData>;

/** A storage may be away for a while. */
const timeoutMs = 86_400_000;
const mostFailures = 1000;
/** Each finds what has come while the one before was under way. */
const mostPasses = 10;
const lookMs = 200;
const mostLooks = 300;

class DurableErasing implements Erasing {
  readonly #dependencies: Dependencies;
  readonly #definition: JobDefinition<ErasureData>;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
    this.#definition = {
      name: 'learners.erase',
      data: erasureData,
      mostFailures,
      timeoutMs,
      mayHeal: () => true,
      run: (work) => this.#run(work),
    };
    dependencies.jobs.define(this.#definition);
  }

  erase({ person: { tenant, origin, studentId }, reason, owner, who }: ErasureRequest): Promise<string> {
    const { jobs } = this.#dependencies;
    const id = randomUUID();
    return jobs.transaction(async (tx) => {
      const subject = { erasure: id };
      const job = { data: { erasure: id, tenant, origin, who }, key: id, rank: 0, owner, subject, secret: studentId };
      const [jobId = ''] = await jobs.enqueue(this.#definition, [job], { tx, tenant, lane: `erasures ${tenant}` });
      await recordChange(tx, { tenant, target: targetOf(id), after: { reason } });
      return jobId;
    });
  }

  async #run({ data, secret: studentId, signal, endWith }: Work<ErasureData>): Promise<Record<string, unknown>> {
    if (studentId === undefined) throw fail('not_found', { detail: 'Whom it was about is forgotten: ask anew.' });
    const { tenant, origin, who } = data;
    const person = { tenant, origin, studentId };
    const sum: Counts = { attempts: 0, decisions: 0, certificates: 0, jobs: 0, events: 0, documents: 0 };
    for (let pass = 1; ; pass++) {
      const found = await this.#pass(person, signal);
      for (const kind of Object.keys(sum) as (keyof Counts)[]) sum[kind] += found[kind];
      if (Object.values(found).every((count) => count === 0)) break;
      if (pass === mostPasses) throw fail('internal_error', { detail: 'Something brings back what was erased.' });
    }
    // By whom it was asked for, as it was then: at the end nobody asks.
    await this.#dependencies.database.transaction((tx) =>
      actAs({ who, action: 'learner.erased' }, async () => {
        await recordChange(tx, { tenant, target: targetOf(data.erasure), after: sum });
        await endWith(tx, sum);
      }),
    );
    return sum;
  }

  /** What would bring the next ones about goes first. */
  async #pass(person: Person, signal: AbortSignal): Promise<Counts> {
    const { database, reports } = this.#dependencies;
    const attempts = await eraseAttempts(database, person);
    const decisions = await eraseDecisions(database, person);
    failpoint('erasing-begun');
    const certificates = await this.#eraseCertificates(person);
    failpoint('erasing-certificates');
    const jobs = await this.#eraseJobs(person, signal);
    const events = await eraseEvents(database, person);
    await eraseCaller(
      database.queries,
      callerKey({ tenant: { origin: person.origin }, type: 'student', id: person.studentId, classes: [], token: '' }),
    );
    failpoint('erasing-rows');
    signal.throwIfAborted();
    const documents = (await reports.forgetLearner(person)) + (await this.#eraseFiles(person));
    failpoint('erasing-files');
    return { attempts, decisions, certificates, jobs, events, documents };
  }

  #eraseCertificates(person: Person): Promise<number> {
    const { database, events } = this.#dependencies;
    return database.transaction(async (tx) => {
      const erased = await eraseCertificates(tx, person);
      for (const { id, number, courseId, wasGood } of erased) {
        const data = { certificateId: id, number, userId: pseudonymOf(id), courseId };
        if (wasGood) await events.certificateRevoked(tx, person.tenant, data);
      }
      return erased.length;
    });
  }

  async #eraseJobs(person: Person, signal: AbortSignal): Promise<number> {
    const { database, jobs } = this.#dependencies;
    let erased = 0;
    for (let look = 0; look < mostLooks; look++) {
      for (const id of await findUnendedJobs(database, person)) await jobs.cancel(id);
      erased += await eraseJobs(database, person);
      if ((await eraseTasks(database, person)) === 0) return erased;
      // A page that is being printed is closed by whoever prints it.
      await wait(lookMs, undefined, { signal });
    }
    throw fail('deadline_exceeded', { detail: 'What is under way for the learner does not end.' });
  }

  async #eraseFiles(person: Person): Promise<number> {
    const { database, documents } = this.#dependencies;
    const revision = await database.nextRevision();
    return documents.remove(`${prefixOf(person)}certificates/`, (key) => isCertificateKey(person, key), revision);
  }
}

const targetOf = (erasure: string) => `erasures/${erasure}`;

export function createErasing(dependencies: Dependencies): Erasing {
  return new DurableErasing(dependencies);
}
