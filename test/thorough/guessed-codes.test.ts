// Whoever guesses codes from many addresses at once, and close to real ones, finds no certificate.

import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { verificationLimit } from '../../src/certificates/verification-routes.ts';
import { issueCertificate } from '../support/certificates.ts';
import { startTestService } from '../support/service.ts';

const guesses = 10_000;
const guessesAtOnce = 20;
/** Within what each address may ask, so that every guess is looked up. */
const guessesOfOneAddress = 100;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Every code that differs from a real one in one place; then in its letters' case only. */
const closeTo = (code: string): string[] =>
  [
    ...[...code].flatMap((_, at) => [...alphabet].map((letter) => code.slice(0, at) + letter + code.slice(at + 1))),
    code.toLowerCase(),
    code.toUpperCase(),
    [...code].reverse().join(''),
  ].filter((guess) => guess !== code);

test(`${guesses} guesses, none of which is told more than that there is nothing`, async () => {
  expect(guessesOfOneAddress).toBeLessThan(verificationLimit.limit);
  await using service = await startTestService({
    env: { PUBLIC_URL: 'https://pdf.school.example', ISSUER_NAME: 'Example School', TRUST_PROXY: 'loopback' },
  });
  const issued = await Promise.all(
    ['STU_1', 'STU_2', 'STU_3'].map((userId) => issueCertificate(service, { userId, email: 'a@school.example' })),
  );
  const codes = issued.map(({ certificate }) => certificate.verifyUrl.split('/').at(-1) ?? '');
  const near = [
    ...codes.flatMap(closeTo),
    ...issued.map(({ certificate: { id } }) => id.replaceAll('-', '').slice(10)),
  ];
  const far = Array.from({ length: guesses - near.length }, () => randomBytes(16).toString('base64url'));
  const paths = [...near, ...far].map((code, at) => `/${['verify', 'credentials'][at % 2]}/${code}`);
  expect(paths).toHaveLength(guesses);

  const ask = async (path: string, at: number) => {
    const address = `203.0.113.${Math.floor(at / guessesOfOneAddress)}`;
    const response = await service.get(path, undefined, { accept: 'application/json', 'x-forwarded-for': address });
    const { requestId: _, ...told } = (await response.json()) as Record<string, unknown>;
    return JSON.stringify([response.status, told]);
  };
  const answers = new Map<string, number>();
  for (let from = 0; from < guesses; from += guessesAtOnce) {
    const some = paths.slice(from, from + guessesAtOnce).map((path, at) => ask(path, from + at));
    for (const answer of await Promise.all(some)) answers.set(answer, (answers.get(answer) ?? 0) + 1);
  }
  expect([...answers.values()]).toEqual([guesses]);
  expect([...answers.keys()][0]).toMatch(/^\[404,.*"not_found"/);

  const known = await Promise.all(codes.map((code, at) => ask(`/verify/${code}`, guesses + at)));
  for (const answer of known) expect(answer).toMatch(/^\[200,.*"valid"/);
}, 300_000);
