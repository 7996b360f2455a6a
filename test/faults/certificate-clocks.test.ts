// The wall clock jumps by a day while certificates are issued, verified and told of: none is lost, none is told of twice, and numbers stay in order.

import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type FalseClock, hasFalseClock, makeFalseClock } from '../support/false-clock.ts';
import { describeKafka, readTopic } from '../support/kafka.ts';
import { createTestDatabase, describeDatabases, type TestDatabase } from '../support/postgres.ts';
import { type ServiceProcess, startServiceProcess } from '../support/process.ts';
import { serviceToken } from '../support/tokens.ts';
import { until } from '../support/until.ts';

const day = 86_400;
const withClock = hasFalseClock ? describe : describe.skip;

let parts: AsyncDisposableStack;
let clock: FalseClock;
beforeEach(async () => {
  parts = new AsyncDisposableStack();
  clock = parts.use(await makeFalseClock());
});
afterEach(() => parts.disposeAsync());

const start = ({ url, dataDir }: TestDatabase, env: Record<string, string>) =>
  startServiceProcess({
    FRONTEND_ORIGINS: 'http://127.0.0.1:9',
    DATA_DIR: dataDir,
    DATABASE_URL: url,
    ENCRYPTION_KEY: Buffer.alloc(32, 3).toString('base64'),
    CERTIFICATE_NUMBER_PATTERN: '{number}',
    RENDER_CONCURRENCY: '2',
    ...clock.env,
    ...env,
  });

interface Issued {
  credential: { id: string };
  certificate: { number: string; verifyUrl: string };
}

async function issue({ url }: ServiceProcess, learner: number): Promise<Issued> {
  const response = await fetch(`${url}/certificate/issue`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-service-auth': `Bearer ${serviceToken}` },
    body: JSON.stringify({
      userId: `S${learner}`,
      courseId: 'C1',
      courseName: 'Algebra I',
      firstName: 'Learner',
      lastName: `Number ${learner}`,
      issuanceDate: '2020-03-01',
      // Whatever the clock says it is valid, but for the one that ended long ago.
      expirationDate: learner === 0 ? '2021-03-01' : '2999-03-01',
    }),
  });
  if (response.status !== 200) throw new Error(`it was not issued: ${await response.text()}`);
  return ((await response.json()) as { data: Issued }).data;
}

async function standingOf({ url }: ServiceProcess, { certificate }: Issued): Promise<string> {
  const { pathname } = new URL(certificate.verifyUrl);
  const response = await fetch(url + pathname, { headers: { accept: 'application/json' } });
  return ((await response.json()) as { status: string }).status;
}

withClock('when the clock jumps', () => {
  describeDatabases('certificates', (server) => {
    describeKafka('with Kafka', (brokers) => {
      test.each([
        ['forward and back', [day, 0]],
        ['back and forward', [-day, 0]],
      ])('%s, each is issued and told of once', async (_name, jumps) => {
        const kafka = { kafkaEnabled: 'true', KAFKA_BROKERS: brokers, KAFKA_TOPIC: `platen-${randomUUID()}` };
        const service = parts.use(await start(parts.use(await createTestDatabase(server)), kafka));
        const issued = [await issue(service, 0)];
        for (const [index, seconds] of jumps.entries()) {
          // Some are under way when it jumps, others begin after it.
          const before = [1, 2, 3].map((learner) => issue(service, index * 6 + learner));
          clock.set(seconds);
          const after = [4, 5, 6].map((learner) => issue(service, index * 6 + learner));
          issued.push(...(await Promise.all([...before, ...after])));
        }
        const numbers = issued.map(({ certificate: { number } }) => Number(number));
        expect(numbers.sort((one, other) => one - other)).toEqual(issued.map((_, index) => index + 1));
        const standings = await Promise.all(issued.map((each) => standingOf(service, each)));
        expect(standings).toEqual(['expired', ...Array(issued.length - 1).fill('valid')]);

        const told = await until(async () => {
          const read = await readTopic(brokers, kafka.KAFKA_TOPIC).catch(() => []);
          return read.length >= issued.length ? read : undefined;
        });
        const ids = told.map(
          ({ value }) => (JSON.parse(value) as { data: { certificateId: string } }).data.certificateId,
        );
        expect(ids.sort()).toEqual(issued.map(({ credential: { id } }) => id).sort());
      });
    });
  });
});
