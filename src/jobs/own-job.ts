// The job that a request's path names, where it is the asker's; the same 404 for all others.

import { fail } from '../errors.ts';
import type { Exchange } from '../http/contract.ts';
import { serviceOwner } from '../identity/contract.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import { readUuid } from '../uuid.ts';
import type { JobRecord } from './contract.ts';
import type { FollowedJob, Following } from './following.ts';
import type { Jobs } from './jobs.ts';

type Asking = Pick<Exchange, 'params' | 'owner'>;

function readId(params: Asking['params']): string {
  const id = readUuid(params.id);
  if (id === undefined) throw fail('not_found');
  return id;
}

const isOwn = (job: JobRecord, owner: string) => owner === serviceOwner || job.owner === owner;

export async function findOwn(jobs: Jobs, { params, owner }: Asking): Promise<JobRecord> {
  const job = await jobs.find(readId(params));
  if (job === undefined || !isOwn(job, owner)) throw fail('not_found');
  return job;
}

/** To follow it, as often as a caller may. Dispose of it. */
export async function followOwn(
  following: Following,
  limiter: RateLimiter,
  { params, owner }: Asking,
): Promise<FollowedJob> {
  if (owner !== serviceOwner) await limiter.take(owner);
  const job = await following.follow(readId(params));
  if (job !== undefined && isOwn(job.record, owner)) return job;
  job?.[Symbol.dispose]();
  throw fail('not_found');
}
