import { expect, test } from '@jest/globals';
import type { ChangeListener } from '../../src/jobs/changes.ts';
import { createFollowing } from '../../src/jobs/following.ts';
import type { Jobs } from '../../src/jobs/jobs.ts';
import type { JobRow } from '../../src/jobs/records.ts';

const rowOf = (state: string, more: Partial<JobRow> = {}) =>
  ({ id: 'a', task_id: 't', state, attempt: 1, percent: 35, subject: {}, ...more }) as JobRow;

/** Jobs whose look-ups the test answers, in whichever order it likes. */
function scriptedJobs() {
  const lookUps: PromiseWithResolvers<JobRow[]>[] = [];
  let tell: ChangeListener = () => undefined;
  const execute = () => {
    const lookUp = Promise.withResolvers<JobRow[]>();
    lookUps.push(lookUp);
    return lookUp.promise;
  };
  const jobs = {
    select: () => ({ where: () => ({ execute }) }),
    subscribe: (listener: ChangeListener) => {
      tell = listener;
      return () => undefined;
    },
  } as unknown as Pick<Jobs, 'select' | 'subscribe'>;
  const answer = (index: number, row: JobRow) => lookUps[index]?.resolve([row]);
  return { jobs, answer, lookUps, tell: (change: Parameters<ChangeListener>[0]) => tell(change) };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('an answer that is late does not bring a job back that has ended', async () => {
  const { jobs, answer, lookUps, tell } = scriptedJobs();
  const following = createFollowing(jobs);
  const followed = following.follow('a');
  await turn();
  tell({ kind: 'state', tasks: ['t'], groups: [] });
  await turn();
  expect(lookUps).toHaveLength(2);
  answer(1, rowOf('completed', { percent: 100 }));
  await turn();
  answer(0, rowOf('active'));
  expect((await followed)?.record.state).toBe('completed');
});

test('nor does one of an earlier attempt', async () => {
  const { jobs, answer, tell } = scriptedJobs();
  const followed = createFollowing(jobs).follow('a');
  await turn();
  tell({ kind: 'state', tasks: ['t'], groups: [] });
  await turn();
  answer(1, rowOf('completed', { percent: 100 }));
  await turn();
  answer(0, rowOf('queued', { attempt: 0, percent: 0 }));
  expect((await followed)?.record.state).toBe('completed');
});

test('one that was begun again by hand is seen to be, also after its end', async () => {
  const { jobs, answer, tell } = scriptedJobs();
  const followed = createFollowing(jobs).follow('a');
  await turn();
  answer(0, rowOf('failed'));
  const job = await followed;
  tell({ kind: 'state', tasks: ['t'], groups: [] });
  await turn();
  answer(1, rowOf('queued', { task_id: 'another', attempt: 0 }));
  await turn();
  expect(job?.record.state).toBe('queued');
});
