// The settings: defaults, rules of each variable, rules of all together; every problem at once and never a value.

import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { type Config, ConfigError, loadConfig } from '../../src/config.ts';

type Env = Record<string, string | undefined>;

const load = (env: Env = {}, isRoot = false) => loadConfig(env, isRoot);

/** The problems of settings that are refused. */
function refusal(env: Env, isRoot = false): ConfigError {
  try {
    load(env, isRoot);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('these settings were taken');
}
const variablesRefused = (env: Env, isRoot = false) => refusal(env, isRoot).problems.map(({ variable }) => variable);

const pageOf = ({ rendering, defaultTenant }: Config) => rendering.pages.get(defaultTenant.origin);
const long = (name: string) => `${name}-made-of-forty-random-characters-0123456789`;

/** As PKCS#8 in base64. */
const credentialKey = generateKeyPairSync('ed25519')
  .privateKey.export({ format: 'der', type: 'pkcs8' })
  .toString('base64');

/** Settings that production takes. */
const production = {
  NODE_ENV: 'production',
  ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
  HOST: '0.0.0.0',
  PDF_SERVICE_INTERNAL_TOKEN: long('service-token'),
  USER_TOKEN_SECRET: long('user-secret'),
  REPORT_TOKEN_SECRET: long('report-secret'),
  DEFAULT_FRONTEND_ORIGIN: 'https://school.example',
};

describe('mail', () => {
  const from = 'Example School <certificates@school.example>';

  test('is sent where there is a server and a sender, whose password is a secret', () => {
    expect(load().config.mail).toBeUndefined();
    const url = 'smtps://platen:se%2Fcret@mail.school.example:465';
    const { config, secrets } = load({ SMTP_URL: url, MAIL_FROM: from });
    expect([config.mail, secrets.smtpUrl]).toEqual([{ from, authorities: undefined }, url]);
    expect(JSON.stringify(config)).not.toContain('se%2Fcret');
  });

  test.each([
    'mail.school.example',
    'http://mail.school.example',
    'smtp://',
    'smtp://user@mail.school.example',
    'smtp://user:%ff@mail.school.example',
    'smtp://mail.school.example/?tls.rejectUnauthorized=false',
    'smtp://mail.school.example?ignoreTLS=true',
    'smtp://mail.school.example:99999',
  ])('SMTP_URL is not %s', (SMTP_URL) => {
    const refused = refusal({ SMTP_URL, MAIL_FROM: from });
    expect(refused.problems.map(({ variable }) => variable)).toContain('SMTP_URL');
    expect(refused.message).not.toMatch(/%ff|ignoreTLS|99999|http:/);
  });

  test.each([
    'nobody',
    'a@school.example, b@school.example',
    'School <a@school.example> <b@school.example>',
    'School\r\nBcc: x <a@school.example>',
    'a@school.example\nBcc: b@school.example',
  ])('MAIL_FROM is not %j', (MAIL_FROM) => {
    expect(variablesRefused({ SMTP_URL: 'smtps://mail.school.example', MAIL_FROM })).toContain('MAIL_FROM');
  });

  test('needs both, and all that is wrong is told at once', () => {
    expect(variablesRefused({ SMTP_URL: 'smtps://mail.school.example' })).toEqual(['MAIL_FROM']);
    expect(variablesRefused({ MAIL_FROM: from })).toEqual(['SMTP_URL']);
    expect(variablesRefused({ SMTP_URL: 'x', MAIL_FROM: 'y', SMTP_CA_FILE: '/nowhere' }).sort()).toEqual(
      expect.arrayContaining(['MAIL_FROM', 'SMTP_CA_FILE', 'SMTP_URL']),
    );
  });
});

describe('without any setting', () => {
  const { config, secrets } = load();

  test.each<[string, (config: Config) => unknown, unknown]>([
    ['PORT', (c) => c.http.port, 8080],
    ['HOST', (c) => c.http.host, '127.0.0.1'],
    ['NODE_ENV', (c) => c.environment, 'development'],
    ['LOG_LEVEL', (c) => c.logLevel, 'info'],
    ['DEFAULT_FRONTEND_ORIGIN', (c) => c.defaultTenant, { origin: 'http://localhost:3000', prefix: '' }],
    ['FRONTEND_ORIGINS', (c) => c.tenants, [{ origin: 'http://localhost:3000', prefix: '' }]],
    ['RENDER_ALLOWED_ORIGINS', (c) => c.rendering.allowedOrigins, []],
    ['USER_TOKEN_JWKS_URL', (c) => c.userTokens.jwksUrl, undefined],
    ['USER_TOKEN_ISSUER', (c) => c.userTokens.issuers, []],
    ['USER_TOKEN_AUDIENCE', (c) => c.userTokens.audience, undefined],
    ['USER_TOKEN_ISSUERS', (c) => [...c.originOfIssuer], []],
    ['REPORT_TOKEN_JWKS_URL', (c) => c.reportTokens.jwksUrl, undefined],
    ['REPORT_TOKEN_ISSUER', (c) => c.reportTokens.issuers, ['inzighted-backend']],
    ['AWS_STORAGE_BUCKET_NAME', (c) => c.documents.s3, undefined],
    ['DATA_DIR', (c) => c.dataDir, './data'],
    ['RENDER_CONCURRENCY', (c) => c.rendering.concurrency, cpus().length],
    ['RENDER_QUEUE_LIMIT', (c) => c.rendering.queueLimit, 64],
    ['PDF_TIMEOUT', (c) => c.rendering.timeoutMs, 120_000],
    ['BROWSER_PATH', (c) => c.rendering.browserPath, undefined],
    ['BROWSER_SANDBOX', (c) => c.rendering.hasSandbox, true],
    ['TOKEN_STORAGE_KEY', (c) => pageOf(c)?.tokenStorageKey, 'token'],
    ['TOKEN_COOKIE_NAME', (c) => pageOf(c)?.tokenCookieName, 'jwt'],
    ['REQUIRE_PDF_SUBJECT', (c) => pageOf(c)?.isSubjectRequired, false],
    ['PAGE_ERRORS', (c) => pageOf(c)?.failOnPageErrors, false],
    ['ASSET_GRACE_MS', (c) => pageOf(c)?.assetGraceMs, 2000],
    ['SETTLE_MS', (c) => pageOf(c)?.settleMs, 3000],
    ['PAGE_ALIASES', (c) => pageOf(c)?.aliases, []],
    ['IGNORED_REFUSALS', (c) => pageOf(c)?.ignoredRefusals, []],
    ['PAGE_LANGUAGE', (c) => pageOf(c)?.language, 'en-US'],
    ['PAGE_PIXEL_RATIO', (c) => pageOf(c)?.pixelRatio, 2],
    ['PRINT_SCALE', (c) => pageOf(c)?.printScale, 1],
    ['BROWSER_CA_FILE', (c) => pageOf(c)?.authorities, undefined],
    ['STRICT_WARNINGS', (c) => pageOf(c)?.strictWarnings, []],
    ['RATE_LIMIT_PER_15_MIN', (c) => c.http.rateLimitPer15Min, 1000],
    ['PAGE_STUDENT', (c) => c.pages.student, '/report?studentId={studentId}&testId={testId}'],
    ['PAGE_STUDENT_SELF', (c) => c.pages.studentSelf, '/student-report?testId={testId}'],
    ['PAGE_TEACHER', (c) => c.pages.teacher, '/teacher-report?testId={testId}'],
    ['PAGE_CLASS', (c) => c.pages.class, '/report?studentId=overall&testId={testId}'],
    ['MAX_PAGES', (c) => c.rendering.maxPages, 500],
    ['MAX_PDF_BYTES', (c) => c.rendering.maxBytes, 52_428_800],
    ['RENDER_MEMORY_LIMIT_MB', (c) => c.rendering.rendererMemoryLimitMb, 1536],
    ['BROWSER_RECYCLE_AFTER', (c) => c.rendering.recycleAfter, 500],
    ['CALLER_RENDER_LIMIT', (c) => c.callerRenderLimit, 4],
    ['DIAGNOSTICS_DIR', (c) => c.rendering.diagnosticsDir, undefined],
    ['TRUST_PROXY', (c) => c.http.trustProxy, []],
    ['PLATEN_ROLE', (c) => c.role, 'all'],
    ['PROGRESS_TIMEOUT_SECONDS', (c) => c.jobs.timeoutMs, 300_000],
    ['JOB_HISTORY_DAYS', (c) => c.jobs.historyDays, 14],
  ])('%s has its default', (_name, read, expected) => {
    expect(read(config)).toEqual(expected);
  });

  test('neither a database nor a key for what is secret in it is named', () => {
    expect([secrets.databaseUrl, secrets.encryptionKeys]).toEqual([undefined, undefined]);
  });

  test('report tokens are neither verified nor minted', () => {
    expect(secrets.reportTokenSecret).toBeUndefined();
  });

  test('the development secrets serve', () => {
    expect(secrets.serviceTokens).toEqual(['your-token-here']);
    expect(secrets.userTokenSecret).toBe('platen-development-user-token-secret');
  });
});

describe('secrets from files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'platen-secrets-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const key = Buffer.alloc(32, 7);

  test('each secret may lie in one', () => {
    const { secrets } = load({
      PDF_SERVICE_INTERNAL_TOKEN_FILE: file('service', 'one-token,another-token\n'),
      USER_TOKEN_SECRET_FILE: file('user', 'a-user-secret\n'),
      REPORT_TOKEN_SECRET_FILE: file('report', 'a-report-secret'),
      ENCRYPTION_KEY_FILE: file('key', `${key.toString('base64')}\n`),
      DATABASE_URL_FILE: file('database', 'postgresql://u:p@db.example/platen\n'),
      AWS_STORAGE_BUCKET_NAME: 'bucket',
      AWS_ACCESS_KEY_ID_FILE: file('id', 'AKIA'),
      AWS_SECRET_ACCESS_KEY_FILE: file('secret', 'SECRET'),
    });
    expect(secrets).toEqual({
      serviceTokens: ['one-token', 'another-token'],
      userTokenSecret: 'a-user-secret',
      reportTokenSecret: 'a-report-secret',
      encryptionKeys: [key],
      databaseUrl: 'postgresql://u:p@db.example/platen',
      s3AccessKey: 'AKIA',
      s3SecretKey: 'SECRET',
    });
  });

  test.each([
    ['with the secret itself', { USER_TOKEN_SECRET: 'x', USER_TOKEN_SECRET_FILE: file('both', 'y') }],
    ['that is not there', { USER_TOKEN_SECRET_FILE: join(folder, 'nowhere') }],
    ['that is empty', { USER_TOKEN_SECRET_FILE: file('empty', ' \n') }],
  ])('a file %s is refused', (_what, env) => {
    expect(variablesRefused(env)).toEqual(['USER_TOKEN_SECRET_FILE']);
  });
});

