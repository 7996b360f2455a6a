// The rules of the house, proved on the source itself; docs/architecture.md says why they are.

import { expect, test } from '@jest/globals';
import { figuresRow, filesInCycles, medianLines, readSources, type SourceFile } from '../scripts/source-code.ts';
import { variables } from '../src/variables.ts';

const files = readSources();
const folderOf = (path: string) => (path.includes('/') ? (path.split('/')[0] ?? '') : '');

/** Rooms from the ground up: a room may use those below it and its own. */
const floors: Record<string, number> = {
  'pipeline-errors.ts': -1,
  'errors.ts': 0,
  'failpoint.ts': 0,
  'tracing.ts': 1,
  'trace-export.ts': 2,
  'start-error.ts': 0,
  'tally.ts': 0,
  'version.ts': 0,
  'redaction.ts': 0,
  'origin.ts': 0,
  'pages.ts': 0,
  'path-pattern.ts': 0,
  'warnings.ts': 0,
  'authority-file.ts': 0,
  'variable-kinds.ts': 0,
  'uuid.ts': 0,
  'sealing.ts': 0,
  'addresses.ts': 0,
  'abortable.ts': 0,
  'private-folder.ts': 1,
  'data-folder.ts': 3,
  'key-file.ts': 0,
  'encryption-key.ts': 1,
  'credential-key.ts': 1,
  'zip.ts': 0,
  'csv.ts': 0,
  'archive.ts': 1,
  'log.ts': 1,
  'metrics.ts': 1,
  'page-variables.ts': 1,
  'letters.ts': 0,
  'json-call.ts': 1,
  'pipeline-variables.ts': 1,
  'pipeline-settings.ts': 4,
  'repeated-requests.ts': 8,
  schedules: 8,
  learners: 8,
  attempts: 12,
  'certificate-variables.ts': 2,
  'plugin-variables.ts': 1,
  'mail-variables.ts': 2,
  'document-answer.ts': 10,
  'variables.ts': 3,
  'page-settings.ts': 4,
  'command-line.ts': 4,
  'config-checks.ts': 5,
  'config.ts': 6,
  'settings-summary.ts': 7,
  pdf: 6,
  identity: 7,
  browser: 7,
  database: 7,
  documents: 7,
  images: 8,
  'tenant-access.ts': 8,
  page: 7,
  rendering: 8,
  'rate-limiter.ts': 8,
  progress: 8,
  http: 9,
  credentials: 9,
  templating: 9,
  audit: 9.5,
  analytics: 9.5,
  plugins: 10,
  assets: 10,
  events: 10,
  jobs: 10,
  reports: 11,
  'group-following.ts': 11,
  certificates: 11,
  'class-runs': 12,
  configurations: 12,
  erasing: 12,
  runs: 13,
  'foundations.ts': 14,
  'pipeline.ts': 14,
  'service.ts': 15,
  'main.ts': 16,
};
const roomOf = (path: string) => (path.includes('/') ? folderOf(path) : path);

