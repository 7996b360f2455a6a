// The badge before openbadgeslib, a verifier in Python that shares no code with ours (OPENBADGES_PYTHON, or python3 on the path; test/support/openbadges-requirements.txt).

import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { facts, makeCredentials, publicUrl } from './support/credentials.ts';

const python = [process.env.OPENBADGES_PYTHON, 'python3'].find(
  (path) => path !== undefined && spawnSync(path, ['-c', 'import openbadgeslib.ob3.ldp, pyld']).status === 0,
);
const testBadges = python === undefined ? test.skip : test;

testBadges(
  'an independent verifier accepts badges, and refuses what was changed, is revoked, or was signed by somebody else',
  async () => {
    const credentials = makeCredentials();
    const { expirationDate: _, score: __, maxScore: ___, ...least } = facts;
    const [full, plain] = [
      await credentials.badge(facts),
      await credentials.badge({ ...least, issuanceDate: '2026-06-30' }),
    ];
    const did = credentials.didDocument();
    const input = {
      issuer: did.id,
      documents: {
        [`${publicUrl}/.well-known/did.json`]: did,
        [`${publicUrl}/credentials/status/0`]: await credentials.statusList(0, [4243]),
      },
      badges: [
        full,
        plain,
        { ...full, name: 'Another course' },
        await credentials.badge({ ...facts, statusIndex: 4243 }),
        await makeCredentials().badge(facts),
      ],
    };
    const { stdout, stderr } = spawnSync(python ?? '', ['test/support/check_badge.py'], {
      input: JSON.stringify(input),
      encoding: 'utf8',
    });
    const verdicts = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line || 'null'));
    expect({ verdicts, stderr }).toMatchObject({
      verdicts: [
        'accepted',
        'accepted',
        expect.stringContaining('signature mismatch'),
        expect.stringContaining("'revocation' is set"),
        expect.stringContaining('DID document has no verificationMethod'),
      ],
    });
  },
  60_000,
);