describe('paths of pages', () => {
  test.each([
    ['PAGE_STUDENT', '/report?testId={testId}'],
    ['PAGE_STUDENT', '/report/{studentId}'],
    ['PAGE_STUDENT_SELF', '/student-report'],
    ['PAGE_TEACHER', '/teacher-report'],
    ['PAGE_CLASS', '/report?studentId=overall'],
  ])('%s=%s, without its placeholder, is refused', (name, value) => {
    const [problem, ...others] = refusal({ [name]: value }).problems;
    expect([problem?.variable, others]).toEqual([name, []]);
    expect(problem?.rule).toContain('{testId}');
  });
});

describe('settings that are taken', () => {
  test('an empty or blank text is as good as none', () => {
    expect(load({ PORT: '', HOST: '  ', RENDER_CONCURRENCY: ' ', FRONTEND_ORIGINS: '' }).config).toEqual(load().config);
  });

  test('spaces around a value are no part of it', () => {
    expect(load({ PORT: ' 9000 ' }).config.http.port).toBe(9000);
  });

  test('the config cannot be changed', () => {
    expect(Object.isFrozen(load().config)).toBe(true);
  });

  test('secrets are no part of the config', () => {
    const s3 = {
      AWS_STORAGE_BUCKET_NAME: 'reports',
      AWS_ACCESS_KEY_ID: long('id'),
      AWS_SECRET_ACCESS_KEY: long('key'),
    };
    const { config, secrets } = load({
      ...production,
      ...s3,
      DATABASE_URL: 'postgresql://platen:forty-random-characters@db/platen',
    });
    expect(secrets).toEqual({
      serviceTokens: [production.PDF_SERVICE_INTERNAL_TOKEN],
      userTokenSecret: production.USER_TOKEN_SECRET,
      reportTokenSecret: production.REPORT_TOKEN_SECRET,
      databaseUrl: 'postgresql://platen:forty-random-characters@db/platen',
      encryptionKeys: [Buffer.alloc(32, 7)],
      s3AccessKey: s3.AWS_ACCESS_KEY_ID,
      s3SecretKey: s3.AWS_SECRET_ACCESS_KEY,
    });
    expect(JSON.stringify(config)).not.toContain('forty-random-characters');
  });

  test.each([
    ['one', 'first-token', ['first-token']],
    ['two for rotation', 'first-token,second-token', ['first-token', 'second-token']],
    ['two with spaces around the comma', 'first-token , second-token', ['first-token', 'second-token']],
    ['one with a comma left over', 'first-token,', ['first-token']],
  ])('service tokens: %s', (_name, text, tokens) => {
    expect(load({ PDF_SERVICE_INTERNAL_TOKEN: text }).secrets.serviceTokens).toEqual(tokens);
  });

  test.each([
    ['a space', 'https://a.example=a https://b.example=b'],
    ['a comma', 'https://a.example=a,https://b.example=b'],
    ['comma, spaces and line breaks', 'https://a.example=a ,\n  https://b.example=b'],
  ])('origins stand apart by %s', (_name, FRONTEND_ORIGINS) => {
    expect(load({ FRONTEND_ORIGINS }).config.tenants).toEqual([
      { origin: 'https://a.example', prefix: 'a' },
      { origin: 'https://b.example', prefix: 'b' },
    ]);
  });

  test('one origin may have no prefix beside others that have', () => {
    const { config } = load({ FRONTEND_ORIGINS: 'https://a.example https://b.example=b https://c.example=c' });
    expect(config.tenants.map(({ prefix }) => prefix)).toEqual(['', 'b', 'c']);
  });

  test('the default origin may be any of the allowed ones', () => {
    const { config } = load({
      FRONTEND_ORIGINS: 'https://a.example https://b.example=b',
      DEFAULT_FRONTEND_ORIGIN: 'https://b.example',
    });
    expect(config.defaultTenant).toEqual({ origin: 'https://b.example', prefix: 'b' });
  });

  test('without a default origin it is the first of the allowed ones', () => {
    const { config } = load({ FRONTEND_ORIGINS: 'https://b.example=b https://a.example' });
    expect(config.defaultTenant).toEqual({ origin: 'https://b.example', prefix: 'b' });
  });

  test('without allowed origins it is the default origin alone', () => {
    const { config } = load({ DEFAULT_FRONTEND_ORIGIN: 'https://school.example' });
    expect(config.tenants).toEqual([{ origin: 'https://school.example', prefix: '' }]);
  });

  test('issuers of several tenants speak for their origins, and make no issuer compulsory', () => {
    const { config } = load({
      FRONTEND_ORIGINS: 'https://a.example=a https://b.example=b',
      USER_TOKEN_ISSUERS: 'https://id.example/?realm=a=https://a.example, id-b=https://b.example',
    });
    expect([...config.originOfIssuer]).toEqual([
      ['https://id.example/?realm=a', 'https://a.example'],
      ['id-b', 'https://b.example'],
    ]);
    expect(config.userTokens.issuers).toEqual([]);
  });

  test('a key set in place of a secret leaves no development secret behind', () => {
    const { secrets } = load({ USER_TOKEN_JWKS_URL: 'https://id.example/jwks.json' });
    expect(secrets.userTokenSecret).toBeUndefined();
  });

  test('MINIO_… names are the same as AWS_… names, with the bucket in the path', () => {
    const { config, secrets } = load({
      AWS_STORAGE_BUCKET_NAME: 'reports',
      MINIO_ENDPOINT_URL: 'http://127.0.0.1:9000',
      MINIO_ACCESS_KEY: 'the-access-key',
      MINIO_SECRET_KEY: 'the-secret-key',
      MINIO_REGION: 'eu-west-9',
    });
    expect(config.documents.s3).toMatchObject({
      bucket: 'reports',
      endpoint: 'http://127.0.0.1:9000',
      region: 'eu-west-9',
      forcePathStyle: true,
    });
    expect(secrets).toMatchObject({ s3AccessKey: 'the-access-key', s3SecretKey: 'the-secret-key' });
  });

  test('a bucket alone is enough: AWS, its default chain of credentials', () => {
    const { config } = load({ AWS_STORAGE_BUCKET_NAME: 'reports' });
    expect(config.documents.s3).toMatchObject({ bucket: 'reports', endpoint: undefined, forcePathStyle: false });
  });

  test('PUPPETEER_EXECUTABLE_PATH serves as BROWSER_PATH, which goes before it', () => {
    expect(load({ PUPPETEER_EXECUTABLE_PATH: '/p' }).config.rendering.browserPath).toBe('/p');
    expect(load({ PUPPETEER_EXECUTABLE_PATH: '/p', BROWSER_PATH: '/b' }).config.rendering.browserPath).toBe('/b');
  });

  test('development as root goes on without the sandbox', () => {
    expect(load({}, true).config.rendering.hasSandbox).toBe(false);
  });

  test('production with everything that it wants', () => {
    expect(load(production).config.environment).toBe('production');
  });
});