/** Which files may import a package. */
const doors: [RegExp, RegExp][] = [
  [/^(express|cors|helmet|express-rate-limit|swagger-ui-dist)$/, /^http\/|^(document-answer|reports\/answer)\.ts$/],
  [/^puppeteer-core$/, /^(browser|page|rendering)\//],
  [/^(@sparticuz\/chromium|tar-fs)$/, /^browser\/executable\.ts$/],
  [/^@fastify\/busboy$/, /^http\/file-body\.ts$/],
  [/^p-queue$/, /^rendering\/rendering\.ts$/],
  [/^@aws-sdk\//, /^documents\/s3-store\.ts$/],
  [/^lru-cache$/, /^documents\/memory\.ts$/],
  [/^cockatiel$/, /^documents\/outage\.ts$/],
  [/^node:sqlite$/, /^(data-folder|browser\/authorities)\.ts$/],
  [/^(pg|@electric-sql\/pglite)$/, /^database\//],
  [
    /^kysely/,
    /^(database\/|rate-limiter\.ts$|jobs\/(adding|attempts|cleaning|detaching|forgotten|lining-up|queue|records|retrying|telling|tickets|workers)\.ts$|reports\/revisions\.ts$|class-runs\/store\.ts$|certificates\/((document-)?store|holders)\.ts$|attempts\/((best|backlog)-)?store\.ts$|(analytics|audit|erasing|schedules)\/store\.ts$|repeated-requests\.ts$|assets\/store\.ts$|(configurations|runs)\/[a-z]+-store\.ts$|events\/(claims|mail-store|outbox|records|webhook-store)\.ts$)/,
  ],
  [/^pg-boss$/, /^jobs\/queue\.ts$/],
  [/^(jsonwebtoken|jose)$/, /^identity\//],
  [
    /^(jsonld|canonicalize|@digitalbazaar\/(credentials|data-integrity)-context|@digitalcredentials\/open-badges-context)$/,
    /^credentials\/canonical-forms\.ts$/,
  ],
  [/^@scure\/base$/, /^credentials\//],
  [/^@platformatic\/kafka$/, /^events\/kafka\.ts$/],
  [/^nodemailer\//, /^events\/mail-call\.ts$/],
  [/^winston$/, /^log\.ts$/],
  [/^@opentelemetry\/api$/, /^(tracing|trace-export)\.ts$/],
  [/^@opentelemetry\/(?!api$)/, /^trace-export\.ts$/],
  [/^prom-client$/, /^metrics\.ts$/],
  [/^client-zip$/, /^zip\.ts$/],
  [/^@cantoo\/pdf-lib$/, /^pdf\/(plain-form|reading-worker|overlay-worker)\.ts$/],
  [/^saxes$/, /^images\/svg\.ts$/],
  [/^liquidjs$/, /^templating\/page-filler\.ts$/],
  [/^i18next$/, /^templating\/texts\.ts$/],
  [/^qrcode$/, /^templating\/filters\.ts$/],
  [/^ajv/, /^(templating\/data-schema|plugins\/options)\.ts$/],
  [/^croner$/, /^configurations\/schedule\.ts$/],
  [/^csv-parse$/, /^plugins\/list-retriever\.ts$/],
];

const offenders = (isWrong: (file: SourceFile) => unknown) => files.filter(isWrong).map((file) => file.path);

test('every file stands on a known floor', () => {
  expect(offenders((file) => floors[roomOf(file.path)] === undefined)).toEqual([]);
});

test('imports go down: no room uses one on its own floor or above', () => {
  const wrong = files.flatMap(({ path, imports }) =>
    imports
      .filter((target) => roomOf(target) !== roomOf(path))
      .filter((target) => (floors[roomOf(target)] ?? 99) >= (floors[roomOf(path)] ?? -1))
      .map((target) => `${path} imports ${target}`),
  );
  expect(wrong).toEqual([]);
});

test('no file reaches itself by imports', () => {
  expect(filesInCycles(files)).toEqual([]);
});

test('another folder is entered by its face or its contract only', () => {
  const wrong = files
    .filter(({ path }) => !['service.ts', 'foundations.ts', 'pipeline.ts'].includes(path))
    .flatMap(({ path, imports }) =>
      imports
        .filter((target) => folderOf(target) !== '' && folderOf(target) !== folderOf(path))
        .filter(
          (target) =>
            ![`${folderOf(target)}/${folderOf(target)}.ts`, `${folderOf(target)}/contract.ts`].includes(target),
        )
        .map((target) => `${path} imports ${target}`),
    );
  expect(wrong).toEqual([]);
});

test('each dependency has one door', () => {
  const wrong = files.flatMap(({ path, packages }) =>
    doors
      .filter(([name, door]) => packages.some((each) => name.test(each)) && !door.test(path))
      .map(([name]) => `${path} imports ${name}`),
  );
  expect(wrong).toEqual([]);
});

test('only config.ts reads the environment', () => {
  expect(offenders((file) => file.text.includes('process.env'))).toEqual(['config.ts']);
});

test('every setting in the table is used', () => {
  const readers = files
    .filter(({ path }) => ['config.ts', 'config-checks.ts', 'pipeline-settings.ts'].includes(path))
    .map(({ text }) => text)
    .join();
  expect(
    Object.keys(variables).filter((name) => !readers.includes(`values.${name}`) && !readers.includes(`'${name}'`)),
  ).toEqual([]);
});

test('files are small: median at most 100 lines, none over 300', () => {
  expect(medianLines(files)).toBeLessThanOrEqual(100);
  expect(offenders((file) => file.lines > 300)).toEqual([]);
});

test('functions are small: none over 60 lines, at most 3 positional parameters', () => {
  const wrong = files.flatMap(({ path, functions }) =>
    functions
      // Express wants four parameters of a handler of errors.
      .filter(({ name, lines, parameters }) => lines > 60 || (parameters > 3 && name !== 'answerWithProblem'))
      .map(({ name }) => `${path}: ${name}`),
  );
  expect(wrong).toEqual([]);
});

test('imports name .ts files; there are no barrels and no default exports', () => {
  expect(offenders((file) => file.imports.some((target) => !target.endsWith('.ts')))).toEqual([]);
  expect(offenders((file) => file.path.endsWith('index.ts') || file.hasDefaultExport)).toEqual([]);
});

test('every file opens with a sentence that says what it is for', () => {
  expect(offenders((file) => !/^\/\/ [A-Z`/].+/.test(file.text))).toEqual([]);
});

test('folders are two deep at most, and names are words of the domain', () => {
  expect(offenders((file) => file.path.split('/').length > 2)).toEqual([]);
  expect(
    offenders((file) =>
      /util|helper|common|shared\b|misc|manager|(?<!data)base\b|info\b/.test(file.path.replace('shared-work', '')),
    ),
  ).toEqual([]);
});

test('the figures of the codebase', () => {
  process.stdout.write(
    `\n| code | files | median lines | largest | in cycles | reading process.env |\n${figuresRow(files)}\n`,
  );
  expect(files.length).toBeGreaterThan(30);
});
