// Certificates that a run gives: each learner has one of its type for its course, whoever has issued it.

import { randomUUID } from 'node:crypto';
import type { Database } from '../database/database.ts';
import { fail } from '../errors.ts';
import { serviceOwner } from '../identity/contract.ts';
import type { Jobs } from '../jobs/jobs.ts';
import { digestOf, newCode } from './certificate.ts';
import { type Award, type AwardInput, type Awards, issueBody } from './contract.ts';
import { findDocuments } from './document-store.ts';
import { findHolders, noteFinding } from './holders.ts';
import type { MakingJobs } from './making-jobs.ts';
import { isUnmade } from './status.ts';
import { addCertificate, type CertificateInput } from './store.ts';

interface Dependencies {
  database: Database;
  jobs: Jobs;
  makings: MakingJobs;
  numberPattern: string;
}

/** Its pictures are those of its template; another generator has none. */
const templateOf = ({ name, options }: AwardInput['generator']): string =>
  name === 'template' && typeof options.templateId === 'string' ? options.templateId : 'none';

/** @throws invalid_request for what nobody could ask to be issued, as names that can't be printed. */
function inputOf(
  { courseId, type }: Award,
  { generator, language = 'en', mail: _, remindDaysBefore: __, ...asked }: AwardInput,
): CertificateInput {
  const { success, data: body, error } = issueBody.safeParse({ ...asked, courseId });
  if (!success) throw fail('invalid_request', {}, { cause: error });
  return { ...body, type, language, templateId: templateOf(generator), generator };
}

export function createAwards({ database, jobs, makings, numberPattern }: Dependencies): Awards {
  return {
    holders: (award, asked) => findHolders(database.queries, award, asked),
    noteFinding,
    documents: (tenant, ids) => findDocuments(database.queries, { tenant, ids }),
    async award({ tenant, runId, ...award }, asked, signal) {
      const input = inputOf({ tenant, runId, ...award }, asked);
      const { mail, remindDaysBefore } = asked;
      const certificate = await jobs.transaction(async (tx) => {
        const named = { id: randomUUID(), tenant, code: newCode(), numberPattern, runId };
        const own = { ...named, input: { ...input, mail, remindDaysBefore }, digest: digestOf(input) };
        const present = await addCertificate(tx, own);
        // One that is being made for somebody else is theirs.
        const isWanted = present.status === 'error' || present.runId === runId;
        if (isUnmade(present.status) && isWanted) await makings.enqueue(present, { tx, owner: serviceOwner });
        return present;
      });
      const { id: certificateId, status } = certificate;
      const isOurs = certificate.runId === runId;
      if (!isUnmade(status) || !(isOurs || status === 'error')) return { certificateId, isIssued: isOurs };
      await makings.wait(certificate, signal);
      return { certificateId, isIssued: true };
    },
  };
}