describe('a bad value of one variable', () => {
  test.each([
    ['PORT', 'http'],
    ['PORT', '-1'],
    ['PORT', '65536'],
    ['PORT', '80.5'],
    ['PORT', '0x50'],
    ['PORT', '8e3'],
    ['NODE_ENV', 'prod'],
    ['NODE_ENV', 'Production'],
    ['LOG_LEVEL', 'loud'],
    ['DEFAULT_FRONTEND_ORIGIN', 'school.example'],
    ['DEFAULT_FRONTEND_ORIGIN', 'https://school.example/path'],
    ['DEFAULT_FRONTEND_ORIGIN', 'https://school.example?query'],
    ['DEFAULT_FRONTEND_ORIGIN', 'https://school.example#hash'],
    ['DEFAULT_FRONTEND_ORIGIN', 'https://user:password@school.example'],
    ['DEFAULT_FRONTEND_ORIGIN', 'file:///etc/passwd'],
    ['DEFAULT_FRONTEND_ORIGIN', 'javascript:alert(1)'],
    ['DEFAULT_FRONTEND_ORIGIN', 'data:text/html,x'],
    ['DEFAULT_FRONTEND_ORIGIN', '*'],
    ['DEFAULT_FRONTEND_ORIGIN', 'https://*.example'],
    ['FRONTEND_ORIGINS', 'a.example=a'],
    ['FRONTEND_ORIGINS', 'https://a.example/x=a'],
    ['FRONTEND_ORIGINS', 'https://a.example https://b.example/x=b'],
    ['FRONTEND_ORIGINS', 'https://a.example='],
    ['FRONTEND_ORIGINS', 'https://a.example=A'],
    ['FRONTEND_ORIGINS', 'https://a.example=a_b'],
    ['FRONTEND_ORIGINS', 'https://a.example=a/b'],
    ['FRONTEND_ORIGINS', 'https://a.example=..'],
    ['FRONTEND_ORIGINS', 'https://a.example=a=b'],
    ['FRONTEND_ORIGINS', `https://a.example=${'a'.repeat(31)}`],
    ['FRONTEND_ORIGINS', 'https://a.example=reports'],
    ['FRONTEND_ORIGINS', 'https://a.example=certificates'],
    ['FRONTEND_ORIGINS', 'https://a.example=images'],
    ['RENDER_ALLOWED_ORIGINS', 'https://api.example/v1'],
    ['RENDER_ALLOWED_ORIGINS', 'https://api.example *'],
    ['RENDER_ALLOWED_ORIGINS', 'file:///'],
    ['USER_TOKEN_JWKS_URL', 'id.example/jwks.json'],
    ['USER_TOKEN_JWKS_URL', 'file:///etc/keys.json'],
    ['USER_TOKEN_JWKS_URL', 'https://user:password@id.example/jwks.json'],
    ['USER_TOKEN_ISSUERS', 'https://id.example'],
    ['USER_TOKEN_ISSUERS', '=http://localhost:3000'],
    ['USER_TOKEN_ISSUERS', 'id=http://localhost:3000/path'],
    ['REPORT_TOKEN_JWKS_URL', 'ftp://backend.example/keys'],
    ['AWS_S3_FORCE_PATH_STYLE', 'yes'],
    ['S3_CHECKSUMS', 'always'],
    ['RENDER_CONCURRENCY', '0'],
    ['RENDER_CONCURRENCY', 'all'],
    ['RENDER_QUEUE_LIMIT', '-1'],
    ['PDF_TIMEOUT', '2 minutes'],
    ['PDF_TIMEOUT', '0'],
    ['TOKEN_COOKIE_NAME', 'a b'],
    ['TOKEN_COOKIE_NAME', 'a;b'],
    ['TOKEN_COOKIE_NAME', 'a=b'],
    ['REQUIRE_PDF_SUBJECT', '1'],
    ['REQUIRE_PDF_SUBJECT', 'TRUE'],
    ['PAGE_ERRORS', 'ignore'],
    ['ASSET_GRACE_MS', '2s'],
    ['RATE_LIMIT_PER_15_MIN', '0'],
    ['BROWSER_SANDBOX', 'no'],
    ['ALLOW_ROOT', 'yes'],
    ['PAGE_STUDENT', 'report'],
    ['PAGE_STUDENT', '//elsewhere.example/{studentId}'],
    ['PAGE_STUDENT', 'https://elsewhere.example/{studentId}'],
    ['PAGE_STUDENT', '/\\elsewhere.example'],
    ['PAGE_STUDENT', '/report?x={secret}'],
    ['PAGE_STUDENT', '/report?x={studentId'],
    ['PAGE_CLASS', '/report x'],
    ['MAX_PAGES', '0'],
    ['MAX_PDF_BYTES', '50 MB'],
    ['RENDER_MEMORY_LIMIT_MB', '1.5'],
    ['BROWSER_RECYCLE_AFTER', '0'],
    ['CALLER_RENDER_LIMIT', '0'],
    ['PROGRESS_TIMEOUT_SECONDS', '0'],
    ['PROGRESS_TIMEOUT_SECONDS', '3001'],
    ['PROGRESS_TIMEOUT_SECONDS', '5 min'],
    ['JOB_HISTORY_DAYS', '0'],
    ['JOB_HISTORY_DAYS', '1.5'],
    ['PLATEN_ROLE', 'API'],
    ['PLATEN_ROLE', 'front'],
    ['DATABASE_URL', 'mysql://db.example/platen'],
    ['DATABASE_URL', 'db.example/platen'],
    ['DATABASE_URL', 'postgresql://platen:50%off@db.example/platen'],
    ['ENCRYPTION_KEY', Buffer.alloc(31).toString('base64')],
    ['ENCRYPTION_KEY', 'no base64 and no file'],
    ['ENCRYPTION_KEY', `${Buffer.alloc(32).toString('base64')},`],
    ['ENCRYPTION_KEY', `${Buffer.alloc(32).toString('base64')},${Buffer.alloc(31).toString('base64')}`],
    ['TRUST_PROXY', 'true'],
    ['TRUST_PROXY', 'proxy.example'],
    ['TRUST_PROXY', '999.1.1.1'],
    ['TRUST_PROXY', '10.0.0.0/99'],
    ['TRUST_PROXY', ':::'],
  ])('%s=%s is refused by name', (name, value) => {
    expect(variablesRefused({ [name]: value })).toEqual([name]);
  });

  test('every problem has a rule and an example, and both stand in the message', () => {
    const error = refusal({ PORT: 'http', PAGE_ERRORS: 'ignore' });
    for (const { variable, rule, example } of error.problems) {
      expect(error.message).toContain(`${variable}: ${rule}. Example: ${example}`);
    }
    expect(error.name).toBe('ConfigError');
  });
});

