// No statement of configurations, runs and their items reads a large table from end to end: each is planned and run on filled tables of PostgreSQL.

import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { CompiledQuery } from 'kysely';
import { findDocuments } from '../src/certificates/document-store.ts';
import { passingAttempts } from '../src/configurations/built-in.ts';
import {
  addConfiguration,
  changeConfiguration,
  findConfiguration,
  findConfigurations,
  findEnabled,
  findOfType,
  holdConfiguration,
  holdDue,
  keepBuiltIn,
  type NewConfiguration,
  putOff,
  removeConfiguration,
} from '../src/configurations/configuration-store.ts';
import { addType, changeType, findType, findTypes, removeType } from '../src/configurations/type-store.ts';
import { type Database, openDatabase, type Queries } from '../src/database/database.ts';
import { configureLog } from '../src/log.ts';
import { addItems, addStep, endItems, findItems, reopenFailed } from '../src/runs/item-store.ts';
import {
  addRun,
  addSkipped,
  explainFailure,
  findRun,
  findRuns,
  findUnderWay,
  markBegun,
  markDecided,
  markEnded,
  markQueued,
  nameJob,
} from '../src/runs/run-store.ts';
import { createTestDatabase, describeServer } from './support/postgres.ts';
import { type Statement, watchStatements } from './support/statements.ts';

configureLog({ level: 'silent', secrets: [] });

interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  'Shared Hit Blocks'?: number;
  'Shared Read Blocks'?: number;
  Plans?: Plan[];
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
/** Blocks that a statement may look at: far from all of a large table. */
const mostBlocks = 500;
const large = ['runs', 'run_items', 'configurations', 'certificate_types', 'certificates'];

const uuidOf = (text: string) => `md5(${text})::uuid`;
const fill = `
  INSERT INTO platen.certificate_types (tenant, name, retriever, generator, options)
  SELECT '', 'type' || number, 'list', 'template', '{}' FROM generate_series(1, 5000) AS number;
  INSERT INTO platen.configurations (id, tenant, type, context_id, context, options, mail, schedule, time_zone, is_enabled, next_due_at)
  SELECT ${uuidOf("'c' || number")}, '', 'type' || (number % 5000 + 1), 'C' || number, '{}', '{}', false, '{}', 'UTC', true, now() + (number - 5) * interval '1 minute' FROM generate_series(1, 20000) AS number;
  INSERT INTO platen.runs (id, tenant, configuration_id, is_dry_run, state, plan, job_id, decided_at, counts, created_at, ended_at)
  SELECT ${uuidOf("'r' || number")}, '', ${uuidOf("'c' || number % 2000")}, false, CASE WHEN number % 50 = 0 THEN 'failed' ELSE 'completed' END, '{}',
    gen_random_uuid(), now(), '{}', now() - number * interval '1 minute', now() - number * interval '1 minute' FROM generate_series(1, 30000) AS number;
  INSERT INTO platen.run_items (run_id, student_id, is_eligible, criteria, learner, outcome)
  SELECT ${uuidOf("'r' || (number % 299 + 1)")}, 'S' || number, true, '[]', '{}', CASE WHEN number % 100 = 0 THEN NULL WHEN number % 101 = 0 THEN 'failed' ELSE 'issued' END
  FROM generate_series(300, 90000) AS number;
  INSERT INTO platen.certificates (id, tenant, student_id, course_id, type, number, code, input, input_digest, s3_key)
  SELECT ${uuidOf("'z' || number")}, '', 'S' || number, 'C1', 'type1', number::text, number::text, '{}', '', number::text FROM generate_series(1, 20000) AS number;
  ANALYZE platen.certificate_types; ANALYZE platen.configurations; ANALYZE platen.runs; ANALYZE platen.run_items; ANALYZE platen.certificates`;

async function useConfigurations(queries: Queries, id: string): Promise<void> {
  const configuration: NewConfiguration = {
    id,
    tenant: '',
    type: 'type1',
    context: { kind: 'course', id: 'new', name: 'New' },
    options: {},
    mail: false,
    validForDays: null,
    remindDaysBefore: null,
    schedule: { everySeconds: 60 },
    timeZone: 'UTC',
    opensAt: null,
    closesAt: null,
    isEnabled: true,
    scheduledFrom: new Date(),
    nextDueAt: new Date(),
  };
  const type = { tenant: '', name: 'another', retriever: 'list', generator: 'template', options: {} };
  await addType(queries, type);
  await changeType(queries, type);
  await findType(queries, '', 'type7');
  await keepBuiltIn(queries, ['', 'b'], passingAttempts(60));
  await findTypes(queries, { tenant: '', cursor: '', most: 51 });
  await findTypes(queries, { tenant: '', cursor: 'type7', most: 51 });
  await removeType(queries, '', 'another');
  await addConfiguration(queries, configuration);
  await changeConfiguration(queries, configuration);
  await holdDue(queries);
  await putOff(queries, id, new Date());
  await findConfiguration(queries, { tenant: '', id });
  await holdConfiguration(queries, { tenant: '', id });
  await findConfigurations(queries, { tenant: '', cursor: undefined, most: 51 });
  await findConfigurations(queries, { tenant: '', cursor: id, most: 51 });
  await findEnabled(queries, { tenant: '', contextIds: ['C7', '*'] });
  await findOfType(queries, { tenant: '', type: 'type7' });
}

