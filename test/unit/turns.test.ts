import { expect, test } from '@jest/globals';
import { Turns } from '../../src/documents/turns.ts';

test('readers of a key go on together, a writer alone, all in the order in which they came', async () => {
  const turns = new Turns();
  const events: string[] = [];
  const work = (name: string, until: Promise<unknown> = Promise.resolve()) => {
    return async () => {
      events.push(`${name} begins`);
      await until;
      events.push(`${name} ends`);
    };
  };
  const second = Promise.withResolvers<void>();
  await Promise.all([
    // Would wait for ever if readers took turns.
    turns.read('key', work('first reader', second.promise)),
    turns.read('key', async () => second.resolve()),
    turns.write('key', work('writer')),
    turns.read('key', work('late reader')),
    turns.write('key', work('last writer')),
  ]);
  expect(events).toEqual(
    ['first reader', 'writer', 'late reader', 'last writer'].flatMap((name) => [`${name} begins`, `${name} ends`]),
  );
});

test('keys do not wait for each other', async () => {
  const turns = new Turns();
  const other = Promise.withResolvers<void>();
  await Promise.all([turns.write('a', () => other.promise), turns.write('b', async () => other.resolve())]);
});

test('whoever fails holds up nobody', async () => {
  const turns = new Turns();
  const failing = async () => {
    throw new Error('no');
  };
  const results = await Promise.allSettled([
    turns.write('key', failing),
    turns.read('key', failing),
    turns.write('key', async () => 'written'),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
});