describe('many bad settings', () => {
  const bad = {
    PORT: 'hunter2-port',
    NODE_ENV: 'hunter2-environment',
    LOG_LEVEL: 'hunter2-level',
    DEFAULT_FRONTEND_ORIGIN: 'hunter2-default-origin',
    FRONTEND_ORIGINS: 'hunter2-origins',
    RENDER_ALLOWED_ORIGINS: 'hunter2-allowed',
    USER_TOKEN_JWKS_URL: 'https://user:hunter2@id.example/jwks.json',
    USER_TOKEN_ISSUERS: 'hunter2-issuers',
    REPORT_TOKEN_JWKS_URL: 'hunter2-report-keys',
    AWS_S3_ENDPOINT: 'http://key:hunter2@s3.example',
    MINIO_ENDPOINT_URL: 'hunter2-minio',
    S3_CHECKSUMS: 'hunter2-checksums',
    RENDER_CONCURRENCY: 'hunter2',
    PDF_TIMEOUT: 'hunter2',
    REQUIRE_PDF_SUBJECT: 'hunter2',
    PAGE_STUDENT: 'hunter2',
    TRUST_PROXY: 'hunter2',
    TOKEN_COOKIE_NAME: 'hunter2 name',
    DATABASE_URL: 'https://platen:hunter2@db.example/platen',
    ENCRYPTION_KEY: 'hunter2-key',
    PLATEN_ROLE: 'hunter2-role',
    PROGRESS_TIMEOUT_SECONDS: 'hunter2',
    JOB_HISTORY_DAYS: 'hunter2',
  };

  test('are listed all at once', () => {
    expect(variablesRefused(bad).sort()).toEqual(Object.keys(bad).sort());
  });

  test('are listed without their values', () => {
    const error = refusal(bad);
    expect(error.message).not.toContain('hunter2');
    expect(JSON.stringify(error.problems)).not.toContain('hunter2');
    expect(String(error.stack)).not.toContain('hunter2');
  });

  test('bad values and broken rules of all together are listed at once', () => {
    const variables = variablesRefused({
      PORT: 'http',
      FRONTEND_ORIGINS: 'https://a.example https://b.example',
      AWS_REGION: 'eu-central-1',
      HOST: '0.0.0.0',
    });
    expect(variables.sort()).toEqual(['AWS_STORAGE_BUCKET_NAME', 'FRONTEND_ORIGINS', 'HOST', 'PORT']);
  });

  test('a refused secret is not in the message', () => {
    const env = { ...production, PDF_SERVICE_INTERNAL_TOKEN: 'hunter2', USER_TOKEN_SECRET: 'hunter2-user' };
    const error = refusal({ ...env, REPORT_TOKEN_SECRET: 'hunter2-report' });
    expect(error.problems.map(({ variable }) => variable)).toEqual([
      'PDF_SERVICE_INTERNAL_TOKEN',
      'USER_TOKEN_SECRET',
      'REPORT_TOKEN_SECRET',
    ]);
    expect(error.message).not.toContain('hunter2');
  });
});

