// The files with which Platen is deployed: each can be read by what reads it, and what compose.yaml hands over is enough to start with.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '../src/config.ts';
import { variables } from '../src/variables.ts';

const folder = new URL('../deploy/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8');

/** As far as we use it: what is not named here is refused, so that a slip of the pen is not taken for a setting. */
const service = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.string() }).optional(),
  command: z.array(z.string()).optional(),
  depends_on: z
    .union([
      z.array(z.string()),
      z.record(z.string(), z.strictObject({ condition: z.literal('service_completed_successfully') })),
    ])
    .optional(),
  networks: z.array(z.string()),
  ports: z.array(z.string().startsWith('127.0.0.1:')).optional(),
  environment: z.record(z.string(), z.string()),
  volumes: z.array(z.string()),
  healthcheck: z.strictObject({ disable: z.literal(true) }).optional(),
  read_only: z.literal(true),
  tmpfs: z.array(z.string()).optional(),
  cap_drop: z.tuple([z.literal('ALL')]),
  security_opt: z.array(z.string()),
  mem_limit: z.string(),
  memswap_limit: z.string().optional(),
  cpus: z.number().optional(),
  pids_limit: z.int(),
  stop_grace_period: z.literal('30s').optional(),
  restart: z.enum(['unless-stopped', 'no']),
  logging: z.strictObject({ driver: z.literal('json-file'), options: z.record(z.string(), z.string()) }),
});
const composeFile = z.strictObject({
  name: z.literal('platen'),
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.union([z.null(), z.strictObject({ internal: z.literal(true) })])),
  volumes: z.record(z.string(), z.null()),
});

function readCompose() {
  const document = parseDocument(read('compose.yaml'), { strict: true, uniqueKeys: true });
  expect([document.errors, document.warnings]).toEqual([[], []]);
  return composeFile.parse(document.toJS());
}

const environmentOfPlaten = (): Record<string, string> => readCompose().services.platen?.environment ?? {};

/** As Compose does it. @throws what `${NAME:?…}` says, where it is not set. */
function interpolate(text: string, env: Record<string, string>): string {
  return text.replace(/\$\{(\w+)(:?[-?])([^}]*)\}/g, (_, name: string, operator: string, word: string) => {
    const value = env[name] ?? '';
    const isSet = operator.startsWith(':') ? value !== '' : name in env;
    if (isSet) return value;
    if (operator.endsWith('?')) throw new Error(`${name}: ${word}`);
    return word;
  });
}

/** What deploy/README.md says that a deployment must give. */
const given = {
  PDF_SERVICE_INTERNAL_TOKEN: 'a-service-token-of-more-than-32-characters',
  USER_TOKEN_SECRET: 'a-user-token-secret-of-more-than-32-characters',
  REPORT_TOKEN_SECRET: 'a-report-token-secret-of-more-than-32-characters',
  ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
  DEFAULT_FRONTEND_ORIGIN: 'https://school.example',
  AWS_ACCESS_KEY_ID: 'an-access-key',
  AWS_SECRET_ACCESS_KEY: 'a-secret-key',
};

test('compose.yaml is YAML, has only what Compose knows, and names only what it has', () => {
  const { services, networks, volumes } = readCompose();
  for (const [name, each] of Object.entries(services)) {
    const dependencies = each.depends_on ?? [];
    const needed = Array.isArray(dependencies) ? dependencies : Object.keys(dependencies);
    const mounted = each.volumes.map((volume) => volume.split(':')[0] ?? '');
    const files = mounted.filter((source) => source.startsWith('./')).map((source) => source.slice(2));
    expect([name, needed.filter((other) => services[other] === undefined)]).toEqual([name, []]);
    expect([name, each.networks.filter((network) => !(network in networks))]).toEqual([name, []]);
    expect([name, mounted.filter((source) => !source.startsWith('./') && !(source in volumes))]).toEqual([name, []]);
    const profiles = each.security_opt.flatMap((option) => /^seccomp=\.\/(.+)$/.exec(option)?.[1] ?? []);
    for (const file of [...files, ...profiles]) expect(read(file)).not.toBe('');
  }
});

test('what compose.yaml hands over is known, and enough to start in production', () => {
  const environment = environmentOfPlaten();
  expect(Object.keys(environment).filter((name) => !(name in variables))).toEqual([]);
  const settings = Object.entries(environment).map(([name, text]) => [name, interpolate(text, given)]);
  const { config } = loadConfig({ NODE_ENV: 'production', HOST: '0.0.0.0', ...Object.fromEntries(settings) }, false);
  expect(config).toMatchObject({ role: 'all', documents: { s3: { bucket: 'platen', endpoint: 'http://s3:7070' } } });
});

test.each(Object.keys(given).filter((name) => name !== 'USER_TOKEN_SECRET'))(
  'without %s Compose says what it is',
  (missing) => {
    const environment = environmentOfPlaten();
    const env = Object.fromEntries(Object.entries(given).filter(([name]) => name !== missing));
    expect(() => interpolate(environment[missing] ?? '', env)).toThrow(new RegExp(`^${missing}: .{10}`));
  },
);

test('chromium-seccomp.json is a profile that refuses what it does not name', () => {
  const profile = z.strictObject({
    defaultAction: z.literal('SCMP_ACT_ERRNO'),
    defaultErrnoRet: z.int().optional(),
    archMap: z.array(z.strictObject({ architecture: z.string(), subArchitectures: z.array(z.string()) })),
    syscalls: z.array(
      z.looseObject({
        names: z.array(z.string().regex(/^[a-z0-9_]+$/)).min(1),
        action: z.string().startsWith('SCMP_ACT_'),
      }),
    ),
  });
  expect(profile.safeParse(JSON.parse(read('chromium-seccomp.json'))).error).toBeUndefined();
});

test('programs can be parsed, and no file is left out of these tests', () => {
  const files = readdirSync(folder).sort();
  expect(files).toEqual(['.gitignore', 'README.md', 'chromium-seccomp.json', 'compose.yaml', 'create-bucket.mjs']);
  const program = fileURLToPath(new URL('create-bucket.mjs', folder));
  expect(spawnSync(process.execPath, ['--check', program], { encoding: 'utf8' })).toMatchObject({
    status: 0,
    stderr: '',
  });
});
