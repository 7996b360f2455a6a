import { expect, test } from '@jest/globals';
import { fail } from '../../src/errors.ts';
import { GroupFollowing } from '../../src/group-following.ts';
import type { EventSink, Snapshot } from '../../src/http/contract.ts';
import type { ChangeListener } from '../../src/jobs/changes.ts';
import { until } from '../support/until.ts';

interface Group {
  id: string;
  done: number;
}

/** Something of three parts, of which nobody tells anything but what the test does. */
function followed(lookMs?: number) {
  const group: Group = { id: 'g', done: 0 };
  const found: number[] = [];
  let isGone = false;
  let tell: ChangeListener = () => undefined;
  const find = async () => {
    if (isGone) throw fail('not_found');
    found.push(group.done);
    return { ...group };
  };
  const describe = ({ done }: Group): Snapshot => ({ data: done, isLast: done === 3 });
  const subscribe = (listener: ChangeListener) => {
    tell = listener;
    return () => undefined;
  };
  const following = new GroupFollowing({
    jobs: { subscribe },
    find,
    describe,
    ...(lookMs === undefined ? {} : { lookMs }),
  });
  const given: unknown[] = [];
  let hasEnded = false;
  const sink: EventSink = {
    give({ data }) {
      given.push(data);
    },
    end() {
      hasEnded = true;
    },
  };
  const stop = following.feedOf({ ...group })(sink, undefined);
  const lose = () => {
    isGone = true;
  };
  return { group, found, given, stop, lose, tell: () => tell({ kind: 'gap' }), hasEnded: () => hasEnded };
}

/** Long enough for one that still looks to have looked several times. */
async function othersHaveLooked(): Promise<void> {
  const other = followed(10);
  await until(async () => other.found.length > 3);
  other.stop();
}

test('what changes while nobody tells of it is seen all the same, until it is over', async () => {
  const { group, found, given, stop } = followed(10);
  for (const done of [1, 2, 3]) {
    group.done = done;
    await until(async () => given.includes(done));
  }
  const looks = found.length;
  await othersHaveLooked();
  expect(found).toHaveLength(looks);
  stop();
});

test('nobody looks any more when nobody follows', async () => {
  const { found, stop } = followed(10);
  await until(async () => found.length > 1);
  stop();
  const looks = found.length;
  await othersHaveLooked();
  expect(found.length - looks).toBeLessThanOrEqual(1);
});

test('who follows what is gone is told that there is no more', async () => {
  const { lose, tell, stop, hasEnded } = followed();
  lose();
  tell();
  await until(async () => hasEnded());
  stop();
});