describe('settings that do not go together', () => {
  test.each<[string, Env, string]>([
    ['two origins without a prefix', { FRONTEND_ORIGINS: 'https://a.example https://b.example' }, 'FRONTEND_ORIGINS'],
    [
      'two origins with one prefix',
      { FRONTEND_ORIGINS: 'https://a.example=a https://b.example=a' },
      'FRONTEND_ORIGINS',
    ],
    ['one origin twice', { FRONTEND_ORIGINS: 'https://a.example=a https://a.example=b' }, 'FRONTEND_ORIGINS'],
    [
      'one origin twice, once with its default port',
      { FRONTEND_ORIGINS: 'https://a.example=a https://a.example:443=b' },
      'FRONTEND_ORIGINS',
    ],
    [
      'a default origin that is not allowed',
      { FRONTEND_ORIGINS: 'https://a.example', DEFAULT_FRONTEND_ORIGIN: 'https://b.example' },
      'DEFAULT_FRONTEND_ORIGIN',
    ],
    [
      'an issuer of an origin that is not allowed',
      { FRONTEND_ORIGINS: 'https://a.example', USER_TOKEN_ISSUERS: 'id=https://b.example' },
      'USER_TOKEN_ISSUERS',
    ],
    [
      'a secret and a key set for user tokens',
      { USER_TOKEN_SECRET: long('user'), USER_TOKEN_JWKS_URL: 'https://id.example/jwks.json' },
      'USER_TOKEN_SECRET',
    ],
    [
      'a secret and a key set for report tokens',
      { REPORT_TOKEN_SECRET: long('report'), REPORT_TOKEN_JWKS_URL: 'https://id.example/jwks.json' },
      'REPORT_TOKEN_SECRET',
    ],
    ['AWS_REGION without a bucket', { AWS_REGION: 'eu-central-1' }, 'AWS_STORAGE_BUCKET_NAME'],
    ['AWS_S3_ENDPOINT without a bucket', { AWS_S3_ENDPOINT: 'http://127.0.0.1:9000' }, 'AWS_STORAGE_BUCKET_NAME'],
    ['AWS keys without a bucket', { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'key' }, 'AWS_STORAGE_BUCKET_NAME'],
    ['MINIO_ENDPOINT_URL without a bucket', { MINIO_ENDPOINT_URL: 'http://127.0.0.1:9000' }, 'AWS_STORAGE_BUCKET_NAME'],
    ['MINIO_REGION without a bucket', { MINIO_REGION: 'us-east-1' }, 'AWS_STORAGE_BUCKET_NAME'],
    ['MINIO keys without a bucket', { MINIO_ACCESS_KEY: 'id', MINIO_SECRET_KEY: 'key' }, 'AWS_STORAGE_BUCKET_NAME'],
    [
      'an access key without its secret key',
      { AWS_STORAGE_BUCKET_NAME: 'reports', AWS_ACCESS_KEY_ID: 'id' },
      'AWS_ACCESS_KEY_ID',
    ],
    [
      'a secret key without its access key',
      { AWS_STORAGE_BUCKET_NAME: 'reports', MINIO_SECRET_KEY: 'key' },
      'AWS_ACCESS_KEY_ID',
    ],
  ])('%s', (_name, env, variable) => {
    expect(variablesRefused(env)).toEqual([variable]);
  });
});