async function useRuns(queries: Queries, configurationId: string): Promise<void> {
  const run = { id: randomUUID(), tenant: '', configurationId, isDryRun: false, plan: {} as never };
  const jobId = randomUUID();
  await addRun(queries, run);
  await addSkipped(queries, { ...run, id: randomUUID() });
  await nameJob(queries, run.id, jobId);
  await markBegun(queries, run.id);
  const decisions = [{ studentId: 'S1', isEligible: true, criteria: [] }];
  await addItems(queries, run.id, decisions);
  await addStep(queries, { runId: run.id, stepId: 's' }, decisions);
  await markDecided(queries, run.id, []);
  await explainFailure(queries, run.id, 'why');
  await findUnderWay(queries, configurationId);
  const page = { runId: run.id, after: undefined, most: 500 };
  await findItems(queries, page);
  await findItems(queries, { ...page, after: { studentId: 'S4', courseId: 'C1' } });
  await endItems(queries, run.id, [{ studentId: 'S1', courseId: '', isEligible: true, outcome: 'failed', code: 'x' }]);
  await findRun(queries, run.id);
  await markEnded(queries, { id: run.id, jobId, state: 'completed', code: null });
  await reopenFailed(queries, run.id);
  await markQueued(queries, run);
  const sought = { tenant: '', configurationId: undefined, state: undefined, cursor: undefined, most: 51 };
  for (const filter of [
    {},
    { configurationId },
    { state: 'failed' },
    { state: 'skipped' },
    { configurationId, state: 'failed' },
  ] as const)
    for (const cursor of [undefined, run.id]) await findRuns(queries, { ...sought, ...filter, cursor });
  await findDocuments(queries, { tenant: '', ids: [run.id, jobId] });
}

/** As it is planned and run; an INSERT is only planned, and what is changed is taken back. */
async function explain(database: Database, { text, values }: Statement): Promise<Plan> {
  const options = /^\s*INSERT/.test(text) ? 'FORMAT JSON' : 'ANALYZE, BUFFERS, FORMAT JSON';
  let plan: Plan | undefined;
  const undone = new Error('undone');
  await database
    .transaction(async (tx) => {
      const { rows } = await tx.executeQuery<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
        CompiledQuery.raw(`EXPLAIN (${options}) ${text}`, values),
      );
      plan = rows[0]?.['QUERY PLAN'][0].Plan;
      throw undone;
    })
    .catch((error) => {
      if (error !== undone) throw error;
    });
  if (plan === undefined) throw new Error(`no plan of ${text}`);
  return plan;
}

describeServer('configurations and runs on filled tables', (server) => {
  test('every statement finds its rows by an index', async () => {
    await using place = await createTestDatabase(server);
    await using database = openDatabase(place);
    await database.ready;
    await database.execute(fill);
    const asked: Statement[] = [];
    const id = randomUUID();
    {
      using _watching = watchStatements((statement) => asked.push(statement));
      await useConfigurations(database.queries, id);
      await useRuns(database.queries, id);
      await removeConfiguration(database.queries, { tenant: '', id });
    }
    const statements = asked.filter(
      ({ text }) => /^\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\b/.test(text) && text.includes('platen.'),
    );
    expect(statements.length).toBeGreaterThan(40);
    const wrong: string[] = [];
    for (const { text, values } of statements) {
      const plan = await explain(database, { text, values });
      const scanned = nodesOf(plan).find(
        (node) => node['Node Type'] === 'Seq Scan' && large.includes(node['Relation Name'] ?? ''),
      );
      const blocks = (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
      if (scanned !== undefined) wrong.push(`reads ${scanned['Relation Name']} whole: ${text}`);
      else if (blocks > mostBlocks) wrong.push(`reads ${blocks} blocks: ${text}`);
    }
    expect(wrong).toEqual([]);
  });
});