describe.each(['api', 'worker'])('a process that is only %s', (PLATEN_ROLE) => {
  const DATABASE_URL = 'postgresql://platen@db.example/platen';
  const AWS_STORAGE_BUCKET_NAME = 'reports';

  test.each<[string, Env, string[]]>([
    ['without DATABASE_URL', { AWS_STORAGE_BUCKET_NAME }, ['DATABASE_URL']],
    ['without a bucket', { DATABASE_URL }, ['AWS_STORAGE_BUCKET_NAME']],
    ['without both', {}, ['DATABASE_URL', 'AWS_STORAGE_BUCKET_NAME']],
  ])('is refused %s, and told what it shares with the others', (_what, env, variables) => {
    const { problems, message } = refusal({ ...env, PLATEN_ROLE });
    expect(problems.map(({ variable }) => variable)).toEqual(variables);
    for (const variable of variables)
      expect(message).toContain(`${variable}: must be set when PLATEN_ROLE is api or worker`);
  });

  test('is taken with both', () => {
    expect(load({ DATABASE_URL, AWS_STORAGE_BUCKET_NAME, PLATEN_ROLE }).config.role).toBe(PLATEN_ROLE);
  });
});

describe('a development secret while HOST is not loopback', () => {
  const good = {
    PDF_SERVICE_INTERNAL_TOKEN: long('service-token'),
    USER_TOKEN_SECRET: long('user-secret'),
    REPORT_TOKEN_SECRET: long('report-secret'),
  };

  test('is no matter where none is in use', () => {
    expect(load({ ...good, HOST: '0.0.0.0' }).config.http.host).toBe('0.0.0.0');
  });

  test.each<[string, Env]>([
    ['the service token, by default', { ...good, PDF_SERVICE_INTERNAL_TOKEN: undefined }],
    ['the service token, given', { ...good, PDF_SERVICE_INTERNAL_TOKEN: 'your-token-here' }],
    ['the second service token', { ...good, PDF_SERVICE_INTERNAL_TOKEN: `${long('token')},your-token-here` }],
    ['changeme as service token', { ...good, PDF_SERVICE_INTERNAL_TOKEN: 'changeme' }],
    ['the user token secret, by default', { ...good, USER_TOKEN_SECRET: undefined }],
    ['the user token secret, given', { ...good, USER_TOKEN_SECRET: 'platen-development-user-token-secret' }],
    ['the report token secret, given', { ...good, REPORT_TOKEN_SECRET: 'platen-development-report-token-secret' }],
  ])('is refused: %s', (_name, env) => {
    expect(variablesRefused({ ...env, HOST: '0.0.0.0' })).toEqual(['HOST']);
  });

  test.each(['127.0.0.1', '127.1.2.3', '::1', 'localhost'])('is taken on %s', (HOST) => {
    expect(load({ HOST }).config.http.host).toBe(HOST);
  });

  test.each([
    '0.0.0.0',
    '::',
    '192.168.1.5',
    'platen.internal',
    'localhost.example',
    '127.example',
    '127.0.0.1.example',
    '::1:2',
  ])('is refused on %s', (HOST) => {
    expect(variablesRefused({ HOST })).toEqual(['HOST']);
  });
});

describe('production refuses', () => {
  const development = {
    PDF_SERVICE_INTERNAL_TOKEN: 'your-token-here',
    USER_TOKEN_SECRET: 'platen-development-user-token-secret',
    REPORT_TOKEN_SECRET: 'platen-development-report-token-secret',
  };

  test.each<[string, Env, string]>([
    ['no service token', { PDF_SERVICE_INTERNAL_TOKEN: undefined }, 'PDF_SERVICE_INTERNAL_TOKEN'],
    ['an empty service token', { PDF_SERVICE_INTERNAL_TOKEN: '' }, 'PDF_SERVICE_INTERNAL_TOKEN'],
    ['a comma as service token', { PDF_SERVICE_INTERNAL_TOKEN: ',' }, 'PDF_SERVICE_INTERNAL_TOKEN'],
    ['a service token of 31 characters', { PDF_SERVICE_INTERNAL_TOKEN: 'a'.repeat(31) }, 'PDF_SERVICE_INTERNAL_TOKEN'],
    [
      'a short second service token',
      { PDF_SERVICE_INTERNAL_TOKEN: `${long('service')},short` },
      'PDF_SERVICE_INTERNAL_TOKEN',
    ],
    [
      'two service tokens that are only together long enough',
      { PDF_SERVICE_INTERNAL_TOKEN: `${'a'.repeat(20)},${'b'.repeat(20)}` },
      'PDF_SERVICE_INTERNAL_TOKEN',
    ],
    ['no way to verify user tokens', { USER_TOKEN_SECRET: undefined }, 'USER_TOKEN_SECRET'],
    ['a short secret of user tokens', { USER_TOKEN_SECRET: 'a'.repeat(31) }, 'USER_TOKEN_SECRET'],
    ['a short secret of report tokens', { REPORT_TOKEN_SECRET: 'a'.repeat(31) }, 'REPORT_TOKEN_SECRET'],
    [
      'one secret for user and report tokens',
      { REPORT_TOKEN_SECRET: production.USER_TOKEN_SECRET },
      'REPORT_TOKEN_SECRET',
    ],
    ['no default origin', { DEFAULT_FRONTEND_ORIGIN: undefined }, 'DEFAULT_FRONTEND_ORIGIN'],
    [
      'no default origin, though origins are listed',
      { DEFAULT_FRONTEND_ORIGIN: undefined, FRONTEND_ORIGINS: 'https://school.example' },
      'DEFAULT_FRONTEND_ORIGIN',
    ],
    ['certificates whose links lead nowhere', { CREDENTIAL_KEY: credentialKey }, 'PUBLIC_URL'],
    [
      'certificates with an address that anyone on the way can alter',
      { CREDENTIAL_KEY: credentialKey, PUBLIC_URL: 'http://school.example' },
      'PUBLIC_URL',
    ],
    ['a place at which the process would die', { PLATEN_FAILPOINT: 'certificate-stored' }, 'PLATEN_FAILPOINT'],
  ])('%s', (_name, env, variable) => {
    expect(variablesRefused({ ...production, ...env })).toEqual([variable]);
  });

  test.each(Object.entries(development))('the development value of %s, on loopback too', (variable, value) => {
    expect(variablesRefused({ ...production, HOST: '127.0.0.1', [variable]: value })).toEqual([variable]);
  });

  test('root', () => {
    expect(variablesRefused({ ...production, BROWSER_SANDBOX: 'false' }, true)).toEqual(['ALLOW_ROOT']);
  });

  test('a browser without its sandbox, unless a setting says so', () => {
    expect(variablesRefused({ ...production, ALLOW_ROOT: 'true' }, true)).toEqual(['BROWSER_SANDBOX']);
  });

  test('everything at once, and says all of it', () => {
    const env = { NODE_ENV: 'production', CREDENTIAL_KEY: credentialKey };
    expect(variablesRefused(env, true).sort()).toEqual([
      'ALLOW_ROOT',
      'BROWSER_SANDBOX',
      'DEFAULT_FRONTEND_ORIGIN',
      'ENCRYPTION_KEY',
      'PDF_SERVICE_INTERNAL_TOKEN',
      'PUBLIC_URL',
      'USER_TOKEN_SECRET',
    ]);
  });
});

describe('production takes', () => {
  test.each<[string, Env, boolean]>([
    ['32 characters', { PDF_SERVICE_INTERNAL_TOKEN: 'a'.repeat(32) }, false],
    [
      'two encryption keys',
      { ENCRYPTION_KEY: [1, 2].map((value) => Buffer.alloc(32, value).toString('base64')).join(', ') },
      false,
    ],
    [
      'certificates with an https address',
      { CREDENTIAL_KEY: credentialKey, PUBLIC_URL: 'https://school.example' },
      false,
    ],
    ['an http address where nothing is issued', { PUBLIC_URL: 'http://school.example' }, false],
    ['two service tokens', { PDF_SERVICE_INTERNAL_TOKEN: `${long('a')},${long('b')}` }, false],
    [
      'a key set in place of a secret',
      { USER_TOKEN_SECRET: undefined, USER_TOKEN_JWKS_URL: 'https://id.example/jwks.json' },
      false,
    ],
    ['no key for report tokens', { REPORT_TOKEN_SECRET: undefined }, false],
    [
      'one secret for user and report tokens, told apart by the audience',
      { REPORT_TOKEN_SECRET: production.USER_TOKEN_SECRET, USER_TOKEN_AUDIENCE: 'platen' },
      false,
    ],
    ['root without a sandbox, where both are said', { ALLOW_ROOT: 'true', BROWSER_SANDBOX: 'false' }, true],
  ])('%s', (_name, env, isRoot) => {
    expect(load({ ...production, ...env }, isRoot).config.environment).toBe('production');
  });

  test('the sandbox stays on for a normal user', () => {
    expect(load(production).config.rendering.hasSandbox).toBe(true);
  });
});
